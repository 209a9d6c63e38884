from django.db import models
from django.utils.translation import gettext_lazy as _


class Purpose(models.TextChoices):
    """What a person may agree to; nothing is agreed to until they say so."""

    MARKETING = "marketing", _("News and offers")
    LOCATION = "location", _("Use of my position")
    STATISTICS = "statistics", _("Statistics about my visits")


class Right(models.TextChoices):
    """What a person may ask for that somebody has to do or to answer."""

    RECTIFICATION = "rectification", _("Correct what is wrong about me")
    OBJECTION = "objection", _("Stop using my data for something")
    RESTRICTION = "restriction", _("Keep my data, and do not use it for now")
    QUESTION = "question", _("Answer a question about my data")


class ConsentSource(models.TextChoices):
    """Where a person said yes or no."""

    PAGE = "page", _("On the pages")
    API = "api", _("In the application")


class ExportState(models.TextChoices):
    """An archive whose time is over, or that nobody could make within a day, goes with its row."""

    REQUESTED = "requested", _("Being prepared")
    READY = "ready", _("Ready")


class Fate(models.TextChoices):
    """What erasing a person does to the rows that lead to them."""

    DELETED = "deleted", _("Deleted")
    EMPTIED = "emptied", _("Kept without the person")
    KEPT = "kept", _("Kept")
