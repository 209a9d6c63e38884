"""Taking tickets in a loop: what a family may, and what nobody may."""

import uuid
from typing import Any

import pytest
from django.test import Client

from smartqueue.accounts.enums import Role
from smartqueue.common import redis
from smartqueue.limits import operations as limits
from smartqueue.queues.models import Ticket
from smartqueue.queues.tests.conftest import Api
from smartqueue.queues.tests.factories import (
    Place,
    make_actor,
    make_branch,
    make_device,
    make_member,
    make_place,
    make_queue,
)

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("entrance")]


@pytest.fixture(autouse=True)
def _the_limits_of_production(settings: Any) -> None:
    settings.LIMITS = settings.LIMITS | {
        "join": {
            "account": "12/hour; 30/day",
            "phone": "10/day",
            "device": "12/hour; 40/day",
            "address": "300/10 minutes",
        },
    }


@pytest.fixture
def place() -> Place:
    return make_place()


def an_address() -> str:
    return f"2001:db8:{uuid.uuid4().hex[:4]}:{uuid.uuid4().hex[:4]}::1"


def statuses(place: Place, count: int, **options: Any) -> list[int]:
    """Join so often, each time as another named person, and return what was answered."""
    client = options.pop("client", None) or Client(
        headers=options.pop("headers", {}), REMOTE_ADDR=options.pop("address", an_address())
    )
    answers = []
    for n in range(count):
        body = {"queue": str(place.queue.pk), "customer_name": f"Person {n}"} | options
        answer = client.post("/api/queues/tickets/", body, content_type="application/json")
        answers.append(answer.status_code)
    return answers


def joined(api: Api, place: Place, n: int, **fields: str) -> int:
    body = {"queue": str(place.queue.pk), "customer_name": f"Person {n}"} | fields
    return int(api.post("queues/tickets/", body).status_code)


def tickets() -> int:
    return Ticket.objects.with_scopes_disabled().count()


def a_phone() -> str:
    return f"+22177{uuid.uuid4().int % 10_000_000:07d}"


def test_a_family_takes_its_tickets_with_one_phone(place: Place) -> None:
    assert statuses(place, 10, phone=a_phone()) == [201] * 10


def test_one_phone_does_not_fill_a_branch(place: Place) -> None:
    phone = a_phone()

    assert statuses(place, 14, phone=phone) == [201] * 10 + [429] * 4
    # Written differently, at another queue of the branch, from elsewhere: it is the same phone.
    assert statuses(place, 1, phone=f"00221 {phone[4:]}") == [429]
    other = Place(**{**vars(place), "queue": make_queue(place, "Z")})
    assert statuses(other, 1, phone=phone) == [429]
    assert tickets() == 10


def test_another_branch_counts_for_itself(place: Place) -> None:
    phone = a_phone()
    statuses(place, 10, phone=phone)

    assert statuses(make_place(), 1, phone=phone) == [201]


def test_one_device_takes_twelve_an_hour(place: Place) -> None:
    device = str(uuid.uuid4())

    answers = statuses(place, 15, headers={"X-Device-ID": device})

    assert answers == [201] * 12 + [429] * 3


def test_one_account_takes_twelve_an_hour(place: Place) -> None:
    api = Api(make_actor())

    answers = [joined(api, place, n) for n in range(14)]

    assert answers == [201] * 12 + [429] * 2


def test_one_address_does_not_fill_a_queue(place: Place, settings: Any) -> None:
    settings.LIMITS["join"] = settings.LIMITS["join"] | {"address": "20/10 minutes"}

    assert statuses(place, 25) == [201] * 20 + [429] * 5
    assert tickets() == 20


def test_the_refusal_says_what_to_do(place: Place) -> None:
    phone = a_phone()
    statuses(place, 10, phone=phone)

    answer = Client(headers={"Accept-Language": "en"}).post(
        "/api/queues/tickets/",
        {"queue": str(place.queue.pk), "customer_name": "X", "phone": phone},
        content_type="application/json",
    )

    assert answer.status_code == 429
    assert answer.json()["code"] == "too_many_tickets"
    assert answer.json()["detail"] == "You can try again in 24 hours."
    assert 86_000 < int(answer.headers["Retry-After"]) <= 86_400


def test_a_retry_on_a_bad_line_is_not_another_ticket(place: Place) -> None:
    client = Client(REMOTE_ADDR=an_address())
    phone = a_phone()
    body = {"queue": str(place.queue.pk), "phone": phone, "customer_name": "Awa"}
    key = str(uuid.uuid4())
    for _ in range(20):
        answer = client.post(
            "/api/queues/tickets/",
            body,
            content_type="application/json",
            headers={"Idempotency-Key": key},
        )
        assert answer.status_code == 201

    assert statuses(place, 10, phone=phone) == [201] * 9 + [429]


def test_one_key_for_many_bodies_gives_one_ticket(place: Place) -> None:
    key = {"Idempotency-Key": str(uuid.uuid4())}

    answers = statuses(place, 20, headers=key, phone=a_phone())

    assert answers == [201] + [422] * 19


def test_a_kiosk_gives_tickets_to_everybody(place: Place) -> None:
    token = make_device(place.branch)

    assert set(statuses(place, 30, headers={"X-Ticket-Token": token})) == {201}


def test_staff_of_the_branch_give_tickets_to_everybody(place: Place) -> None:
    api = Api(place.owner)
    phone = a_phone()

    answers = [joined(api, place, n, phone=phone) for n in range(15)]

    assert answers == [201] * 15


@pytest.mark.parametrize("who", ["elsewhere", "viewer", "other_owner"])
def test_other_staff_are_customers_here(place: Place, who: str) -> None:
    actor = {
        "elsewhere": lambda: make_member(
            place.organization, Role.AGENT, make_branch(place.organization)
        ),
        "viewer": lambda: make_member(place.organization, Role.VIEWER),
        "other_owner": lambda: make_place().owner,
    }[who]()
    api = Api(actor)

    answers = [joined(api, place, n) for n in range(13)]

    assert answers == [201] * 12 + [429]


def test_people_go_on_joining_without_redis(place: Place, settings: Any) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    for cached in (redis.client, limits._script):
        cached.cache_clear()
    try:
        assert statuses(place, 15, phone=a_phone()) == [201] * 15
    finally:
        for cached in (redis.client, limits._script):
            cached.cache_clear()
        limits._breaker.closed_until = 0.0


def test_an_unknown_queue_is_not_found_and_costs_nothing() -> None:
    body = {"queue": str(uuid.uuid4())}

    answer = Client().post("/api/queues/tickets/", body, content_type="application/json")

    assert answer.status_code == 404


def test_reads_and_writes_of_one_account_have_an_end(place: Place, settings: Any) -> None:
    settings.LIMITS = settings.LIMITS | {
        "read": {"account": "5/minute", "address": "1000000/minute"},
        "write": {"account": "2/minute", "address": "1000000/minute"},
    }
    api = Api(place.owner)

    reads = [api.get("queues/queues/").status_code for _ in range(7)]
    writes = [api.post(f"queues/queues/{place.queue.pk}/open/").status_code for _ in range(3)]

    assert reads == [200] * 5 + [429] * 2
    assert writes[-1] == 429
    assert 429 not in writes[:2]


def test_the_status_of_a_queue_is_never_refused(place: Place, settings: Any) -> None:
    settings.LIMITS = settings.LIMITS | {"read": {"address": "1/hour"}}

    answers = {
        Client().get(f"/api/queues/queues/{place.queue.pk}/status/").status_code for _ in range(9)
    }

    assert answers == {200}
