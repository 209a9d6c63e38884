"""Staff write to people of their organization's tickets, and to nobody else's."""

from collections.abc import Iterator
from typing import Any

import pytest

from smartqueue.notifications import ports, tasks
from smartqueue.notifications.models import Batch, OutgoingMessage
from smartqueue.notifications.ports import KNOWN_FOR, Addressee
from smartqueue.notifications.providers.base import Terms
from smartqueue.notifications.tests.carrier import Line, lines
from smartqueue.queues.models import Ticket
from smartqueue.queues.tests.conftest import Api, Clock
from smartqueue.queues.tests.factories import NOW, Place, join, make_actor, make_place, make_user

pytestmark = pytest.mark.django_db

OLD = NOW - KNOWN_FOR


def phone(number: int) -> str:
    return f"+22177700100{number}"


VISITOR, ACCOUNTS, PAST, ELSEWHERE, STRANGER = map(phone, range(5))


@pytest.fixture
def line() -> Iterator[Line]:
    with lines(("carrier", Terms(countries=("SN",), price_minor=10))) as found:
        yield found[0]


@pytest.fixture
def place(entrance: Clock) -> Place:
    """A place that knows one phone, and one account by a ticket without a phone; another knows more."""
    made, other = make_place(), make_place()
    join(made, phone=VISITOR)
    user = make_user(phone=ACCOUNTS, email="holder@example.test")
    join(made, actor=make_actor(user))
    past = join(made, phone=PAST)
    Ticket.objects.with_scopes_disabled().filter(pk=past.pk).update(joined_at=OLD)
    join(other, phone=ELSEWHERE)
    return made


def told(place: Place, **more: Any) -> dict[str, Any]:
    return {"organization": str(place.organization.pk), "text": "Votre dossier"} | more


def test_staff_write_to_who_has_a_ticket(line: Line, place: Place) -> None:
    owner = Api(place.owner)
    for number in (VISITOR, ACCOUNTS):
        shown = owner.ok("notifications/send-sms/", told(place, phone=number), 202)
        tasks.send_message_task(shown["id"])
    assert sorted(message["to"] for message in line.server.taken) == [VISITOR, ACCOUNTS]

    letter = told(place, email="Holder@Example.test", subject="Dossier")
    shown = owner.ok("notifications/send-email/", letter, 202)
    tasks.send_message_task(shown["id"])
    assert OutgoingMessage.objects.get(pk=shown["id"]).recipient == "holder@example.test"


def test_staff_write_to_nobody_elses_people(line: Line, place: Place) -> None:
    owner = Api(place.owner)
    refused = [
        owner.post("notifications/send-sms/", told(place, phone=number))
        for number in (PAST, ELSEWHERE, STRANGER)
    ]
    refused += [
        owner.post("notifications/batches/", told(place, phones=[VISITOR, ACCOUNTS, number]))
        for number in (ELSEWHERE, STRANGER)
    ]
    letter = told(place, email="nobody@example.test", subject="Dossier")
    refused.append(owner.post("notifications/send-email/", letter))
    assert [(one.status_code, one.json()["code"]) for one in refused] == [
        (403, "not_own_person")
    ] * 6
    assert not OutgoingMessage.objects.exists()
    assert not Batch.objects.with_scopes_disabled().exists()

    batch = owner.ok("notifications/batches/", told(place, phones=[VISITOR, ACCOUNTS]), 202)
    tasks.make_batch_task(batch["id"])
    assert line.texts == {"Votre dossier": 2}


def test_many_are_asked_about_as_one(place: Place, django_assert_num_queries: Any) -> None:
    organization_id = place.organization.pk
    one = {Addressee(STRANGER)}
    several = one | {Addressee(VISITOR), Addressee(ELSEWHERE), Addressee(PAST)}
    # Tickets, and bookings with the waitlist; nobody here has an account who could be a member.
    for people, own in ((one, set()), (several, {Addressee(VISITOR)})):
        with django_assert_num_queries(2):
            found = ports.own_people(
                organization_id=organization_id, people=frozenset(people), now=NOW
            )
        assert found == own
