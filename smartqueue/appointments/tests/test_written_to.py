"""Staff write to people who booked with their organization or wait there, and to nobody else's."""

from datetime import timedelta
from typing import Any

import pytest

from smartqueue.appointments import operations
from smartqueue.appointments.models import Appointment, WaitlistEntry
from smartqueue.appointments.operations import Person
from smartqueue.appointments.tests.factories import (
    ELEVEN,
    NINE,
    TEN,
    book,
    hold,
    make_slot,
    wait_for_place,
)
from smartqueue.common import clock
from smartqueue.notifications import ports
from smartqueue.notifications.models import OutgoingMessage
from smartqueue.notifications.ports import KNOWN_FOR, Addressee
from smartqueue.queues.tests.conftest import Api
from smartqueue.queues.tests.factories import NOW, Place, make_actor, make_place, make_user

pytestmark = pytest.mark.django_db


def phone(number: int) -> str:
    return f"+22177700300{number}"


def place_with_people() -> Place:
    """
    Phones 0 (booked), 1 (of an account that booked), 2 (waits) and 3 (gave up waiting today) have to
    do with it; 4 held a place and never booked, 5 booked too long ago, 6 gave up waiting as long ago,
    7 booked elsewhere.
    """
    place, other = make_place(), make_place()
    wait_for_place(place, phone=phone(2))
    for number in (3, 6):
        entry = wait_for_place(place, phone=phone(number), actor=place.owner)
        operations.leave_waitlist(actor=place.owner, entry_id=entry.pk, now=NOW)
    for each in (place, other):
        make_slot(each, capacity=9)
    book(place, NINE, actor=place.owner, person=Person(phone=phone(0)))
    book(place, NINE, actor=make_actor(make_user(phone=phone(1), email="booked@example.test")))
    hold(place, TEN, actor=place.owner, person=Person(phone=phone(4)))
    past = book(place, ELEVEN, actor=place.owner, person=Person(phone=phone(5)))
    book(other, NINE, actor=other.owner, person=Person(phone=phone(7)))
    then = NOW - KNOWN_FOR
    Appointment.objects.with_scopes_disabled().filter(pk=past.pk).update(
        starts_at=then, ends_at=then + timedelta(minutes=1)
    )
    WaitlistEntry.objects.with_scopes_disabled().filter(phone=phone(6)).update(ended_at=then)
    return place


def test_staff_write_to_who_booked_or_waits(
    monkeypatch: pytest.MonkeyPatch, django_assert_num_queries: Any
) -> None:
    monkeypatch.setattr(clock, "now", lambda: NOW)
    place = place_with_people()
    owner = Api(place.owner)
    told = {"organization": str(place.organization.pk), "text": "Fermé demain"}
    answers = {
        number: owner.post("notifications/send-sms/", told | {"phone": phone(number)})
        for number in range(8)
    }
    assert {number: answer.status_code for number, answer in answers.items()} == dict.fromkeys(
        range(4), 202
    ) | dict.fromkeys(range(4, 8), 403)
    assert {answers[number].json()["code"] for number in range(4, 8)} == {"not_own_person"}
    letter = told | {"email": "booked@example.test", "subject": "Demain"}
    owner.ok("notifications/send-email/", letter, 202)
    assert OutgoingMessage.objects.filter(template="by_hand", state="sent").count() == 5
    owner.ok("notifications/batches/", told | {"phones": [phone(n) for n in range(4)]}, 202)

    people = frozenset(Addressee(phone(number)) for number in (0, 2, 7))
    with django_assert_num_queries(2):
        found = ports.own_people(organization_id=place.organization.pk, people=people, now=NOW)
    assert {one.address for one in found} == {phone(0), phone(2)}
