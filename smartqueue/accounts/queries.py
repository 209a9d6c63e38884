"""Reading about people."""

from uuid import UUID

from allauth.mfa.models import Authenticator
from django.contrib.sessions.models import Session as Cookie
from django.db.models import Exists, OuterRef, Q, QuerySet

from smartqueue.accounts.clock import wall_now
from smartqueue.accounts.enums import Channel, SessionKind
from smartqueue.accounts.identifiers import Identifier
from smartqueue.accounts.models import REFRESH_LIFE, Session, User


def find_user(identifier: Identifier) -> User | None:
    """Return the open account that a proven identifier belongs to."""
    column = "email" if identifier.channel is Channel.EMAIL else "phone"
    return User.objects.filter(**{column: identifier.value}, is_active=True).first()


def owner_of(identifier: Identifier) -> UUID | None:
    """Return whose identifier this is, be the account open or closed."""
    column = "email" if identifier.channel is Channel.EMAIL else "phone"
    return User.objects.filter(**{column: identifier.value}).values_list("pk", flat=True).first()


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
    types = list(
        Authenticator.objects.filter(user_id=user_id)
        .order_by("type")
        .values_list("type", flat=True)
    )
    enrolled = [kind for kind in types if kind != Authenticator.Type.RECOVERY_CODES]
    return list(dict.fromkeys(enrolled + types)) if enrolled else []
