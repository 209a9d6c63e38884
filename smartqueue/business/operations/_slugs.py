"""Names in addresses."""

from django.db import IntegrityError, transaction
from django.utils.crypto import get_random_string
from django.utils.text import slugify

from smartqueue.business.models import Branch, Organization

SUFFIX_LENGTH = 6
ROOM_FOR_SUFFIX = SUFFIX_LENGTH + 1
ATTEMPTS = 5


def insert_with_slug(row: Organization | Branch, text: str, otherwise: str) -> None:
    """Insert a row under a slug made of a text, with a random ending where that is taken."""
    longest = row._meta.get_field("slug").max_length or 0
    base = slugify(text)[: longest - ROOM_FOR_SUFFIX].strip("-") or otherwise
    ending = ""
    for _ in range(ATTEMPTS):
        row.slug = base + ending
        try:
            with transaction.atomic():
                row.save(force_insert=True)
        except IntegrityError as error:
            if "slug" not in str(error):
                raise
        else:
            return
        letters = "abcdefghijkmnpqrstuvwxyz23456789"
        ending = "-" + get_random_string(SUFFIX_LENGTH, letters)
    raise RuntimeError("no free slug was found")
