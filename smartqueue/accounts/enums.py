from django.db import models
from django.utils.translation import gettext_lazy as _


class ActorKind(models.TextChoices):
    """
    Who knocks. A kiosk acts for whoever stands before it, at one branch; a display only shows what
    is public there.
    """

    ANONYMOUS = "anonymous"
    USER = "user"
    TICKET = "ticket"
    KIOSK = "kiosk"
    DISPLAY = "display"
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


class Channel(models.TextChoices):
    """How a code travels."""

    EMAIL = "email", _("E-mail")
    SMS = "sms", _("Text message")


class SessionKind(models.TextChoices):
    """What proves the session: tokens of the API, or the cookie of the pages."""

    TOKENS = "tokens"
    COOKIE = "cookie"


class EndReason(models.TextChoices):
    """Why a session is over."""

    SIGNED_OUT = "signed_out", _("Signed out")
    TOKEN_REUSED = "token_reused", _("A used token came back")
    REVOKED = "revoked", _("Ended by the person or an administrator")
    ERASED = "erased", _("The account was erased")


class Method(models.TextChoices):
    """Second factors that a sign-in can be asked for."""

    TOTP = "totp", _("Authenticator app")
    RECOVERY_CODES = "recovery_codes", _("Recovery code")
