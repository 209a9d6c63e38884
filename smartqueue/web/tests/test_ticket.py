"""The ticket page, from its holder's side."""

import pytest
from django.test import Client

from smartqueue.queues import operations
from smartqueue.queues.models import Ticket
from smartqueue.queues.tests import factories
from smartqueue.queues.tokens import token_of

pytestmark = pytest.mark.django_db


def _address(ticket: Ticket) -> str:
    return f"/t/{token_of(ticket.pk)}/"


def _state_of(ticket: Ticket) -> str:
    state: str = (
        Ticket.objects.with_scopes_disabled().values_list("state", flat=True).get(pk=ticket.pk)
    )
    return state


def test_a_waiting_ticket_shows_who_is_before_and_why(
    client: Client, place: factories.Place
) -> None:
    factories.join(place)
    page = client.get(_address(factories.join(place))).content.decode()
    assert '<p class="big-figure" data-testid="ahead">1</p>' in page
    assert 'data-testid="why"' in page


def test_whoever_passed_is_named_with_the_reason(client: Client, place: factories.Place) -> None:
    session = factories.sit_down(place)
    mine, later = factories.join(place), factories.join(place, now=factories.NOW.replace(minute=1))
    operations.call_ticket(
        actor=place.agent, ticket_id=later.pk, session_id=session.pk, now=factories.NOW
    )
    page = client.get(_address(mine)).content.decode()
    assert f'<bdi class="ltr">{later.number}</bdi>' in page


def test_a_called_ticket_says_where_to_go(client: Client, place: factories.Place) -> None:
    session = factories.sit_down(place)
    ticket = factories.join(place)
    operations.call_next_for_session(actor=place.agent, session_id=session.pk, now=factories.NOW)
    page = client.get(_address(ticket)).content.decode()
    assert 'class="is-called"' in page
    assert f'data-testid="counter">{place.counters[0].name}</p>' in page


@pytest.mark.parametrize("token", ["x", "AAAA", "A" * 38])
def test_a_token_that_is_not_ours_is_not_found(
    client: Client, place: factories.Place, token: str
) -> None:
    factories.join(place)
    assert client.get(f"/t/{token}/").status_code == 404


def test_the_part_is_not_sent_again_while_it_is_the_same(
    client: Client, place: factories.Place
) -> None:
    ticket = factories.join(place)
    first = client.get(f"{_address(ticket)}state/")
    again = client.get(
        f"{_address(ticket)}state/", headers={"If-None-Match": first.headers["ETag"]}
    )
    operations.cancel_ticket(actor=place.agent, ticket_id=ticket.pk, now=factories.NOW)
    after = client.get(
        f"{_address(ticket)}state/", headers={"If-None-Match": first.headers["ETag"]}
    )
    assert (first.status_code, again.status_code, after.status_code) == (200, 304, 200)
    assert "<html" not in first.content.decode()


def test_more_time_lets_people_pass_until_it_is_used_up(
    client: Client, place: factories.Place
) -> None:
    ticket = factories.join(place)
    for _ in range(4):
        factories.join(place)
    limit = place.queue.more_time_limit
    for _ in range(limit):
        assert client.post(f"{_address(ticket)}more-time/").status_code == 302
    response = client.post(f"{_address(ticket)}more-time/")
    assert response.status_code == 409
    assert 'data-code="more_time_exhausted"' in response.content.decode()


def test_leaving_ends_the_ticket(client: Client, place: factories.Place) -> None:
    ticket = factories.join(place)
    client.post(f"{_address(ticket)}leave/")
    assert _state_of(ticket) == "cancelled"
    page = client.get(_address(ticket)).content.decode()
    assert 'data-testid="leave"' not in page
    assert client.post(f"{_address(ticket)}leave/").status_code == 409


def test_a_get_changes_nothing(client: Client, place: factories.Place) -> None:
    ticket = factories.join(place)
    assert client.get(f"{_address(ticket)}leave/").status_code == 405
    assert _state_of(ticket) == "waiting"
