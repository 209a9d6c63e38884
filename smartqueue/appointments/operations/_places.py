"""
The places of one start: locked, rid of what is over, counted, taken and given back.

Their row is the lock. Whatever holds a place without a person behind it ends under that lock: a
form that was not finished, an offer that was not answered.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import connection

from smartqueue.accounts.actor import SYSTEM
from smartqueue.appointments import events, policies, queries
from smartqueue.appointments.availability import Slot, slots_at
from smartqueue.appointments.enums import AppointmentState, Side
from smartqueue.appointments.errors import (
    AgentBusy,
    InThePast,
    NotBookable,
    NotOffered,
    SlotFull,
    TooFarAhead,
    TooSoon,
)
from smartqueue.appointments.models import Appointment, SlotPlaces
from smartqueue.appointments.operations import _lifecycle, _waiting
from smartqueue.appointments.policies import Offer
from smartqueue.appointments.queries import Bookable, Openings
from smartqueue.common import clock
from smartqueue.common.db import execute, fetch_all, fetch_one
from smartqueue.common.errors import Problem
from smartqueue.common.ids import new_id

# With the ceilings of its slot: nobody has booked there, so they need not be raised under a lock.
_MAKE = """
    INSERT INTO appointments_slotplaces (
        id, organization_id, branch_id, service_id, agent_id, starts_at, ends_at, busy_from,
        busy_until, ceiling, public_ceiling, taken, public_taken, cooling)
    VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, 0, 0, 0)
    ON CONFLICT (service_id, branch_id, starts_at, agent_id) DO NOTHING
    RETURNING id
"""
_FIND = """
    SELECT id, agent_id, taken, public_taken FROM appointments_slotplaces
    WHERE service_id = %s AND branch_id = %s AND starts_at = %s
      AND (agent_id IS NULL OR agent_id = ANY(%s))
"""
_COOL = """
    UPDATE appointments_slotplaces
    SET cooling = %s + CASE WHEN cooling_until > %s THEN cooling ELSE 0 END,
        cooling_until = greatest(cooling_until, %s)
    WHERE id = %s
"""
_RAISE = """
    UPDATE appointments_slotplaces
    SET ceiling = greatest(taken, %s), public_ceiling = greatest(public_taken, %s)
    WHERE id = %s
"""
_STRETCH = """
    UPDATE appointments_slotplaces SET ends_at = %s, busy_from = %s, busy_until = %s
    WHERE id = %s AND taken = 0
"""


def bookable_on(offer: Offer, starts_at: datetime) -> Bookable | None:
    """Return the calendar of what somebody comes to book, around a moment."""
    day = clock.service_date(starts_at, offer.branch.timezone)
    return queries.get_bookable(offer.service, offer.branch, day, day, rules=offer.rules)


def refusal(
    kind: type[Problem],
    offer: Offer,
    now: datetime,
    around: datetime,
    people: int,
    *,
    known: Bookable | None = None,
    **extra: Any,
) -> Problem:
    """Return a failure that says what is free next; `known` is the offer's calendar, if loaded."""
    free = queries.next_free(
        offer.service,
        offer.branch,
        now=now,
        around=around,
        people=people,
        is_public=not offer.is_staff,
        rules=offer.rules,
        schedule=known.calendar.schedule if known else None,
    )
    return kind(**extra, next_free=free)


def slots_to_book(
    offer: Offer, starts_at: datetime, now: datetime, people: int, agent_id: UUID | None
) -> tuple[Bookable, list[Slot]]:
    """
    Return the slots at a moment that somebody may book, an agent's only if told or there is no other.

    :raises NotBookable: the service takes no appointments
    :raises NotOffered, InThePast, TooSoon, TooFarAhead: with what is free next
    """
    if not offer.rules.is_bookable:
        raise NotBookable
    _check_time(offer, starts_at, now, people)
    bookable = bookable_on(offer, starts_at)
    slots = slots_at(bookable.calendar, starts_at) if bookable else []
    if agent_id is not None:
        slots = [slot for slot in slots if slot.agent == agent_id]
    if bookable is None or not slots:
        raise refusal(NotOffered, offer, now, starts_at, people, known=bookable)
    return bookable, slots


def _check_time(offer: Offer, starts_at: datetime, now: datetime, people: int) -> None:
    if starts_at <= now:
        raise refusal(InThePast, offer, now, now, people)
    if offer.is_staff:
        return
    if starts_at < now + timedelta(minutes=offer.rules.lead_minutes):
        raise refusal(TooSoon, offer, now, starts_at, people)
    day = clock.service_date(starts_at, offer.branch.timezone)
    last = clock.service_date(now, offer.branch.timezone) + timedelta(days=offer.rules.window_days)
    if day > last:
        raise refusal(TooFarAhead, offer, now, now, people)


@dataclass(slots=True)
class Rows:
    """
    The rows of some slots' places, by agent: as they were found, and those made just now, which
    are locked and of which nothing is taken.
    """

    found: dict[UUID | None, tuple[UUID, int, int]]
    made: dict[UUID | None, SlotPlaces] = field(default_factory=dict)

    @property
    def ids(self) -> list[UUID]:
        """The ids of all, made or found."""
        return [row[0] for row in self.found.values()] + [row.pk for row in self.made.values()]


def find_places(bookable: Bookable, slots: list[Slot]) -> Rows:
    """Return the places of slots of one start that somebody has asked for before."""
    agents = [slot.agent for slot in slots if slot.agent]
    asked = [bookable.service.pk, bookable.branch.pk, slots[0].starts_at, agents]
    wanted = {slot.agent for slot in slots}
    return Rows(
        {agent: (pk, *taken) for pk, agent, *taken in fetch_all(_FIND, asked) if agent in wanted}
    )


def make_places(bookable: Bookable, slots: list[Slot], rows: Rows) -> None:
    """Make the places that nobody has asked for before."""
    for slot in slots:
        if slot.agent in rows.found:
            continue
        row = _new_places(bookable, slot)
        if fetch_one(_MAKE, [getattr(row, name) for name in _COLUMNS]) is not None:
            rows.made[slot.agent] = row
        else:
            # Somebody made it in between; a statement of its own sees it.
            rows.found |= find_places(bookable, [slot]).found


_COLUMNS = (
    "id",
    "organization_id",
    "branch_id",
    "service_id",
    "agent_id",
    "starts_at",
    "ends_at",
    "busy_from",
    "busy_until",
    "ceiling",
    "public_ceiling",
)


def _new_places(bookable: Bookable, slot: Slot) -> SlotPlaces:
    ends_at, busy_from, busy_until = _times(bookable, slot)
    return SlotPlaces(
        id=new_id(),
        organization_id=bookable.branch.organization_id,
        branch_id=bookable.branch.pk,
        service_id=bookable.service.pk,
        agent_id=slot.agent,
        starts_at=slot.starts_at,
        ends_at=ends_at,
        busy_from=busy_from,
        busy_until=busy_until,
        ceiling=slot.capacity,
        public_ceiling=slot.public_capacity,
    )


def lock_places(rows: Rows, also: Iterable[UUID] = ()) -> dict[UUID, SlotPlaces]:
    """Lock what was found, in order of ids, with other places; what was made is locked already."""
    made = {row.pk: row for row in rows.made.values()}
    others = {*also, *(row[0] for row in rows.found.values())} - set(made)
    return made | (policies.lock_places(others) if others else {})


def settle(bookable: Bookable, places: SlotPlaces, now: datetime) -> None:
    """End what holds locked places without a person behind it; the waitlist gets them first."""
    due = list(
        Appointment.objects.filter(places=places, counted__gt=0, free_at__lte=now)
        .select_related("branch", "service", "offer__entry")
        .order_by("free_at", "id")
    )
    for appointment in due:
        freed_at = expire(appointment, now)
        people = appointment.people if freed_at else 0
        give_back(bookable, places, people, now, freed_at=freed_at)


def expire(appointment: Appointment, now: datetime, *, reason: str = "") -> datetime | None:
    """
    End a hold, a request or an offer that was not finished in time. Returns since when the place of
    an offer is free: nobody else may have it before the service's delay after that.

    `reason` is the event's.
    """
    before = AppointmentState(appointment.state)
    _lifecycle.end(appointment, AppointmentState.EXPIRED, Side.SYSTEM, now)
    appointment.counted = 0
    offer = _waiting.open_offer_of(appointment)
    _lifecycle.record(
        _lifecycle.Change(
            appointment=appointment,
            event=events.AppointmentExpired,
            actor=SYSTEM,
            at=now,
            from_state=before,
            reason=reason,
            is_seen=before is AppointmentState.PENDING,
        )
    )
    if offer is None:
        return None
    _waiting.lapse(offer, now)
    return offer.offered_at


def left(
    bookable: Bookable, slot: Slot, now: datetime, *, is_public: bool, is_waitlist: bool = False
) -> int:
    """Return the places left at a slot whose row is locked and settled."""
    openings = _openings(bookable, slot, now, is_public=is_public, is_waitlist=is_waitlist)
    return openings.left_at(bookable, slot)


def _openings(
    bookable: Bookable, slot: Slot, now: datetime, *, is_public: bool, is_waitlist: bool = False
) -> Openings:
    day = clock.service_date(slot.starts_at, bookable.branch.timezone)
    return Openings([bookable], day, day, now, is_public=is_public, is_waitlist=is_waitlist)


def slot_of_places(bookable: Bookable | None, places: SlotPlaces) -> Slot | None:
    """Return what the pattern of today offers at the start of some places, if it does."""
    if bookable is None:
        return None
    here = slots_at(bookable.calendar, places.starts_at)
    return next((slot for slot in here if slot.agent == places.agent_id), None)


def follow_pattern(bookable: Bookable, places: SlotPlaces, slot: Slot) -> None:
    """
    Let the constraints allow what the pattern allows today; who is booked beyond that stays, and for
    as long as they were promised.
    """
    if (places.ceiling, places.public_ceiling) != (slot.capacity, slot.public_capacity):
        places.ceiling, places.public_ceiling = slot.capacity, slot.public_capacity
        execute(_RAISE, [slot.capacity, slot.public_capacity, places.pk])
    times = _times(bookable, slot)
    if places.taken == 0 and (places.ends_at, places.busy_from, places.busy_until) != times:
        places.ends_at, places.busy_from, places.busy_until = times
        execute(_STRETCH, [*times, places.pk])


def _times(bookable: Bookable, slot: Slot) -> tuple[datetime, datetime, datetime]:
    """Return when a slot ends, and from when to when it keeps its agent."""
    before = timedelta(minutes=bookable.calendar.before)
    after = timedelta(minutes=bookable.calendar.after)
    return slot.ends_at, slot.starts_at - before, slot.ends_at + after


def check_room(
    offer: Offer, bookable: Bookable, slots: list[Slot], rows: Rows, people: int, now: datetime
) -> None:
    """
    Refuse without a lock what is plainly full, so that a crowd at one place does not stand in line
    for a refusal; who passes is counted again under the lock.

    :raises SlotFull, AgentBusy: with what is free next
    """
    if any(_seems_free(offer, slot, rows.found.get(slot.agent), people) for slot in slots):
        return
    openings = _openings(bookable, slots[0], now, is_public=not offer.is_staff)
    free = max(openings.left_at(bookable, slot) for slot in slots)
    if free < people:
        is_empty = openings.is_empty_at(slots[0])
        raise full(offer, bookable, slots[0], people, now, free, is_empty=is_empty)


def _seems_free(offer: Offer, slot: Slot, row: tuple[UUID, int, int] | None, people: int) -> bool:
    """Whether a start has room by its row alone; holds that are over are in the way there."""
    _, taken, public = row or (None, 0, 0)
    free = slot.capacity - taken
    return (free if offer.is_staff else min(free, slot.public_capacity - public)) >= people


def full(
    offer: Offer,
    bookable: Bookable,
    slot: Slot,
    people: int,
    now: datetime,
    free: int,
    *,
    is_empty: bool,
) -> Problem:
    """Return the refusal of a start without room: full, or its agent's time is taken elsewhere."""
    if slot.agent is not None and is_empty:
        return refusal(AgentBusy, offer, now, slot.starts_at, people, known=bookable)
    free = max(free, 0)
    return refusal(SlotFull, offer, now, slot.starts_at, people, known=bookable, free=free)


def pick(
    offer: Offer,
    bookable: Bookable,
    slots: list[Slot],
    locked: dict[UUID, SlotPlaces],
    people: int,
    now: datetime,
) -> tuple[SlotPlaces, Slot]:
    """
    Return the first of the slots with room, whose places are locked; its ceiling is set.

    :raises SlotFull, AgentBusy: with what is free next
    """
    places = by_slot(locked)
    most = 0
    is_public = not offer.is_staff
    openings = _openings(bookable, slots[0], now, is_public=is_public)
    for slot in slots:
        row = places[slot.starts_at, slot.agent]
        if openings.has_due(slot):
            settle(bookable, row, now)
            openings = _openings(bookable, slots[0], now, is_public=is_public)
        free = openings.left_at(bookable, slot)
        if free >= people:
            follow_pattern(bookable, row, slot)
            return row, slot
        most = max(most, free)
    first = slots[0]
    is_empty = places[first.starts_at, first.agent].taken == 0
    raise full(offer, bookable, first, people, now, most, is_empty=is_empty)


def by_slot(locked: dict[UUID, SlotPlaces]) -> dict[tuple[datetime, UUID | None], SlotPlaces]:
    """Return locked places by their start and agent."""
    return {(row.starts_at, row.agent_id): row for row in locked.values()}


def offer_to_waitlist(bookable: Bookable | None, places: SlotPlaces, now: datetime) -> int:
    """
    Offer what is free of locked places to the waitlist in its order; return how many were kept.

    Only what people may book themselves; nothing is offered of a start that the pattern has lost.
    """
    slot = slot_of_places(bookable, places)
    if bookable is None or slot is None or slot.starts_at <= now:
        return 0
    kept = 0
    while True:
        free = left(bookable, slot, now, is_public=True, is_waitlist=True)
        if free <= 0:
            return kept
        entry = _waiting.next_in_order(bookable, places, free)
        if entry is None:
            return kept
        follow_pattern(bookable, places, slot)
        _waiting.offer(bookable, places, entry, now)
        kept += entry.people


def give_back(
    bookable: Bookable | None,
    places: SlotPlaces,
    people: int,
    now: datetime,
    *,
    freed_at: datetime | None = None,
) -> None:
    """
    Offer places that were given up to the waitlist, under their lock; what nobody waits for stays
    closed to others until the service's delay after `freed_at`, now unless told.
    """
    if bookable is None:
        return
    kept = offer_to_waitlist(bookable, places, now)
    until = (freed_at or now) + timedelta(minutes=bookable.rules.resale_delay_minutes)
    if until <= now or people <= kept or places.starts_at <= now:
        return
    with connection.cursor() as cursor:
        cursor.execute(_COOL, [people - kept, now, until, places.pk])
