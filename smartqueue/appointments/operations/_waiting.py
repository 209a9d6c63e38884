"""Who of a waitlist gets a freed place, and what becomes of the offer; under the places' lock."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.core.exceptions import ObjectDoesNotExist

from smartqueue.accounts.actor import SYSTEM, Actor
from smartqueue.appointments import events
from smartqueue.appointments.enums import (
    AppointmentState,
    BookingChannel,
    OfferState,
    WaitlistState,
)
from smartqueue.appointments.models import Appointment, SlotPlaces, WaitlistEntry, WaitlistOffer
from smartqueue.appointments.operations import _lifecycle, _people
from smartqueue.appointments.queries import Bookable
from smartqueue.common import clock
from smartqueue.common.db import fetch_one, hold_names
from smartqueue.common.ids import new_id
from smartqueue.outbox import operations as outbox

# Who has had an offer of these very places has declined it or let it lapse; who is booked there
# already needs no other; who was forgotten hears of none. The lock waits for who is being offered
# something elsewhere.
_NEXT = """
    SELECT entry.id FROM appointments_waitlistentry AS entry
    WHERE entry.service_id = %(service)s AND entry.branch_id = %(branch)s
      AND entry.state = 'waiting' AND entry.people <= %(free)s
      AND (entry.customer_id IS NOT NULL OR entry.phone <> '')
      AND %(date)s BETWEEN entry.from_date AND entry.until_date
      AND (entry.from_time IS NULL OR entry.from_time <= %(time)s)
      AND (entry.until_time IS NULL OR entry.until_time > %(time)s)
      AND NOT EXISTS (
          SELECT FROM appointments_waitlistoffer AS offer
          JOIN appointments_appointment AS held ON held.id = offer.appointment_id
          WHERE offer.entry_id = entry.id AND held.places_id = %(places)s)
      AND NOT EXISTS (
          SELECT FROM appointments_appointment AS own
          WHERE own.places_id = %(places)s
            AND own.state IN ('held', 'pending', 'confirmed', 'checked_in')
            AND (own.customer_id = entry.customer_id
                 OR (own.phone = entry.phone AND entry.phone <> '')))
    ORDER BY entry.created_at, entry.id
    LIMIT 1
    FOR NO KEY UPDATE OF entry
"""


# Who joins looks for free places, who gives places up for people that wait: neither sees what the
# other has not committed. Those who give up do not wait for each other.
def _line_of(service_id: UUID, branch_id: UUID) -> str:
    return f"waitlist {service_id} {branch_id}"


def lock_to_join(service_id: UUID, branch_id: UUID) -> None:
    """Let nobody look for the next of a waitlist until who joins it can be found there."""
    hold_names([_line_of(service_id, branch_id)])


def next_in_order(bookable: Bookable, places: SlotPlaces, free: int) -> WaitlistEntry | None:
    """Return the first of the waitlist whom so many places serve, locked."""
    local = places.starts_at.astimezone(ZoneInfo(bookable.branch.timezone))
    hold_names([_line_of(bookable.service.pk, bookable.branch.pk)], shared=True)
    row = fetch_one(
        _NEXT,
        {
            "service": bookable.service.pk,
            "branch": bookable.branch.pk,
            "free": free,
            "date": local.date(),
            "time": local.time(),
            "places": places.pk,
        },
    )
    if row is None:
        return None
    entry: WaitlistEntry = WaitlistEntry.objects.get(pk=row[0])
    return entry


def offer(bookable: Bookable, places: SlotPlaces, entry: WaitlistEntry, now: datetime) -> None:
    """Keep places for somebody of the waitlist until the service's deadline."""
    until = now + timedelta(minutes=bookable.rules.offer_minutes)
    expires_at = min(until, places.starts_at)
    appointment = Appointment(
        id=new_id(),
        organization_id=entry.organization_id,
        branch=bookable.branch,
        service=bookable.service,
        places=places,
        agent_id=places.agent_id,
        starts_at=places.starts_at,
        ends_at=places.ends_at,
        date=clock.service_date(places.starts_at, bookable.branch.timezone),
        state=AppointmentState.HELD,
        people=entry.people,
        counted=entry.people,
        free_at=expires_at,
        reference=_people.new_reference(),
        customer_id=entry.customer_id,
        customer_name=entry.customer_name,
        phone=entry.phone,
        person_key=_people.key_of(entry.customer_name),
        language=entry.language,
        channel=BookingChannel.WAITLIST,
        created_at=now,
    )
    _lifecycle.record(
        _lifecycle.Change(
            appointment=appointment,
            event=events.AppointmentHeld,
            actor=SYSTEM,
            at=now,
            from_state=None,
            reason="waitlist",
        )
    )
    made = WaitlistOffer.objects.create(
        organization_id=entry.organization_id,
        entry=entry,
        appointment=appointment,
        offered_at=now,
        expires_at=expires_at,
    )
    _move(entry, WaitlistState.OFFERED, now)
    outbox.publish(_offer_event(events.PlaceOffered, made, entry, SYSTEM, now))


def open_offer_of(appointment: Appointment) -> WaitlistOffer | None:
    """Return the offer that an appointment is held for, if it is one and open."""
    try:
        found: WaitlistOffer = appointment.offer
    except ObjectDoesNotExist:
        return None
    return found if found.state == OfferState.OPEN else None


def lapse(made: WaitlistOffer, now: datetime) -> None:
    """End an offer that nobody answered; the person keeps their place for other starts."""
    _answer(made, OfferState.LAPSED, now)
    entry = made.entry
    _wait_on(entry, now)
    outbox.publish(_offer_event(events.OfferLapsed, made, entry, SYSTEM, now))


def decline(made: WaitlistOffer, actor: Actor, now: datetime) -> None:
    """End an offer that the person did not want; they keep their place for other starts."""
    _answer(made, OfferState.DECLINED, now)
    entry = made.entry
    _wait_on(entry, now)
    outbox.publish(_offer_event(events.OfferDeclined, made, entry, actor, now))


def take(made: WaitlistOffer, actor: Actor, now: datetime) -> None:
    """End an offer whose place was booked."""
    _answer(made, OfferState.TAKEN, now)
    entry = made.entry
    entry.ended_at = now
    _move(entry, WaitlistState.BOOKED, now)
    outbox.publish(_offer_event(events.OfferTaken, made, entry, actor, now))


def _wait_on(entry: WaitlistEntry, now: datetime) -> None:
    # Who left meanwhile stays gone.
    if entry.state == WaitlistState.OFFERED:
        _move(entry, WaitlistState.WAITING, now)


def _answer(made: WaitlistOffer, state: OfferState, now: datetime) -> None:
    made.state = state
    made.answered_at = now
    made.save(update_fields=["state", "answered_at"])


def _move(entry: WaitlistEntry, state: WaitlistState, now: datetime) -> None:
    entry.state = state
    entry.version += 1
    if state in {WaitlistState.LEFT, WaitlistState.EXPIRED}:
        entry.ended_at = now
    entry.save(update_fields=["state", "version", "ended_at"])


def end(
    entry: WaitlistEntry,
    state: WaitlistState,
    event: type[events.WaitlistEvent],
    actor: Actor,
    now: datetime,
) -> None:
    """Take somebody off a waitlist."""
    _move(entry, state, now)
    outbox.publish(event(**facts_of(entry, actor, now)))


def facts_of(entry: WaitlistEntry, actor: Actor, now: datetime) -> dict[str, Any]:
    """Return what every event of a waitlist says."""
    facts: dict[str, UUID | str | int | datetime | None] = {
        "organization_id": entry.organization_id,
        "subject_version": entry.version,
        "occurred_at": now,
        "actor": actor.label,
        "entry_id": entry.pk,
        "branch_id": entry.branch_id,
        "service_id": entry.service_id,
        "customer_id": entry.customer_id,
        "state": str(entry.state),
        "people": entry.people,
    }
    return facts


def _offer_event(
    event: type[events.OfferEvent],
    made: WaitlistOffer,
    entry: WaitlistEntry,
    actor: Actor,
    now: datetime,
) -> events.OfferEvent:
    return event(
        **facts_of(entry, actor, now),
        appointment_id=made.appointment_id,
        starts_at=made.appointment.starts_at,
        expires_at=made.expires_at,
    )
