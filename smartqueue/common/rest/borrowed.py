"""Sentences of Django and the REST framework that their own catalogues lack in French or Arabic."""

from typing import Final

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext_lazy

# Named for makemessages alone: a catalogue of ours answers for theirs.
BORROWED: Final[tuple[Promise, ...]] = (
    _("A valid biginteger is required."),
    _("Integer value too large to convert to float"),
    ngettext_lazy(
        "This password is too short. It must contain at least %d character.",
        "This password is too short. It must contain at least %d characters.",
    ),
)
