"""The kiosk."""

import uuid

import pytest
from django.test import Client

from smartqueue.queues import operations
from smartqueue.queues.models import Ticket
from smartqueue.queues.tests import factories
from smartqueue.queues.tokens import token_of
from smartqueue.web.tests.pages import Page

pytestmark = pytest.mark.django_db


def _kiosk(place: factories.Place) -> str:
    return f"/k/{factories.make_device(place.branch)}/"


def test_each_service_has_a_button(client: Client, place: factories.Place) -> None:
    second = factories.make_service(place.organization)
    factories.make_queue(place, "B", services=[place.service.pk, second.pk])
    page = Page(client.get(_kiosk(place)).content.decode())
    assert page.test_ids.count("kiosk-button") == 3


def test_a_press_issues_a_ticket_of_the_kiosk_once(client: Client, place: factories.Place) -> None:
    kiosk = _kiosk(place)
    data = {"queue": str(place.queue.pk), "lang": "ar", "nonce": str(uuid.uuid4())}
    page = client.post(f"{kiosk}tickets/", data).content.decode()
    client.post(f"{kiosk}tickets/", data)
    ticket = Ticket.objects.with_scopes_disabled().get()
    assert (ticket.channel, ticket.language) == ("kiosk", "ar")
    assert ticket.number in page
    assert 'class="qr"' in page
    assert token_of(ticket.pk) not in page


def test_a_screen_kept_by_the_browser_is_never_pressed_again(
    client: Client, place: factories.Place
) -> None:
    """Its nonce is the last person's, and would show the next one that person's ticket."""
    assert "no-store" in client.get(_kiosk(place)).headers["Cache-Control"]


def test_a_queue_of_another_branch_is_not_found(client: Client, place: factories.Place) -> None:
    other = factories.make_place()
    data = {"queue": str(other.queue.pk), "nonce": str(uuid.uuid4())}
    assert client.post(f"{_kiosk(place)}tickets/", data).status_code == 404
    assert not Ticket.objects.with_scopes_disabled().exists()


def test_a_closed_queue_cannot_be_pressed(client: Client, place: factories.Place) -> None:
    operations.close_queue(actor=place.owner, queue_id=place.queue.pk, now=factories.NOW)
    assert "disabled" in client.get(_kiosk(place)).content.decode()
    data = {"queue": str(place.queue.pk), "nonce": str(uuid.uuid4())}
    response = client.post(f"{_kiosk(place)}tickets/", data)
    assert response.status_code == 409
    assert 'data-code="queue_closed"' in response.content.decode()


def test_a_ticket_token_opens_no_kiosk(client: Client, place: factories.Place) -> None:
    ticket = factories.join(place)
    assert client.get(f"/k/{token_of(ticket.pk)}/").status_code == 404
    assert client.get("/k/nonsense/").status_code == 404
