"""What people hear of their appointments."""

from datetime import time, timedelta

import pytest
from django.utils import timezone

from smartqueue.appointments import notices, operations
from smartqueue.appointments.models import Appointment
from smartqueue.appointments.tests.factories import (
    NINE,
    NOW,
    book,
    make_slot,
    set_rules,
    wait_for_place,
)
from smartqueue.notifications import operations as messages
from smartqueue.notifications.enums import Channel
from smartqueue.notifications.models import Notification, OutgoingMessage
from smartqueue.outbox import registry
from smartqueue.outbox.events import class_of, rebuild
from smartqueue.outbox.models import DomainEvent
from smartqueue.queues.tests.factories import make_actor, make_place

pytestmark = pytest.mark.django_db


def hear() -> None:
    for row in DomainEvent.objects.filter(type__startswith="appointments.").order_by("pk"):
        envelope = {
            "organization_id": row.organization_id,
            "subject_version": row.subject_version,
            "occurred_at": row.occurred_at,
            "actor": row.actor,
        }
        event = rebuild(class_of(row.type), envelope, row.payload)
        for handler in registry.handlers_for(event):
            if handler.run.__module__ == notices.__name__:
                handler.run(event)
                handler.run(event)


def kind_of_file(appointment: Appointment) -> str:
    rows = Appointment.objects.with_scopes_disabled().select_related(
        "branch__organization", "service", "customer"
    )
    row = rows.get(pk=appointment.pk)
    (file,) = notices._files(row, notices._person(row), "https://smartqueue.example/a/x/")
    assert file.name == f"{row.reference}.ics"
    assert b"BEGIN:VEVENT" in file.content
    return file.content_type


def test_an_appointment_is_told_with_its_file_reminded_and_called_off():
    place = make_place()
    make_slot(place, capacity=3)
    set_rules(place)
    actor = make_actor()
    made = book(place, actor=actor)
    hear()
    (sent,) = OutgoingMessage.objects.filter(user_id=actor.user_id)
    assert (sent.channel, sent.template) == (Channel.EMAIL, "appointment_booked")
    assert kind_of_file(made).endswith("method=REQUEST")
    due = NINE - timedelta(hours=2)
    assert operations.remind_of_appointment(appointment_id=made.pk, now=due)
    hear()
    operations.cancel_appointment(actor=actor, appointment_id=made.pk, now=due)
    hear()
    rows = OutgoingMessage.objects.filter(user_id=actor.user_id).order_by("pk")
    told = ["appointment_booked", "appointment_reminder", "appointment_cancelled"]
    assert [row.template for row in rows] == told
    assert Notification.objects.filter(user_id=actor.user_id).count() == 3
    assert kind_of_file(made).endswith("method=CANCEL")


def test_what_is_done_by_night_is_answered_then_and_a_reminder_waits():
    place = make_place()
    leaves = []
    for code in ("appointment_booked", "appointment_reminder"):
        (sent, *_more) = messages.tell(
            to=messages.Person(email="awa@example.org"),
            code=code,
            data=notices._SAMPLES,
            dedupe_key=code,
            now=NOW.replace(hour=23),
            organization_id=place.organization.pk,
        )
        sent.refresh_from_db()
        leaves.append(sent.next_attempt_at)
    at_once, at_seven = leaves
    assert at_once <= timezone.now()
    assert round((at_seven - at_once) / timedelta(minutes=1)) == 8 * 60


def test_a_freed_place_is_offered_as_long_as_it_is_kept():
    place = make_place()
    make_slot(place)
    set_rules(place, offer_minutes=30)
    first, second = make_actor(), make_actor()
    made = book(place, actor=first)
    wait_for_place(place, actor=second, from_time=time(9), until_time=time(9, 30))
    operations.cancel_appointment(actor=first, appointment_id=made.pk, now=NOW)
    hear()
    offers = OutgoingMessage.objects.filter(user_id=second.user_id, template="waitlist_offered")
    assert [offer.expires_at - NOW for offer in offers] == [timedelta(minutes=30)]
