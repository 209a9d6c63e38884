from datetime import timedelta
from typing import ClassVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import PermissionsMixin
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Lower

from smartqueue.accounts.enums import (
    ActorKind,
    ChallengePurpose,
    Channel,
    CodePurpose,
    EndReason,
    Language,
    PasskeyPurpose,
    SessionKind,
    Voucher,
)
from smartqueue.common.models import IdModel

# For so long an administrator of the platform reaches an account after saying why.
ACCOUNT_ACCESS_LIFE = timedelta(hours=1)
# So long the person can object before a code for lost second factors counts: the shorter one where
# an owner vouches for somebody they work with, the longer for owners and where support vouches.
SHORT_WAIT = timedelta(hours=1)
LONG_WAIT = timedelta(hours=24)
# A code for lost second factors is good for so long after that.
FACTOR_RESET_LIFE = timedelta(days=3)
# A refresh token that is not used for so long is no longer good.
REFRESH_LIFE = timedelta(days=30)


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
    `authenticated_at` is when the person last proved who they are, and `network` is where from, cut
    so short that it names no household. `device` tells a device that was seen before.
    """

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="sessions")
    kind = models.CharField(max_length=6, choices=SessionKind.choices)
    device_name = models.CharField(max_length=200, blank=True)
    device = models.BinaryField(max_length=32)
    network = models.CharField(max_length=43, blank=True)
    cookie_key = models.CharField(max_length=40, blank=True)
    authenticated_at = models.DateTimeField()
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


class ContactChange(IdModel):
    """
    A person's wish to replace, add (`old_value` empty) or remove (`new_value` empty) an identifier.

    It is done once both ends are confirmed: the new identifier by a code, the old one as `voucher`
    says. Where there is no such end, it counts as confirmed from the start.
    """

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="contact_changes")
    channel = models.CharField(max_length=5, choices=Channel.choices)
    old_value = models.CharField(max_length=254, blank=True)
    new_value = models.CharField(max_length=254, blank=True)
    voucher = models.CharField(max_length=13, choices=Voucher.choices, blank=True)
    new_confirmed_at = models.DateTimeField(null=True)
    old_confirmed_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(db_index=True)
    expires_at = models.DateTimeField()
    done_at = models.DateTimeField(null=True)


class AccountAccess(IdModel):
    """
    A platform administrator's time with somebody's account, and why. The administrator is empty
    once erased, the reason once the person is.
    """

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="accesses")
    admin = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, related_name="+")
    reason = models.CharField(max_length=300, blank=True)
    opened_at = models.DateTimeField(db_index=True)
    expires_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(
                    expires_at__gt=F("opened_at"),
                    expires_at__lte=F("opened_at") + ACCOUNT_ACCESS_LIFE,
                ),
                name="account_access_short",
            ),
        ]
        indexes = [
            models.Index(
                fields=["admin", "user"],
                condition=Q(closed_at__isnull=True),
                name="account_access_open",
            ),
        ]


class FactorReset(IdModel):
    """
    A code that stands in, once, for every second factor that a person has lost; its use removes
    them all. Whoever gave it has made sure who the person is, and is empty once erased.
    """

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="factor_resets")
    issuer = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, related_name="+")
    reason = models.CharField(max_length=300, blank=True)
    digest = models.BinaryField(max_length=32)
    created_at = models.DateTimeField(db_index=True)
    usable_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True)
    cancelled_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(
                    usable_at__gte=F("created_at") + SHORT_WAIT,
                    expires_at__lte=F("usable_at") + FACTOR_RESET_LIFE,
                ),
                name="factor_reset_waits",
            ),
            models.CheckConstraint(
                condition=Q(used_at__isnull=True)
                | Q(used_at__gte=F("usable_at"), cancelled_at__isnull=True),
                name="factor_reset_used_in_time",
            ),
            models.UniqueConstraint(
                fields=["user"],
                condition=Q(used_at__isnull=True, cancelled_at__isnull=True),
                name="factor_reset_one_open",
            ),
        ]


class VerificationCode(IdModel):
    """
    A code on its way to an identifier, for one purpose.

    Several may be open for one identifier, each bound to what was asked with it: who registers with
    another's address cannot have their password confirmed by the owner's own registration. `asker`
    is the digest of a token that only whoever asked has, where a code is answered by token. A row
    without a user is a decoy: whether the identifier has an account must not be revealed.
    """

    user = models.ForeignKey(User, on_delete=models.CASCADE, null=True, related_name="codes")
    purpose = models.CharField(max_length=16, choices=CodePurpose.choices)
    contact_change = models.ForeignKey(
        ContactChange, on_delete=models.CASCADE, null=True, related_name="codes"
    )
    asker = models.BinaryField(max_length=32, null=True)
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
    """The first proof was right, for `purpose`, and the second factor is awaited."""

    id = models.UUIDField(primary_key=True, editable=False)
    digest = models.BinaryField(max_length=32)
    purpose = models.CharField(
        max_length=16, choices=ChallengePurpose.choices, default=ChallengePurpose.SIGN_IN
    )
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+")
    attempts = models.PositiveSmallIntegerField(default=0)
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField(db_index=True)
    used_at = models.DateTimeField(null=True)


class TotpEnrolment(models.Model):
    """
    An authenticator app that was given its secret and has not shown a code yet; one a person.

    Bound to its session: a thief of another must not plant a secret that the person then confirms.
    """

    user = models.OneToOneField(User, on_delete=models.CASCADE, primary_key=True, related_name="+")
    session_id = models.UUIDField()
    secret = models.TextField()
    expires_at = models.DateTimeField(db_index=True)


class Passkey(IdModel):
    """
    A credential of WebAuthn: a passkey on a phone or computer, or a security key.

    `credential` is the attested credential data (id and public key) as the device gave it;
    `sign_count` is the last one seen, 0 for devices that do not count.
    """

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="passkeys")
    name = models.CharField(max_length=60)
    credential_id = models.BinaryField(max_length=1023)
    credential = models.BinaryField()
    transports = ArrayField(models.CharField(max_length=20), default=list)
    sign_count = models.BigIntegerField(default=0)
    is_discoverable = models.BooleanField(default=False)
    is_synced = models.BooleanField(default=False)
    created_at = models.DateTimeField()
    last_used_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            # Over all people: a credential that is shown belongs to one person or to nobody.
            models.UniqueConstraint(fields=["credential_id"], name="passkey_once"),
        ]

    def __str__(self) -> str:
        return self.name


class PasskeyChallenge(models.Model):
    """
    Something random that a device is asked to sign, once and within minutes; deleted by being used.

    Registering is bound to the person and their session, the second factor to its sign-in (`mfa`);
    signing in without a password to whoever holds the token.
    """

    id = models.UUIDField(primary_key=True, editable=False)
    digest = models.BinaryField(max_length=32)
    purpose = models.CharField(max_length=8, choices=PasskeyPurpose.choices)
    challenge = models.BinaryField(max_length=32)
    user = models.ForeignKey(User, on_delete=models.CASCADE, null=True, related_name="+")
    session_id = models.UUIDField(null=True)
    mfa = models.ForeignKey(MfaChallenge, on_delete=models.CASCADE, null=True, related_name="+")
    must_verify = models.BooleanField()
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField(db_index=True)


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
