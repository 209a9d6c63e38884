"""What calendar programs are told of appointments: attachments of messages, and feeds."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import parseaddr
from typing import Final

from django.conf import settings
from django.utils import translation
from django.utils.translation import gettext, ngettext, pgettext

from smartqueue.appointments.enums import AppointmentState, FeedKind
from smartqueue.appointments.ical import (
    CONTENT_TYPE,
    Entry,
    Method,
    Party,
    Status,
    document,
)
from smartqueue.appointments.models import Appointment, default_reminders

REFRESH: Final = timedelta(hours=1)
ALARMS: Final = tuple(default_reminders())
"""Minutes before an appointment, where a service's rules do not say otherwise."""
_OVER: Final = frozenset({AppointmentState.CANCELLED.value, AppointmentState.EXPIRED.value})
_TENTATIVE: Final = frozenset({AppointmentState.HELD.value, AppointmentState.PENDING.value})
_AHEAD: Final = frozenset({AppointmentState.PENDING.value, AppointmentState.CONFIRMED.value})


@dataclass(frozen=True, slots=True)
class File:
    """A document to attach or to answer with."""

    name: str
    content_type: str
    content: bytes


@dataclass(frozen=True, slots=True)
class Shown:
    """
    One appointment, when it last changed, and whether its reader may see who comes.

    `alarms` are the reminders of its service's rules, in minutes before it.
    """

    appointment: Appointment
    changed_at: datetime
    names_people: bool = False
    alarms: tuple[int, ...] = ALARMS


def attachment(
    appointment: Appointment,
    *,
    changed_at: datetime,
    recipient: str = "",
    link: str = "",
    alarms: Iterable[int] = ALARMS,
) -> File:
    """
    Return the file that puts an appointment into its holder's calendar, moves it there, or takes it
    out, in the appointment's language.

    With a recipient's e-mail address it is an invitation for the mail program to act on; its method
    (REQUEST or CANCEL) belongs into the attachment's content type, where it is here. Without one it
    is a file to open. `link` opens the appointment, for the holder alone. `alarms` are what
    `queries.reminders_of` says of its service.
    """
    is_over = appointment.state in _OVER
    method = Method.PUBLISH
    if recipient:
        method = Method.CANCEL if is_over else Method.REQUEST
    guest = Party(appointment.customer_name or recipient, recipient) if recipient else None
    with translation.override(appointment.language):
        entry = _entry(
            Shown(appointment, changed_at, alarms=tuple(alarms)),
            FeedKind.PERSON,
            appointment.language,
            link=link,
            guest=guest,
        )
    return File(
        f"{appointment.reference}.ics",
        f"{CONTENT_TYPE}; method={method.value}",
        document([entry], method=method),
    )


def feed(shown: Iterable[Shown], kind: FeedKind, *, language: str, name: str) -> File:
    """Return the document of a feed in its reader's language."""
    with translation.override(language):
        entries = [_entry(one, kind, language) for one in shown]
        title = name or gettext("Appointments")
    content = document(entries, name=title, refresh=REFRESH)
    return File("appointments.ics", CONTENT_TYPE, content)


def _entry(
    shown: Shown, kind: FeedKind, language: str, *, link: str = "", guest: Party | None = None
) -> Entry:
    appointment = shown.appointment
    branch = appointment.branch
    is_own = kind is FeedKind.PERSON
    own_alarms = shown.alarms if is_own and appointment.state in _AHEAD else ()
    return Entry(
        uid=appointment.uid,
        sequence=appointment.sequence,
        status=_status(appointment),
        starts_at=appointment.starts_at,
        ends_at=appointment.ends_at,
        zone=branch.timezone,
        created_at=appointment.created_at,
        changed_at=shown.changed_at,
        summary=_own_summary(appointment) if is_own else _staff_summary(shown),
        description=_own_description(appointment, link) if is_own else _staff_description(shown),
        location=", ".join(part for part in (branch.name, branch.address) if part),
        latitude=branch.point.y,
        longitude=branch.point.x,
        link=link or (f"{settings.PUBLIC_URL}/b/{branch.slug}/" if is_own else ""),
        organizer=Party(branch.organization.name, parseaddr(settings.DEFAULT_FROM_EMAIL)[1]),
        attendee=guest,
        alarms=own_alarms,
        language=language,
    )


def _status(appointment: Appointment) -> Status:
    if appointment.state in _OVER:
        return Status.CANCELLED
    return Status.TENTATIVE if appointment.state in _TENTATIVE else Status.CONFIRMED


def _own_summary(appointment: Appointment) -> str:
    return pgettext("calendar", "%(service)s at %(organization)s") % {
        "service": appointment.service.name,
        "organization": appointment.branch.organization.name,
    }


def _own_description(appointment: Appointment, link: str) -> str:
    lines = [gettext("Reference: %(reference)s") % {"reference": appointment.reference}]
    if appointment.state == AppointmentState.PENDING:
        lines.append(gettext("It has yet to be approved."))
    if appointment.people > 1:
        lines.append(_people(appointment.people))
    if appointment.service.required_papers:
        papers = appointment.service.required_papers
        lines.append(gettext("Bring: %(papers)s") % {"papers": papers})
    if link:
        lines.append(gettext("Move or cancel it: %(link)s") % {"link": link})
    return "\n".join(lines)


def _people(count: int) -> str:
    return ngettext("%(n)s person", "%(n)s people", count) % {"n": count}


def _staff_summary(shown: Shown) -> str:
    service = shown.appointment.service.name
    name = shown.appointment.customer_name if shown.names_people else ""
    return f"{service}: {name}" if name else str(service)


def _staff_description(shown: Shown) -> str:
    appointment = shown.appointment
    lines = []
    if shown.names_people:
        lines.append(gettext("Reference: %(reference)s") % {"reference": appointment.reference})
    lines += [str(AppointmentState(appointment.state).label), _people(appointment.people)]
    return "\n".join(lines)
