"""What people hear of their appointments."""

from datetime import timedelta

import pytest

from smartqueue.accounts.models import User
from smartqueue.appointments import notices, operations
from smartqueue.appointments.tests.factories import NINE, book, make_slot, set_rules
from smartqueue.notifications.enums import Channel
from smartqueue.notifications.models import Notification, OutgoingMessage
from smartqueue.notifications.operations.sending import rest_of
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


def test_an_appointment_is_told_with_its_file_reminded_and_called_off(monkeypatch):
    place = make_place()
    make_slot(place, capacity=3)
    set_rules(place)
    actor = make_actor()
    user = User.objects.get(pk=actor.user_id)
    files: list[tuple[str, str]] = []
    real = notices.notifications.tell

    def noted(**given):
        files.extend((given["code"], file.content_type) for file in given.get("attachments", ()))
        return real(**given)

    monkeypatch.setattr(notices.notifications, "tell", noted)
    made = book(place, actor=actor)
    hear()
    (sent,) = OutgoingMessage.objects.filter(user_id=user.pk)
    assert (sent.channel, sent.template) == (Channel.EMAIL, "appointment_booked")
    assert rest_of(sent) == {} or rest_of(sent)["attachments"]
    assert files[0][0] == "appointment_booked"
    assert files[0][1].endswith("method=REQUEST")
    due = NINE - timedelta(hours=24)
    assert operations.remind_of_appointment(appointment_id=made.pk, now=due)
    hear()
    operations.cancel_appointment(actor=actor, appointment_id=made.pk, now=due)
    hear()
    codes = list(OutgoingMessage.objects.filter(user_id=user.pk).values_list("template", flat=True))
    assert codes == ["appointment_booked", "appointment_reminder", "appointment_cancelled"]
    assert Notification.objects.filter(user=user).count() == 3
    assert [kind for code, kind in files if code == "appointment_cancelled"][0].endswith("CANCEL")
