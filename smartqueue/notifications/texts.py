"""
The words of messages, by code. Apps above register their own when they are ready; placeholders are
named, `%(organization)s`, and filled from the message's context.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.utils import translation
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from smartqueue.notifications.errors import UnknownText


@dataclass(frozen=True, slots=True)
class Text:
    """A short line (the subject of an e-mail) and the message itself."""

    subject: str | Promise
    body: str | Promise


_texts: dict[str, Text] = {}


def register_text(code: str, *, subject: str | Promise, body: str | Promise) -> None:
    """Give a code its words; lazily translated texts follow each reader's language."""
    _texts[code] = Text(subject, body)


def render(code: str, context: Mapping[str, Any], language: str) -> tuple[str, str]:
    """
    Return subject and body in a language.

    :raises UnknownText: no words under this code
    :raises KeyError: the words name something that the context lacks
    """
    text = _texts.get(code)
    if text is None:
        raise UnknownText(code)
    with translation.override(language):
        return str(text.subject) % context, str(text.body) % context


register_text(
    "sign_in_code",
    subject=_("Your SmartQueue code"),
    body=_("Your SmartQueue code is %(code)s. It is good for 10 minutes. Give it to nobody."),
)
register_text(
    "already_registered",
    subject=_("You already have a SmartQueue account"),
    body=_(
        "Somebody asked for a SmartQueue account with this address or number, which has one already. "
        "If it was you, sign in. If not, there is nothing to do."
    ),
)
register_text(
    "no_account",
    subject=_("No SmartQueue account here"),
    body=_(
        "Somebody wanted to sign in to SmartQueue with this address or number, which has no account. "
        "If it was you, try another one or register. If not, there is nothing to do."
    ),
)
register_text(
    "password_reset_code",
    subject=_("Your SmartQueue code for a new password"),
    body=_(
        "Your code for a new SmartQueue password is %(code)s. It is good for 10 minutes. "
        "If you did not ask for it, give it to nobody; your password stays as it is."
    ),
)
register_text(
    "contact_replaced_code",
    subject=_("Somebody wants to change how your SmartQueue account is reached"),
    body=_(
        "Your account is asked to change its e-mail address or phone number. If it is you, the code "
        "is %(code)s, good for 10 minutes. If not, give it to nobody and change your password now."
    ),
)
register_text(
    "contact_replaced",
    subject=_("Your SmartQueue account no longer uses this address or number"),
    body=_(
        "This address or number was taken out of your SmartQueue account. If it was not you, ask for "
        "a new password now with your other address or number, and write to us."
    ),
)
register_text(
    "contact_changed",
    subject=_("The contact of your account was changed"),
    body=_(
        "The e-mail address or phone number of your SmartQueue account was changed. If it was not you, "
        "change your password now and sign out everywhere else."
    ),
)
register_text(
    "password_changed",
    subject=_("Your SmartQueue password was changed"),
    body=_(
        "The password of your SmartQueue account was changed, and your other devices were signed out. "
        "If it was not you, ask for a new password now."
    ),
)
register_text(
    "new_device",
    subject=_("A new device signed in to your SmartQueue account"),
    body=_(
        "A device that was not seen before signed in to your account. If it was not you, change your "
        "password now; that signs every other device out."
    ),
)
register_text(
    "account_access_opened",
    subject=_("SmartQueue support has access to your account"),
    body=_(
        "A member of the SmartQueue staff can read and change your account for an hour. "
        "The reason given: %(reason)s"
    ),
)
register_text(
    "factor_reset_issued",
    subject=_("Somebody vouched for you to SmartQueue"),
    body=_(
        "You are said to have lost every second factor. In %(hours)s h a code that was given for you "
        "can remove them. If that is wrong, withdraw it now under Security in your account, or tell "
        "us, and change your password. The reason given: %(reason)s"
    ),
)
register_text(
    "factors_reset",
    subject=_("Your second factors were removed"),
    body=_(
        "All second factors of your SmartQueue account were removed by a code, and every device was "
        "signed out. Add a new one within the hour. If it was not you, write to us at once."
    ),
)
register_text(
    "signed_out_everywhere",
    subject=_("You were signed out on your devices"),
    body=_(
        "All devices of your SmartQueue account, or all but one, were signed out. If it was not you, "
        "change your password now."
    ),
)
register_text(
    "session_reused",
    subject=_("One of your sessions was ended"),
    body=_(
        "A sign-in token of yours was used twice, which can mean that it was copied. "
        "That session was ended; sign in again."
    ),
)
register_text(
    "second_factor_added",
    subject=_("A second factor was added to your account"),
    body=_(
        "An authenticator app or a passkey can confirm your sign-ins to SmartQueue now. "
        "If it was not you, remove it under Security and change your password."
    ),
)
register_text(
    "second_factor_removed",
    subject=_("A second factor was removed from your account"),
    body=_(
        "An authenticator app or a passkey confirms your sign-ins to SmartQueue no more, and your "
        "other devices were signed out. If it was not you, change your password."
    ),
)
register_text(
    "recovery_codes_made",
    subject=_("You have new recovery codes"),
    body=_(
        "New recovery codes were made for your SmartQueue account; earlier ones are void. "
        "If it was not you, change your password and make new codes."
    ),
)
register_text(
    "passkey_copied",
    subject=_("A passkey of yours may have been copied"),
    body=_(
        "Somebody tried to sign in to SmartQueue with what looks like a copy of one of your passkeys, "
        "and was refused. Remove that passkey under Security and add a new one."
    ),
)
register_text("by_hand", subject="%(subject)s", body="%(text)s")
register_text("reply", subject="", body="%(text)s")
register_text(
    "texts_stopped",
    subject=_("No more messages"),
    body=_("You get no more messages from SmartQueue, but your turn and codes. START undoes this."),
)
register_text(
    "texts_started",
    subject=_("Messages again"),
    body=_("You get messages from SmartQueue again. STOP ends them."),
)
