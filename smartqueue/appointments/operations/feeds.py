"""Feeds of appointments for calendar programs."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.utils.translation import gettext_lazy as _

from smartqueue.accounts import tokens
from smartqueue.accounts.actor import Actor
from smartqueue.accounts.entrance import actor_of_user
from smartqueue.appointments import calendars, events, policies, queries
from smartqueue.appointments.calendars import File, Shown
from smartqueue.appointments.enums import FeedKind
from smartqueue.appointments.models import Appointment, CalendarFeed
from smartqueue.appointments.tokens import actor_of_token
from smartqueue.business.enums import Ability
from smartqueue.business.policies import access_branch
from smartqueue.common import tenancy
from smartqueue.common.db import operation
from smartqueue.common.errors import InvalidInput, NotFound, Problem
from smartqueue.outbox import operations as outbox

MOST_FEEDS: Final = 20
NOTED_EVERY: Final = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class NewFeed:
    """A feed with its token, which is told this once."""

    feed: CalendarFeed
    token: str


@operation
def create_feed(
    *, actor: Actor, kind: FeedKind, now: datetime, branch_id: UUID | None = None, name: str = ""
) -> NewFeed:
    """
    Make an address at which calendar programs read appointments with the actor's rights.

    :raises NotSignedIn: nobody is signed in
    :raises NotFound: the actor serves nowhere, or the branch is not theirs to see
    :raises InvalidInput: a branch for a feed of a person, none for one of a branch, too many feeds
    """
    if (kind is FeedKind.BRANCH) != (branch_id is not None):
        raise InvalidInput.on("branch", _("Name a branch for its feed, and for no other."))
    organization_id = policies.access_feed_subject(actor, kind, branch_id)
    owner_id = actor.require_user()
    if queries.list_feeds(owner_id).count() >= MOST_FEEDS:
        raise InvalidInput.on("kind", _("There are many feeds already. Revoke one that is unused."))
    token = tokens.make_opaque_token()
    feed = CalendarFeed.objects.create(
        id=token.id,
        owner_id=owner_id,
        kind=kind,
        branch_id=branch_id,
        name=name,
        digest=token.digest,
        created_at=now,
    )
    _tell(events.FeedCreated, feed, actor, now, organization_id)
    return NewFeed(feed, token.text)


@operation
def revoke_feed(*, actor: Actor, feed_id: UUID, now: datetime) -> None:
    """
    Take a feed's address back: it opens nothing any more.

    :raises NotFound: unknown, revoked, or somebody else's
    """
    feed = policies.access_feed(actor, feed_id)
    organization_id = feed.branch.organization_id if feed.branch else None
    _tell(events.FeedRevoked, feed, actor, now, organization_id)
    feed.delete()


def _tell(
    event: type[events.FeedEvent],
    feed: CalendarFeed,
    actor: Actor,
    now: datetime,
    organization_id: UUID | None,
) -> None:
    outbox.publish(
        event(
            organization_id=organization_id,
            subject_version=1,
            occurred_at=now,
            actor=actor.label,
            feed_id=feed.pk,
            owner_id=feed.owner_id,
            kind=feed.kind,
            branch_id=feed.branch_id,
        )
    )


@operation
def read_calendar(*, token: str, now: datetime) -> File:
    """
    Return what the address with a token answers: a feed's appointments, or the one appointment that
    the token of a booking opens.

    :raises NotFound: unknown, revoked, or its owner may not see this any more
    """
    proof = tokens.read_opaque_token(token)
    if proof is None:
        return _one(token)
    feed = queries.feed_of_token(proof.id, proof.digest)
    if feed is None:
        raise NotFound
    if feed.last_fetched_at is None or now - feed.last_fetched_at >= NOTED_EVERY:
        CalendarFeed.objects.filter(pk=feed.pk).update(last_fetched_at=now)
    try:
        shown = _shown(feed, now)
    # A second factor that is missing now closes the address as any other lost right.
    except Problem as problem:
        raise NotFound from problem
    name = feed.name or (feed.branch.name if feed.branch else "")
    return calendars.feed(shown, FeedKind(feed.kind), language=feed.owner.language, name=name)


def _one(token: str) -> File:
    actor = actor_of_token(token)
    if actor is None or actor.appointment_id is None:
        raise NotFound
    appointment = policies.access_appointment(actor, actor.appointment_id)
    changed_at = queries.changes_of([appointment])[appointment.pk]
    alarms = queries.reminders_of([appointment])[appointment.service_id]
    return calendars.attachment(appointment, changed_at=changed_at, alarms=alarms)


def _shown(feed: CalendarFeed, now: datetime) -> list[Shown]:
    owner = feed.owner
    actor = actor_of_user(owner.pk, is_platform_admin=owner.is_superuser, language=owner.language)
    match FeedKind(feed.kind):
        case FeedKind.PERSON:
            with tenancy.citizen(owner.pk):
                own = Appointment.objects.filter(customer=owner.pk)
                return _with_changes(queries.shown_in_feeds(own, now))
        case FeedKind.AGENT:
            with tenancy.organizations(policies.organizations_served_by(actor)):
                given = Appointment.objects.filter(agent=owner.pk)
                rows: Any = policies.visible_to_staff(actor, given)
                return _with_changes(queries.shown_in_feeds(rows, now), names_people=True)
        case _:
            assert feed.branch_id is not None  # noqa: S101  # a constraint's word
            branch = access_branch(actor, feed.branch_id, Ability.VIEW)
            here = Appointment.objects.filter(branch=branch.pk)
            serves = policies.serves_at(actor, branch.organization_id, branch.pk)
            return _with_changes(queries.shown_in_feeds(here, now), names_people=serves)


def _with_changes(
    appointments: Iterable[Appointment], *, names_people: bool = False
) -> list[Shown]:
    found = list(appointments)
    changes = queries.changes_of(found) if found else {}
    alarms = queries.reminders_of(found) if found else {}
    return [Shown(one, changes[one.pk], names_people, alarms[one.service_id]) for one in found]
