"""Fetch, tenant, right and lock in one call; unknown and forbidden answer the same."""

import dataclasses
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models import Q, QuerySet

from smartqueue.accounts.actor import Actor
from smartqueue.accounts.enums import ActorKind
from smartqueue.appointments.enums import ACTIVE, AppointmentState, FeedKind
from smartqueue.appointments.models import (
    Appointment,
    AppointmentSlot,
    BookingRules,
    BusyCalendar,
    CalendarFeed,
    SlotException,
    SlotPlaces,
    WaitlistEntry,
)
from smartqueue.business.enums import ROLES_WITH, Ability
from smartqueue.business.models import Branch, Membership, Service
from smartqueue.business.policies import access_branch, access_service, can
from smartqueue.business.ports import Retirable
from smartqueue.common import tenancy
from smartqueue.common.db import RowOf, fetch_entering, hold_names
from smartqueue.common.errors import NotFound
from smartqueue.common.postgis.base import entering


@dataclass(slots=True)
class Offer:
    """A service at one branch, with its rules, as somebody comes to book it."""

    branch: Branch
    service: Service
    rules: BookingRules
    is_staff: bool

    @property
    def organization_id(self) -> UUID:
        """Whose it is."""
        found: UUID = self.branch.organization_id
        return found


def rules_of(service: Service) -> BookingRules:
    """Return a service's rules; the defaults where nobody has set any."""
    found: BookingRules | None = (
        BookingRules.objects.with_scopes_disabled().filter(service=service.pk).first()
    )
    return found or BookingRules(organization_id=service.organization_id, service=service)


def access_offer(
    actor: Actor, service_id: UUID, branch_id: UUID, *, to_book: bool = False
) -> Offer:
    """
    Return what anybody may book, its organization entered. With `to_book` neither is retired before
    the transaction ends.

    :raises NotFound: unknown, retired or closed, another organization's branch, a device elsewhere
    """
    if to_book:
        hold_names(_offered((service_id, branch_id)), shared=True)
    _, rows = fetch_entering(_SELECT_OFFER, [branch_id, service_id])
    if not rows:
        raise NotFound
    (row,) = rows
    branch, service = _BRANCH.read(row), _SERVICE.read(row, len(_BRANCH))
    if actor.kind is ActorKind.DISPLAY or actor.branch_id not in {None, branch.pk}:
        raise NotFound
    is_staff = serves_at(actor, branch.organization_id, branch.pk)
    tenancy.enter(branch.organization_id)
    own = len(_BRANCH) + len(_SERVICE)
    if row[own + _RULES.place("id")] is None:
        rules = BookingRules(organization_id=service.organization_id, service=service)
    else:
        rules = _RULES.read(row, own)
    return Offer(branch, service, rules, is_staff)


def _offered(ids: Iterable[UUID]) -> list[str]:
    # A lock of its own: those of the rows are taken by whoever changes anything there. Who waited
    # for one who retires finds that in the statement that comes after.
    return [f"offered {one}" for one in ids]


_BRANCH = RowOf(
    Branch, ("id", "organization_id", "name", "slug", "timezone", "country", "address", "closed_at")
)
_SERVICE = RowOf(Service)
_RULES = RowOf(BookingRules)
# Anybody may read an offer, so its row opens its organization on the way.
_SELECT_OFFER = f"""
    SELECT {entering("branch.organization_id")}, {_BRANCH.columns("branch")},
           {_SERVICE.columns("service")}, {_RULES.columns("rules")}
    FROM business_branch AS branch
    JOIN business_service AS service ON service.organization_id = branch.organization_id
    LEFT JOIN appointments_bookingrules AS rules ON rules.service_id = service.id
    WHERE branch.id = %s AND branch.closed_at IS NULL
      AND service.id = %s AND service.retired_at IS NULL
"""  # noqa: S608  # names from the models


def serves_at(actor: Actor, organization_id: UUID, branch_id: UUID) -> bool:
    """Whether the actor is staff who serves at a branch, or the system itself."""
    if actor.kind is ActorKind.SYSTEM:
        return True
    return can(actor, organization_id, Ability.SERVE, branch_id)


def is_holder(actor: Actor, appointment: Appointment) -> bool:
    """Whether the appointment is the actor's own, by token or by account."""
    if actor.appointment_id is not None:
        return actor.appointment_id == appointment.pk
    return actor.user_id is not None and actor.user_id == appointment.customer_id


def serves(actor: Actor, appointment: Appointment) -> bool:
    """Whether the actor is staff who serves at the appointment's branch, or the system itself."""
    return serves_at(actor, appointment.organization_id, appointment.branch_id)


def booked_in_one_act(one: Appointment, other: Appointment) -> bool:
    """Whether two of a series or a visit were booked by the same person in the same step."""
    return (
        one.booked_at is not None
        and (one.series_id, one.visit_id) == (other.series_id, other.visit_id)
        and (one.series_id or one.visit_id) is not None
        and all(getattr(one, name) == getattr(other, name) for name in _OF_AN_ACT)
    )


_OF_AN_ACT = (
    "organization_id",
    "booked_at",
    "booked_by_id",
    "customer_id",
    "phone",
    "person_key",
)


def actor_beside(actor: Actor, one: Appointment, other: Appointment) -> Actor:
    """
    Return as whom somebody acts on another appointment of a series or a visit: who has the link of
    one, with that of each that was booked in the same act; everybody else as themselves.
    """
    if actor.appointment_id == one.pk and booked_in_one_act(one, other):
        return dataclasses.replace(actor, appointment_id=other.pk)
    return actor


def actor_of_hold_beside(actor: Actor, one: Appointment, other: Appointment) -> Actor:
    """Return as whom somebody finishes another hold of a visit (`held_beside`)."""
    if actor.appointment_id == one.pk:
        return dataclasses.replace(actor, appointment_id=other.pk)
    return actor


def held_beside(appointment: Appointment) -> "QuerySet[Appointment]":
    """Return the other holds of an appointment's visit; whoever holds one of them holds all."""
    if appointment.visit_id is None:
        none: QuerySet[Appointment] = Appointment.objects.none()
        return none
    rows: QuerySet[Appointment] = Appointment.objects.filter(
        visit_id=appointment.visit_id,
        organization=appointment.organization_id,
        booked_by=appointment.booked_by_id,
        state=AppointmentState.HELD,
    )
    return rows.exclude(pk=appointment.pk)


def access_arrival(actor: Actor, appointment_id: UUID, reference: str = "") -> Appointment:
    """
    Return an appointment that its holder, the staff, or a kiosk at its branch may check in; the
    kiosk's visitor says the reference.

    :raises NotFound: unknown, or not the actor's
    """
    if actor.kind is not ActorKind.KIOSK:
        return access_appointment(actor, appointment_id)
    found: Appointment | None = (
        Appointment.objects.with_scopes_disabled()
        .filter(pk=appointment_id)
        .select_related(*_WITH)
        .first()
    )
    if found is None or found.branch_id != actor.branch_id or found.reference != reference:
        raise NotFound
    tenancy.enter(found.organization_id)
    return found


_WITH = ("branch", "service", "places")


def access_appointment(actor: Actor, appointment_id: UUID) -> Appointment:
    """
    Return an appointment that the actor holds or serves, with its branch and service.

    :raises NotFound: unknown, or not the actor's
    """
    found: Appointment | None = (
        Appointment.objects.with_scopes_disabled()
        .filter(pk=appointment_id)
        .select_related(*_WITH)
        .first()
    )
    if found is None or not (is_holder(actor, found) or serves(actor, found)):
        raise NotFound
    tenancy.enter(found.organization_id)
    return found


def access_hold_of_visit(actor: Actor, appointment_id: UUID) -> Appointment:
    """
    Return an appointment that the actor holds or serves, to whose visit nobody else adds before the
    transaction ends; alone it is a visit of its own.

    :raises NotFound: unknown, or not the actor's
    """
    locked = None
    while True:
        found = access_appointment(actor, appointment_id)
        visit = found.visit_id or found.pk
        if visit == locked:
            return found
        # Whoever had the lock may have made a visit of it.
        hold_names([f"visit {visit}"])
        locked = visit


def access_appointment_locked(
    actor: Actor,
    appointment_id: UUID,
    *,
    holder: bool = False,
    also: Iterable[UUID] = (),
) -> tuple[Appointment, dict[UUID, SlotPlaces]]:
    """
    Lock the places that an appointment has, then return it as it is under that lock.

    `holder` lets its holder in as well as staff. `also` are places that it may move to; all are
    locked in order of id and returned by it.

    :raises NotFound: unknown, or not the actor's
    """
    while True:
        appointment = access_appointment(actor, appointment_id)
        if not (serves(actor, appointment) or (holder and is_holder(actor, appointment))):
            raise NotFound
        locked = lock_places([appointment.places_id, *also])
        fresh: Appointment = Appointment.objects.select_related(*_WITH[:2]).get(pk=appointment.pk)
        # It may have been moved between the two reads.
        if fresh.places_id in locked:
            fresh.places = locked[fresh.places_id]
            return fresh, locked


def lock_places(ids: Iterable[UUID]) -> dict[UUID, SlotPlaces]:
    """Lock places of the entered organization, in order of their ids."""
    rows = (
        SlotPlaces.objects.filter(pk__in=set(ids))
        .order_by("pk")
        .select_for_update(of=("self",), no_key=True)
    )
    return {row.pk: row for row in rows}


def holds_entry(actor: Actor, entry: WaitlistEntry) -> bool:
    """Whether a place on a waitlist is the actor's own, by token or by account."""
    if actor.waitlist_entry_id is not None:
        return actor.waitlist_entry_id == entry.pk
    return actor.user_id is not None and actor.user_id == entry.customer_id


def access_entry(actor: Actor, entry_id: UUID) -> WaitlistEntry:
    """
    Return a place on a waitlist that the actor holds, or serves at the branch of.

    :raises NotFound: unknown, or not the actor's
    """
    found: WaitlistEntry | None = (
        WaitlistEntry.objects.with_scopes_disabled()
        .filter(pk=entry_id)
        .select_related("branch", "service")
        .first()
    )
    if found is None or not (
        holds_entry(actor, found) or serves_at(actor, found.organization_id, found.branch_id)
    ):
        raise NotFound
    tenancy.enter(found.organization_id)
    return found


def access_slot(actor: Actor, slot_id: UUID) -> AppointmentSlot:
    """
    Return a weekly slot in use at a branch that the actor manages, the branch locked.

    :raises NotFound: unknown, retired, or not the actor's
    """
    found = AppointmentSlot.objects.with_scopes_disabled().filter(pk=slot_id, retired_at=None)
    branch_id = found.values_list("branch", flat=True).first()
    if branch_id is None:
        raise NotFound
    branch = access_branch(actor, branch_id, Ability.MANAGE, lock=True)
    slot: AppointmentSlot | None = found.select_related("service").first()
    if slot is None:
        raise NotFound
    slot.branch = branch
    return slot


def access_slot_exception(actor: Actor, exception_id: UUID) -> SlotException:
    """
    Return what one date does to the slots of a branch that the actor manages, the branch locked.

    :raises NotFound: unknown, or not the actor's
    """
    found = SlotException.objects.with_scopes_disabled().filter(pk=exception_id)
    branch_id = found.values_list("branch", flat=True).first()
    if branch_id is None:
        raise NotFound
    branch = access_branch(actor, branch_id, Ability.MANAGE, lock=True)
    exception: SlotException | None = found.first()
    if exception is None:
        raise NotFound
    exception.branch = branch
    return exception


def access_managed_service(
    actor: Actor, service_id: UUID, branch_id: UUID
) -> tuple[Service, Branch]:
    """
    Return a service and a branch of one organization, at a branch that the actor manages, locked.

    :raises NotFound: unknown, or not the actor's
    """
    branch = access_branch(actor, branch_id, Ability.MANAGE, lock=True)
    service = Service.objects.filter(pk=service_id, retired_at=None).first()
    if service is None:
        raise NotFound
    return service, branch


def access_rules(actor: Actor, service_id: UUID) -> tuple[Service, BookingRules]:
    """
    Return a service, locked, of an organization that the actor manages, and its rules.

    :raises NotFound: unknown, or not the actor's
    """
    service = access_service(actor, service_id, Ability.MANAGE, lock=True)
    return service, rules_of(service)


def organizations_served_by(actor: Actor) -> list[UUID]:
    """Return the organizations in which the actor serves people."""
    roles = ROLES_WITH[Ability.SERVE]
    return [m.organization_id for m in actor.memberships if m.role in roles]


def visible_to_staff(actor: Actor, rows: "QuerySet[Any]") -> "QuerySet[Any]":
    """Narrow rows with a branch to those that the actor's roles reach."""
    reached = Q(pk__in=())
    for membership in actor.memberships:
        if membership.role in ROLES_WITH[Ability.SERVE]:
            here = Q(organization_id=membership.organization_id)
            if membership.branch_ids is not None:
                here &= Q(branch_id__in=membership.branch_ids)
            reached |= here
    return rows.filter(reached)


_HELD_UP: dict[Retirable, str] = {
    Retirable.ORGANIZATION: "organization",
    Retirable.BRANCH: "branch",
    Retirable.SERVICE: "service",
}


def _offered_by(thing: Retirable, thing_id: UUID) -> list[UUID]:
    """Return what somebody who books keeps, that is retired with a thing: every booking has a branch."""
    if thing is not Retirable.ORGANIZATION:
        return [thing_id]
    live = Branch.objects.with_scopes_disabled().filter(organization=thing_id, closed_at=None)
    return list(live.values_list("pk", flat=True))


def people_held_up_by(thing: Retirable, thing_id: UUID) -> int:
    """Count the people with appointments ahead, if a thing were retired; none are added meanwhile."""
    column = _HELD_UP.get(thing)
    if column is None:
        return 0
    hold_names(_offered(_offered_by(thing, thing_id)))
    places = SlotPlaces.objects.with_scopes_disabled().filter(**{column: thing_id}, taken__gt=0)
    list(places.select_for_update(of=("self",), no_key=True).order_by("pk"))
    ahead = Appointment.objects.with_scopes_disabled().filter(**{column: thing_id})
    count: int = ahead.filter(state__in=ACTIVE).count()
    return count


# --- Calendars ----------------------------------------------------------------------------------


def access_feed_subject(actor: Actor, kind: FeedKind, branch_id: UUID | None) -> UUID | None:
    """
    Let somebody make a feed of what they may see; returns the organization of a branch, entered.

    :raises NotSignedIn: nobody is signed in
    :raises NotFound: the actor serves nowhere, or the branch is not theirs to see
    """
    actor.require_user()
    if kind is FeedKind.BRANCH:
        if branch_id is None:
            raise NotFound
        organization_id: UUID = access_branch(actor, branch_id, Ability.VIEW).organization_id
        return organization_id
    if kind is FeedKind.AGENT and not organizations_served_by(actor):
        raise NotFound
    return None


def access_feed(actor: Actor, feed_id: UUID) -> CalendarFeed:
    """
    Return the actor's own feed, locked.

    :raises NotFound: unknown, revoked, or somebody else's
    """
    rows = CalendarFeed.objects.filter(pk=feed_id, owner=actor.require_user())
    feed = rows.select_for_update(of=("self",), no_key=True).first()
    if feed is None:
        raise NotFound
    return feed


def access_busy_subject(
    actor: Actor, organization_id: UUID, agent_id: UUID | None, branch_id: UUID | None
) -> Branch | None:
    """
    Let somebody say whose calendar is kept elsewhere: their own as an agent, or as a manager that of
    another agent or of a branch, which is returned. The organization is entered.

    :raises NotFound: not the actor's to say, not a member, or another organization's branch
    """
    if branch_id is not None:
        branch = access_branch(actor, branch_id, Ability.MANAGE)
        if branch.organization_id != organization_id:
            raise NotFound
        return branch
    is_own = agent_id is not None and actor.user_id == agent_id
    membership = actor.membership_in(organization_id)
    ability = Ability.SERVE if is_own else Ability.MANAGE
    if membership is None or membership.role not in ROLES_WITH[ability]:
        raise NotFound
    tenancy.enter(organization_id)
    works = Membership.objects.filter(
        organization=organization_id, user=agent_id, role__in=ROLES_WITH[Ability.SERVE]
    )
    if not is_own and membership.branch_ids is not None:
        works = works.filter(branches__in=membership.branch_ids)
    if not works.exists():
        raise NotFound
    return None


def access_busy_calendar(actor: Actor, calendar_id: UUID) -> BusyCalendar:
    """
    Return a calendar kept elsewhere, locked, that the actor may change.

    :raises NotFound: unknown, or not the actor's
    """
    rows = BusyCalendar.objects.with_scopes_disabled().filter(pk=calendar_id)
    calendar: BusyCalendar | None = rows.select_for_update(of=("self",), no_key=True).first()
    if calendar is None:
        raise NotFound
    access_busy_subject(actor, calendar.organization_id, calendar.agent_id, calendar.branch_id)
    return calendar


def busy_calendars_of(actor: Actor, organization_id: UUID) -> "QuerySet[Any]":
    """
    Return the calendars kept elsewhere that the actor may see in an organization, which is entered:
    a manager's all within reach, an agent's own.

    :raises NotFound: the actor does not serve there
    """
    membership = actor.membership_in(organization_id)
    if membership is None or membership.role not in ROLES_WITH[Ability.SERVE]:
        raise NotFound
    tenancy.enter(organization_id)
    rows: QuerySet[Any] = BusyCalendar.objects.filter(organization=organization_id)
    seen = Q(agent=actor.user_id)
    if membership.role in ROLES_WITH[Ability.MANAGE]:
        reach = membership.branch_ids
        if reach is None:
            return rows
        seen |= Q(branch__in=reach) | Q(agent__in=_agents_at(reach))
    return rows.filter(seen)


def _agents_at(branch_ids: Iterable[UUID]) -> "QuerySet[Any]":
    rows: QuerySet[Any] = Membership.objects.filter(branches__in=list(branch_ids))
    return rows.values("user")
