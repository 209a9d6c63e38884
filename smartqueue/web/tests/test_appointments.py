"""Staff's pages of appointments: the board, the week, what is offered; and the kiosk's second button."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client

from smartqueue.accounts.enums import Role
from smartqueue.appointments.models import (
    AgentAbsence,
    Appointment,
    AppointmentSlot,
    BookingRules,
    SlotException,
)
from smartqueue.appointments.operations import Person
from smartqueue.appointments.tests import factories as bookings
from smartqueue.common import clock
from smartqueue.queues.tests import factories
from smartqueue.queues.tests.factories import Place
from smartqueue.web.tests.conftest import sign_in
from smartqueue.web.tests.pages import Page

pytestmark = pytest.mark.django_db
TOMORROW = "2026-11-24"
BOARD_QUERIES = 7
WEEK_QUERIES = 8


@pytest.fixture
def town(place: Place) -> Place:
    """A place that takes two appointments an hour each Tuesday, from tomorrow on."""
    bookings.make_slot(place, capacity=2, public_capacity=1)
    return place


def path_of(place: Place) -> str:
    return f"/manage/branches/{place.branch.pk}/"


def board(place: Place) -> str:
    return f"{path_of(place)}appointments/"


def step(client: Client, place: Place, booked: Appointment, name: str, **more: Any) -> Any:
    return client.post(f"{board(place)}{booked.pk}/{name}/", {"date": TOMORROW}, **more)


def at(monkeypatch: pytest.MonkeyPatch, minutes: int) -> None:
    """Let it be so many minutes after nine tomorrow."""
    monkeypatch.setattr(clock, "now", lambda: bookings.NINE + timedelta(minutes=minutes))


def groups(client: Client, place: Place) -> dict[str, str]:
    """Return the group of each reference on the board."""
    page = client.get(board(place), {"date": TOMORROW}).content.decode()
    found = page.split('data-testid="line" data-group="')[1:]
    return {row.split('data-reference="')[1][:8]: row.split('"')[0] for row in found}


def test_the_board_follows_somebody_from_expected_to_here(
    client: Client, town: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    booked = bookings.book(town, person=Person(customer_name="Awa Diop"))
    sign_in(client, town.agent)
    assert groups(client, town) == {booked.reference: "expected"}
    at(monkeypatch, 15)
    assert groups(client, town) == {booked.reference: "late"}
    answer = step(client, town, booked, "check-in")
    assert answer.headers["Location"] == f"{board(town)}?date={TOMORROW}"
    assert groups(client, town) == {booked.reference: "here"}
    page = client.get(f"{board(town)}part/", {"date": TOMORROW}).content.decode()
    assert 'data-testid="here">1<' in page
    assert "Awa Diop" in page
    assert Page(page).inline == []


def test_who_did_not_come_may_still_arrive(
    client: Client, town: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    booked = bookings.book(town)
    sign_in(client, town.agent)
    refused = step(client, town, booked, "no-show", headers={"HX-Request": "true"})
    assert 'data-code="illegal_transition"' in refused.content.decode()
    at(monkeypatch, 20)
    step(client, town, booked, "no-show")
    assert groups(client, town) == {booked.reference: "no_show"}
    step(client, town, booked, "check-in")
    assert groups(client, town) == {booked.reference: "here"}


def test_a_request_is_approved_or_declined(client: Client, town: Place) -> None:
    bookings.set_rules(town, needs_approval=True)
    first, second = bookings.book(town), bookings.book(town, bookings.TEN)
    sign_in(client, town.agent)
    assert set(groups(client, town).values()) == {"pending"}
    step(client, town, first, "approve")
    step(client, town, second, "decline")
    assert groups(client, town) == {first.reference: "expected"}


def test_an_unfinished_form_is_not_on_the_board(client: Client, town: Place) -> None:
    bookings.hold(town)
    sign_in(client, town.agent)
    assert groups(client, town) == {}


def test_staff_move_to_a_place_that_the_public_has_not(client: Client, town: Place) -> None:
    bookings.book(town, bookings.TEN)
    booked = bookings.book(town)
    sign_in(client, town.agent)
    path = f"{board(town)}{booked.pk}/move/"
    page = Page(client.get(path).content.decode())
    assert "moved-from" in page.test_ids
    assert page.test_ids.count("time") == 8
    answer = client.post(path, {"starts_at": bookings.TEN.isoformat()})
    assert answer.headers["Location"] == f"{board(town)}?date={TOMORROW}&moved={booked.pk}"
    booked.refresh_from_db()
    assert booked.starts_at == bookings.TEN
    wrong = client.post(path, {"starts_at": "soon"})
    assert wrong.status_code == 400


def test_the_board_and_the_week_read_the_same_for_one_and_three(
    client: Client, town: Place, django_assert_num_queries: Any
) -> None:
    sign_in(client, town.agent)
    paths = ((board(town), BOARD_QUERIES), (f"{board(town)}week/", WEEK_QUERIES))
    bookings.book(town)
    for path, _count in paths:
        client.get(path, {"date": TOMORROW})
    for more in ((), (bookings.TEN, bookings.ELEVEN)):
        for start in more:
            bookings.book(town, start)
        for path, count in paths:
            with django_assert_num_queries(count):
                page = client.get(path, {"date": TOMORROW}).content.decode()
            assert page.count('data-testid="line"') + page.count('data-testid="week-row"') == (
                1 + len(more)
            )


def test_who_only_looks_and_who_is_elsewhere_sees_nobody(client: Client, town: Place) -> None:
    booked = bookings.book(town)
    elsewhere = factories.make_branch(town.organization)
    strangers = (
        factories.make_member(town.organization, Role.VIEWER),
        factories.make_member(town.organization, Role.AGENT, elsewhere),
        factories.make_place().owner,
        factories.make_actor(),
    )
    for stranger in strangers:
        sign_in(client, stranger)
        assert client.get(board(town)).status_code == 404
        assert client.get(f"{board(town)}week/").status_code == 404
        assert step(client, town, booked, "cancel").status_code == 404
    booked.refresh_from_db()
    assert booked.state == "confirmed"


def test_an_appointment_of_another_branch_is_not_found_below_this_one(
    client: Client, town: Place
) -> None:
    other = factories.make_branch(town.organization)
    booked = bookings.book(town)
    sign_in(client, town.owner)
    path = f"/manage/branches/{other.pk}/appointments/{booked.pk}/"
    assert client.post(f"{path}cancel/").status_code == 404
    assert client.get(f"{path}move/").status_code == 404
    assert client.post(f"{board(town)}{booked.pk}/rubbish/").status_code == 404


SLOT = {
    "day_of_week": "2",
    "start_time": "08:00",
    "end_time": "12:00",
    "interval_minutes": "20",
    "capacity": "3",
    "public_capacity": "",
}


def test_a_manager_offers_changes_and_retires_a_weekly_slot(client: Client, place: Place) -> None:
    sign_in(client, place.owner)
    path = f"{path_of(place)}slots/"
    client.post(path, SLOT | {"service": str(place.service.pk)})
    slot = AppointmentSlot.objects.with_scopes_disabled().get()
    assert (slot.day_of_week, slot.capacity, slot.public_capacity) == (2, 3, 3)
    again = client.post(path, SLOT | {"service": str(place.service.pk)})
    assert 'data-code="slots_overlap"' in again.content.decode()
    wrong = client.post(f"{path}{slot.pk}/change/", SLOT | {"capacity": "none"})
    assert 'data-code="invalid_input"' in wrong.content.decode()
    client.post(f"{path}{slot.pk}/change/", SLOT | {"capacity": "5", "public_capacity": "2"})
    slot.refresh_from_db()
    assert (slot.capacity, slot.public_capacity) == (5, 2)
    client.post(f"{path}{slot.pk}/retire/")
    slot.refresh_from_db()
    assert slot.retired_at is not None


def test_the_usual_pattern_is_generated_by_a_button(client: Client, place: Place) -> None:
    sign_in(client, place.owner)
    path = f"{path_of(place)}slots/"
    assert "generate" in Page(client.get(path).content.decode()).test_ids
    given = {"service": str(place.service.pk), "capacity": "2"}
    client.post(f"{path}generate/", given)
    rows = AppointmentSlot.objects.with_scopes_disabled()
    assert sorted(rows.values_list("day_of_week", "capacity")) == [(day, 2) for day in range(5)]
    page = Page(client.get(path).content.decode())
    assert "generate" not in page.test_ids
    assert page.test_ids.count("slot") == 5


def test_a_date_is_closed_and_follows_the_pattern_again(client: Client, town: Place) -> None:
    sign_in(client, town.owner)
    path = f"{path_of(town)}dates/"
    client.post(path, {"date": TOMORROW, "kind": "close", "reason": "Formation"})
    row = SlotException.objects.with_scopes_disabled().get()
    assert "Formation" in client.get(path).content.decode()
    times = f"/b/{town.branch.slug}/book/{town.service.pk}/"
    assert 'data-day="2026-12-01"' in client.get(times).content.decode()
    wrong = client.post(path, {"date": TOMORROW, "kind": "open"})
    assert wrong.status_code == 400
    client.post(f"{path}{row.pk}/remove/")
    assert f'data-day="{TOMORROW}"' in client.get(times).content.decode()


def test_an_agent_notes_their_own_absence_in_the_time_of_the_branch(client: Client) -> None:
    paris = factories.make_place(timezone="Europe/Paris")
    sign_in(client, paris.agent)
    path = f"{path_of(paris)}absences/"
    away = {"starts_at": "2026-11-24T09:00", "ends_at": "2026-11-24T10:00"}
    client.post(path, away | {"agent": str(paris.agent.user_id)})
    row = AgentAbsence.objects.with_scopes_disabled().get()
    assert row.starts_at.hour == 8
    page = Page(client.get(path).content.decode())
    assert page.test_ids.count("remove-absence") == 1
    other = client.post(path, away | {"agent": str(paris.agents[1].user_id)})
    assert other.status_code == 404
    client.post(f"{path}{row.pk}/remove/")
    assert not AgentAbsence.objects.with_scopes_disabled().exists()


def test_the_rules_of_a_service_are_kept_as_the_form_has_them(client: Client, town: Place) -> None:
    sign_in(client, town.owner)
    path = f"{path_of(town)}booking-rules/{town.service.pk}/"
    form = Page(client.get(path).content.decode())
    names = {field.name for field in BookingRules._meta.concrete_fields}
    given = {name: value or "" for name, value in form.fields.items() if name in names}
    given |= {"is_bookable": "on", "most_people": "4", "reminder_minutes": "60, 1440"}
    given |= {"question-0": "Quel acte ?", "question-0-kind": "choice"}
    answer = client.post(path, given | {"question-0-choices": "Naissance, Mariage"})
    assert answer.status_code == 302
    rules = BookingRules.objects.with_scopes_disabled().get()
    assert (rules.most_people, rules.allows_anonymous) == (4, False)
    assert rules.reminder_minutes == [1440, 60]
    assert rules.questions[0]["choices"] == ["Naissance", "Mariage"]
    wrong = client.post(path, given | {"reminder_minutes": "soon", "question-0": ""})
    assert 'id="reminders-wrong"' in wrong.content.decode()


def test_agents_change_nothing_that_is_offered(client: Client, town: Place) -> None:
    sign_in(client, town.agent)
    slot = AppointmentSlot.objects.with_scopes_disabled().get()
    paths = ("slots/", "slots/generate/", f"slots/{slot.pk}/retire/", "dates/")
    rules = f"booking-rules/{town.service.pk}/"
    for path in (*paths, rules):
        given = {"service": str(town.service.pk)}
        assert client.post(path_of(town) + path, given).status_code == 404, path
    slot.refresh_from_db()
    assert slot.retired_at is None


def test_a_kiosk_checks_in_by_reference_and_by_phone(
    client: Client, town: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    kiosk = f"/k/{factories.make_device(town.branch)}/"
    assert "kiosk-booked" in Page(client.get(kiosk).content.decode()).test_ids
    by_phone = bookings.book(
        town, bookings.TEN, person=Person(phone="+221771112233"), actor=town.owner
    )
    booked = bookings.book(town)
    early = client.post(f"{kiosk}arrive/", {"code": booked.reference, "lang": "fr"})
    assert 'data-code="not_found"' in early.content.decode()
    at(monkeypatch, -40)
    early = client.post(f"{kiosk}arrive/", {"code": booked.reference, "lang": "fr"})
    assert 'data-code="too_early"' in early.content.decode()
    assert "08:30" in early.content.decode()
    at(monkeypatch, 45)
    page = client.post(f"{kiosk}arrive/", {"code": "77 111 22 33", "lang": "en"})
    by_phone.refresh_from_db()
    assert by_phone.state == "checked_in"
    assert by_phone.ticket.number in page.content.decode()
    late = f" {booked.reference[:4].lower()} {booked.reference[4:]}"
    client.post(f"{kiosk}arrive/", {"code": late, "lang": "fr"})
    booked.refresh_from_db()
    assert (booked.state, booked.punctuality) == ("checked_in", "late")


def test_a_kiosk_of_another_branch_checks_nobody_in(
    client: Client, town: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    booked = bookings.book(town)
    at(monkeypatch, 0)
    other = factories.make_device(factories.make_branch(town.organization))
    answer = client.post(f"/k/{other}/arrive/", {"code": booked.reference, "lang": "fr"})
    assert 'data-code="not_found"' in answer.content.decode()
    booked.refresh_from_db()
    assert booked.state == "confirmed"


def test_the_console_shows_who_has_an_appointment(
    client: Client, town: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    booked = bookings.book(town)
    sign_in(client, town.agent)
    factories.sit_down(town)
    at(monkeypatch, -10)
    factories.join(town)
    assert "booked" not in Page(client.get("/agent/").content.decode()).test_ids
    step(client, town, booked, "check-in")
    page = Page(client.get("/agent/").content.decode())
    assert page.test_ids.count("booked") == 1
    assert page.test_ids.count("waiting-row") == 2
