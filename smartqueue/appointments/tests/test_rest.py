"""The wiring: status, shape, one happy answer and the mapped errors."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import time, timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from smartqueue.accounts.actor import Actor
from smartqueue.appointments import operations
from smartqueue.appointments.models import Appointment
from smartqueue.appointments.operations import Person
from smartqueue.appointments.tests.factories import (
    NINE,
    TEN,
    TOMORROW,
    book,
    make_slot,
    set_rules,
    wait_for_place,
)
from smartqueue.appointments.tokens import token_of, token_of_entry
from smartqueue.common import clock, tenancy
from smartqueue.queues.tests.conftest import Api, Clock
from smartqueue.queues.tests.factories import (
    NOW,
    Place,
    make_actor,
    make_branch,
    make_device,
    make_place,
)

pytestmark = pytest.mark.django_db

AT = NINE.isoformat()


@pytest.fixture(autouse=True)
def at(monkeypatch: pytest.MonkeyPatch) -> Clock:
    watch = Clock()
    monkeypatch.setattr(clock, "now", watch)
    return watch


@pytest.fixture
def place() -> Place:
    made = make_place()
    make_slot(made)
    return made


def wanted(place: Place, **values: Any) -> dict[str, Any]:
    return {
        "service": str(place.service.pk),
        "branch": str(place.branch.pk),
        "starts_at": AT,
    } | values


def days(place: Place, **values: Any) -> str:
    asked = {
        "service": place.service.pk,
        "date_from": TOMORROW.date(),
        "date_to": TOMORROW.date(),
    } | values
    return "appointments/available-slots/?" + "&".join(f"{k}={v}" for k, v in asked.items())


# --- Slots and dates --------------------------------------------------------------------------


def test_anybody_lists_and_reads_the_weekly_slots(place):
    listed = Api().get(f"appointments/appointment-slots/?branch={place.branch.pk}").json()
    (slot,) = listed["results"]
    read = Api().get(f"appointments/appointment-slots/{slot['id']}/").json()

    assert read == slot
    assert (slot["day_of_week"], slot["start"], slot["end"], slot["capacity"]) == (
        1,
        "09:00:00",
        "17:00:00",
        1,
    )


def test_a_manager_keeps_the_weekly_slots(place):
    api = Api(place.owner)
    body = {
        "branch": str(place.branch.pk),
        "service": str(place.service.pk),
        "day_of_week": 3,
        "start": "09:00",
        "end": "12:00",
        "capacity": 2,
        "public_capacity": 1,
    }
    made = api.ok("appointments/appointment-slots/", body, 201)
    again = api.post("appointments/appointment-slots/", body)
    path = f"appointments/appointment-slots/{made['id']}/"
    changed = api.call("patch", path, {"capacity": 5})

    assert (again.status_code, again.json()["code"]) == (409, "slots_overlap")
    assert changed.json()["capacity"] == 5
    assert api.call("delete", path).status_code == 204
    assert api.get(path).status_code == 404
    assert Api(place.agent).post("appointments/appointment-slots/", body).status_code == 404


def test_the_usual_pattern_is_generated(place):
    body = {"branch": str(place.branch.pk), "service": str(place.service.pk)}
    made = Api(place.owner).ok("appointments/appointment-slots/generate/", body)
    assert len(made["slots"]) == 4


def test_one_date_is_closed(place):
    api = Api(place.owner)
    body = {"branch": str(place.branch.pk), "date": str(TOMORROW.date()), "kind": "close"}
    row = api.ok("appointments/slot-exceptions/", body, 201)

    assert Api().get(days(place)).json()["count"] == 0
    path = f"appointments/slot-exceptions/{row['id']}/"
    assert api.call("patch", path, {"start": "09:00", "end": "10:00"}).status_code == 200
    assert Api().get(days(place)).json()["count"] == 7
    assert api.call("delete", path).status_code == 204
    assert Api().get(days(place)).json()["count"] == 8


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"kind": "open", "capacity": 1}, "service"),
        ({"kind": "change"}, "capacity"),
        ({"kind": "close", "start": "10:00"}, "end"),
        ({"kind": "close", "start": "10:00", "end": "09:00"}, "end"),
        ({"kind": "change", "capacity": 1, "public_capacity": 2}, "public_capacity"),
    ],
)
def test_a_date_that_cannot_be_names_the_field(place, body, field):
    base = {"branch": str(place.branch.pk), "date": str(TOMORROW.date())}
    response = Api(place.owner).post("appointments/slot-exceptions/", base | body)
    assert response.status_code == 400
    assert [error["field"] for error in response.json()["errors"]] == [field]


def test_the_rules_of_a_service_are_read_and_set(place):
    path = f"appointments/booking-rules/{place.service.pk}/"
    assert Api().get(path).json()["hold_seconds"] == 300
    set_ = Api(place.owner).call(
        "put", path, {"hold_seconds": 120, "questions": [{"code": "a", "label": "A ?"}]}
    )
    assert (set_.status_code, set_.json()["hold_seconds"], set_.json()["lead_minutes"]) == (
        200,
        120,
        60,
    )
    assert Api().get(path).json() == set_.json()
    assert Api(place.agent).call("put", path, {}).status_code == 404


# --- What is free -----------------------------------------------------------------------------


def test_free_places_are_listed_by_time_and_paged(place):
    first = Api().get(days(place) + "&page_size=3").json()
    third = Api().get(days(place) + "&page_size=3&page=3").json()

    assert first["count"] == 8
    assert first["results"][0] == {
        "service": str(place.service.pk),
        "branch": str(place.branch.pk),
        "agent": None,
        "starts_at": AT,
        "ends_at": TEN.isoformat(),
        "free": 1,
    }
    assert [row["starts_at"][11:16] for row in third["results"]] == ["15:00", "16:00"]


def test_what_is_booked_or_too_soon_is_not_free(place, at):
    book(place)
    assert Api().get(days(place)).json()["count"] == 7
    at.at = NINE + timedelta(hours=2)
    assert Api().get(days(place)).json()["results"][0]["starts_at"][11:16] == "12:00"


def test_the_nearest_branch_with_a_place_is_found(place):
    from smartqueue.common.geo import point  # noqa: PLC0415

    near = make_branch(place.organization)
    near.point = point(lat=14.75, lon=-17.40)
    near.save()
    make_slot(place, branch_id=near.pk, end_time=time(10))
    asked = days(place, near="14.75,-17.40")

    assert {r["branch"] for r in Api().get(asked).json()["results"]} == {str(near.pk)}
    book(place, branch_id=near.pk)
    assert {r["branch"] for r in Api().get(asked).json()["results"]} == {str(place.branch.pk)}


def test_asking_for_everything_or_too_long_is_refused(place):
    assert Api().get("appointments/available-slots/").status_code == 400
    assert Api().get(days(place, date_to="2027-06-01")).status_code == 400
    assert Api().get(days(place, date_to="2026-11-01")).status_code == 400


def statements(ask: Callable[[], Any]) -> int:
    ask()
    with CaptureQueriesContext(connection) as captured:
        ask()
    said = [query["sql"] or "smartqueue.keys" for query in captured.captured_queries]
    return sum("smartqueue.keys" not in text for text in said)


def test_what_is_free_takes_as_many_statements_for_one_branch_as_for_three(place):
    api = Api()
    asked = f"appointments/available-slots/?organization={place.organization.pk}"
    one = statements(lambda: api.get(asked))
    for _ in range(2):
        make_slot(place, branch_id=make_branch(place.organization).pk)
    assert api.get(asked).json()["count"] == 24
    assert (one, statements(lambda: api.get(asked))) == (6, 6)


# --- Booking ----------------------------------------------------------------------------------


def test_a_person_books_reads_moves_and_cancels(place):
    actor = make_actor()
    api = Api(actor)
    made = api.ok("appointments/appointments/", wanted(place, customer_name="Awa"), 201)
    path = f"appointments/appointments/{made['id']}/"

    assert (made["state"], made["customer_name"], made["starts_at"]) == ("confirmed", "Awa", AT)
    assert Api(token=made["token"]).get(path).json()["reference"] == made["reference"]
    moved = api.call("put", path, {"starts_at": TEN.isoformat()}).json()
    assert (moved["starts_at"], moved["moved_from"], moved["sequence"]) == (TEN.isoformat(), AT, 1)
    assert api.call("delete", path).json()["state"] == "cancelled"
    listed = api.get("appointments/my-appointments/").json()
    assert [row["id"] for row in listed["results"]] == [made["id"]]


def test_a_retried_booking_books_once(place):
    api = Api(make_actor())
    key = str(uuid4())
    first = api.post("appointments/appointments/", wanted(place), Idempotency_Key=key)
    again = api.post("appointments/appointments/", wanted(place), Idempotency_Key=key)

    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json() == again.json()
    assert Appointment.objects.with_scopes_disabled().count() == 1


def test_a_double_click_without_a_key_books_once(place):
    make_slot(place, day_of_week=2, capacity=5)
    body = wanted(place, starts_at=(NINE + timedelta(days=1)).isoformat())
    api = Api(make_actor())
    first = api.ok("appointments/appointments/", body, 201)
    again = api.post("appointments/appointments/", body)

    assert (again.status_code, again.json()["code"]) == (409, "already_booked")
    assert again.json()["reference"] == first["reference"]


@pytest.mark.parametrize(
    ("values", "status", "code"),
    [
        ({"starts_at": (NOW - timedelta(days=1)).isoformat()}, 400, "slot_in_the_past"),
        ({"starts_at": (NINE + timedelta(minutes=1)).isoformat()}, 400, "slot_not_offered"),
        ({"starts_at": (NINE + timedelta(days=90)).isoformat()}, 400, "slot_too_far_ahead"),
        ({"people": 2}, 400, "too_many_people"),
        ({"service": str(uuid4())}, 404, "not_found"),
        ({"branch": str(uuid4())}, 404, "not_found"),
    ],
)
def test_a_booking_that_cannot_be_had_is_a_typed_problem(place, values, status, code):
    response = Api(make_actor()).post("appointments/appointments/", wanted(place, **values))
    answer = response.json()

    assert (response.status_code, answer["code"]) == (status, code)
    if code.startswith("slot_"):
        assert answer["next_free"][0]["starts_at"] >= AT


def test_a_full_slot_names_the_next_free_ones(place):
    book(place)
    answer = Api(make_actor()).post("appointments/appointments/", wanted(place)).json()

    assert (answer["code"], answer["status"], answer["free"]) == ("slot_full", 409, 0)
    assert answer["next_free"][0]["starts_at"] == TEN.isoformat()


def test_somebody_without_an_account_holds_first(place):
    held = Api().ok("appointments/appointments/", wanted(place), 201)
    path = f"appointments/appointments/{held['id']}/"
    api = Api(token=held["token"])

    assert held["state"] == "held"
    assert held["held_until"] == (NOW + timedelta(seconds=300)).isoformat()
    refused = api.post(path + "confirm/", {"phone": "+221771234567"})
    assert (refused.status_code, refused.json()["code"]) == (409, "code_needed")
    phone = f"+22177{uuid4().int % 10**7:07}"
    assert api.post(path + "code/", {"phone": phone}).status_code == 202
    wrong = api.post(path + "verify/", {"code": "000000"})
    assert (wrong.status_code, wrong.json()["code"]) == (400, "wrong_code")
    assert Api().post(path + "confirm/").status_code == 404


def test_an_expired_hold_is_a_typed_problem(place, at):
    api = Api(make_actor())
    held = api.ok("appointments/appointments/", wanted(place, hold=True), 201)
    at.at = NOW + timedelta(minutes=6)
    answer = api.post(f"appointments/appointments/{held['id']}/confirm/").json()

    assert (answer["code"], answer["next_free"][0]["starts_at"]) == ("hold_expired", AT)


def test_staff_answer_requests(place):
    set_rules(place, needs_approval=True)
    first, second = book(place), book(place, TEN)
    api = Api(place.agent)
    yes = api.ok(f"appointments/appointments/{first.pk}/approve/")
    no = api.ok(f"appointments/appointments/{second.pk}/decline/", {"reason": "Complet"})

    assert (yes["state"], no["state"], no["end_reason"]) == ("confirmed", "cancelled", "Complet")
    assert "token" not in yes


def test_visits_and_series_are_booked_whole(place):
    make_slot(place, day_of_week=2)
    set_rules(place, most_per_day=3)
    api = Api(make_actor())
    visit = api.ok(
        "appointments/visits/",
        {"wishes": [wanted(place), wanted(place, starts_at=TEN.isoformat())]},
        201,
    )
    series = api.ok(
        "appointments/series/",
        wanted(place, starts_at=(NINE + timedelta(hours=3)).isoformat(), every_days=7, times=3),
        201,
    )
    assert len({row["visit"] for row in visit["appointments"]}) == 1
    ended = api.ok(f"appointments/appointments/{series['appointments'][1]['id']}/cancel-following/")
    assert [row["state"] for row in ended["appointments"]] == ["cancelled", "cancelled"]


def test_a_foreign_appointment_is_not_found(place):
    booked = book(place)
    path = f"appointments/appointments/{booked.pk}/"
    strangers = [Api(), Api(make_actor()), Api(make_place().owner), Api(token=token_of(uuid4()))]
    for api in strangers:
        for method, body in (
            ("get", None),
            ("put", {"starts_at": TEN.isoformat()}),
            ("delete", None),
        ):
            assert api.call(method, path, body).status_code == 404


@pytest.mark.parametrize("count", [1, 3])
def test_lists_take_the_same_statements_for_one_row_as_for_three(place, count):
    make_slot(place, day_of_week=2, capacity=5)
    set_rules(place, most_ahead=9, most_per_day=9)
    actor = make_actor()
    for turn in range(count):
        book(
            place,
            NINE + timedelta(days=1),
            actor=actor,
            person=Person(customer_name=f"Enfant {turn}"),
        )
    own, staff = Api(actor), Api(place.agent)
    assert staff.get("appointments/appointments/").json()["count"] == count

    assert statements(lambda: own.get("appointments/my-appointments/")) == 2
    assert statements(lambda: staff.get("appointments/appointments/")) == 2


# --- At the door ------------------------------------------------------------------------------


def test_the_kiosk_checks_in_by_reference(place, at):
    booked = book(place, person=Person(phone="+221771234567", customer_name="Awa"))
    at.at = NINE
    kiosk = Api(token=make_device(place.branch))
    body = {"branch": str(place.branch.pk), "code": booked.reference}
    arrived = kiosk.ok("appointments/check-in/", body)

    assert (arrived["state"], arrived["ticket_number"], arrived["phone"]) == (
        "checked_in",
        "A001",
        "",
    )
    holder = Api(token=token_of(booked.pk)).get(f"appointments/appointments/{booked.pk}/").json()
    ticket = Api(token=holder["ticket_token"]).get(f"queues/tickets/{arrived['ticket']}/")
    assert ticket.json()["number"] == "A001"


def test_arriving_too_early_says_from_when(place):
    booked = book(place)
    answer = Api(place.agent).post(f"appointments/appointments/{booked.pk}/check-in/").json()
    assert (answer["code"], answer["opens_at"]) == (
        "too_early",
        (NINE - timedelta(minutes=30)).isoformat(),
    )


# --- Waitlist ---------------------------------------------------------------------------------


def test_a_freed_place_is_offered_and_taken():
    place = make_place()
    make_slot(place, end_time=time(10))
    owner = make_actor()
    booked = book(place, actor=owner)
    body = {
        "service": str(place.service.pk),
        "branch": str(place.branch.pk),
        "from_date": str(TOMORROW.date()),
        "until_date": str(TOMORROW.date()),
        "phone": "+221771234567",
    }
    entry = Api().ok("appointments/waitlist/", body, 201)
    again = Api().post("appointments/waitlist/", body)
    path = f"appointments/waitlist/{entry['id']}/"
    api = Api(token=entry["token"])
    assert (again.status_code, again.json()["code"]) == (409, "already_on_waitlist")
    assert api.get(path).json()["offer"] is None
    Api(owner).call("delete", f"appointments/appointments/{booked.pk}/")

    offered = api.get(path).json()
    assert (offered["state"], offered["offer"]["starts_at"][:19]) == ("offered", AT[:19])
    taken = api.ok(path + "accept/", {"customer_name": "Awa"})
    assert taken["state"] == "confirmed"
    over = api.post(path + "accept/")
    assert (over.status_code, over.json()["code"]) == (409, "offer_over")
    staff = Api(place.agent).get("appointments/waitlist/").json()
    assert [row["state"] for row in staff["results"]] == ["booked"]


def test_one_s_own_places_on_waitlists_are_listed(place):
    actor = make_actor()
    make_slot(place, day_of_week=4, end_time=time(10))
    friday = (TOMORROW + timedelta(days=3)).date()
    book(place, NINE + timedelta(days=3))
    entry = wait_for_place(place, actor=actor, from_date=friday, until_date=friday)
    (row,) = Api(actor).get("appointments/waitlist/").json()["results"]
    assert (row["id"], row["token"]) == (str(entry.pk), token_of_entry(entry.pk))
    assert Api().get("appointments/waitlist/").status_code == 401
    left = Api(actor).call("delete", f"appointments/waitlist/{entry.pk}/").json()
    assert left["state"] == "left"


def test_absences_are_one_s_own(place):
    api = Api(place.agent)
    body = {
        "organization": str(place.organization.pk),
        "agent": str(place.agent.user_id),
        "starts_at": AT,
        "ends_at": TEN.isoformat(),
    }
    made = api.ok("appointments/absences/", body, 201)
    assert api.get("appointments/absences/").json()["count"] == 1
    path = f"appointments/absences/{made['id']}/"
    assert Api(place.agents[1]).call("delete", path).status_code == 404
    assert Api(place.owner).call("delete", path).status_code == 204


# --- Under the role that serves ---------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_everything_works_under_the_walls(
    place: Place, as_web: Callable[[], AbstractContextManager[None]], at: Clock
):
    actor: Actor = make_actor()
    set_rules(place, resale_delay_minutes=10)
    held = operations.hold_appointment(
        actor=make_actor(),
        wish=operations.Wish(service_id=place.service.pk, branch_id=place.branch.pk, starts_at=TEN),
        now=NOW - timedelta(minutes=10),
    )
    api, staff = Api(actor), Api(place.agent)
    tenancy.state.set(None)
    with as_web():
        # The hold that is over is another's, and counts as free all the same.
        assert Api().get(days(place)).json()["count"] == 8
        made = api.ok("appointments/appointments/", wanted(place), 201)
        path = f"appointments/appointments/{made['id']}/"
        moved = api.call("put", path, {"starts_at": TEN.isoformat()})
        assert (moved.status_code, moved.json()["starts_at"]) == (200, TEN.isoformat())
        assert Api(token=made["token"]).get(path).status_code == 200
        assert staff.get("appointments/appointments/").json()["count"] == 2
        assert api.get("appointments/my-appointments/").json()["count"] == 1
        assert api.call("delete", path).status_code == 200
        at.at = NINE
        body = {"branch": str(place.branch.pk), "code": made["reference"]}
        assert staff.post("appointments/check-in/", body).status_code == 404
    held.refresh_from_db()
    assert held.state == "expired"
