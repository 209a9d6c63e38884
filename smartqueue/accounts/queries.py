"""Reading about people."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from django.conf import settings
from django.contrib.sessions.models import Session as Cookie
from django.db.models import Exists, OuterRef, Q, QuerySet

from smartqueue.accounts.clock import wall_now
from smartqueue.accounts.enums import Channel, Method, SessionKind
from smartqueue.accounts.identifiers import Identifier
from smartqueue.accounts.models import (
    REFRESH_LIFE,
    AccountAccess,
    FactorReset,
    Passkey,
    Session,
    User,
)

# Between the use of a code for lost second factors and the first new one no other session begins.
REENROLMENT_LIFE = timedelta(hours=1)


def find_user(identifier: Identifier) -> User | None:
    """Return the open account that a proven identifier belongs to."""
    column = "email" if identifier.channel is Channel.EMAIL else "phone"
    return User.objects.filter(**{column: identifier.value}, is_active=True).first()


def owner_of(identifier: Identifier) -> UUID | None:
    """Return whose identifier this is, be the account open or closed."""
    column = "email" if identifier.channel is Channel.EMAIL else "phone"
    return User.objects.filter(**{column: identifier.value}).values_list("pk", flat=True).first()


def open_accesses(admin_id: UUID) -> QuerySet[AccountAccess]:
    """Return the accesses to accounts that an administrator of the platform has open."""
    return AccountAccess.objects.filter(admin=admin_id, closed_at=None, expires_at__gt=wall_now())


def open_factor_resets(user_id: UUID) -> QuerySet[FactorReset]:
    """Return the code for lost second factors that is out for a person, also while it waits."""
    return FactorReset.objects.filter(
        user=user_id, used_at=None, cancelled_at=None, expires_at__gt=wall_now()
    )


def list_factor_resets(user_id: UUID) -> QuerySet[FactorReset]:
    """Return the codes for lost second factors that a person was given or gave, newest first."""
    rows = FactorReset.objects.filter(Q(user=user_id) | Q(issuer=user_id))
    return rows.order_by("-created_at", "-id")


def awaits_new_factor(user_id: UUID) -> bool:
    """Whether a person's second factors were removed within the hour and none was added since."""
    recent = FactorReset.objects.filter(user=user_id, used_at__gt=wall_now() - REENROLMENT_LIFE)
    return recent.exists() and not has_second_factor(user_id)


def get_person(user_id: UUID | None) -> User | None:
    """Return an account that is open, by its id; None for nobody's."""
    return User.objects.filter(pk=user_id, is_active=True).first() if user_id else None


def list_accesses(user_id: UUID) -> QuerySet[AccountAccess]:
    """Return the accesses to a person's account, and those they have opened, newest first."""
    rows = AccountAccess.objects.filter(Q(user=user_id) | Q(admin=user_id))
    return rows.order_by("-opened_at", "-id")


def list_sessions(user_id: UUID) -> QuerySet[Session]:
    """Return where a person is signed in, last used first; what can no longer be used is left out."""
    wall = wall_now()
    cookies = Cookie.objects.filter(session_key=OuterRef("cookie_key"), expire_date__gt=wall)
    is_usable = Q(kind=SessionKind.TOKENS, last_used_at__gt=wall - REFRESH_LIFE) | (
        Q(kind=SessionKind.COOKIE) & Exists(cookies)
    )
    alive = Session.objects.filter(is_usable, user_id=user_id, ended_at=None, expires_at__gt=wall)
    return alive.order_by("-last_used_at", "-pk")


def second_factors_of(user_id: UUID) -> list[str]:
    """Return the methods that a sign-in of this person must be confirmed by; none without enrolment."""
    types = set(Authenticator.objects.filter(user_id=user_id).values_list("type", flat=True))
    enrolled = {Method.TOTP.value} & types
    if Passkey.objects.filter(user_id=user_id).exists():
        enrolled.add(Method.PASSKEY.value)
    offered = enrolled | ({Method.RECOVERY_CODES.value} & types)
    if enrolled and open_factor_resets(user_id).filter(usable_at__lte=wall_now()).exists():
        offered.add(Method.RESET.value)
    return [method for method in Method.values if method in offered] if enrolled else []


def has_second_factor(user_id: UUID, *, since: datetime | None = None) -> bool:
    """Whether sign-ins of this person are confirmed by a second factor, one held `since` then."""
    before = {"created_at__lte": since} if since else {}
    apps = Authenticator.objects.filter(user_id=user_id, type=Authenticator.Type.TOTP, **before)
    return apps.exists() or Passkey.objects.filter(user_id=user_id, **before).exists()


def lacks_needed_factor(user_id: UUID, *, is_platform_admin: bool) -> bool:
    """Whether an administrator of the platform has not enrolled the second factor they need."""
    needs: bool = is_platform_admin and settings.ADMINS_NEED_SECOND_FACTOR
    return needs and not has_second_factor(user_id)


def list_passkeys(user_id: UUID) -> QuerySet[Passkey]:
    """Return a person's passkeys and security keys, oldest first."""
    return Passkey.objects.filter(user_id=user_id).order_by("created_at", "pk")


@dataclass(frozen=True, slots=True)
class Factors:
    """What confirms a person's sign-ins. `codes_left` is None without recovery codes."""

    app_added_at: datetime | None
    app_used_at: datetime | None
    passkeys: list[Passkey]
    codes_left: int | None
    is_required: bool

    @property
    def is_enrolled(self) -> bool:
        """Whether sign-ins are confirmed by a second factor."""
        return self.app_added_at is not None or bool(self.passkeys)


def factors_of(user_id: UUID, *, is_required: bool) -> Factors:
    """Return the second factors of a person."""
    rows = {row.type: row for row in Authenticator.objects.filter(user_id=user_id)}
    app = rows.get(Authenticator.Type.TOTP)
    codes = rows.get(Authenticator.Type.RECOVERY_CODES)
    return Factors(
        app_added_at=app.created_at if app else None,
        app_used_at=app.last_used_at if app else None,
        passkeys=list(list_passkeys(user_id)),
        codes_left=len(RecoveryCodes(codes).get_unused_codes()) if codes else None,
        is_required=is_required,
    )
