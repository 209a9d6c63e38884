"""Getting an appointment: held while a form is filled, or booked in one step, once or several times."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db.models import Q

from smartqueue.accounts.actor import Actor
from smartqueue.accounts.enums import ActorKind
from smartqueue.appointments import policies
from smartqueue.appointments.enums import AppointmentState
from smartqueue.appointments.errors import HoldExpired, VisitOverlaps, VisitTooLong
from smartqueue.appointments.models import Appointment
from smartqueue.appointments.operations import _places
from smartqueue.appointments.operations._taking import Booking, Person, Wish, is_over, take
from smartqueue.common.db import operation
from smartqueue.common.errors import NotFound
from smartqueue.common.ids import new_id
from smartqueue.limits import operations as limits

MOST_OF_A_SERIES: Final = 26
MOST_OF_A_VISIT: Final = 5


def count_booking(*, actor: Actor, device: str = "", once: str = "") -> None:
    """
    Count what somebody is about to hold or book; call it before the operation's transaction.

    Kiosks and staff are not counted. The same `once` again is a retry.

    :raises TooManyRequests: with the seconds to wait
    """
    if actor.kind is ActorKind.KIOSK or (actor.user_id and policies.organizations_served_by(actor)):
        return
    limits.check(
        "book",
        once=f"{actor.label} {once}" if once else "",
        account=str(actor.user_id) if actor.user_id else None,
        device=device,
    )


@operation
def hold_appointment(
    *,
    actor: Actor,
    wish: Wish,
    now: datetime,
    person: Person | None = None,
    channel: str | None = None,
    device: str = "",
) -> Appointment:
    """
    Take places for as long as the service lets a form be filled; others see them as taken.

    The same person asking again for the same time gets the hold they have. Who went back and takes
    another time gives the earlier one back: a signed-in person of this service, somebody without an
    account by `device`, whatever the caller tells one device from others by.

    :raises NotFound: unknown service or branch
    :raises NotOffered, InThePast, TooSoon, TooFarAhead, SlotFull, AgentBusy: with what is free next
    :raises NotBookable, TooManyPeople, TooManyAppointments, TooManyNoShows: by the service's rules
    :raises AlreadyBooked: the person has an appointment at that time
    """
    offer = policies.access_offer(actor, wish.service_id, wish.branch_id, to_book=True)
    booking = Booking(actor, wish, person or Person(), now, channel, device=device)
    return take(offer, booking, is_held=True)


@operation
def add_to_visit(
    *,
    actor: Actor,
    holder: Actor,
    appointment_id: UUID,
    wish: Wish,
    now: datetime,
    channel: str | None = None,
    device: str = "",
) -> Appointment:
    """
    Hold places of another service beside those that somebody holds at the same branch: one visit,
    which is confirmed whole and kept as long as the newest hold.

    `holder` is whoever holds the first, by token or by account. A service that the visit has already
    is taken at the new time instead.

    :raises NotFound: unknown, not the holder's, or held by another person or for another branch
    :raises HoldExpired: with what is free next
    :raises VisitOverlaps: the person has another part of the visit at that time
    :raises VisitTooLong: it has as many services as a visit takes
    :raises NotOffered, InThePast, TooSoon, TooFarAhead, SlotFull, AgentBusy: with what is free next
    :raises NotBookable, TooManyPeople, TooManyAppointments, TooManyNoShows: by the service's rules
    """
    first = policies.access_hold_of_visit(holder, appointment_id)
    offer = policies.access_offer(actor, wish.service_id, wish.branch_id, to_book=True)
    if first.branch_id != wish.branch_id or first.booked_by_id != actor.user_id:
        raise NotFound
    if first.state != AppointmentState.HELD or is_over(first, now):
        raise _places.refusal(HoldExpired, offer, now, wish.starts_at, wish.people)
    visit_id = first.visit_id or new_id()
    beside = Appointment.objects.filter(
        Q(pk=first.pk) | Q(visit_id=visit_id), state=AppointmentState.HELD
    )
    others = beside.exclude(service=wish.service_id)
    if others.count() >= MOST_OF_A_VISIT:
        raise VisitTooLong
    person = Person(customer_name=first.customer_name, language=first.language)
    booking = Booking(
        actor, wish, person, now, channel, visit_id, device=device, beside=tuple(beside)
    )
    added = take(offer, booking, is_held=True)
    if others.filter(starts_at__lt=added.ends_at, ends_at__gt=added.starts_at).exists():
        raise VisitOverlaps
    # Theirs is the lock of their places; what has ended meanwhile is held no more.
    beside.update(visit_id=visit_id, free_at=added.free_at)
    added.visit_id = visit_id
    return added


@operation
def book_appointment(
    *,
    actor: Actor,
    wish: Wish,
    person: Person,
    now: datetime,
    channel: str | None = None,
) -> Appointment:
    """
    Book in one step, for a signed-in person, a kiosk's visitor, or by the staff for somebody.

    :raises NotSignedIn: nobody known; hold the places, then confirm with a code
    :raises InvalidInput: an answer is missing or not possible
    :raises NotFound: unknown service or branch
    :raises NotOffered, InThePast, TooSoon, TooFarAhead, SlotFull, AgentBusy: with what is free next
    :raises NotBookable, TooManyPeople, TooManyAppointments, TooManyNoShows: by the service's rules
    :raises AlreadyBooked: the person has an appointment at that time
    """
    offer = policies.access_offer(actor, wish.service_id, wish.branch_id, to_book=True)
    return take(offer, Booking(actor, wish, person, now, channel), is_held=False)


@operation
def book_visit(
    *,
    actor: Actor,
    wishes: Sequence[Wish],
    person: Person,
    now: datetime,
    channel: str | None = None,
) -> list[Appointment]:
    """
    Book several services of one visit, all or none.

    :raises NotSignedIn, InvalidInput: as `book_appointment`
    :raises NotFound: unknown service or branch
    :raises NotOffered, InThePast, TooSoon, TooFarAhead, SlotFull, AgentBusy: for the first that cannot be
        had, with what is free next
    :raises NotBookable, TooManyPeople, TooManyAppointments, TooManyNoShows: by the service's rules
    :raises AlreadyBooked: the person has an appointment at that time
    """
    return _book_all(actor, wishes, person, now, channel, visit_id=new_id())


@operation
def book_series(
    *,
    actor: Actor,
    wish: Wish,
    every_days: int,
    times: int,
    person: Person,
    now: datetime,
    channel: str | None = None,
) -> list[Appointment]:
    """
    Book the same time of the branch's clock every so many days, all or none; at most 26 times.

    :raises NotSignedIn, InvalidInput: as `book_appointment`
    :raises NotFound: unknown service or branch
    :raises NotOffered, InThePast, TooSoon, TooFarAhead, SlotFull, AgentBusy: for the first that cannot be
        had, with what is free next
    :raises NotBookable, TooManyPeople, TooManyAppointments, TooManyNoShows: by the service's rules
    :raises AlreadyBooked: the person has an appointment at that time
    """
    offer = policies.access_offer(actor, wish.service_id, wish.branch_id)
    starts = clock_series(wish.starts_at, offer.branch.timezone, every_days, times)
    wishes = [
        Wish(
            service_id=wish.service_id,
            branch_id=wish.branch_id,
            starts_at=at,
            people=wish.people,
            agent_id=wish.agent_id,
        )
        for at in starts
    ]
    return _book_all(actor, wishes, person, now, channel, series_id=new_id())


def clock_series(first: datetime, zone: str, every_days: int, times: int) -> list[datetime]:
    """Return moments at which the same wall clock shows the same time, so many days apart."""
    local = first.astimezone(ZoneInfo(zone))
    count = min(max(times, 1), MOST_OF_A_SERIES)
    return [
        (local + timedelta(days=every_days * turn)).astimezone(first.tzinfo)
        for turn in range(count)
    ]


def _book_all(
    actor: Actor,
    wishes: Sequence[Wish],
    person: Person,
    now: datetime,
    channel: str | None,
    *,
    visit_id: UUID | None = None,
    series_id: UUID | None = None,
) -> list[Appointment]:
    booked = []
    # In one order for everybody, so that two who book the same places do not wait for each other.
    in_order = sorted(wishes, key=lambda w: (w.starts_at, w.branch_id, w.service_id))
    for wish in in_order:
        offer = policies.access_offer(actor, wish.service_id, wish.branch_id, to_book=True)
        booking = Booking(actor, wish, person, now, channel, visit_id, series_id)
        booked.append(take(offer, booking, is_held=False))
    return booked
