from typing import ClassVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import PermissionsMixin
from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower

from smartqueue.accounts.enums import ActorKind, Channel, EndReason, Language, SessionKind
from smartqueue.common.models import IdModel


class UserManager(BaseUserManager["User"]):
    """Makes accounts from the command line; people register through the operations."""

    def create_user(
        self, email: str | None = None, password: str | None = None, **fields: object
    ) -> "User":
        """Make an account whose e-mail address counts as proven."""
        user = self.model(email=(email or "").lower() or None, **fields)
        user.set_password(password)
        user.save(using=self._db)
        user.keep_address()
        return user

    def create_superuser(
        self, email: str | None = None, password: str | None = None, **fields: object
    ) -> "User":
        return self.create_user(email, password, is_staff=True, is_superuser=True, **fields)


class User(IdModel, AbstractBaseUser, PermissionsMixin):
    """
    A person with an account, known by e-mail, phone or both. Belongs to no organization:
    memberships live above. `is_superuser` is the platform administrator.

    `email` and `phone` are proven: until a code has come back they are in `VerificationCode` only,
    so nobody can hold an identifier that is not theirs.
    """

    email = models.EmailField(null=True, blank=True, unique=True)
    phone = models.CharField(max_length=16, null=True, blank=True, unique=True)
    phone_verified_at = models.DateTimeField(null=True, blank=True)
    first_name = models.CharField(max_length=80, blank=True)
    last_name = models.CharField(max_length=80, blank=True)
    language = models.CharField(max_length=2, choices=Language.choices, default=Language.FRENCH)
    is_staff = models.BooleanField(default=False)
    is_active = models.BooleanField(default=True)
    date_joined = models.DateTimeField(auto_now_add=True)
    erased_at = models.DateTimeField(null=True, blank=True, editable=False)

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    objects = UserManager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(email=Lower("email")) | Q(email__isnull=True), name="user_email_lower"
            ),
            models.CheckConstraint(
                condition=Q(email__isnull=False) | Q(phone__isnull=False) | Q(is_active=False),
                name="user_can_be_reached",
            ),
        ]

    def __str__(self) -> str:
        return self.get_full_name() or self.email or self.phone or str(self.pk)

    def get_full_name(self) -> str:
        return f"{self.first_name} {self.last_name}".strip()

    def keep_address(self) -> None:
        """Make the e-mail address the only one in allauth's table, which multi-factor pages read."""
        # Its models point at this one, so they cannot be imported before it.
        from allauth.account.models import EmailAddress  # noqa: PLC0415

        EmailAddress.objects.filter(user=self).exclude(email=self.email or "").delete()
        if self.email:
            EmailAddress.objects.update_or_create(
                user=self, email=self.email, defaults={"verified": True, "primary": True}
            )


class Session(IdModel):
    """
    One sign-in on one device: the family of its refresh tokens, or the cookie of the pages.

    Ending it takes effect on the next request, because every access token is looked up here.
    """

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="sessions")
    kind = models.CharField(max_length=6, choices=SessionKind.choices)
    device_name = models.CharField(max_length=200, blank=True)
    cookie_key = models.CharField(max_length=40, blank=True)
    created_at = models.DateTimeField()
    last_used_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)
    end_reason = models.CharField(max_length=12, choices=EndReason.choices, blank=True)

    class Meta:
        indexes = [
            models.Index(fields=["expires_at"], name="session_expires_at"),
        ]


class RefreshToken(models.Model):
    """One link in a session's chain of refresh tokens; `used_at` is set once, by one statement."""

    id = models.UUIDField(primary_key=True, editable=False)
    digest = models.BinaryField(max_length=32)
    session = models.ForeignKey(Session, on_delete=models.CASCADE, related_name="refresh_tokens")
    device = models.BinaryField(max_length=32)
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True)


class VerificationCode(IdModel):
    """
    A code on its way to an identifier, for one registration or one change of profile.

    Several may be open for one identifier, each bound to what was asked with it: who registers with
    another's address cannot have their password confirmed by the owner's own registration. A row
    without a user is a decoy: the identifier has an account, which registering must not reveal.
    """

    user = models.ForeignKey(User, on_delete=models.CASCADE, null=True, related_name="codes")
    is_change = models.BooleanField(default=False)
    channel = models.CharField(max_length=5, choices=Channel.choices)
    recipient = models.CharField(max_length=254)
    digest = models.BinaryField(max_length=32)
    attempts = models.PositiveSmallIntegerField(default=0)
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [
            models.Index(
                fields=["recipient"], name="code_open_of", condition=Q(used_at__isnull=True)
            ),
            models.Index(fields=["created_at"], name="code_created_at"),
        ]


class MfaChallenge(models.Model):
    """A sign-in whose password was right and whose second factor is awaited."""

    id = models.UUIDField(primary_key=True, editable=False)
    digest = models.BinaryField(max_length=32)
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+")
    attempts = models.PositiveSmallIntegerField(default=0)
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField(db_index=True)
    used_at = models.DateTimeField(null=True)


class SocketTicket(models.Model):
    """
    Lets one socket in as the actor that asked for it; deleted by being used.

    In PostgreSQL, so that screens connect while Redis is away.
    """

    id = models.UUIDField(primary_key=True, editable=False)
    digest = models.BinaryField(max_length=32)
    kind = models.CharField(max_length=9, choices=ActorKind.choices)
    user = models.ForeignKey(User, on_delete=models.CASCADE, null=True, related_name="+")
    session_id = models.UUIDField(null=True)
    ticket_id = models.UUIDField(null=True)
    device_id = models.UUIDField(null=True)
    branch_id = models.UUIDField(null=True)
    language = models.CharField(max_length=2)
    expires_at = models.DateTimeField(db_index=True)
