from django.db import models
from django.utils.translation import gettext_lazy as _


class ActorKind(models.TextChoices):
    """Who knocks. A kiosk acts for whoever stands before it, at one branch."""

    ANONYMOUS = "anonymous"
    USER = "user"
    TICKET = "ticket"
    KIOSK = "kiosk"
    SYSTEM = "system"


class Role(models.TextChoices):
    """What a member may do in an organization, strongest first."""

    OWNER = "owner", _("Owner")
    MANAGER = "manager", _("Manager")
    AGENT = "agent", _("Agent")
    VIEWER = "viewer", _("Viewer")


class Language(models.TextChoices):
    FRENCH = "fr", "Français"
    ENGLISH = "en", "English"
    ARABIC = "ar", "العربية"
