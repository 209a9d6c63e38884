"""What an entry of the journal tells of."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class EntryKind(models.TextChoices):
    """A published event, or what was done to one row."""

    EVENT = "event", _("event")
    INSERT = "insert", _("row added")
    UPDATE = "update", _("row changed")
    DELETE = "delete", _("row deleted")
