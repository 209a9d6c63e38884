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
    "session_reused",
    subject=_("One of your sessions was ended"),
    body=_(
        "A sign-in token of yours was used twice, which can mean that it was copied. "
        "That session was ended; sign in again."
    ),
)
