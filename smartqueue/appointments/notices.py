"""What people are told of their appointments and of places on a waitlist."""

from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

from django.conf import settings
from django.utils import formats, translation
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from smartqueue.appointments import calendars, queries
from smartqueue.appointments.enums import MOVABLE, AppointmentState, OfferState, Side
from smartqueue.appointments.events import (
    AppointmentCancelled,
    AppointmentConfirmed,
    AppointmentEvent,
    AppointmentMoved,
    AppointmentReminderDue,
    AppointmentRequested,
    PlaceOffered,
)
from smartqueue.appointments.models import Appointment, WaitlistEntry
from smartqueue.appointments.tokens import token_of, token_of_entry
from smartqueue.common import tenancy
from smartqueue.notifications import operations as notifications
from smartqueue.notifications.enums import Channel, Group
from smartqueue.notifications.operations import Person
from smartqueue.notifications.providers.base import Attachment
from smartqueue.notifications.texts import register_text
from smartqueue.outbox.registry import subscribe

_SAMPLES: Final = {
    "organization": "Mairie de Dakar",
    "place": "Mairie de Dakar-Plateau",
    "service": "Passeport",
    "when": "24/11/2026 09:30",
    "reference": "K7M2QX",
    "name": "Awa Diop",
    "link": "https://smartqueue.example/a/AZ8kq3bVd9eXkWc0Tt5uYg.7QmW2sZr/",
}


def _words(
    code: str,
    subject: Promise,
    body: Promise,
    *,
    life: timedelta = timedelta(days=1),
    has_file: bool = True,
    waits_for_morning: bool = False,
    **samples: str,
) -> None:
    # What somebody does is answered when they do it, by night too; so is what has a deadline.
    register_text(
        code,
        subject=subject,
        body=body,
        group=Group.APPOINTMENT,
        life=life,
        # The calendar file comes by e-mail alone.
        also=(Channel.EMAIL,) if has_file else (),
        variables={**_SAMPLES, **samples},
        is_live=not waits_for_morning,
    )


_words(
    "appointment_booked",
    _("Your appointment: %(when)s"),
    _("%(place)s, %(service)s: your appointment is on %(when)s. Change or cancel it: %(link)s"),
)
_words(
    "appointment_requested",
    _("Your request for an appointment"),
    _("%(place)s, %(service)s: your request for %(when)s has been received. %(link)s"),
)
_words(
    "appointment_moved",
    _("Your appointment is now on %(when)s"),
    _(
        "%(place)s, %(service)s: your appointment is now on %(when)s, no longer %(before)s. %(link)s"
    ),
    before="23/11/2026 11:00",
)
_words(
    "appointment_cancelled",
    _("Your appointment is cancelled"),
    _("%(place)s, %(service)s: your appointment on %(when)s is cancelled. %(link)s"),
)
_words(
    "appointment_reminder",
    _("Reminder of your appointment: %(when)s"),
    _("%(place)s, %(service)s: remember your appointment on %(when)s. Will you come? %(link)s"),
    has_file=False,
    waits_for_morning=True,
)
_words(
    "waitlist_offered",
    _("A place has become free"),
    _("%(place)s, %(service)s: a place is free on %(when)s. Take it before %(until)s: %(link)s"),
    has_file=False,
    until="10:15",
)


# A person who did it on the page has the answer there, yet wants the file and something to keep.
@subscribe(AppointmentConfirmed)
def on_appointment_confirmed_tell(event: AppointmentEvent) -> None:
    """Send somebody their appointment."""
    _tell_booked(event, "appointment_booked", AppointmentState.CONFIRMED)


@subscribe(AppointmentRequested)
def on_appointment_requested_tell(event: AppointmentEvent) -> None:
    """Tell somebody that their request is there."""
    _tell_booked(event, "appointment_requested", AppointmentState.PENDING)


@subscribe(AppointmentMoved)
def on_appointment_moved_tell(event: AppointmentMoved) -> None:
    """Tell somebody of the new time."""
    appointment = _appointment(event)
    if appointment is not None and _still_holds(event, appointment, *MOVABLE):
        before = _local(event.from_starts_at, appointment, _language(appointment))
        _tell(appointment, event, "appointment_moved", before=before)


def _was_booked(event: AppointmentEvent) -> bool:
    return event.from_state != AppointmentState.HELD


@subscribe(AppointmentCancelled, when=_was_booked)
def on_appointment_cancelled_tell(event: AppointmentEvent) -> None:
    """Tell somebody that the appointment is off; who cancelled it gets the file that takes it out."""
    appointment = _appointment(event)
    if appointment is not None:
        _tell(appointment, event, "appointment_cancelled")


@subscribe(AppointmentReminderDue)
def on_reminder_due_tell(event: AppointmentReminderDue) -> None:
    """Remind somebody of their appointment."""
    appointment = _appointment(event)
    if appointment is not None and _still_holds(event, appointment, AppointmentState.CONFIRMED):
        _tell(appointment, event, "appointment_reminder")


_BEFORE: Final = (
    "appointment_requested",
    "appointment_booked",
    "appointment_moved",
    "appointment_reminder",
)


@subscribe(AppointmentMoved, AppointmentCancelled)
def on_appointment_changed_withdraw(event: AppointmentEvent) -> None:
    """Keep back what has not left of an appointment that is another, or none, by now."""
    versions = range(1, event.subject_version)
    keys = [_key(event.appointment_id, code, n) for code in _BEFORE for n in versions]
    notifications.withdraw_messages(keys=keys, now=event.occurred_at)


@subscribe(PlaceOffered)
def on_place_offered_tell(event: PlaceOffered) -> None:
    """Offer a free place to somebody on the waitlist, as long as it is kept."""
    rows = WaitlistEntry.objects.with_scopes_disabled()
    entry = (
        rows.select_related("organization", "branch", "service", "customer")
        .filter(
            pk=event.entry_id,
            offers__appointment_id=event.appointment_id,
            offers__state=OfferState.OPEN,
        )
        .first()
    )
    if entry is None:
        return
    person = _person(entry)
    zone = ZoneInfo(entry.branch.timezone)
    with translation.override(person.language):
        until = formats.date_format(event.expires_at.astimezone(zone), "TIME_FORMAT")
    notifications.tell(
        to=person,
        code="waitlist_offered",
        data={
            "organization": entry.organization.name,
            "place": entry.branch.name,
            "service": entry.service.name,
            "when": _local(event.starts_at, entry, person.language),
            "name": entry.customer_name or person.name,
            "until": until,
            "reference": "",
        },
        dedupe_key=f"offer:{event.appointment_id}",
        now=event.occurred_at,
        organization_id=entry.organization_id,
        expires_at=event.expires_at,
        link=f"{settings.PUBLIC_URL}/l/{token_of_entry(entry.pk)}/",
    )


def _tell_booked(event: AppointmentEvent, code: str, state: AppointmentState) -> None:
    appointment = _appointment(event)
    if appointment is not None and _still_holds(event, appointment, state):
        _tell(appointment, event, code)


def _still_holds(
    event: AppointmentEvent, appointment: Appointment, *states: AppointmentState
) -> bool:
    """Whether nothing newer has happened that makes an event's words wrong."""
    return appointment.state in states and appointment.starts_at == event.starts_at


def _appointment(event: AppointmentEvent) -> Appointment | None:
    """Return an event's appointment, which does not change until it is told."""
    rows = Appointment.objects.with_scopes_disabled()
    found: Appointment | None = (
        rows.select_related("branch__organization", "service", "customer")
        .select_for_update(of=("self",), no_key=True)
        .filter(pk=event.appointment_id)
        .first()
    )
    return found


def _tell(appointment: Appointment, event: AppointmentEvent, code: str, **extra: str) -> None:
    person = _person(appointment)
    if not person.is_reachable or (event.side == Side.SYSTEM and event.reason == "erased"):
        return
    link = f"{settings.PUBLIC_URL}/a/{token_of(appointment.pk)}/"
    notifications.tell(
        to=person,
        code=code,
        data={
            "organization": appointment.branch.organization.name,
            "place": appointment.branch.name,
            "service": appointment.service.name,
            "when": _local(event.starts_at, appointment, person.language),
            "reference": appointment.reference,
            "name": appointment.customer_name or person.name,
            "appointment_id": str(appointment.pk),
            **extra,
        },
        dedupe_key=_key(appointment.pk, code, event.subject_version),
        now=event.occurred_at,
        organization_id=appointment.organization_id,
        expires_at=_until(event, code),
        link=link,
        attachments=_files(appointment, person, link) if code != "appointment_reminder" else (),
    )


def _key(appointment_id: UUID, code: str, version: int) -> str:
    return f"appointment:{appointment_id}:{code}:{version}"


def _until(event: AppointmentEvent, code: str) -> datetime | None:
    """Return when a message is of no more use: a reminder, once the time has come."""
    return event.starts_at if code == "appointment_reminder" else None


def _files(appointment: Appointment, person: Person, link: str) -> list[Attachment]:
    if not person.email:
        return []
    with tenancy.organizations([appointment.organization_id]):
        file = calendars.attachment(
            appointment,
            changed_at=queries.changes_of([appointment])[appointment.pk],
            recipient=person.email,
            link=link,
            alarms=queries.reminders_of([appointment])[appointment.service_id],
        )
    return [Attachment(file.name, file.content, file.content_type)]


def _language(row: Any) -> str:
    return str(row.customer.language if row.customer else row.language)


def _person(row: Any) -> Person:
    """Return who has an appointment or a place on a waitlist."""
    if row.customer is not None:
        return notifications.person_of(row.customer, timezone=row.branch.timezone)
    return Person(
        phone=row.phone,
        language=row.language,
        name=row.customer_name,
        timezone=row.branch.timezone,
    )


def _local(at: datetime, row: Any, language: str) -> str:
    with translation.override(language):
        local = at.astimezone(ZoneInfo(row.branch.timezone))
        return formats.date_format(local, "SHORT_DATETIME_FORMAT")
