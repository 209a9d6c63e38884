from django.db import models
from django.utils.translation import gettext_lazy as _


class ActorKind(models.TextChoices):
    """
    Who knocks. A kiosk acts for whoever stands before it, at one branch; a display only shows what
    is public there. A phone is somebody known by the number that they write, dial or ring from.
    """

    ANONYMOUS = "anonymous"
    USER = "user"
    TICKET = "ticket"
    BOOKING = "booking"
    KIOSK = "kiosk"
    DISPLAY = "display"
    PHONE = "phone"
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


class CodePurpose(models.TextChoices):
    """What a code was asked for; it serves nothing else."""

    REGISTRATION = "registration"
    CONTACT = "contact"
    SIGN_IN = "sign_in"
    REAUTHENTICATION = "reauthentication"
    PASSWORD_RESET = "password_reset"  # noqa: S105  # a name, not a password


class Template(models.TextChoices):
    """Which words a message of identity has; those with a code hold it, the others tell."""

    CODE = "sign_in_code"
    PASSWORD_RESET_CODE = "password_reset_code"  # noqa: S105  # a name, not a password
    CONTACT_REPLACED_CODE = "contact_replaced_code"
    ALREADY_REGISTERED = "already_registered"
    NO_ACCOUNT = "no_account"
    CONTACT_REPLACED = "contact_replaced"


class Voucher(models.TextChoices):
    """
    Who says, besides the new identifier, that a change of contact is the person's own wish: the
    identifier that is replaced, or, for somebody who lost it, the other one or a second factor.
    """

    REPLACED = "replaced", _("The one that is replaced")
    OTHER = "other", _("My other address or number")
    SECOND_FACTOR = "second_factor", _("My second factor")


class DeviceKind(models.TextChoices):
    """What a device looks like, for the list of sessions."""

    PHONE = "phone", _("Phone")
    TABLET = "tablet", _("Tablet")
    COMPUTER = "computer", _("Computer")
    OTHER = "other", _("Device")


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
    PASSWORD = "password", _("The password was changed")


class ChallengePurpose(models.TextChoices):
    """What goes on once a second factor was given; a challenge serves nothing else."""

    SIGN_IN = "sign_in"
    REAUTHENTICATION = "reauthentication"
    PASSWORD_RESET = "password_reset"  # noqa: S105  # a name, not a password


class Method(models.TextChoices):
    """Second factors that a sign-in can be asked for."""

    TOTP = "totp", _("Authenticator app")
    PASSKEY = "passkey", _("Passkey or security key")
    RECOVERY_CODES = "recovery_codes", _("Recovery code")
    RESET = "reset_code", _("Code from your organization or from support")


class PasskeyPurpose(models.TextChoices):
    """What a device signs a challenge for."""

    REGISTER = "register"
    SIGN_IN = "sign_in"
    CONFIRM = "confirm"


class KeyKind(models.TextChoices):
    """What a person wants to add: a passkey signs in alone, a security key confirms a password."""

    PASSKEY = "passkey", _("Passkey")
    SECURITY_KEY = "security_key", _("Security key")
