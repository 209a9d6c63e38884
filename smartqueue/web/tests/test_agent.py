"""The console: a day at the counter, and that it is nobody else's."""

from typing import Any

import pytest
from django.test import Client

from smartqueue.queues import operations
from smartqueue.queues.models import CounterSession, Ticket
from smartqueue.queues.tests import factories
from smartqueue.web.tests.conftest import sign_in

pytestmark = pytest.mark.django_db
HTMX = {"HX-Request": "true"}


def _states(*tickets: Ticket) -> list[str]:
    found = dict(Ticket.objects.with_scopes_disabled().values_list("pk", "state"))
    return [found[ticket.pk] for ticket in tickets]


def _press(client: Client, path: str, **data: str) -> str:
    response = client.post(f"/agent/{path}/", data, headers=HTMX)
    assert response.status_code == 200
    assert "<html" not in response.content.decode()
    return response.content.decode()


@pytest.fixture
def console(client: Client, place: factories.Place) -> Client:
    """The console of the place's first agent, at the first counter."""
    factories.sit_down(place)
    return sign_in(client, place.agent)


def test_an_agent_opens_a_counter(client: Client, place: factories.Place) -> None:
    sign_in(client, place.agent)
    assert 'data-testid="open-session"' in client.get("/agent/").content.decode()
    data = {"counter": str(place.counters[0].pk), "queues": [str(place.queue.pk)]}
    assert client.post("/agent/open/", data).status_code == 302
    session = CounterSession.objects.with_scopes_disabled().get()
    assert session.queue_ids == [place.queue.pk]
    assert 'data-testid="free"' in client.get("/agent/").content.decode()


def test_a_counter_that_is_taken_is_said_and_the_choice_is_kept(
    client: Client, place: factories.Place
) -> None:
    factories.sit_down(place)
    sign_in(client, place.agents[1])
    data = {"counter": str(place.counters[0].pk), "queues": [str(place.queue.pk)]}
    response = client.post("/agent/open/", data)
    assert response.status_code == 409
    assert 'data-code="counter_taken"' in response.content.decode()


def test_somebody_without_a_name_or_a_service_is_listed(
    console: Client, place: factories.Place
) -> None:
    services = [place.service.pk, factories.make_service(place.organization).pk]
    operations.update_queue(actor=place.owner, queue_id=place.queue.pk, services=services)
    first, second = factories.join(place), factories.join(place)
    assert first.service_id is None
    _press(console, f"tickets/{first.pk}/call")
    listed = _press(console, f"tickets/{first.pk}/park")
    assert listed.count('data-testid="parked-row"') == 1
    assert f"<b>{place.queue.name}</b>" in listed
    assert second.number in listed


def test_a_person_is_called_served_and_done(console: Client, place: factories.Place) -> None:
    ticket = factories.join(place)
    called = _press(console, "session/call-next")
    assert f'data-testid="current-number">{ticket.number}</p>' in called
    _press(console, f"tickets/{ticket.pk}/recall")
    _press(console, f"tickets/{ticket.pk}/start")
    assert _states(ticket) == ["serving"]
    assert 'data-testid="free"' in _press(console, f"tickets/{ticket.pk}/complete")
    assert _states(ticket) == ["completed"]


def test_nobody_waiting_is_said(console: Client) -> None:
    page = console.post("/agent/session/call-next/", headers=HTMX | {"Accept-Language": "en"})
    assert 'data-say="Nobody is waiting."' in page.content.decode()


def test_parked_resumed_returned_missed_and_undone(console: Client, place: factories.Place) -> None:
    ticket = factories.join(place)
    _press(console, f"tickets/{ticket.pk}/call")
    assert 'data-testid="parked-row"' in _press(console, f"tickets/{ticket.pk}/park")
    _press(console, f"tickets/{ticket.pk}/resume")
    assert _states(ticket) == ["waiting"]
    _press(console, f"tickets/{ticket.pk}/call")
    _press(console, f"tickets/{ticket.pk}/return", to="last")
    _press(console, f"tickets/{ticket.pk}/call")
    assert 'data-testid="missed-row"' in _press(console, f"tickets/{ticket.pk}/no-show")
    _press(console, f"tickets/{ticket.pk}/undo")
    assert _states(ticket) == ["called"]


def test_a_person_is_sent_to_another_queue(console: Client, place: factories.Place) -> None:
    other = factories.make_queue(place, "B")
    ticket = factories.join(place)
    _press(console, f"tickets/{ticket.pk}/call")
    _press(console, f"tickets/{ticket.pk}/transfer", queue=str(other.pk))
    moved = Ticket.objects.with_scopes_disabled().get()
    assert (moved.queue_id, moved.state) == (other.pk, "waiting")


def test_break_back_and_end(console: Client) -> None:
    assert 'data-testid="resume"' in _press(console, "session/break")
    assert 'data-testid="free"' in _press(console, "session/resume")
    response = console.post("/agent/session/end/", headers=HTMX)
    assert response.headers["HX-Redirect"] == "/agent/"
    assert CounterSession.objects.with_scopes_disabled().get().state == "ended"


def test_what_is_not_possible_is_said_beside_the_console(
    console: Client, place: factories.Place
) -> None:
    ticket = factories.join(place)
    response = console.post(f"/agent/tickets/{ticket.pk}/start/", headers=HTMX)
    assert response.status_code == 409
    assert 'data-code="illegal_transition"' in response.content.decode()
    assert 'data-testid="waiting-row"' in response.content.decode()


def test_forms_work_without_scripts(console: Client, place: factories.Place) -> None:
    ticket = factories.join(place)
    response = console.post("/agent/session/call-next/")
    assert response.headers["Location"] == "/agent/"
    assert _states(ticket) == ["called"]


@pytest.mark.parametrize("action", ["call", "recall", "start", "complete", "park", "undo"])
def test_a_ticket_of_another_organization_is_not_found(
    console: Client, place: factories.Place, action: str
) -> None:
    other = factories.make_place()
    session = factories.sit_down(other)
    ticket, waiting = factories.join(other), factories.join(other)
    operations.call_next_for_session(actor=other.agent, session_id=session.pk, now=factories.NOW)
    target = waiting if action == "call" else ticket
    response = console.post(f"/agent/tickets/{target.pk}/{action}/")
    assert response.status_code == 404
    assert _states(ticket, waiting) == ["called", "waiting"]


def test_a_counter_of_another_organization_is_not_found(
    client: Client, place: factories.Place
) -> None:
    other = factories.make_place()
    sign_in(client, place.agent)
    response = client.post("/agent/open/", {"counter": str(other.counters[0].pk)})
    assert response.status_code == 404
    assert not CounterSession.objects.with_scopes_disabled().exists()


def test_the_choice_shows_no_other_organization(client: Client, place: factories.Place) -> None:
    other = factories.make_place()
    sign_in(client, place.agent)
    page = client.get(f"/agent/?branch={other.branch.pk}").content.decode()
    assert other.branch.name not in page
    assert place.branch.name in page


def test_somebody_who_serves_nowhere_gets_404(client: Client, place: factories.Place) -> None:
    sign_in(client, factories.make_actor())
    assert client.get("/agent/").status_code == 404


@pytest.mark.parametrize("path", ["/agent/", "/agent/console/", "/manage/"])
def test_nobody_is_sent_to_sign_in(client: Client, db: Any, path: str) -> None:
    response = client.get(path)
    assert response.headers["Location"].startswith("/sign-in/?next=%2F")


def test_an_unknown_action_is_not_found(console: Client, place: factories.Place) -> None:
    ticket = factories.join(place)
    assert console.post("/agent/session/dance/").status_code == 404
    assert console.post(f"/agent/tickets/{ticket.pk}/dance/").status_code == 404
