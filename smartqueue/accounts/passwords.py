"""What a password may not be made of, beside Django's rules."""

from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

LEAST_BESIDE = 6
"""Characters that a password with a listed word still needs beside it."""


class ListedWordValidator:
    """Refuses a word that everybody here would guess first (PASSWORD_WORDS) and little beside it."""

    def validate(self, password: str, user: Any = None) -> None:
        """Raise ValidationError for a password that is such a word with a few characters around."""
        folded = password.casefold()
        for word in settings.PASSWORD_WORDS:
            if word in folded and len(folded.replace(word, "")) < LEAST_BESIDE:
                raise ValidationError(
                    _("The password is too close to a word that many would guess."),
                    code="password_too_guessable",
                )

    def get_help_text(self) -> str:
        """Return the rule in words, for pages."""
        return _("Your password can't be mostly a word that many would guess here.")
