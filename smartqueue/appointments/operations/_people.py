"""Who books: told apart, counted against the service's limits, asked its questions."""

import secrets
from collections.abc import Collection, Iterable, Mapping
from datetime import date, datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.db.models import Q, QuerySet
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from smartqueue.appointments.enums import (
    ACTIVE,
    AHEAD,
    AppointmentState,
    BookingChannel,
    QuestionKind,
)
from smartqueue.appointments.errors import (
    AlreadyBooked,
    TooManyAppointments,
    TooManyNoShows,
)
from smartqueue.appointments.models import Appointment, BookingRules
from smartqueue.appointments.policies import Offer
from smartqueue.common.crypto import keyed_digest
from smartqueue.common.db import hold_names
from smartqueue.common.errors import FieldError, InvalidInput

# Without what is read one for the other.
ALPHABET: Final = "ABCDEFGHJKMNPQRSTUVWXYZ23456789"
REFERENCE_LENGTH: Final = 8
KEY_LENGTH: Final = Appointment._meta.get_field("person_key").max_length
LONGEST_ANSWER: Final = 500


def new_reference() -> str:
    """Return what people say at the door; the row's constraint keeps it unique."""
    return "".join(secrets.choice(ALPHABET) for _ in range(REFERENCE_LENGTH))


def key_of(name: str) -> str:
    """Return what tells apart several people booked with one account or phone."""
    return " ".join(name.casefold().split())[:KEY_LENGTH]


def _rows_of(customer_id: UUID | None, phone: str) -> "QuerySet[Appointment] | None":
    own = Q(pk__in=())
    if customer_id is not None:
        own |= Q(customer=customer_id)
    if phone:
        own |= Q(phone=phone)
    if customer_id is None and not phone:
        return None
    rows: QuerySet[Appointment] = Appointment.objects.filter(own)
    return rows


def wait_for_person(
    offer: Offer, customer_id: UUID | None, phone: str, device: bytes | None = None
) -> None:
    """Let one booking of a person, or a device, for a service be looked at and made at a time."""
    wait_for_person_at([offer.service.pk], customer_id, phone, device)


def wait_for_person_at(
    services: Iterable[UUID], customer_id: UUID | None, phone: str, device: bytes | None = None
) -> None:
    """Do the same for several services at once."""
    known = (str(customer_id or ""), phone, device.hex() if device else "")
    names = [f"appointments {one} {who}" for one in services for who in known if who]
    if names:
        hold_names(names)


def digest_of_device(offer: Offer, device: str) -> bytes | None:
    """Return what a device is known by in an organization, and in no other."""
    if not device:
        return None
    return keyed_digest("device that holds", str(offer.organization_id), device)


def holds_left_behind(
    offer: Offer,
    customer_id: UUID | None,
    person_key: str,
    device: bytes | None,
    *,
    beside: Collection[Appointment] = (),
) -> list[Appointment]:
    """
    Return the holds that somebody went back from: of a signed-in person for a service, of a device
    without one, of a visit for the same service. What the waitlist offers is none of them.

    `beside` are the holds of the visit that is being added to.
    """
    if beside:
        own = Q(pk__in=[row.pk for row in beside], service=offer.service)
    elif customer_id is not None:
        own = Q(customer=customer_id, service=offer.service, person_key=person_key)
    elif device is not None:
        own = Q(held_for=device)
    else:
        return []
    rows = Appointment.objects.filter(own, state=AppointmentState.HELD, is_public=True)
    return list(rows.exclude(channel=BookingChannel.WAITLIST).order_by("places_id", "id"))


def check_limits(
    offer: Offer,
    *,
    customer_id: UUID | None,
    phone: str,
    person_key: str,
    day: date,
    now: datetime,
    besides: Collection[UUID] = (),
) -> None:
    """
    Refuse somebody who has as many appointments as the service allows; `besides` are those that do
    not count, being moved, finished or given back.

    :raises TooManyAppointments: that day, or ahead at all
    :raises TooManyNoShows: too many were missed lately
    """
    rows = _rows_of(customer_id, phone)
    if rows is None:
        return
    rules = offer.rules
    own = rows.filter(service=offer.service).exclude(pk__in=besides)
    # A hold that is over counts no more, even if nobody has given it back yet.
    own = own.exclude(state=AppointmentState.HELD, free_at__lte=now)
    ahead = own.filter(state__in=AHEAD, ends_at__gt=now)
    if ahead.count() >= rules.most_ahead:
        raise TooManyAppointments(
            ngettext(
                "At most %(count)d appointment may be ahead of one person.",
                "At most %(count)d appointments may be ahead of one person.",
                rules.most_ahead,
            )
            % {"count": rules.most_ahead}
        )
    same_day = own.filter(date=day, state__in=ACTIVE, person_key=person_key)
    if same_day.count() >= rules.most_per_day:
        raise TooManyAppointments(
            ngettext(
                "At most %(count)d appointment a day may be booked for one person.",
                "At most %(count)d appointments a day may be booked for one person.",
                rules.most_per_day,
            )
            % {"count": rules.most_per_day}
        )
    if not rules.no_show_limit:
        return
    since = now - timedelta(days=rules.no_show_days)
    missed = own.filter(state=AppointmentState.NO_SHOW, starts_at__gte=since).count()
    if missed >= rules.no_show_limit:
        raise TooManyNoShows


def same_booking(
    offer: Offer, starts_at: datetime, customer_id: UUID | None, phone: str, person_key: str
) -> Appointment | None:
    """Return what the same person has booked or holds of a service at this time already."""
    rows = _rows_of(customer_id, phone)
    if rows is None:
        return None
    own = rows.filter(
        service=offer.service,
        branch=offer.branch,
        starts_at=starts_at,
        state__in=ACTIVE,
        person_key=person_key,
    )
    return own.select_related("branch", "service", "places").first()


def already(appointment: Appointment, *, is_told: bool) -> AlreadyBooked:
    """Return the refusal; the reference is told to its own account and to staff."""
    return AlreadyBooked(reference=appointment.reference) if is_told else AlreadyBooked()


def checked_answers(rules: BookingRules, answers: Mapping[str, Any] | None) -> dict[str, str]:
    """
    Return the answers to a service's questions.

    :raises InvalidInput: one is missing, unknown, or not among the choices
    """
    given = answers or {}
    known = {question["code"]: question for question in rules.questions}
    errors = [
        FieldError(f"answers.{code}", "unknown", _("This is not asked."))
        for code in given
        if code not in known
    ]
    kept: dict[str, str] = {}
    for code, question in known.items():
        text = str(given.get(code, "")).strip()
        if not text:
            if question.get("is_required"):
                errors.append(FieldError(f"answers.{code}", "required", _("Answer this question.")))
            continue
        if not _is_answer(question, text):
            errors.append(FieldError(f"answers.{code}", "invalid", _("Choose one of the answers.")))
        kept[code] = text[:LONGEST_ANSWER]
    if errors:
        raise InvalidInput(errors=tuple(errors))
    return kept


def _is_answer(question: Mapping[str, Any], text: str) -> bool:
    if question["kind"] == QuestionKind.CHOICE:
        return text in question.get("choices", ())
    return question["kind"] != QuestionKind.YES_NO or text in {"yes", "no"}
