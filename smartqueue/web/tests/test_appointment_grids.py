"""The week and the agents' day: where appointments lie, where they can go, and back."""

from datetime import time, timedelta
from typing import Any

import pytest
from django.test import Client

from smartqueue.appointments import operations
from smartqueue.appointments.enums import BusyFailure
from smartqueue.appointments.models import AgentAbsence, Appointment, BusyCalendar, WaitlistEntry
from smartqueue.appointments.operations import Person
from smartqueue.appointments.tests import factories as bookings
from smartqueue.appointments.tokens import token_of, token_of_entry
from smartqueue.outbox.models import DomainEvent
from smartqueue.queues.tests import factories
from smartqueue.queues.tests.factories import NOW, Place
from smartqueue.web.tests.conftest import sign_in
from smartqueue.web.tests.pages import Page

pytestmark = pytest.mark.django_db
TOMORROW = "2026-11-24"
AGENTS_QUERIES = 11


@pytest.fixture
def town(place: Place) -> Place:
    """Each Tuesday one place an hour of nobody in particular, and one of an agent until noon."""
    bookings.make_slot(place)
    bookings.make_slot(place, agent_id=place.agent.user_id, end_time=time(12))
    return place


def base(place: Place) -> str:
    return f"/manage/branches/{place.branch.pk}/"


def grid(client: Client, place: Place, view: str = "week") -> str:
    return client.get(f"{base(place)}appointments/{view}/", {"date": TOMORROW}).content.decode()


def cell_of(page: str, key: str) -> str:
    return page.split(f'data-cell="{key}"')[1].split("</td>", maxsplit=1)[0]


def move(client: Client, place: Place, booked: Appointment, **values: Any) -> Any:
    path = f"{base(place)}appointments/{booked.pk}/move/"
    return client.post(path, {"date": TOMORROW, **values})


def test_a_booking_is_moved_in_the_week_told_and_moved_back(client: Client, town: Place) -> None:
    booked = bookings.book(town, person=Person(customer_name="Awa Diop"))
    sign_in(client, town.agent)
    assert "Awa Diop" in cell_of(grid(client, town), f"{TOMORROW}.9")
    path = f"{base(town)}appointments/{booked.pk}/free/"
    free = client.get(path, {"date": TOMORROW, "view": "week"}).json()["free"]
    at_ten = next(row for row in free if row["cell"] == f"{TOMORROW}.10")
    assert (at_ten["time"], at_ten["said"]) == ("10:00", "mardi 24 novembre")
    answer = move(client, town, booked, view="week", starts_at=at_ten["value"])
    page = client.get(answer.headers["Location"]).content.decode()
    assert "Awa Diop" in cell_of(page, f"{TOMORROW}.10")
    told = DomainEvent.objects.filter(type="appointments.appointment.moved.v1")
    assert told.count() == 1
    form = page.split('data-testid="moved"')[1].split("</form>")[0]
    was = form.split('name="starts_at" value="')[1].split('"')[0]
    move(client, town, booked, view="week", starts_at=was)
    booked.refresh_from_db()
    assert booked.starts_at == bookings.NINE
    assert told.count() == 2
    assert Page(page).inline == []


def test_a_place_that_is_taken_meanwhile_is_refused_in_words_with_what_is_free(
    client: Client, town: Place
) -> None:
    bookings.book(town, bookings.TEN)
    bookings.book(town, bookings.TEN)
    booked = bookings.book(town, person=Person(customer_name="Awa Diop"))
    sign_in(client, town.agent)
    answer = move(client, town, booked, view="week", starts_at=bookings.TEN.isoformat())
    page = answer.content.decode()
    assert answer.status_code == 409
    assert 'data-code="slot_full"' in page
    assert {"free-next", "grid"} <= set(Page(page).test_ids)
    assert "Awa Diop" in cell_of(page, f"{TOMORROW}.9")
    booked.refresh_from_db()
    assert booked.starts_at == bookings.NINE


def test_a_booking_is_given_to_another_agent_and_back(client: Client, town: Place) -> None:
    booked = bookings.book(town)
    agent = town.agent.user_id
    sign_in(client, town.owner)
    answer = move(client, town, booked, view="agents", starts_at=bookings.NINE, agent=agent)
    booked.refresh_from_db()
    assert booked.agent_id == agent
    page = client.get(answer.headers["Location"]).content.decode()
    assert booked.reference in cell_of(page, f"{agent}.9")
    path = f"{base(town)}appointments/{booked.pk}/free/"
    free = client.get(path, {"date": TOMORROW, "view": "agents"}).json()["free"]
    assert {row["cell"].split(".")[0] for row in free} == {"anybody", str(agent)}


def test_the_agents_day_reads_the_same_for_one_and_three(
    client: Client, town: Place, django_assert_num_queries: Any
) -> None:
    sign_in(client, town.agent)
    bookings.book(town)
    grid(client, town, "agents")
    for more in ((), (bookings.TEN, bookings.ELEVEN)):
        for start in more:
            bookings.book(town, start)
        with django_assert_num_queries(AGENTS_QUERIES):
            page = grid(client, town, "agents")
        assert page.count('data-testid="week-row"') == 1 + len(more)


def test_breaks_are_taken_on_every_working_day_and_close_the_calendar(
    client: Client, town: Place
) -> None:
    agent = town.agent.user_id
    path = f"{base(town)}agents/{agent}/"
    sign_in(client, town.agent)
    given = {"date": TOMORROW, "start_time": "10:00", "end_time": "10:30", "reason": "Prière"}
    client.post(path, given | {"until": "2026-12-08"})
    rows = AgentAbsence.objects.with_scopes_disabled().order_by("starts_at")
    assert [f"{row.starts_at:%m-%d %H}" for row in rows] == ["11-24 10", "12-01 10", "12-08 10"]
    page = client.get(path, {"date": TOMORROW}).content.decode()
    assert "Prière" in cell_of(page, f"{TOMORROW}.10")
    assert Page(page).test_ids.count("remove-absence") == 3
    wrong = client.post(path, given | {"until": "2027-11-24"})
    assert (wrong.status_code, rows.count()) == (400, 3)
    other = client.get(f"{base(town)}agents/{town.agents[1].user_id}/")
    assert other.status_code == 404
    sign_in(client, town.agents[1])
    assert "Prière" not in grid(client, town, "agents")


def test_a_series_is_booked_seen_and_cancelled_from_one_on(client: Client, town: Place) -> None:
    bookings.set_rules(town, most_ahead=9)
    person = factories.make_actor()
    held = bookings.hold(town, actor=person)
    sign_in(client, person)
    form = f"/a/{token_of(held.pk)}/form/"
    answer = client.post(form, {"customer_name": "Awa", "every_days": "7", "times": "3"})
    rows = Appointment.objects.with_scopes_disabled().filter(series_id__isnull=False)
    first, second, third = rows.order_by("starts_at")
    assert answer.headers["Location"] == f"/a/{token_of(first.pk)}/"
    assert third.starts_at - first.starts_at == timedelta(days=14)
    link = f"/a/{token_of(second.pk)}/"
    assert "cancel-following" in Page(client.get(link).content.decode()).test_ids
    by_link = Client()
    page = by_link.get(link).content.decode()
    assert token_of(third.pk) not in page
    assert "cancel-following" in Page(page).test_ids
    rows.filter(pk=third.pk).update(booked_at=NOW + timedelta(minutes=1))
    assert "cancel-following" not in Page(by_link.get(link).content.decode()).test_ids
    assert by_link.post(f"{link}cancel-following/").status_code == 404
    assert {row.state for row in rows.all()} == {"confirmed"}
    rows.filter(pk=third.pk).update(booked_at=NOW)
    by_link.post(f"{link}cancel-following/")
    states = [row.state for row in rows.order_by("starts_at")]
    assert states == ["confirmed", "cancelled", "cancelled"]
    sign_in(client, town.agent)
    together = f"{base(town)}appointments/{first.pk}/together/"
    assert "cancel-one" in Page(client.get(together).content.decode()).test_ids
    client.post(together, {"what": "one"})
    assert {row.state for row in rows.all()} == {"cancelled"}


def test_requests_of_all_dates_and_the_waitlist_are_answered(client: Client, place: Place) -> None:
    bookings.make_slot(place, end_time=time(10))
    bookings.set_rules(place, needs_approval=True)
    booked = bookings.book(place)
    entries = [bookings.wait_for_place(place, now=NOW + timedelta(seconds=n)) for n in (0, 1)]
    page = client.get(f"/l/{token_of_entry(entries[1].pk)}/").content.decode()
    assert "<strong>2</strong>" in page.split('data-testid="place"')[1].split("</p>")[0]
    sign_in(client, place.agent)
    inbox = f"{base(place)}appointments/requests/"
    ids = Page(client.get(inbox).content.decode()).test_ids
    assert (ids.count("request"), ids.count("waiting-entry")) == (1, 2)
    path = f"{base(place)}appointments/{booked.pk}/approve/"
    assert client.post(path, {"back": "requests"}).headers["Location"] == inbox
    client.post(f"{base(place)}waitlist/{entries[0].pk}/remove/")
    states = WaitlistEntry.objects.with_scopes_disabled().order_by("created_at")
    assert list(states.values_list("state", flat=True)) == ["left", "waiting"]
    ids = Page(client.get(inbox).content.decode()).test_ids
    assert (ids.count("request"), ids.count("waiting-entry")) == (0, 1)


def test_the_nearest_branch_with_a_place_comes_first_and_its_time_is_held(
    client: Client, place: Place
) -> None:
    far = factories.make_branch(place.organization)
    type(far).objects.with_scopes_disabled().filter(pk=far.pk).update(
        point="SRID=4326;POINT(-16.5 16.02)"
    )
    full = bookings.make_slot(place, end_time=time(10))
    bookings.make_slot(place, branch_id=far.pk)
    listed = client.get("/book/", {"o": place.organization.slug}).content.decode()
    assert f"/book/{place.service.pk}/" in listed
    assert "near-service" not in client.get("/book/", {"q": "zzzzzzzz"}).content.decode()
    path, here = (
        f"/book/{place.service.pk}/",
        {"lat": place.branch.point.y, "lon": place.branch.point.x},
    )
    page = client.get(path, here).content.decode()
    assert page.index(place.branch.slug) < page.index(far.slug)
    bookings.book(place)
    page = client.get(path, here).content.decode()
    assert page.index(far.slug) < page.index(place.branch.slug)
    value = page.split('name="starts_at" value="')[1].split('"')[0]
    answer = client.post(f"/b/{far.slug}/book/{place.service.pk}/", {"starts_at": value})
    assert "/form/" in answer.headers["Location"]
    operations.retire_slot(actor=place.owner, slot_id=full.pk, now=NOW)
    assert place.branch.slug not in client.get(path).content.decode().split('data-testid="near"')[1]


def test_a_feed_is_made_renewed_and_taken_back_by_its_owner_alone(
    client: Client, town: Place
) -> None:
    booked = bookings.book(town, agent_id=town.agent.user_id)
    sign_in(client, town.agent)
    own, staff = "/account/calendars/", f"{base(town)}calendars/"

    def address(page: Any) -> str:
        found = page.content.decode().split('id="address"')[1].split('value="')[1]
        return "/" + found.split('"')[0].split("/", 3)[3]

    first = address(client.post(own))
    assert first not in client.get(own).content.decode()
    renew = client.get(own).content.decode().split('action="/account/calendars/')[1]
    feed = renew.split("/")[0]
    second = address(client.post(f"{own}{feed}/renew/"))
    assert (Client().get(first).status_code, Client().get(second).status_code) == (404, 200)
    for kind in ("agent", "branch"):
        feed_of_staff = address(client.post(f"{staff}feeds/", {"kind": kind}))
        assert booked.reference in Client().get(feed_of_staff).content.decode()
    assert Page(client.get(staff).content.decode()).test_ids.count("feed") == 2
    fresh = client.get(own).content.decode().split('action="/account/calendars/')[1].split("/")[0]
    sign_in(client, town.owner)
    assert client.post(f"{own}{fresh}/revoke/").status_code == 404
    sign_in(client, town.agent)
    client.post(f"{own}{fresh}/revoke/")
    assert Client().get(second).status_code == 404


def test_a_calendar_kept_elsewhere_is_added_shown_with_its_error_and_removed(
    client: Client, town: Place
) -> None:
    sign_in(client, town.owner)
    path = f"{base(town)}calendars/"
    wrong = client.post(path, {"whose": "branch:", "url": "http://10.0.0.1/a.ics"})
    assert (wrong.status_code, 'id="url-wrong"' in wrong.content.decode()) == (400, True)
    url = "https://calendar.example/secret.ics"
    client.post(path, {"whose": f"agent:{town.agent.user_id}", "url": url, "name": "Perso"})
    page = client.get(path).content.decode()
    assert "calendar.example" in page
    assert "secret" not in page.split('data-testid="busy-calendars"')[1].split("</ul>")[0]
    busy = BusyCalendar.objects.with_scopes_disabled().get()
    answer = operations.Answer(failure=BusyFailure.TIMED_OUT)
    operations.keep_busy_times(calendar_id=busy.pk, answer=answer, due=busy.next_fetch_at, now=NOW)
    page = client.get(path).content.decode()
    assert "busy-error" in Page(page).test_ids
    client.post(f"{path}{busy.pk}/refresh/")
    client.post(f"{path}{busy.pk}/remove/")
    assert "busy-calendar" not in Page(client.get(path).content.decode()).test_ids
