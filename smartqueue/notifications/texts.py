"""
The words of messages, by code. Apps above register their own when they are ready; placeholders are
named, `%(organization)s`, and filled from the message's context. Organizations may have words of their
own for those that name their variables; `templating` says what these may hold.
"""

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final

from django.utils import translation
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from smartqueue.notifications import gsm, templating
from smartqueue.notifications.enums import Channel, Group, Importance
from smartqueue.notifications.errors import UnknownText

CHAIN: Final = (Channel.PUSH, Channel.WEB_PUSH, Channel.SMS, Channel.EMAIL)
"""By which channel somebody is told first, and by which where that one fails."""
OF_ORGANIZATIONS: Final = frozenset({Group.QUEUE, Group.APPOINTMENT})
WARNING_LIFE: Final = timedelta(days=3)
LONGEST: Final[Mapping[Channel, int]] = {
    Channel.SMS: 30,
    Channel.PUSH: 60,
    Channel.WEB_PUSH: 60,
    Channel.EMAIL: 120,
}
"""How long a value may be in a message, in UTF-16 units; a link is never cut."""
SHORT: Final = frozenset({Channel.SMS, Channel.PUSH, Channel.WEB_PUSH})
SHORTENED: Final = 60
"""The same on `SHORT` channels where no organization has words of its own; by e-mail nothing is cut then."""

# Controls but the line feed; marks, overrides and isolates of direction; invisible letters.
_UNWANTED: Final = re.compile(
    r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff]"
)
_PLACEHOLDER: Final = re.compile(r"%(?:\((\w+)\)s|%)")
_PLAIN_ENOUGH: Final = {
    "\u2019": "'",
    "\u2018": "'",
    "\u201c": '"',
    "\u201d": '"',
    "\u00ab": '"',
    "\u00bb": '"',
    "\u2013": "-",
    "\u2014": "-",
    "\u2026": "...",
    "\u0153": "oe",
    "\u0152": "OE",
    "\u00a0": " ",
    "\u202f": " ",
}
_FIRST_STRONG, _POP = "\u2068", "\u2069"


@dataclass(frozen=True, slots=True)
class Text:
    """
    A short line (the subject of an e-mail, the title of a push) and the message itself.

    `life` is how long it is of use; `channels` how somebody is told of it, the first that reaches
    them, and `also` what is sent besides. `variables` are what its words may name, each with a value
    to show it by. `is_live` words are about what goes on now, or answer what a person does: an
    organization's night does not hold them, a person's own does. `is_raw` leaves values as they were
    written.
    """

    subject: str | Promise
    body: str | Promise
    group: Group = Group.ACCOUNT
    importance: Importance = Importance.NORMAL
    life: timedelta = timedelta(hours=12)
    channels: tuple[Channel, ...] = CHAIN
    also: tuple[Channel, ...] = ()
    variables: Mapping[str, str] = field(default_factory=dict)
    is_live: bool = False
    is_raw: bool = False

    @property
    def has_own_words(self) -> bool:
        """Whether an organization may put this in its own words."""
        return bool(self.variables) and self.group in OF_ORGANIZATIONS


@dataclass(frozen=True, slots=True)
class Source:
    """An organization's own words, in the language of `templating`."""

    subject: str
    body: str


_texts: dict[str, Text] = {}


def register_text(code: str, *, subject: str | Promise, body: str | Promise, **rest: Any) -> None:
    """
    Give a code its words; lazily translated texts follow each reader's language. `rest` are further
    fields of `Text`.
    """
    _texts[code] = Text(subject, body, **rest)


def text_of(code: str) -> Text:
    """
    Return what is registered under a code.

    :raises UnknownText: nothing is
    """
    text = _texts.get(code)
    if text is None:
        raise UnknownText(code)
    return text


def own_codes() -> list[str]:
    """Return the codes that organizations may put in their own words, in order."""
    return sorted(code for code, text in _texts.items() if text.has_own_words)


def render(
    code: str,
    context: Mapping[str, Any],
    language: str,
    channel: Channel = Channel.IN_APP,
    own: Source | None = None,
) -> tuple[str, str]:
    """
    Return subject and body in a language, in an organization's `own` words where it has some.

    :raises UnknownText: no words under this code
    :raises KeyError: the words name something that the context lacks
    """
    text = text_of(code)
    values = dict(context) if text.is_raw else _shaped(text, context, language, channel)
    if own is not None:
        subject = templating.render(own.subject, values, text.variables)
        return _one_line(subject), templating.render(own.body, values, text.variables)
    with translation.override(language):
        subject, body = str(text.subject) % values, str(text.body) % values
    return (subject if text.is_raw else _one_line(subject)), body


def source_of(code: str, language: str) -> Source:
    """
    Return the product's own words as an organization would write them.

    :raises UnknownText: no words under this code
    """
    text = text_of(code)
    with translation.override(language):
        return Source(*(_PLACEHOLDER.sub(_as_variable, str(t)) for t in (text.subject, text.body)))


def _as_variable(found: re.Match[str]) -> str:
    return f"{{{{ {found[1]} }}}}" if found[1] else "%"


def _warning(code: str, subject: Promise, body: Promise, also: tuple[Channel, ...] = ()) -> None:
    """Give words to something that may be a stranger's doing: told at any hour, whatever was turned off."""
    register_text(
        code,
        subject=subject,
        body=body,
        group=Group.SECURITY,
        importance=Importance.VITAL,
        life=WARNING_LIFE,
        channels=(Channel.EMAIL, Channel.SMS),
        also=also,
    )


# --- Values, as they may stand in a message ------------------------------------------------------


def clean(text: str) -> str:
    """Return a text without what is not seen: controls, marks and overrides of direction."""
    return _UNWANTED.sub("", text)


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _shaped(
    text: Text, context: Mapping[str, Any], language: str, channel: Channel
) -> dict[str, Any]:
    return {
        name: _value(value, text, language, channel) if isinstance(value, str) else value
        for name, value in context.items()
    }


def _value(value: str, text: Text, language: str, channel: Channel) -> str:
    value = clean(value)
    is_link = value.startswith(("https://", "http://"))
    if not is_link:
        value = _one_line(value)
        if channel == Channel.SMS and language != "ar":
            value = _narrowed(value)
        if text.variables:
            value = _cut(value, LONGEST.get(channel, 200))
        elif channel in SHORT:
            value = _cut(value, SHORTENED)
    if language == "ar" and not is_link and any(letter.isalpha() for letter in value):
        return f"{_FIRST_STRONG}{value}{_POP}"
    return value


def _narrowed(value: str) -> str:
    """
    Return a value in the letters that a text message has room for, which halve its price; as it is
    where that would take letters away.
    """
    found = []
    for letter in value:
        plain = letter if gsm.fits(letter) else _plain(letter)
        if not plain and unicodedata.category(letter)[0] == "L":
            return value
        found.append(plain)
    return _one_line("".join(found))


def _plain(letter: str) -> str:
    if letter in _PLAIN_ENOUGH:
        return _PLAIN_ENOUGH[letter]
    parts = unicodedata.normalize("NFKD", letter)
    return "".join(part for part in parts if part in gsm.BASIC)


def _cut(value: str, most: int) -> str:
    units = [2 if ord(letter) > 0xFFFF else 1 for letter in value]
    if sum(units) <= most:
        return value
    kept, used = "", 3
    for letter, size in zip(value, units, strict=True):
        used += size
        if used > most:
            break
        kept += letter
    # What joins letters must not be left without its second one.
    return f"{kept.rstrip(chr(0x200D) + ' ')}..."


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
_warning(
    "contact_changed",
    _("The contact of your account was changed"),
    _(
        "The e-mail address or phone number of your SmartQueue account was changed. If it was not you, "
        "change your password now and sign out everywhere else."
    ),
)
_warning(
    "password_changed",
    _("Your SmartQueue password was changed"),
    _(
        "The password of your SmartQueue account was changed, and your other devices were signed out. "
        "If it was not you, ask for a new password now."
    ),
)
_warning(
    "new_device",
    _("A new device signed in to your SmartQueue account"),
    _(
        "A device that was not seen before signed in to your account. If it was not you, change your "
        "password now; that signs every other device out."
    ),
)
_warning(
    "account_access_opened",
    _("SmartQueue support has access to your account"),
    _(
        "A member of the SmartQueue staff can read and change your account for an hour. "
        "The reason given: %(reason)s"
    ),
)
_warning(
    "factor_reset_issued",
    _("Somebody vouched for you to SmartQueue"),
    _(
        "You are said to have lost every second factor. In %(hours)s h a code that was given for you "
        "can remove them. If that is wrong, withdraw it now under Security in your account, or tell "
        "us, and change your password. The reason given: %(reason)s"
    ),
    also=(Channel.SMS,),
)
_warning(
    "factors_reset",
    _("Your second factors were removed"),
    _(
        "All second factors of your SmartQueue account were removed by a code, and every device was "
        "signed out. Add a new one within the hour. If it was not you, write to us at once."
    ),
    also=(Channel.SMS,),
)
_warning(
    "signed_out_everywhere",
    _("You were signed out on your devices"),
    _(
        "All devices of your SmartQueue account, or all but one, were signed out. If it was not you, "
        "change your password now."
    ),
)
_warning(
    "session_reused",
    _("One of your sessions was ended"),
    _(
        "A sign-in token of yours was used twice, which can mean that it was copied. "
        "That session was ended; sign in again."
    ),
)
_warning(
    "second_factor_added",
    _("A second factor was added to your account"),
    _(
        "An authenticator app or a passkey can confirm your sign-ins to SmartQueue now. "
        "If it was not you, remove it under Security and change your password."
    ),
)
_warning(
    "second_factor_removed",
    _("A second factor was removed from your account"),
    _(
        "An authenticator app or a passkey confirms your sign-ins to SmartQueue no more, and your "
        "other devices were signed out. If it was not you, change your password."
    ),
)
_warning(
    "recovery_codes_made",
    _("You have new recovery codes"),
    _(
        "New recovery codes were made for your SmartQueue account; earlier ones are void. "
        "If it was not you, change your password and make new codes."
    ),
)
_warning(
    "passkey_copied",
    _("A passkey of yours may have been copied"),
    _(
        "Somebody tried to sign in to SmartQueue with what looks like a copy of one of your passkeys, "
        "and was refused. Remove that passkey under Security and add a new one."
    ),
)
register_text("by_hand", subject="%(subject)s", body="%(text)s", is_raw=True)
register_text("reply", subject="", body="%(text)s", is_raw=True)
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
