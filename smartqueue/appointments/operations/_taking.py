"""Taking places for somebody: checked, locked, counted, written."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from smartqueue.accounts.actor import Actor
from smartqueue.accounts.enums import ActorKind
from smartqueue.appointments import events, policies
from smartqueue.appointments.enums import AppointmentState, BookingChannel
from smartqueue.appointments.errors import NotBookable, TooManyPeople
from smartqueue.appointments.models import Appointment, SlotPlaces
from smartqueue.appointments.operations import _lifecycle, _people, _places
from smartqueue.appointments.policies import Offer
from smartqueue.common import clock
from smartqueue.common.errors import NotSignedIn
from smartqueue.common.ids import new_id

OPEN_CHANNELS: Final = frozenset({BookingChannel.WEB, BookingChannel.API})


@dataclass(frozen=True, kw_only=True, slots=True)
class Wish:
    """A time of a service at a branch; `agent_id` where it has to be one agent's."""

    service_id: UUID
    branch_id: UUID
    starts_at: datetime
    people: int = 1
    agent_id: UUID | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Person:
    """
    For whom an appointment is: by their name where it is not the account's own person, by phone
    (E.164) where there is no account. `answers` are to the service's questions.
    """

    customer_name: str = ""
    phone: str = ""
    language: str = "fr"
    answers: Mapping[str, Any] | None = None
    note: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Booking:
    """
    Who asks for which time, for whom, and what the appointment belongs to; `beside` are the holds of
    its visit, which stay but for one of the same service.
    """

    actor: Actor
    wish: Wish
    person: Person
    now: datetime
    channel: str | None
    visit_id: UUID | None = None
    series_id: UUID | None = None
    device: str = ""
    beside: tuple[Appointment, ...] = ()


def take(offer: Offer, booking: Booking, *, is_held: bool) -> Appointment:
    """Book, or hold; what an operation that does so raises is in its own docstring."""
    actor, wish, person, now = booking.actor, booking.wish, booking.person, booking.now
    customer_id = None if offer.is_staff else actor.user_id
    person_key = _people.key_of(person.customer_name)
    _check_door(offer, actor, wish.people, is_held=is_held)
    answers = {} if is_held else _people.checked_answers(offer.rules, person.answers)
    bookable, slots = _places.slots_to_book(offer, wish.starts_at, now, wish.people, wish.agent_id)
    is_unknown = customer_id is None and not offer.is_staff and actor.kind is not ActorKind.KIOSK
    device = _people.digest_of_device(offer, booking.device) if is_unknown else None
    _people.wait_for_person(offer, customer_id, person.phone, device)
    behind = _people.holds_left_behind(
        offer, customer_id, person_key, device, beside=booking.beside
    )
    left = [row.pk for row in behind]
    earlier = _people.same_booking(offer, wish.starts_at, customer_id, person.phone, person_key)
    if earlier is not None and _is_same_hold(earlier, booking, is_held=is_held):
        return earlier
    if earlier is not None and earlier.pk not in left and not is_over(earlier, now):
        is_told = offer.is_staff or earlier.customer_id == actor.user_id
        raise _people.already(earlier, is_told=is_told)
    day = clock.service_date(wish.starts_at, offer.branch.timezone)
    if not offer.is_staff:
        _people.check_limits(
            offer,
            customer_id=customer_id,
            phone=person.phone,
            person_key=person_key,
            day=day,
            now=now,
            besides=left,
        )
    # Who changes the number of people counts against what they hold themselves.
    rows = _places.find_places(bookable, slots)
    if not any(row.starts_at == wish.starts_at for row in behind):
        _places.check_room(offer, bookable, slots, rows, wish.people, now)
    _places.make_places(bookable, slots, rows)
    locked = _places.lock_places(rows, [row.places_id for row in behind])
    _give_back_holds(left, locked, now)
    targets = {pk: row for pk, row in locked.items() if pk in rows.ids}
    places, slot = _places.pick(offer, bookable, slots, targets, wish.people, now)
    appointment = Appointment(
        id=new_id(),
        organization_id=offer.organization_id,
        branch=offer.branch,
        service=offer.service,
        places=places,
        agent_id=slot.agent,
        starts_at=slot.starts_at,
        ends_at=slot.ends_at,
        date=day,
        state=AppointmentState.HELD,
        people=wish.people,
        is_public=not offer.is_staff,
        counted=wish.people,
        free_at=now + timedelta(seconds=offer.rules.hold_seconds),
        held_for=device,
        reference=_people.new_reference(),
        visit_id=booking.visit_id,
        series_id=booking.series_id,
        customer_id=customer_id,
        booked_by_id=actor.user_id,
        customer_name=person.customer_name,
        phone=person.phone,
        person_key=person_key,
        language=person.language,
        answers=answers,
        note=person.note if offer.is_staff else "",
        channel=_channel_of(booking.channel, is_staff=offer.is_staff),
        created_at=now,
    )
    event: type[events.AppointmentEvent] = events.AppointmentHeld
    if not is_held:
        event = settle_state(offer, appointment, now)
    return _lifecycle.record(
        _lifecycle.Change(
            appointment=appointment, event=event, actor=actor, at=now, from_state=None
        )
    )


def _give_back_holds(ids: list[UUID], locked: dict[UUID, SlotPlaces], now: datetime) -> None:
    """End holds that somebody went back from, as they are under the lock of their places."""
    if not ids:
        return
    rows = Appointment.objects.filter(
        pk__in=ids, state=AppointmentState.HELD, places__in=locked
    ).select_related("branch", "service")
    for row in rows.order_by("places_id", "id"):
        _places.expire(row, now, reason="replaced")
        rules = policies.rules_of(row.service)
        offer = Offer(row.branch, row.service, rules, is_staff=True)
        bookable = _places.bookable_on(offer, row.starts_at)
        # A form that nobody finished sold nothing.
        _places.give_back(bookable, locked[row.places_id], 0, now)


def _check_door(offer: Offer, actor: Actor, people: int, *, is_held: bool) -> None:
    is_known = offer.is_staff or actor.user_id is not None or actor.kind is ActorKind.KIOSK
    if not is_known and not is_held:
        raise NotSignedIn
    if not is_known and not offer.rules.allows_anonymous:
        raise NotSignedIn
    if not offer.rules.is_bookable:
        raise NotBookable
    if people < 1 or (people > offer.rules.most_people and not offer.is_staff):
        raise TooManyPeople(most_people=offer.rules.most_people)


def _is_same_hold(earlier: Appointment, booking: Booking, *, is_held: bool) -> bool:
    return (
        is_held
        and earlier.state == AppointmentState.HELD
        and earlier.people == booking.wish.people
        and not is_over(earlier, booking.now)
    )


def is_over(appointment: Appointment, now: datetime) -> bool:
    """Whether an appointment is a hold whose time is over."""
    return (
        appointment.state == AppointmentState.HELD
        and appointment.free_at is not None
        and appointment.free_at <= now
    )


def _channel_of(channel: str | None, *, is_staff: bool) -> str:
    if is_staff:
        return channel or BookingChannel.AGENT
    return channel if channel in OPEN_CHANNELS else BookingChannel.API


def settle_state(
    offer: Offer, appointment: Appointment, now: datetime
) -> type[events.AppointmentEvent]:
    """Put a booking that is complete into its next state; return the event that tells of it."""
    appointment.free_at = None
    appointment.held_for = None
    appointment.booked_at = now
    if offer.rules.needs_approval and not offer.is_staff:
        appointment.state = AppointmentState.PENDING
        return events.AppointmentRequested
    appointment.state = AppointmentState.CONFIRMED
    appointment.confirmed_at = now
    appointment.next_reminder_at = reminder_after(offer.rules, appointment.starts_at, now)
    return events.AppointmentConfirmed


def reminder_after(rules: Any, starts_at: datetime, now: datetime) -> datetime | None:
    """Return when the next reminder of an appointment is due; None when there is none any more."""
    due = sorted(starts_at - timedelta(minutes=minutes) for minutes in rules.reminder_minutes)
    return next((at for at in due if at > now), None)
