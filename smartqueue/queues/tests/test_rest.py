"""The wire of queues, tickets and sessions, to the letter of the contract."""

import time
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.utils import translation

from smartqueue.accounts.enums import Role
from smartqueue.idempotency.models import IdempotencyKey
from smartqueue.queues.interfaces.status import LOCAL_SECONDS
from smartqueue.queues.models import CounterSession, Queue, QueuePriority, Ticket, VehicleCategory
from smartqueue.queues.tests.conftest import Api, Clock, forget_status
from smartqueue.queues.tests.factories import (
    NOW,
    Place,
    join,
    make_actor,
    make_branch,
    make_counter,
    make_device,
    make_member,
    make_place,
    make_queue,
    make_service,
    sit_down,
)
from smartqueue.queues.tokens import token_of

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("entrance")]

# Not made afresh: parallel runs have to find tests of the same names.
UNKNOWN = "7c9e6679-7425-40de-944b-e07fc1f90ae7"

TICKET = {
    "id",
    "number",
    "state",
    "queue",
    "service",
    "priority",
    "channel",
    "position",
    "people_ahead",
    "estimate",
    "counter",
    "call_reason",
    "calls",
    "joined_at",
    "called_at",
    "started_at",
    "ended_at",
    "returns_on",
    "version",
}
STATUS = {
    "queue",
    "state",
    "version",
    "waiting_count",
    "now_serving",
    "last_called",
    "open_counters",
    "estimate",
    "updated_at",
}
SESSION = {
    "id",
    "counter",
    "counter_name",
    "branch",
    "agent",
    "queues",
    "state",
    "started_at",
    "ended_at",
}
QUEUE = {
    "id",
    "organization",
    "branch",
    "name",
    "prefix",
    "services",
    "state",
    "state_reason",
    "policy",
    "ordinary_per_priority",
    "max_calls",
    "no_show_grace_minutes",
    "more_time_limit",
    "daily_quota",
    "tickets_from",
    "max_waiting",
    "follows_opening_hours",
    "asks_vehicle",
    "waiting_count",
    "open_counters",
    "version",
}


@pytest.fixture
def place() -> Place:
    return make_place()


@pytest.fixture
def agent(place: Place) -> Api:
    return Api(place.agent)


@pytest.fixture
def owner(place: Place) -> Api:
    return Api(place.owner)


@pytest.fixture
def anybody() -> Api:
    return Api()


def queue_path(place: Place, verb: str = "") -> str:
    return f"queues/queues/{place.queue.pk}/" + (f"{verb}/" if verb else "")


def ticket_path(ticket: Any, verb: str = "") -> str:
    pk = ticket["id"] if isinstance(ticket, dict) else ticket.pk
    return f"queues/tickets/{pk}/" + (f"{verb}/" if verb else "")


def refused(response: Any, status: int, code: str) -> dict[str, Any]:
    """Check that an answer is a problem with this code; return its body."""
    assert (response.status_code, response.json()["code"]) == (status, code)
    assert response.headers["Content-Type"] == "application/problem+json"
    body: dict[str, Any] = response.json()
    assert body["status"] == status
    assert body["type"].endswith(code)
    assert body["title"]
    return body


# --- Queues ----------------------------------------------------------------------------------


def queue_body(place: Place, **values: Any) -> dict[str, Any]:
    return {
        "branch": str(place.branch.pk),
        "name": "Guichet",
        "prefix": "b",
        "services": [str(place.service.pk)],
        **values,
    }


def test_a_new_queue_is_closed_and_has_the_contract_s_fields(place, owner):
    made = owner.ok("queues/queues/", queue_body(place, policy="fifo"), 201)

    assert set(made) == QUEUE
    assert (made["state"], made["prefix"], made["policy"]) == ("closed", "B", "fifo")
    assert made["services"] == [str(place.service.pk)]
    assert Queue.objects.with_scopes_disabled().filter(pk=made["id"]).exists()


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        ("name", None, "null"),
        ("name", "", "blank"),
        ("name", "a\0b", "null_characters_not_allowed"),
        ("name", "\ud800", "surrogate_characters_not_allowed"),
        ("name", "x" * 1_000_000, "max_length"),
        ("name", {"a": 1}, "invalid"),
        ("name", True, "invalid"),
        ("prefix", "A1", "invalid"),
        ("prefix", "", "blank"),
        ("branch", "not-a-uuid", "invalid"),
        ("branch", 12.5, "invalid"),
        ("services", [], "min_length"),
        ("services", "x", "not_a_list"),
        ("services", [str(uuid4())], "invalid"),
        ("policy", "lottery", "invalid_choice"),
        ("max_calls", 0, "min_value"),
        ("max_calls", "three", "invalid"),
        ("max_calls", 2**63, "max_value"),
        ("max_calls", 1e400, "invalid"),
        ("daily_quota", -1, "min_value"),
        ("tickets_from", "25:00", "invalid"),
        ("follows_opening_hours", "perhaps", "invalid"),
        ("asks_vehicle", [], "invalid"),
        ("priorities", {}, "not_a_list"),
    ],
)
def test_a_wrong_field_of_a_queue_is_named(place, owner, field, value, code):
    body = queue_body(place, **{field: value})
    if value == 1e400:
        response = owner.post("queues/queues/", '{"max_calls": 1e400}')
    else:
        response = owner.post("queues/queues/", body)

    errors = refused(response, 400, "invalid_input")["errors"]
    named = {error["field"].split(".")[0]: error["code"] for error in errors}
    assert named.get(field) == code, errors
    assert Queue.objects.with_scopes_disabled().filter(branch=place.branch).count() == 1


def test_the_prefix_of_another_live_queue_is_refused(place, owner):
    body = refused(
        owner.post("queues/queues/", queue_body(place, prefix="A")), 400, "invalid_input"
    )

    assert body["errors"][0] | {"message": ""} == {
        "field": "prefix",
        "code": "taken",
        "message": "",
    }


def test_repeated_priority_codes_are_refused(place, owner):
    rows = [{"code": "vip", "name": "VIP"}] * 2

    body = refused(
        owner.post("queues/queues/", queue_body(place, priorities=rows)), 400, "invalid_input"
    )

    assert body["errors"][0]["field"] == "priorities"


def test_anybody_reads_queues_and_only_managers_change_them(place, agent, owner, anybody):
    assert set(anybody.get(queue_path(place)).json()) == QUEUE
    changes = {"name": "Accueil"}

    refused(anybody.call("patch", queue_path(place), changes), 401, "not_signed_in")
    refused(agent.call("patch", queue_path(place), changes), 404, "not_found")
    assert owner.call("patch", queue_path(place), changes).json()["name"] == "Accueil"
    whole = {"name": "Tout", "services": [str(place.service.pk)]}
    assert owner.call("put", queue_path(place), whole).json()["name"] == "Tout"
    refused(owner.call("put", queue_path(place), changes), 400, "invalid_input")


def test_state_numbers_and_prefix_are_not_for_put(place, owner):
    sent = {"state": "closed", "version": 99, "waiting_count": 5, "prefix": "Z", "max_calls": 5}

    answer = owner.call("patch", queue_path(place), sent).json()

    assert (answer["state"], answer["prefix"], answer["waiting_count"]) == ("open", "A", 0)
    assert (answer["version"], answer["max_calls"]) == (1, 5)


def test_a_retired_queue_is_gone(place, owner, anybody):
    ticket = join(place)
    refused(owner.call("delete", queue_path(place)), 409, "people_waiting")
    Api(token=token_of(ticket.pk)).ok(ticket_path(ticket, "cancel"))

    response = owner.call("delete", queue_path(place))

    assert (response.status_code, response.content) == (204, b"")
    refused(anybody.get(queue_path(place)), 404, "not_found")
    refused(anybody.get(queue_path(place, "status")), 404, "not_found")


@pytest.mark.parametrize(
    ("verb", "state"), [("open", "open"), ("pause", "paused"), ("close", "closed")]
)
def test_open_pause_and_close_set_the_state_and_its_reason(place, agent, verb, state):
    answer = agent.ok(queue_path(place, verb), {"reason": "Coupure"})

    assert set(answer) == QUEUE
    assert (answer["state"], answer["state_reason"]) == (state, "Coupure")


def test_reading_queues_takes_as_many_queries_for_three_as_for_one(
    place, anybody, django_assert_num_queries
):
    path = f"queues/queues/?branch={place.branch.pk}"
    with django_assert_num_queries(3):
        assert anybody.get(path).json()["count"] == 1
    make_queue(place, "B")
    make_queue(place, "C", services=[place.service.pk, make_service(place.organization).pk])

    with django_assert_num_queries(3):
        answer = anybody.get(path).json()

    assert set(answer) == {"count", "next", "previous", "results"}
    assert [row["name"] for row in answer["results"]] == ["File A", "File B", "File C"]
    assert all(set(row) == QUEUE for row in answer["results"])


def test_lists_are_paged_filtered_and_ordered(place, anybody):
    for prefix in ("B", "C"):
        make_queue(place, prefix)
    make_place()
    mine = f"queues/queues/?organization={place.organization.pk}"

    first = anybody.get(f"{mine}&page_size=2&ordering=-name").json()
    second = anybody.client.get(first["next"]).json()

    assert (first["count"], first["previous"]) == (3, None)
    assert [row["prefix"] for row in first["results"] + second["results"]] == ["C", "B", "A"]
    assert second["next"] is None
    assert anybody.get(f"{mine}&state=closed").json()["count"] == 0
    assert anybody.get(f"{mine}&service={place.service.pk}").json()["count"] == 3
    refused(anybody.get(f"{mine}&page=9"), 404, "not_found")
    refused(anybody.get("queues/queues/?branch=x"), 400, "invalid_input")
    refused(anybody.get("queues/queues/?state=x%00"), 400, "invalid_input")


# --- Status ----------------------------------------------------------------------------------


def test_status_has_the_contract_s_fields_and_nothing_of_a_person(place, anybody):
    ticket = join(place, customer_name="Awa Diop", phone="+221771234567")
    join(place, now=NOW + timedelta(seconds=1))
    session = sit_down(place)
    Api(place.agent).ok(f"agents/sessions/{session.pk}/call-next/")

    response = anybody.get(queue_path(place, "status"))
    status = response.json()

    assert set(status) == STATUS
    called = {
        "ticket": str(ticket.pk),
        "number": ticket.number,
        "counter": place.counters[0].name,
        "state": "called",
        "called_at": NOW.isoformat(),
    }
    assert (status["now_serving"], status["last_called"]) == ([called], [called])
    assert (status["waiting_count"], status["open_counters"]) == (1, 1)
    assert status["queue"] == str(place.queue.pk)
    assert status["updated_at"] == NOW.isoformat()
    assert set(status["estimate"]) == {"low", "median", "high"}
    assert b"Awa" not in response.content
    assert b"77123" not in response.content


def test_an_unchanged_status_is_304_and_a_changed_one_is_not(place, anybody):
    first = anybody.get(queue_path(place, "status"))
    etag = first.headers["ETag"]

    again = anybody.get(queue_path(place, "status"), If_None_Match=etag)
    join(place)
    forget_status(place.queue.pk)
    changed = anybody.get(queue_path(place, "status"), If_None_Match=etag)

    assert (again.status_code, again.content, again.headers["ETag"]) == (304, b"", etag)
    assert changed.status_code == 200
    assert changed.headers["ETag"] != etag
    assert changed.json()["version"] == first.json()["version"] + 1


def test_status_of_no_queue_is_not_found(anybody):
    refused(anybody.get(f"queues/queues/{uuid4()}/status/"), 404, "not_found")


@pytest.mark.parametrize("queue", ["-" * 36, "0" * 36, "0-" * 18, UNKNOWN.upper()])
def test_status_of_what_is_no_id_is_not_found(anybody, queue):
    assert anybody.get(f"queues/queues/{queue}/status/").status_code == 404


@pytest.mark.django_db(transaction=True)
@pytest.mark.serial
def test_a_committed_change_shows_in_the_next_status(anybody):
    place = make_place()
    for count in range(1, 6):
        before = anybody.get(queue_path(place, "status")).json()
        anybody.ok("queues/tickets/", {"queue": str(place.queue.pk)}, 201)
        # A process may answer from its own memory for as long.
        time.sleep(2 * LOCAL_SECONDS)
        after = anybody.get(queue_path(place, "status")).json()
        assert after["waiting_count"] == count
        assert after["version"] == before["version"] + 1


# --- Joining ---------------------------------------------------------------------------------


def test_joining_answers_the_contract_s_ticket_with_its_token(place, anybody):
    ticket = anybody.ok("queues/tickets/", {"queue": str(place.queue.pk)}, 201)

    assert set(ticket) - {"why"} == TICKET | {"token"}
    assert ticket["number"] == "A001"
    assert (ticket["state"], ticket["position"], ticket["people_ahead"]) == ("waiting", 1, 0)
    assert (ticket["service"], ticket["queue"]) == (str(place.service.pk), str(place.queue.pk))
    assert (ticket["priority"], ticket["channel"], ticket["calls"]) == ("ordinary", "api", 0)
    assert ticket["joined_at"] == NOW.isoformat()
    assert (ticket["counter"], ticket["call_reason"], ticket["ended_at"]) == (None, None, None)
    assert ticket["version"] == 1
    assert ticket["token"] == token_of(UUID(ticket["id"]))


def test_position_counts_the_people_ahead(place, anybody):
    for _ in range(3):
        join(place, now=NOW - timedelta(minutes=1))

    ticket = anybody.ok("queues/tickets/", {"queue": str(place.queue.pk)}, 201)

    assert (ticket["position"], ticket["people_ahead"]) == (4, 3)


def test_only_a_holder_sees_the_token(place, agent, anybody):
    made = anybody.ok("queues/tickets/", {"queue": str(place.queue.pk)}, 201)
    holder = Api(token=made["token"])

    assert holder.get(ticket_path(made)).json()["token"] == made["token"]
    seen = agent.get(ticket_path(made)).json()
    assert set(seen) - {"why"} == TICKET
    refused(anybody.get(ticket_path(made)), 404, "not_found")
    refused(Api(token=token_of(uuid4())).get(ticket_path(made)), 404, "not_found")
    refused(Api(token="forged").get(ticket_path(made)), 401, "not_signed_in")


def test_a_ticket_that_staff_issue_is_opened_by_its_token(place, agent):
    made = agent.ok(
        "queues/tickets/",
        {"queue": str(place.queue.pk), "priority": "elderly", "channel": "sms"},
        201,
    )

    assert (made["priority"], made["channel"]) == ("elderly", "sms")
    assert Api(token=made["token"]).get(ticket_path(made)).status_code == 200


def test_a_signed_in_person_finds_their_tickets_again(place, django_assert_num_queries):
    customer = make_actor()
    api = Api(customer)
    sit_down(place)
    first = api.ok("queues/tickets/", {"queue": str(place.queue.pk)}, 201)
    join(place)

    # The session, the count, the page, the places in line.
    with django_assert_num_queries(4):
        assert [t["id"] for t in api.get("queues/tickets/my/").json()["results"]] == [first["id"]]
    for name in ("Awa", "Modou"):
        api.ok("queues/tickets/", {"queue": str(place.queue.pk), "customer_name": name}, 201)
    with django_assert_num_queries(4):
        mine = api.get("queues/tickets/my/").json()

    assert mine["count"] == 3
    assert all(set(t) - {"why"} == TICKET | {"token"} for t in mine["results"])
    refused(Api().get("queues/tickets/my/"), 401, "not_signed_in")


@pytest.mark.parametrize(
    ("settings", "before", "code"),
    [
        ({}, "close", "queue_closed"),
        ({}, "pause", "queue_paused"),
        ({"daily_quota": 1}, "join", "queue_full"),
        ({"max_waiting": 1}, "join", "queue_full"),
        ({"tickets_from": "23:00"}, None, "tickets_not_yet"),
    ],
)
def test_joining_is_refused_for_a_reason(settings, before, code, anybody):
    place = make_place()
    owner = Api(place.owner)
    assert owner.call("patch", queue_path(place), settings).status_code == 200
    if before == "join":
        join(place)
    elif before:
        owner.ok(queue_path(place, before))

    body = refused(anybody.post("queues/tickets/", {"queue": str(place.queue.pk)}), 409, code)

    assert "errors" not in body
    assert Ticket.objects.with_scopes_disabled().count() == (before == "join")


def test_the_same_phone_twice_is_refused_and_only_staff_learn_the_number(place, anybody, agent):
    body = {"queue": str(place.queue.pk), "phone": "77 123 45 67"}
    anybody.ok("queues/tickets/", body, 201)

    hidden = refused(anybody.post("queues/tickets/", body), 409, "already_waiting")
    told = refused(agent.post("queues/tickets/", body), 409, "already_waiting")

    assert "number" not in hidden
    assert told["number"] == "A001"


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        ("queue", None, "null"),
        ("queue", "x", "invalid"),
        ("queue", [], "invalid"),
        ("service", "x", "invalid"),
        ("service", UNKNOWN, "invalid"),
        ("customer_name", "a\0", "null_characters_not_allowed"),
        ("customer_name", "\udfff", "surrogate_characters_not_allowed"),
        ("customer_name", "x" * 1_000_000, "max_length"),
        ("customer_name", ["x"], "invalid"),
        ("phone", "12", "invalid_phone"),
        ("phone", "+22177\0", "invalid_phone"),
        ("phone", {"x": 1}, "invalid"),
        ("priority", "vip", "invalid"),
        ("priority", 7, "invalid"),
        ("priority", "elderly", "priority_not_open"),
        ("channel", "pigeon", "invalid_choice"),
        ("vehicle_category", "tank", "invalid"),
        ("plate", "x" * 21, "max_length"),
    ],
)
def test_a_wrong_field_of_a_ticket_is_named(place, anybody, field, value, code):
    response = anybody.post("queues/tickets/", {"queue": str(place.queue.pk), field: value})

    problem = "priority_not_open" if code == "priority_not_open" else "invalid_input"
    errors = refused(response, 400, problem)["errors"]
    assert [(error["field"], error["code"]) for error in errors] == [(field, code)]
    assert not Ticket.objects.with_scopes_disabled().exists()


@pytest.mark.parametrize(
    "name",
    [
        "ß" * 80,
        "Ndèye Fatou",
        "عائشة",
        "李",
        "👩🏿‍⚕️",
        "\u202eawA",
        "=cmd()",
        "<b>x</b>",
        "{{ 7*7 }}",
    ],
)
def test_names_come_back_as_they_were_given(place, agent, anybody, name):
    body = {"queue": str(place.queue.pk), "customer_name": name}
    made = anybody.ok("queues/tickets/", body, 201)

    listed = agent.get("queues/tickets/").json()["results"]

    assert [row["customer_name"] for row in listed if row["id"] == made["id"]] == [name]


def test_a_kiosk_issues_at_its_own_branch(place):
    kiosk = Api(token=make_device(place.branch))
    other = Api(token=make_device(make_branch(place.organization)))
    body = {"queue": str(place.queue.pk)}

    assert kiosk.ok("queues/tickets/", body, 201)["channel"] == "kiosk"
    refused(other.post("queues/tickets/", body), 404, "not_found")


def test_a_ticket_s_token_lives_as_long_as_its_key_is_accepted(place, anybody, settings):
    made = anybody.ok("queues/tickets/", {"queue": str(place.queue.pk)}, 201)
    holder = Api(token=made["token"])

    settings.TOKEN_KEY, settings.TOKEN_KEY_FALLBACKS = "n" * 64, [settings.TOKEN_KEY]
    assert holder.get(f"queues/tickets/{made['id']}/").json()["token"] != made["token"]
    settings.TOKEN_KEY_FALLBACKS = []
    refused(holder.get(f"queues/tickets/{made['id']}/"), 401, "not_signed_in")


# --- Idempotency -----------------------------------------------------------------------------


def test_a_repeated_key_gives_the_same_answer_and_one_ticket(place, anybody):
    key, body = str(uuid4()), {"queue": str(place.queue.pk)}

    first = anybody.post("queues/tickets/", body, Idempotency_Key=key)
    second = anybody.post("queues/tickets/", body, Idempotency_Key=key)

    assert (first.status_code, second.status_code) == (201, 201)
    assert first.json() == second.json()
    assert Ticket.objects.with_scopes_disabled().count() == 1


def test_a_repeated_step_answers_the_holder_and_the_staff_as_before(place, agent, anybody):
    made = anybody.ok("queues/tickets/", {"queue": str(place.queue.pk)}, 201)
    for caller, verb in ((Api(token=made["token"]), "more-time"), (agent, "cancel")):
        path, key = f"queues/tickets/{made['id']}/{verb}/", str(uuid4())
        first = caller.post(path, {}, Idempotency_Key=key)
        assert caller.post(path, {}, Idempotency_Key=key).json() == first.json()
        assert ("token" in first.json()) == (verb == "more-time")
    stored = [key.answer["token"] for key in IdempotencyKey.objects.all() if "token" in key.answer]
    assert stored == [None]


def test_a_key_is_the_caller_s_and_the_path_s_own(place, agent, anybody):
    key, body = str(uuid4()), {"queue": str(place.queue.pk)}
    anybody.post("queues/tickets/", body, Idempotency_Key=key)

    assert agent.post("queues/tickets/", body, Idempotency_Key=key).json()["number"] == "A002"
    assert agent.post(queue_path(place, "pause"), {}, Idempotency_Key=key).status_code == 200


def test_a_key_with_another_body_and_a_key_that_is_none_are_refused(place, anybody):
    key, body = str(uuid4()), {"queue": str(place.queue.pk)}
    anybody.post("queues/tickets/", body, Idempotency_Key=key)

    refused(
        anybody.post("queues/tickets/", body | {"plate": "DK"}, Idempotency_Key=key),
        422,
        "idempotency_key_reused",
    )
    wrong = refused(
        anybody.post("queues/tickets/", body, Idempotency_Key="1"), 400, "invalid_input"
    )
    assert wrong["errors"][0]["field"] == "Idempotency-Key"


def test_a_refusal_is_not_kept(place, owner, anybody):
    key, body = str(uuid4()), {"queue": str(place.queue.pk)}
    owner.ok(queue_path(place, "close"))
    refused(anybody.post("queues/tickets/", body, Idempotency_Key=key), 409, "queue_closed")
    owner.ok(queue_path(place, "open"))

    assert anybody.post("queues/tickets/", body, Idempotency_Key=key).status_code == 201


def test_a_repeated_call_next_calls_one_person(place, agent):
    join(place)
    join(place)
    path, key = f"agents/sessions/{sit_down(place).pk}/call-next/", str(uuid4())

    first = agent.post(path, {}, Idempotency_Key=key)
    second = agent.post(path, {}, Idempotency_Key=key)

    assert (first.status_code, second.status_code) == (200, 200)
    assert first.json() == second.json()
    assert Ticket.objects.with_scopes_disabled().filter(state="called").count() == 1


def test_a_repeated_call_next_for_nobody_is_204_without_a_body(place, agent):
    path, key = f"agents/sessions/{sit_down(place).pk}/call-next/", str(uuid4())

    answers = [agent.post(path, {}, Idempotency_Key=key) for _ in range(2)]

    assert [(a.status_code, a.content) for a in answers] == [(204, b""), (204, b"")]


# --- Tickets for staff and holders -----------------------------------------------------------


def test_staff_list_tickets_with_the_person(place, agent, django_assert_num_queries):
    join(place, customer_name="Awa", phone="+221771234567")
    with django_assert_num_queries(3):
        listed = agent.get("queues/tickets/").json()
    for name in ("Modou", "Fatou"):
        join(place, customer_name=name)
    with django_assert_num_queries(3):
        assert agent.get("queues/tickets/").json()["count"] == 3

    (row,) = listed["results"]
    person = {"customer_name", "phone", "vehicle_category", "plate", "note", "outcome"}
    assert set(row) == TICKET - {"position", "people_ahead", "estimate"} | person
    assert (row["customer_name"], row["phone"]) == ("Awa", "+221771234567")
    assert agent.get("queues/tickets/?number=a002").json()["count"] == 1
    assert agent.get("queues/tickets/?state=called&state=serving").json()["count"] == 0
    assert agent.get("queues/tickets/?service_date=2026-11-23").json()["count"] == 3
    refused(agent.get("queues/tickets/?service_date=yesterday"), 400, "invalid_input")


def test_staff_lists_stop_at_their_branches_and_organization(place):
    join(place)
    branch = make_branch(place.organization)
    elsewhere = make_member(place.organization, Role.AGENT, branch)
    here = make_member(place.organization, Role.AGENT, place.branch)
    viewer = make_member(place.organization, Role.VIEWER)

    counts = [
        Api(actor).get("queues/tickets/").json()["count"]
        for actor in (here, elsewhere, viewer, make_place().owner, make_actor())
    ]

    assert counts == [1, 0, 0, 0, 0]
    assert Api().get("queues/tickets/").json()["count"] == 0


def test_a_holder_corrects_name_phone_and_plate_but_no_note(place, agent):
    ticket = join(place)
    holder = Api(token=token_of(ticket.pk))
    changes = {"customer_name": "Awa", "phone": "771234567", "plate": "DK 1"}

    for method in ("put", "patch"):
        assert holder.call(method, ticket_path(ticket), changes).status_code == 200
    refused(holder.call("patch", ticket_path(ticket), {"note": "x"}), 404, "not_found")
    assert agent.call("patch", ticket_path(ticket), {"note": "CNI"}).status_code == 200

    stored = Ticket.objects.with_scopes_disabled().get(pk=ticket.pk)
    assert (stored.customer_name, stored.phone, stored.plate, stored.note) == (
        "Awa",
        "+221771234567",
        "DK 1",
        "CNI",
    )


def test_a_put_changes_no_state(place, agent):
    ticket = join(place)
    sent = {"state": "completed", "number": "A999", "priority": "urgent", "order_key": "2020"}

    answer = agent.call("put", ticket_path(ticket), sent).json()

    assert (answer["state"], answer["number"], answer["priority"]) == (
        "waiting",
        "A001",
        "ordinary",
    )
    assert answer["version"] == 1


def test_a_correction_cannot_make_one_person_wait_twice(place, agent):
    join(place, phone="+221771234567")
    other = join(place, phone="+221777654321")

    refused(agent.call("patch", ticket_path(other), {"phone": "771234567"}), 409, "already_waiting")

    assert Ticket.objects.with_scopes_disabled().get(pk=other.pk).phone == "+221777654321"


def test_a_corrected_name_is_the_person_s_name_from_then_on(place, anybody):
    ticket = join(place, phone="+221771234567")
    holder = Api(token=token_of(ticket.pk))
    holder.call("patch", ticket_path(ticket), {"customer_name": "Awa Diop"})
    again = {"queue": str(place.queue.pk), "phone": "771234567", "customer_name": "awa  DIOP"}

    refused(anybody.post("queues/tickets/", again), 409, "already_waiting")


@pytest.mark.parametrize("method", ["delete", "post"])
def test_leaving_keeps_the_ticket(place, method):
    ticket = join(place)
    holder = Api(token=token_of(ticket.pk))

    if method == "delete":
        answer = holder.call("delete", ticket_path(ticket))
    else:
        answer = holder.post(ticket_path(ticket, "cancel"), {"reason": "trop long"})

    assert answer.status_code == 200
    assert (answer.json()["state"], answer.json()["position"]) == ("cancelled", None)
    body = refused(holder.post(ticket_path(ticket, "cancel")), 409, "illegal_transition")
    assert body["state"] == "cancelled"


def test_more_time_is_given_a_limited_number_of_times(place):
    tickets = [join(place, now=NOW - timedelta(minutes=9 - n)) for n in range(5)]
    holder = Api(token=token_of(tickets[0].pk))

    assert holder.ok(ticket_path(tickets[0], "more-time"))["position"] == 4
    assert holder.ok(ticket_path(tickets[0], "more-time"), {"people": 1})["position"] == 5
    refused(holder.post(ticket_path(tickets[0], "more-time")), 409, "more_time_exhausted")


@pytest.mark.parametrize("people", [0, 21, "two", None, [], 1.5])
def test_more_time_for_a_wrong_number_of_people_names_the_field(place, people):
    ticket = join(place)
    holder = Api(token=token_of(ticket.pk))

    response = holder.post(ticket_path(ticket, "more-time"), {"people": people})

    assert refused(response, 400, "invalid_input")["errors"][0]["field"] == "people"


# --- Sessions and calls ----------------------------------------------------------------------


def test_a_session_from_sitting_down_to_leaving(place, agent):
    counter = place.counters[0]

    session = agent.ok("agents/sessions/", {"counter": str(counter.pk)}, 201)
    path = f"agents/sessions/{session['id']}/"

    assert set(session) == SESSION
    assert (session["state"], session["queues"]) == ("open", [str(place.queue.pk)])
    assert (session["counter"], session["counter_name"]) == (str(counter.pk), counter.name)
    assert (session["agent"], session["ended_at"]) == (str(place.agent.user_id), None)
    assert agent.ok(path + "break/")["state"] == "on_break"
    refused(agent.post(path + "break/"), 409, "session_not_open")
    refused(agent.post(path + "call-next/"), 409, "session_not_open")
    assert agent.ok(path + "resume/")["state"] == "open"
    ended = agent.ok(path + "end/")
    assert (ended["state"], ended["ended_at"]) == ("ended", NOW.isoformat())
    refused(agent.post(path + "end/"), 404, "not_found")


def test_a_session_shows_who_is_at_the_counter(place, agent):
    path = f"agents/sessions/{sit_down(place).pk}/"
    assert agent.get(path).json()["current_ticket"] is None
    ticket = join(place)
    agent.ok(path + "call-next/")

    shown = agent.get(path).json()

    assert set(shown) == SESSION | {"current_ticket"}
    assert shown["current_ticket"]["id"] == str(ticket.pk)
    refused(agent.post(path + "end/"), 409, "counter_busy")


def test_a_counter_and_an_agent_are_taken_once(place, agent):
    first, second = (str(counter.pk) for counter in place.counters)
    agent.ok("agents/sessions/", {"counter": first}, 201)

    other = Api(place.agents[1])
    refused(other.post("agents/sessions/", {"counter": first}), 409, "counter_taken")
    refused(agent.post("agents/sessions/", {"counter": second}), 409, "agent_elsewhere")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "counter"),
        ({"counter": "x"}, "counter"),
        ({"counter": None}, "counter"),
        ({"queues": []}, "queues"),
        ({"queues": "x"}, "queues"),
        ({"queues": ["x"]}, "queues.0"),
        ({"queues": [str(uuid4())]}, "queues"),
    ],
)
def test_a_wrong_field_of_a_session_is_named(place, agent, body, field):
    sent = {"counter": str(place.counters[0].pk)} | body if body else {}

    errors = refused(agent.post("agents/sessions/", sent), 400, "invalid_input")["errors"]

    assert errors[0]["field"] == field
    assert not CounterSession.objects.with_scopes_disabled().exists()


def test_nobody_sits_down_where_they_have_no_role(place):
    body = {"counter": str(place.counters[0].pk)}
    elsewhere = make_member(place.organization, Role.AGENT, make_branch(place.organization))
    viewer = make_member(place.organization, Role.VIEWER)

    refused(Api().post("agents/sessions/", body), 401, "not_signed_in")
    for stranger in (elsewhere, viewer, make_place().agent, make_actor()):
        refused(Api(stranger).post("agents/sessions/", body), 404, "not_found")


def test_call_next_answers_the_ticket_then_busy_then_204(place, agent, entrance: Clock):
    ticket = join(place)
    path = f"agents/sessions/{sit_down(place).pk}/call-next/"
    entrance.at = NOW + timedelta(minutes=7)

    called = agent.ok(path)

    assert set(called) == TICKET
    assert (called["id"], called["state"]) == (str(ticket.pk), "called")
    assert (called["counter"], called["calls"]) == (place.counters[0].name, 1)
    assert called["call_reason"] == {
        "code": "first_in_line",
        "priority": "ordinary",
        "waited_seconds": 420,
    }
    assert called["called_at"] == (NOW + timedelta(minutes=7)).isoformat()
    assert (called["position"], called["estimate"]) == (None, None)
    refused(agent.post(path), 409, "counter_busy")
    agent.ok(ticket_path(ticket, "start"))
    agent.ok(ticket_path(ticket, "complete"))
    nobody = agent.post(path)
    assert (nobody.status_code, nobody.content) == (204, b"")


def test_call_next_of_one_queue(place, agent):
    other = make_queue(place, "B")
    join(place)
    ticket = join(place, queue_id=other.pk)
    body = {"session": str(sit_down(place).pk)}

    assert agent.ok(f"queues/queues/{other.pk}/call-next/", body)["id"] == str(ticket.pk)
    refused(agent.post(queue_path(place, "call-next"), body), 409, "counter_busy")
    errors = refused(agent.post(queue_path(place, "call-next")), 400, "invalid_input")["errors"]
    assert errors[0]["field"] == "session"


def test_one_given_ticket_is_called_once(place, agent):
    ticket = join(place)
    first, second = (str(sit_down(place, index).pk) for index in range(2))

    assert agent.ok(ticket_path(ticket, "call"), {"session": first})["state"] == "called"
    loser = Api(place.agents[1]).post(ticket_path(ticket, "call"), {"session": second})

    assert refused(loser, 409, "ticket_not_waiting")["state"] == "called"


def called_ticket(place: Place) -> Ticket:
    ticket = join(place)
    session = sit_down(place)
    Api(place.agent).ok(f"agents/sessions/{session.pk}/call-next/")
    return ticket


def test_every_step_of_a_visit(place, agent, entrance: Clock):
    ticket = called_ticket(place)
    entrance.at = NOW + timedelta(minutes=1)

    recalled = agent.ok(ticket_path(ticket, "recall"))
    started = agent.ok(ticket_path(ticket, "start"))
    done = agent.ok(ticket_path(ticket, "complete"), {"outcome": "served", "note": "ok"})

    at = entrance.at.isoformat()
    assert (recalled["calls"], recalled["called_at"]) == (2, at)
    assert (started["state"], started["started_at"]) == ("serving", at)
    assert (done["state"], done["ended_at"], done["version"]) == ("completed", at, 5)
    for verb in ("recall", "start", "complete", "no-show", "park", "resume", "return", "cancel"):
        body = refused(agent.post(ticket_path(ticket, verb)), 409, "illegal_transition")
        assert body["state"] == "completed"
    assert agent.ok(ticket_path(ticket, "undo"))["state"] == "serving"


def test_no_show_resume_park_return_and_undo(place, agent):
    ticket = called_ticket(place)

    assert agent.ok(ticket_path(ticket, "no-show"))["state"] == "no_show"
    assert agent.ok(ticket_path(ticket, "undo"))["state"] == "called"
    assert agent.ok(ticket_path(ticket, "park"), {"reason": "photo"})["state"] == "parked"
    back = agent.ok(ticket_path(ticket, "resume"))
    assert (back["state"], back["counter"]) == ("waiting", None)
    refused(agent.post(ticket_path(ticket, "return")), 409, "illegal_transition")
    refused(agent.post(ticket_path(ticket, "undo")), 409, "nothing_to_undo")
    errors = refused(
        agent.post(ticket_path(ticket, "return"), {"to": "middle"}), 400, "invalid_input"
    )
    assert errors["errors"][0]["field"] == "to"


def test_a_missed_call_can_be_made_good_in_the_grace_time(place, agent, entrance: Clock):
    ticket = called_ticket(place)
    agent.ok(ticket_path(ticket, "no-show"))
    entrance.at = NOW + timedelta(minutes=16)

    body = refused(agent.post(ticket_path(ticket, "resume")), 409, "grace_over")

    assert body["grace_minutes"] == 15


def test_who_joined_again_after_a_missed_call_is_not_reinstated_too(place, agent, anybody):
    body = {"queue": str(place.queue.pk), "phone": "771234567"}
    made = anybody.ok("queues/tickets/", body, 201)
    agent.ok(f"agents/sessions/{sit_down(place).pk}/call-next/")
    agent.ok(ticket_path(made, "no-show"))
    anybody.ok("queues/tickets/", body, 201)

    for verb in ("resume", "undo"):
        refused(agent.post(ticket_path(made, verb)), 409, "already_waiting")

    assert agent.get(ticket_path(made)).json()["state"] == "no_show"


def test_transfer_moves_within_the_branch_and_refuses_a_double(place, agent):
    other = make_queue(place, "B")
    ticket = join(place, phone="+221771234567")
    path = ticket_path(ticket, "transfer")

    moved = agent.ok(path, {"queue": str(other.pk)})

    assert (moved["queue"], moved["number"], moved["state"]) == (str(other.pk), "A001", "waiting")
    join(place, phone="+221771234567")
    refused(agent.post(path, {"queue": str(place.queue.pk)}), 409, "already_waiting")
    same = refused(agent.post(path, {"queue": str(other.pk)}), 400, "invalid_input")
    assert same["errors"][0]["field"] == "queue"
    refused(agent.post(path, {"queue": str(make_place().queue.pk)}), 404, "not_found")
    refused(agent.post(path, {"queue": str(uuid4())}), 404, "not_found")
    missing = refused(agent.post(path), 400, "invalid_input")
    assert missing["errors"][0]["field"] == "queue"


VERBS = [
    "call",
    "recall",
    "start",
    "complete",
    "no-show",
    "park",
    "resume",
    "return",
    "transfer",
    "undo",
    "cancel",
    "more-time",
]
PUBLIC_VERBS = {"cancel", "more-time"}


@pytest.mark.parametrize("verb", VERBS)
def test_a_step_is_for_those_who_serve_the_ticket(place, verb):
    ticket = join(place)
    body = {"session": str(uuid4()), "queue": str(uuid4())}
    elsewhere = make_member(place.organization, Role.AGENT, make_branch(place.organization))

    for stranger in (elsewhere, make_place().owner, make_actor()):
        refused(Api(stranger).post(ticket_path(ticket, verb), body), 404, "not_found")
    expected = (404, "not_found") if verb in PUBLIC_VERBS else (401, "not_signed_in")
    refused(Api().post(ticket_path(ticket, verb), body), *expected)
    other_holder = Api(token=token_of(join(place, phone="+221771234567").pk))
    refused(other_holder.post(ticket_path(ticket, verb), body), *expected)

    stored = Ticket.objects.with_scopes_disabled().get(pk=ticket.pk)
    assert (stored.state, stored.version) == ("waiting", 1)


# --- Whatever is sent ------------------------------------------------------------------------

STRANGE_BODIES = [
    b"",
    b"null",
    b"[]",
    b'"text"',
    b"7",
    b"NaN",
    b'{"people": NaN, "queue": Infinity}',
    b'{"queue": 1e400}',
    b"{",
    b"\xff\xfe",
    b'{"a": "\xc3\x28"}',
    b"[" * 10_000 + b"]" * 10_000,
    b'{"queue":' * 10_000 + b"1" + b"}" * 10_000,
    b'{"queue": "\\ud800", "session": "\\u0000", "counter": {"x": []}, "to": 1e999}',
    b'{"queue": null, "session": null, "counter": null, "people": null, "to": null}',
    b'{"to": "\\ud800", "policy": "\\udfff", "channel": "\\ud800"}',
]
STRANGE_IDS = [
    "empty",
    "null",
    "list",
    "text",
    "number",
    "nan",
    "nan-inside",
    "infinite",
    "unfinished",
    "bytes",
    "bad-utf8",
    "deep-list",
    "deep-object",
    "odd-strings",
    "nulls",
    "odd-choices",
]


def every_post(place: Place, ticket: Ticket, session: CounterSession) -> list[str]:
    return [
        "queues/queues/",
        *(queue_path(place, verb) for verb in ("open", "pause", "close", "call-next")),
        "queues/tickets/",
        *(ticket_path(ticket, verb) for verb in VERBS),
        "agents/sessions/",
        *(f"agents/sessions/{session.pk}/{verb}/" for verb in ("break", "resume", "call-next")),
    ]


@pytest.mark.parametrize("with_key", [False, True], ids=["plain", "with-key"])
@pytest.mark.parametrize("body", STRANGE_BODIES, ids=STRANGE_IDS)
def test_no_body_breaks_any_path(place, agent, body, with_key):
    ticket, session = join(place), sit_down(place)
    paths = every_post(place, ticket, session)

    answers = {}
    for path in paths:
        headers = {"Idempotency_Key": str(uuid4())} if with_key else {}
        answers[path] = agent.post(path, body, **headers)

    wrong = {p: (a.status_code, a.content[:80]) for p, a in answers.items() if a.status_code >= 500}
    assert wrong == {}
    for path in ("queues/tickets/", "queues/queues/", "agents/sessions/"):
        assert answers[path].status_code in {400, 404}, path
        assert answers[path].json()["code"] in {"invalid_input", "malformed_body", "not_found"}


@pytest.mark.parametrize("levels", [40, 60, 300, 900, 1_000])
def test_a_body_is_read_to_some_depth(place, agent, levels):
    body = b'{"queue":' + b"[" * levels + b"]" * levels + b"}"
    code = "invalid_input" if levels < 50 else "malformed_body"

    for headers in ({}, {"Idempotency_Key": str(uuid4())}):
        refused(agent.post("queues/tickets/", body, **headers), 400, code)


def test_a_body_is_read_to_some_size(place, anybody):
    body = b'{"queue": "' + b"x" * 1_048_576 + b'"}'

    refused(anybody.post("queues/tickets/", body), 413, "body_too_large")


@pytest.mark.parametrize("charset", ["zip", "base64", "utf-16", "none-such", "idna", "rot13"])
def test_a_body_is_utf_8_whatever_its_header_says(place, anybody, charset):
    response = anybody.client.generic(
        "POST",
        "/api/queues/tickets/",
        f'{{"queue": "{place.queue.pk}"}}',
        content_type=f"application/json; charset={charset}",
    )

    assert response.status_code == 201


def test_other_content_types_and_methods_are_refused(place, anybody):
    response = anybody.client.post("/api/queues/tickets/", {"queue": str(place.queue.pk)})
    refused(response, 415, "unsupported_media_type")
    refused(anybody.call("put", "queues/tickets/", {}), 405, "method_not_allowed")
    refused(anybody.get("queues/tickets/", Accept="text/html"), 406, "not_acceptable")


@pytest.mark.parametrize("identifier", ["x", "1", "%00", "..", UNKNOWN[:-1], "a" * 4000])
def test_ids_that_are_none_are_not_found(agent, identifier):
    for path in ("queues/queues/{}/", "queues/tickets/{}/cancel/", "agents/sessions/{}/end/"):
        response = agent.post(path.format(identifier))
        assert response.status_code == 404


def test_unknown_ids_are_not_found(agent, owner):
    unknown = uuid4()
    body = {"session": str(uuid4()), "queue": str(uuid4()), "name": "x", "services": [str(unknown)]}

    for verb in VERBS:
        refused(agent.post(f"queues/tickets/{unknown}/{verb}/", body), 404, "not_found")
    for method in ("get", "put", "patch", "delete"):
        refused(owner.call(method, f"queues/queues/{unknown}/", body), 404, "not_found")
        refused(agent.call(method, f"queues/tickets/{unknown}/", {}), 404, "not_found")
    for verb in ("open", "pause", "close", "call-next"):
        refused(owner.post(f"queues/queues/{unknown}/{verb}/", body), 404, "not_found")
    for verb in ("break", "resume", "end", "call-next"):
        refused(agent.post(f"agents/sessions/{unknown}/{verb}/"), 404, "not_found")
    refused(agent.post("queues/tickets/", {"queue": str(unknown)}), 404, "not_found")
    refused(agent.post("agents/sessions/", {"counter": str(unknown)}), 404, "not_found")


def test_a_session_of_a_counter_without_queues_names_the_field(place, agent):
    lonely = make_counter(make_branch(place.organization))

    body = refused(
        agent.post("agents/sessions/", {"counter": str(lonely.pk)}), 400, "invalid_input"
    )

    assert body["errors"][0]["field"] == "queues"


def test_a_forged_or_expired_access_token_is_refused(place):
    api = Api()
    for header in ("Bearer x", "Bearer ", "Basic dTpw", "Bearer a.b.c"):
        api.headers = {"Authorization": header}
        refused(api.get("queues/tickets/my/"), 401, "not_signed_in")
        refused(api.post("queues/tickets/", {"queue": str(place.queue.pk)}), 401, "not_signed_in")
    assert not Ticket.objects.with_scopes_disabled().exists()


# --- Names in each language ------------------------------------------------------------------


def names_of(row: Any) -> tuple[str | None, ...]:
    return row.name_fr, row.name_en, row.name_ar


def test_a_new_queue_names_its_priorities_in_each_language(place: Any) -> None:
    rows = QueuePriority.objects.with_scopes_disabled().filter(queue=place.queue)
    assert names_of(rows.get(code="urgent")) == ("Urgence", "Emergency", "حالة مستعجلة")
    assert [len(set(names_of(row))) for row in rows] == [3] * 4


def test_priorities_and_vehicles_take_a_name_in_each_language(place: Any) -> None:
    named = {"name_fr": "Camion", "name_en": "Lorry", "name_ar": "شاحنة"}
    body = {
        "priorities": [{"code": "twins", "name": "Twins"}],
        "vehicle_categories": [{"code": "truck", "duration_minutes": 30, **named}],
    }
    path = f"queues/queues/{place.queue.pk}/"
    answer = Api(place.owner).call("patch", path, body, Accept_Language="en")
    assert answer.status_code == 200
    vehicle = VehicleCategory.objects.with_scopes_disabled().get(queue=place.queue)
    assert names_of(vehicle) == tuple(named.values())
    with translation.override("ar"):
        assert vehicle.name == "شاحنة"
    twins = QueuePriority.objects.with_scopes_disabled().get(queue=place.queue)
    assert names_of(twins) == (None, "Twins", None)
    for language in ("fr", "ar"):
        with translation.override(language):
            assert twins.name == "Twins"


@pytest.mark.parametrize("names", [{}, {"name": ""}, {"name_en": " "}], ids=str)
def test_a_priority_without_any_name_is_refused(place: Any, names: dict[str, str]) -> None:
    before = QueuePriority.objects.with_scopes_disabled().count()
    body = {"priorities": [{"code": "twins", **names}]}
    answer = Api(place.owner).call("patch", f"queues/queues/{place.queue.pk}/", body)
    assert answer.status_code == 400
    assert QueuePriority.objects.with_scopes_disabled().count() == before


@pytest.mark.parametrize(
    ("rows", "field"),
    [
        ({"priorities": [{"name": "Twins"}]}, "priorities.0.code"),
        (
            {"vehicle_categories": [{"code": "bus", "name": "Bus"}]},
            "vehicle_categories.0.duration_minutes",
        ),
    ],
    ids=["priority", "vehicle"],
)
def test_a_row_of_a_partial_change_is_whole(place: Any, rows: Any, field: str) -> None:
    answer = Api(place.owner).call("patch", f"queues/queues/{place.queue.pk}/", rows)
    assert answer.status_code == 400
    assert [error["field"] for error in answer.json()["errors"]] == [field]
