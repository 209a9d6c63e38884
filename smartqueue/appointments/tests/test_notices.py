"""What people hear of their appointments."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import time, timedelta
from time import sleep
from uuid import UUID

import pytest
from django.db import connection
from django.utils import timezone

from smartqueue.appointments import notices, operations
from smartqueue.appointments.events import AppointmentCancelled, AppointmentReminderDue
from smartqueue.appointments.models import Appointment
from smartqueue.appointments.tests.factories import (
    NINE,
    NOW,
    TEN,
    book,
    make_slot,
    set_rules,
    wait_for_place,
)
from smartqueue.common.db import unit_of_work
from smartqueue.notifications import operations as messages
from smartqueue.notifications.enums import Channel
from smartqueue.notifications.models import Notification, OutgoingMessage
from smartqueue.notifications.providers.base import Terms
from smartqueue.notifications.tests.carrier import lines
from smartqueue.outbox import registry
from smartqueue.outbox.events import Event, class_of, rebuild
from smartqueue.outbox.models import DomainEvent
from smartqueue.queues.tests.factories import make_actor, make_place, make_user

pytestmark = pytest.mark.django_db


def hear() -> None:
    for event in events():
        hear_one(event)


def hear_one(event: Event) -> None:
    for handler in registry.handlers_for(event):
        if handler.run.__module__ == notices.__name__:
            handler.run(event)
            handler.run(event)


def events() -> list[Event]:
    rows = DomainEvent.objects.filter(type__startswith="appointments.").order_by("pk")
    return [
        rebuild(
            class_of(row.type),
            {
                "organization_id": row.organization_id,
                "subject_version": row.subject_version,
                "occurred_at": row.occurred_at,
                "actor": row.actor,
            },
            row.payload,
        )
        for row in rows
    ]


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


def told(user_id: UUID | None) -> list[str]:
    rows = Notification.objects.filter(user_id=user_id).order_by("pk")
    return [row.code for row in rows]


def test_what_holds_no_more_when_its_handler_runs_is_not_told():
    place = make_place()
    make_slot(place)
    set_rules(place, offer_minutes=30)
    actor, other = make_actor(), make_actor()
    made = book(place, actor=actor)
    entry = wait_for_place(place, actor=other, from_time=time(9), until_time=time(9, 30))
    due = NINE - timedelta(hours=2)
    assert operations.remind_of_appointment(appointment_id=made.pk, now=due)
    own = {"actor": actor, "appointment_id": made.pk, "now": due}
    operations.reschedule_appointment(starts_at=TEN, **own)
    operations.leave_waitlist(actor=other, entry_id=entry.pk, now=due)
    for event in reversed(events()):
        hear_one(event)
    assert told(actor.user_id) == ["appointment_moved"]
    assert told(other.user_id) == []

    Notification.objects.all().delete()
    operations.cancel_appointment(**own)
    for event in reversed(events()):
        hear_one(event)
    assert told(actor.user_id) == ["appointment_cancelled"]


def test_a_reminder_that_waits_for_the_morning_goes_with_its_appointment():
    place = make_place()
    make_slot(place, capacity=3)
    set_rules(place)
    night = NINE - timedelta(hours=10)
    with lines(("carrier", Terms(countries=("SN",), price_minor=10))):
        for is_moved in (True, False):
            actor = make_actor(make_user(phone=f"+22177123450{is_moved:d}", email=None))
            made = book(place, actor=actor)
            Appointment.objects.with_scopes_disabled().update(next_reminder_at=night)
            assert operations.remind_of_appointment(appointment_id=made.pk, now=night)
            hear()
            reminder = OutgoingMessage.objects.get(
                user_id=actor.user_id, template="appointment_reminder"
            )
            assert reminder.state == "queued"
            own = {"actor": actor, "appointment_id": made.pk, "now": night}
            if is_moved:
                operations.reschedule_appointment(starts_at=TEN, **own)
            else:
                operations.cancel_appointment(**own)
            hear()
            reminder.refresh_from_db()
            assert (reminder.state, reminder.last_error) == ("cancelled", "withdrawn")


@pytest.mark.serial
@pytest.mark.django_db(transaction=True)
def test_nobody_is_reminded_of_what_is_called_off_at_the_same_moment():
    with lines(("carrier", Terms(countries=("SN",), price_minor=10))):
        place = make_place()
        make_slot(place)
        set_rules(place)
        actor = make_actor(make_user(phone="+221771234509", email=None))
        made = book(place, actor=actor)
        night = NINE - timedelta(hours=10)
        Appointment.objects.with_scopes_disabled().update(next_reminder_at=night)
        operations.remind_of_appointment(appointment_id=made.pk, now=night)
        (due,) = [event for event in events() if isinstance(event, AppointmentReminderDue)]

        def call_off() -> None:
            operations.cancel_appointment(actor=actor, appointment_id=made.pk, now=night)
            (cancelled,) = [one for one in events() if isinstance(one, AppointmentCancelled)]
            with unit_of_work():
                notices.on_appointment_changed_withdraw(cancelled)

        with ThreadPoolExecutor(1) as pool:
            with unit_of_work():
                notices.on_reminder_due_tell(due)
                calling_off = pool.submit(closing, call_off)
                # Whoever calls it off waits; without the lock they are done by now.
                while not (is_waited_for() or calling_off.done()):
                    sleep(0.01)
            calling_off.result()
        reminder = OutgoingMessage.objects.get(template="appointment_reminder")
        assert reminder.state == "cancelled"


def closing(call: Callable[[], None]) -> None:
    try:
        call()
    finally:
        connection.close()


def is_waited_for() -> bool:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT FROM pg_locks WHERE NOT granted AND pg_backend_pid() = ANY(pg_blocking_pids(pid))"
        )
        return bool(cursor.fetchall())
