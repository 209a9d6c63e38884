"""Rows and actors of tests; places are made through the operations."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import TOTP, generate_totp_secret
from django.test import Client

from smartqueue.accounts.actor import Actor
from smartqueue.accounts.clock import wall_now
from smartqueue.accounts.enums import ActorKind, Role
from smartqueue.accounts.models import User
from smartqueue.business import operations
from smartqueue.business.enums import Category
from smartqueue.business.models import Branch, Counter, Membership, Organization, Service
from smartqueue.common.geo import point
from smartqueue.locations.models import Commune

NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)  # a Monday
_count = iter(range(1, 1_000_000))


def user(**fields: Any) -> User:
    number = next(_count)
    return User.objects.create_user(**{"email": f"person{number}@example.org", **fields})


def enrol(person: User) -> None:
    """Give somebody a second factor."""
    TOTP.activate(person, generate_totp_secret())


def disenrol(person: User) -> None:
    """Take somebody's second factor away, past the operations."""
    Authenticator.objects.filter(user=person).delete()


def let_join_earlier() -> None:
    """Make everybody a member of long ago, before they had a second factor."""
    Membership.objects.with_scopes_disabled().update(created_at=wall_now() - timedelta(days=30))


def actor_of(person: User) -> Actor:
    return Actor(
        kind=ActorKind.USER,
        user_id=person.pk,
        is_platform_admin=person.is_superuser,
        language=person.language,
    )


def organization(owner: User, name: str = "Mairie", **fields: Any) -> Organization:
    return operations.create_organization(
        actor=actor_of(owner), now=NOW, **{"name": name, "category": Category.TOWN_HALL, **fields}
    )


def branch(owner: User, place: Organization, name: str = "Centre", **fields: Any) -> Branch:
    return operations.create_branch(
        actor=actor_of(owner),
        organization_id=place.pk,
        now=NOW,
        **{"name": name, "point": point(lat=14.69, lon=-17.44), **fields},
    )


def service(owner: User, place: Organization, name: str = "Passeport", **fields: Any) -> Service:
    return operations.create_service(
        actor=actor_of(owner),
        organization_id=place.pk,
        now=NOW,
        **{"texts": {"name_fr": name}, "duration_minutes": 10, **fields},
    )


def counter(owner: User, at: Branch, name: str = "1") -> Counter:
    return operations.create_counter(actor=actor_of(owner), branch_id=at.pk, name=name, now=NOW)


def member(
    owner: User, place: Organization, role: Role, branches: tuple[UUID, ...] = (), **fields: Any
) -> User:
    person = user(**fields)
    operations.add_member(
        actor=actor_of(owner),
        organization_id=place.pk,
        identifier=str(person.email),
        role=role,
        branches=branches,
        now=NOW,
    )
    return person


def membership(person: User, place: Organization) -> Membership:
    found: Membership = Membership.objects.with_scopes_disabled().get(
        user=person, organization=place
    )
    return found


def commune(
    code: str = "SN-DK-DD1-2", name: str = "Dakar-Plateau", region: str = "Dakar"
) -> Commune:
    return Commune.objects.create(
        code=code,
        name=name,
        region=region,
        department=region,
        population=1,
        point=point(lat=14.67, lon=-17.43),
    )


def signed_in(person: User, language: str = "fr") -> Client:
    """A client with the person's session; no form token is asked for."""
    client = Client(headers={"Accept-Language": language})
    client.force_login(person)
    return client
