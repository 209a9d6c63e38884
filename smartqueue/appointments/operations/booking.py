"""Getting an appointment: held while the form is filled, then booked, perhaps after approval."""

import hmac
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db.models import F

from smartqueue.accounts import identifiers
from smartqueue.accounts.actor import Actor
from smartqueue.accounts.enums import ActorKind
from smartqueue.accounts.operations import require_reachable
from smartqueue.appointments import events, policies
from smartqueue.appointments.enums import AppointmentState, BookingChannel
from smartqueue.appointments.errors import (
    CodeNeeded,
    HoldExpired,
    IllegalTransition,
    NotBookable,
    PhoneNeeded,
    TooManyPeople,
    WrongBookingCode,
)
from smartqueue.appointments.models import Appointment, SlotPlaces
from smartqueue.appointments.operations import _lifecycle, _people, _places, _waiting
from smartqueue.appointments.policies import Offer
from smartqueue.common import clock, tenancy
from smartqueue.common.crypto import keyed_digest
from smartqueue.common.db import operation
from smartqueue.common.errors import NotSignedIn
from smartqueue.common.ids import new_id
from smartqueue.limits import operations as limits
from smartqueue.notifications import operations as notifications
from smartqueue.notifications.enums import Channel

CODE_MESSAGE: Final = "booking_code"
CODE_LIFE: Final = timedelta(minutes=10)
CODE_DIGITS: Final = 6
MAX_ATTEMPTS: Final = 5
MOST_OF_A_SERIES: Final = 26
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
    offer = policies.access_offer(actor, wish.service_id, wish.branch_id)
    booking = _Booking(actor, wish, person or Person(), now, channel, device=device)
    return _take(offer, booking, is_held=True)


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
    :raises Problem: as `hold_appointment`
    """
    offer = policies.access_offer(actor, wish.service_id, wish.branch_id)
    return _take(offer, _Booking(actor, wish, person, now, channel), is_held=False)


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

    :raises Problem: as `book_appointment`, for the first that cannot be had
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

    :raises Problem: as `book_appointment`, for the first that cannot be had
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
        offer = policies.access_offer(actor, wish.service_id, wish.branch_id)
        booking = _Booking(actor, wish, person, now, channel, visit_id, series_id)
        booked.append(_take(offer, booking, is_held=False))
    return booked


@dataclass(frozen=True, slots=True)
class _Booking:
    actor: Actor
    wish: Wish
    person: Person
    now: datetime
    channel: str | None
    visit_id: UUID | None = None
    series_id: UUID | None = None
    device: str = ""


def _take(offer: Offer, booking: _Booking, *, is_held: bool) -> Appointment:
    actor, wish, person, now = booking.actor, booking.wish, booking.person, booking.now
    customer_id = None if offer.is_staff else actor.user_id
    person_key = _people.key_of(person.customer_name)
    _check_door(offer, actor, wish.people, is_held=is_held)
    answers = {} if is_held else _people.checked_answers(offer.rules, person.answers)
    bookable, slots = _places.slots_to_book(offer, wish.starts_at, now, wish.people, wish.agent_id)
    is_unknown = customer_id is None and not offer.is_staff and actor.kind is not ActorKind.KIOSK
    device = _people.digest_of_device(offer, booking.device) if is_unknown else None
    _people.wait_for_person(offer, customer_id, person.phone, device)
    behind = _people.holds_left_behind(offer, customer_id, person_key, device)
    left = [row.pk for row in behind]
    earlier = _people.same_booking(offer, wish.starts_at, customer_id, person.phone, person_key)
    if earlier is not None and _is_same_hold(earlier, booking, is_held=is_held):
        return earlier
    if earlier is not None and earlier.pk not in left and not _is_over(earlier, now):
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
    if not any(row.starts_at == wish.starts_at for row in behind):
        _places.check_room(offer, bookable, slots, wish.people, now)
    wanted = _places.make_places(bookable, slots)
    locked = policies.lock_places([*wanted, *(row.places_id for row in behind)])
    _give_back_holds(left, locked, now)
    targets = {pk: row for pk, row in locked.items() if pk in wanted}
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
        event = _settle_state(offer, appointment, now)
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


def _is_same_hold(earlier: Appointment, booking: _Booking, *, is_held: bool) -> bool:
    return (
        is_held
        and earlier.state == AppointmentState.HELD
        and earlier.people == booking.wish.people
        and not _is_over(earlier, booking.now)
    )


def _is_over(appointment: Appointment, now: datetime) -> bool:
    return (
        appointment.state == AppointmentState.HELD
        and appointment.free_at is not None
        and appointment.free_at <= now
    )


def _channel_of(channel: str | None, *, is_staff: bool) -> str:
    if is_staff:
        return channel or BookingChannel.AGENT
    return channel if channel in OPEN_CHANNELS else BookingChannel.API


def _settle_state(
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


def _offer_of(actor: Actor, appointment: Appointment) -> Offer:
    rules = policies.rules_of(appointment.service)
    is_staff = policies.serves(actor, appointment)
    return Offer(appointment.branch, appointment.service, rules, is_staff)


@operation
def confirm_appointment(
    *, actor: Actor, appointment_id: UUID, person: Person, now: datetime
) -> Appointment:
    """
    Finish the form of a hold, or take the place that the waitlist was offered.

    Again on what is booked already returns it as it is.

    :raises NotFound: unknown, or not the actor's
    :raises HoldExpired: with what is free next
    :raises PhoneNeeded, CodeNeeded: somebody without an account proves a phone first
    :raises InvalidInput: an answer is missing or not possible
    :raises TooManyAppointments, TooManyNoShows: by the service's rules
    """
    appointment, _ = policies.access_appointment_locked(actor, appointment_id, holder=True)
    if appointment.state in {AppointmentState.PENDING, AppointmentState.CONFIRMED}:
        return appointment
    offer = _offer_of(actor, appointment)
    if _is_over(appointment, now) or appointment.state == AppointmentState.EXPIRED:
        raise _places.refusal(HoldExpired, offer, now, appointment.starts_at, appointment.people)
    if appointment.state != AppointmentState.HELD:
        raise IllegalTransition(state=appointment.state)
    offered = _waiting.open_offer_of(appointment)
    _fill_in(appointment, offer, person)
    if not offer.is_staff:
        _check_reachable(appointment, actor, is_offered=offered is not None)
        _people.wait_for_person(offer, appointment.customer_id, appointment.phone)
        _people.check_limits(
            offer,
            customer_id=appointment.customer_id,
            phone=appointment.phone,
            person_key=appointment.person_key,
            day=appointment.date,
            now=now,
            besides=[appointment.pk],
        )
    event = _settle_state(offer, appointment, now)
    if offered is not None:
        _waiting.take(offered, actor, now)
    return _lifecycle.record(
        _lifecycle.Change(
            appointment=appointment,
            event=event,
            actor=actor,
            at=now,
            from_state=AppointmentState.HELD,
        )
    )


def _fill_in(appointment: Appointment, offer: Offer, person: Person) -> None:
    appointment.answers = _people.checked_answers(offer.rules, person.answers)
    if person.customer_name:
        appointment.customer_name = person.customer_name
        appointment.person_key = _people.key_of(person.customer_name)
    if person.phone and appointment.phone_verified_at is None:
        appointment.phone = person.phone
    if offer.is_staff and person.note:
        appointment.note = person.note


def _check_reachable(appointment: Appointment, actor: Actor, *, is_offered: bool) -> None:
    if appointment.customer_id is not None or actor.kind is ActorKind.KIOSK or is_offered:
        return
    if not appointment.phone:
        raise PhoneNeeded.on("phone", PhoneNeeded.title, PhoneNeeded.code)
    if appointment.phone_verified_at is None:
        raise CodeNeeded


def send_booking_code(
    *, actor: Actor, appointment_id: UUID, phone: str, language: str, now: datetime
) -> datetime:
    """
    Send a code to the phone of somebody who books without an account; return until when it is good.

    Call it outside a transaction: text messages are counted.

    :raises NotFound: unknown, or not the actor's
    :raises HoldExpired: with what is free next
    :raises InvalidInput: not a phone number that text messages are sent to
    :raises TooManyRequests: with the seconds to wait
    """
    known = identifiers.phone(phone)
    with tenancy.restored():
        policies.access_appointment(actor, appointment_id)
    require_reachable([known])
    return _send_code(
        actor=actor,
        appointment_id=appointment_id,
        phone=known.value,
        language=language,
        now=now,
    )


@operation
def _send_code(
    *, actor: Actor, appointment_id: UUID, phone: str, language: str, now: datetime
) -> datetime:
    appointment, _ = policies.access_appointment_locked(actor, appointment_id, holder=True)
    if appointment.state != AppointmentState.HELD or _is_over(appointment, now):
        offer = _offer_of(actor, appointment)
        raise _places.refusal(HoldExpired, offer, now, appointment.starts_at, appointment.people)
    code = f"{secrets.randbelow(10**CODE_DIGITS):0{CODE_DIGITS}}"
    appointment.phone = phone
    appointment.phone_verified_at = None
    appointment.code_digest = _digest(appointment.pk, phone, code)
    appointment.code_expires_at = now + CODE_LIFE
    appointment.code_attempts = 0
    # Reading a message takes time; the place is kept as long as the code is good.
    appointment.free_at = max(appointment.free_at or now, now + CODE_LIFE)
    appointment.save(
        update_fields=[
            "phone",
            "phone_verified_at",
            "code_digest",
            "code_expires_at",
            "code_attempts",
            "free_at",
        ]
    )
    notifications.send_message(
        channel=Channel.SMS,
        recipient=phone,
        template=CODE_MESSAGE,
        context={"code": code},
        language=language,
        dedupe_key=f"booking-code:{appointment.pk}:{now.timestamp()}",
        now=now,
        expires_at=appointment.code_expires_at,
    )
    return appointment.code_expires_at


def _digest(appointment_id: UUID, phone: str, code: str) -> bytes:
    return keyed_digest("booking code", str(appointment_id), phone, code)


def verify_booking_code(*, actor: Actor, appointment_id: UUID, code: str, now: datetime) -> None:
    """
    Prove the phone of a hold by the code that was sent to it.

    Call it outside a transaction: a wrong answer is counted, then raised.

    :raises NotFound: unknown, or not the actor's
    :raises WrongBookingCode: not the code, none was asked for, or it is over
    """
    if not _verify(actor=actor, appointment_id=appointment_id, code=code, now=now):
        raise WrongBookingCode


@operation
def _verify(*, actor: Actor, appointment_id: UUID, code: str, now: datetime) -> bool:
    appointment, _ = policies.access_appointment_locked(actor, appointment_id, holder=True)
    digest = bytes(appointment.code_digest or b"")
    is_open = (
        bool(digest)
        and appointment.code_expires_at is not None
        and appointment.code_expires_at > now
        and appointment.code_attempts < MAX_ATTEMPTS
    )
    if not is_open:
        return False
    own = Appointment.objects.filter(pk=appointment.pk)
    given = _digest(appointment.pk, appointment.phone, code)
    if not hmac.compare_digest(digest, given):
        own.update(code_attempts=F("code_attempts") + 1)
        return False
    own.update(phone_verified_at=now, code_digest=None)
    return True


@operation
def approve_appointment(*, actor: Actor, appointment_id: UUID, now: datetime) -> Appointment:
    """
    Confirm what somebody asked for; its place was kept.

    :raises NotFound: unknown, or the actor does not serve there
    :raises IllegalTransition: it awaits no approval
    """
    appointment, _ = policies.access_appointment_locked(actor, appointment_id)
    if appointment.state != AppointmentState.PENDING:
        raise IllegalTransition(state=appointment.state)
    appointment.move_to(AppointmentState.CONFIRMED)
    appointment.confirmed_at = now
    rules = policies.rules_of(appointment.service)
    appointment.next_reminder_at = reminder_after(rules, appointment.starts_at, now)
    return _lifecycle.record(
        _lifecycle.Change(
            appointment=appointment,
            event=events.AppointmentConfirmed,
            actor=actor,
            at=now,
            from_state=AppointmentState.PENDING,
            reason="approved",
            is_seen=True,
        )
    )


@operation
def confirm_attendance(*, actor: Actor, appointment_id: UUID, now: datetime) -> Appointment:
    """
    Note that somebody says they will come; again changes nothing.

    :raises NotFound: unknown, or not the actor's
    :raises IllegalTransition: it is not ahead
    """
    appointment, _ = policies.access_appointment_locked(actor, appointment_id, holder=True)
    if appointment.state != AppointmentState.CONFIRMED:
        raise IllegalTransition(state=appointment.state)
    if appointment.attendance_at is not None:
        return appointment
    appointment.attendance_at = now
    return _lifecycle.record(
        _lifecycle.Change(
            appointment=appointment,
            event=events.AppointmentAttendanceConfirmed,
            actor=actor,
            at=now,
            from_state=AppointmentState.CONFIRMED,
        )
    )
