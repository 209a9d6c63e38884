"""The waitlist: joining, leaving, and what is offered in turn."""

from datetime import date, datetime, time, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db import IntegrityError, transaction
from django.utils.translation import gettext_lazy as _

from smartqueue.accounts.actor import SYSTEM, Actor
from smartqueue.accounts.enums import ActorKind
from smartqueue.appointments import events, policies, queries
from smartqueue.appointments.enums import AppointmentState, OfferState, WaitlistState
from smartqueue.appointments.errors import (
    AlreadyOnWaitlist,
    OfferOver,
    PhoneNeeded,
    PlacesFree,
    TooManyPeople,
)
from smartqueue.appointments.models import Appointment, WaitlistEntry, WaitlistOffer
from smartqueue.appointments.operations import _places, _waiting
from smartqueue.appointments.operations._taking import Person
from smartqueue.appointments.operations.changing import cancel_appointment
from smartqueue.appointments.operations.confirming import confirm_appointment
from smartqueue.appointments.policies import Offer
from smartqueue.common import clock
from smartqueue.common.db import operation
from smartqueue.common.errors import InvalidInput, NotSignedIn
from smartqueue.common.ids import new_id
from smartqueue.outbox import operations as outbox


@operation
def join_waitlist(
    *,
    actor: Actor,
    service_id: UUID,
    branch_id: UUID,
    from_date: date,
    until_date: date,
    now: datetime,
    from_time: time | None = None,
    until_time: time | None = None,
    people: int = 1,
    customer_name: str = "",
    phone: str = "",
    language: str = "fr",
) -> WaitlistEntry:
    """
    Wait for a place of a service between two dates of a branch; places are offered in turn.

    :raises NotFound: unknown service or branch
    :raises PlacesFree: with the free places, which are booked rather than waited for
    :raises AlreadyOnWaitlist: the person waits there already
    :raises NotSignedIn, PhoneNeeded: an offer has to reach somebody
    :raises InvalidInput, TooManyPeople: dates that are over, or too many people
    """
    offer = policies.access_offer(actor, service_id, branch_id)
    _check_dates(offer, from_date, until_date, now)
    _check_reachable(offer, actor, phone)
    if people > offer.rules.most_people and not offer.is_staff:
        raise TooManyPeople(most_people=offer.rules.most_people)
    bookable = queries.get_bookable(offer.service, offer.branch, from_date, until_date)
    _waiting.lock_to_join(offer.service.pk, offer.branch.pk)
    if bookable is not None:
        openings = queries.Openings([bookable], from_date, until_date, now, people)
        free = [row.view() for row in openings if _suits(row, from_time, until_time)]
        if free:
            raise PlacesFree(next_free=free[: queries.NEXT_FREE])
    entry = WaitlistEntry(
        id=new_id(),
        organization_id=offer.organization_id,
        branch=offer.branch,
        service=offer.service,
        from_date=from_date,
        until_date=until_date,
        from_time=from_time,
        until_time=until_time,
        people=people,
        customer_id=None if offer.is_staff else actor.user_id,
        customer_name=customer_name,
        phone=phone,
        language=language,
        created_at=now,
    )
    try:
        with transaction.atomic():
            entry.save(force_insert=True)
    except IntegrityError as error:
        if "waitlist_once" not in str(error):
            raise
        raise AlreadyOnWaitlist from error
    outbox.publish(events.WaitlistJoined(**_waiting.facts_of(entry, actor, now)))
    return entry


def _suits(row: queries.FreeSlot, since: time | None, until: time | None) -> bool:
    zone = ZoneInfo(row.bookable.branch.timezone)
    at = row.slot.starts_at.astimezone(zone).time()
    return (since is None or at >= since) and (until is None or at < until)


def _check_dates(offer: Offer, from_date: date, until_date: date, now: datetime) -> None:
    today = clock.service_date(now, offer.branch.timezone)
    if until_date < from_date or until_date < today:
        raise InvalidInput.on("until_date", _("Choose dates that are ahead."))
    if until_date > today + timedelta(days=offer.rules.window_days):
        raise InvalidInput.on("until_date", _("Appointments that far ahead cannot be booked yet."))


def _check_reachable(offer: Offer, actor: Actor, phone: str) -> None:
    if actor.user_id is not None and not offer.is_staff:
        return
    is_somebody = actor.kind in {ActorKind.ANONYMOUS, ActorKind.KIOSK}
    if not offer.is_staff and not (is_somebody and offer.rules.allows_anonymous):
        raise NotSignedIn
    if not phone:
        raise PhoneNeeded.on("phone", PhoneNeeded.title, PhoneNeeded.code)


def _open_offer(entry: WaitlistEntry) -> WaitlistOffer | None:
    found: WaitlistOffer | None = entry.offers.filter(state=OfferState.OPEN).first()
    return found


@operation
def leave_waitlist(*, actor: Actor, entry_id: UUID, now: datetime) -> WaitlistEntry:
    """
    Stop waiting; an open offer is declined, and the next in order gets it. Again changes nothing.

    :raises NotFound: unknown, or not the actor's
    """
    entry = policies.access_entry(actor, entry_id)
    while True:
        made = _open_offer(entry)
        if made is not None:
            _give_up(made, now)
        try:
            with transaction.atomic():
                return _leave(entry, actor, now)
        except _OfferedMeanwhile:
            # Its places are locked before the entry, whose lock is given up with the savepoint.
            continue


class _OfferedMeanwhile(Exception):
    """A place was offered after somebody looked for an offer, and before they had the lock."""


def _leave(entry: WaitlistEntry, actor: Actor, now: datetime) -> WaitlistEntry:
    locked: WaitlistEntry = (
        WaitlistEntry.objects.select_for_update(of=("self",), no_key=True)
        .select_related("branch", "service")
        .get(pk=entry.pk)
    )
    if locked.state == WaitlistState.OFFERED:
        raise _OfferedMeanwhile
    if locked.state == WaitlistState.WAITING:
        _waiting.end(locked, WaitlistState.LEFT, events.WaitlistLeft, actor, now)
    return locked


def _give_up(made: WaitlistOffer, now: datetime) -> bool:
    """
    End an offer under the lock of its places, where who is next is found; False if it had ended
    before. What was booked by it stays booked.
    """
    appointment, _locked = policies.access_appointment_locked(SYSTEM, made.appointment_id)
    if _waiting.open_offer_of(appointment) is None:
        return False
    cancel_appointment(actor=SYSTEM, appointment_id=appointment.pk, now=now)
    return True


@operation
def accept_offer(*, actor: Actor, entry_id: UUID, person: Person, now: datetime) -> Appointment:
    """
    Book the place that a waitlist offers to somebody.

    :raises NotFound: unknown, or not the actor's
    :raises OfferOver: there is none, or its time is over
    :raises TooManyAppointments, TooManyNoShows: by the service's rules
    :raises InvalidInput: an answer to the service's questions is missing or not possible
    """
    entry = policies.access_entry(actor, entry_id)
    made = _open_offer(entry)
    if made is None or made.expires_at <= now:
        raise OfferOver
    holder = actor
    if actor.waitlist_entry_id is not None:
        holder = Actor(kind=ActorKind.BOOKING, appointment_id=made.appointment_id)
    return confirm_appointment(
        actor=holder, appointment_id=made.appointment_id, person=person, now=now
    )


@operation
def decline_offer(*, actor: Actor, entry_id: UUID, now: datetime) -> WaitlistEntry:
    """
    Leave the offered place to the next in order, and wait on for another.

    :raises NotFound: unknown, or not the actor's
    :raises OfferOver: there is none, or it has ended meanwhile
    """
    entry = policies.access_entry(actor, entry_id)
    made = _open_offer(entry)
    if made is None or not _give_up(made, now):
        raise OfferOver
    found: WaitlistEntry = WaitlistEntry.objects.select_related("branch", "service").get(
        pk=entry.pk
    )
    return found


@operation
def expire_hold(*, appointment_id: UUID, now: datetime) -> bool:
    """Give back a hold, an offer or a request whose time is over; whether there was one."""
    appointment, _locked = policies.access_appointment_locked(SYSTEM, appointment_id)
    rules = policies.rules_of(appointment.service)
    offer = Offer(appointment.branch, appointment.service, rules, is_staff=True)
    is_due = appointment.state == AppointmentState.PENDING and appointment.starts_at <= now
    if appointment.state == AppointmentState.HELD:
        is_due = appointment.free_at is not None and appointment.free_at <= now
    if not is_due:
        return False
    freed_at = _places.expire(appointment, now)
    bookable = _places.bookable_on(offer, appointment.starts_at)
    people = appointment.people if freed_at else 0
    _places.give_back(bookable, appointment.places, people, now, freed_at=freed_at)
    return True


@operation
def expire_entry(*, entry_id: UUID, now: datetime) -> bool:
    """End a wish whose last date is over; whether it was still open."""
    entry = policies.access_entry(SYSTEM, entry_id)
    locked: WaitlistEntry = (
        WaitlistEntry.objects.select_for_update(of=("self",), no_key=True)
        .select_related("branch")
        .get(pk=entry.pk)
    )
    today = clock.service_date(now, locked.branch.timezone)
    if locked.state != WaitlistState.WAITING or locked.until_date >= today:
        return False
    _waiting.end(locked, WaitlistState.EXPIRED, events.WaitlistExpired, SYSTEM, now)
    return True
