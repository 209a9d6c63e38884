"""
What people agree to, word by word. A text that changes gets a new version beside the old one, so
that an old yes can always be read; only a yes to the version in force counts.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from django.utils.translation import gettext_lazy as _

from smartqueue.common.errors import Text
from smartqueue.privacy.enums import Purpose


@dataclass(frozen=True, slots=True)
class ConsentText:
    """One version of what is agreed to."""

    version: int
    text: Text


TEXTS: Final[Mapping[Purpose, tuple[ConsentText, ...]]] = {
    Purpose.MARKETING: (
        ConsentText(
            1,
            _(
                "Organizations whose services I use may send me news and offers through "
                "SmartQueue. Messages about my own tickets come in any case."
            ),
        ),
    ),
    Purpose.LOCATION: (
        ConsentText(
            1,
            _(
                "While I have a ticket, SmartQueue may use the position of my phone to tell me "
                "when to leave. It is deleted a day after the ticket is over, and no track of my "
                "movements is kept."
            ),
        ),
    ),
    Purpose.STATISTICS: (
        ConsentText(
            1,
            _(
                "My visits may be counted together with those of others, in groups of at least "
                "five people, to improve the service."
            ),
        ),
    ),
}


def text_in_force(purpose: Purpose) -> ConsentText:
    """Return the newest version of a purpose's text."""
    return TEXTS[purpose][-1]


def text_of(purpose: Purpose, version: int) -> ConsentText | None:
    """Return one version of a purpose's text, the newest or an older one."""
    return next((text for text in TEXTS[purpose] if text.version == version), None)
