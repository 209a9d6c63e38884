"""Reading about people."""

from uuid import UUID

from allauth.mfa.models import Authenticator

from smartqueue.accounts.enums import Channel
from smartqueue.accounts.identifiers import Identifier
from smartqueue.accounts.models import User


def find_user(identifier: Identifier) -> User | None:
    """Return the open account that a proven identifier belongs to."""
    column = "email" if identifier.channel is Channel.EMAIL else "phone"
    return User.objects.filter(**{column: identifier.value}, is_active=True).first()


def owner_of(identifier: Identifier) -> UUID | None:
    """Return whose identifier this is, be the account open or closed."""
    column = "email" if identifier.channel is Channel.EMAIL else "phone"
    return User.objects.filter(**{column: identifier.value}).values_list("pk", flat=True).first()


def second_factors_of(user_id: UUID) -> list[str]:
    """Return the methods that a sign-in of this person must be confirmed by; none without enrolment."""
    types = list(
        Authenticator.objects.filter(user_id=user_id)
        .order_by("type")
        .values_list("type", flat=True)
    )
    enrolled = [kind for kind in types if kind != Authenticator.Type.RECOVERY_CODES]
    return list(dict.fromkeys(enrolled + types)) if enrolled else []
