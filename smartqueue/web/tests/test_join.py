"""Joining by the form: what is issued, what is refused, and that nothing typed is lost."""

import uuid
from typing import Any

import pytest
from django.test import Client

from smartqueue.queues import operations
from smartqueue.queues.models import QueuePriority, Ticket, VehicleCategory
from smartqueue.queues.tests import factories
from smartqueue.web.tests.conftest import sign_in
from smartqueue.web.tests.pages import Page

pytestmark = pytest.mark.django_db


def _tickets() -> list[Ticket]:
    return list(Ticket.objects.with_scopes_disabled().order_by("sequence"))


def _form(place: factories.Place, **fields: Any) -> dict[str, Any]:
    return {"service": str(place.service.pk), "nonce": str(uuid.uuid4()), **fields}


def test_form_issues_a_ticket_and_leads_to_it(client: Client, place: factories.Place) -> None:
    response = client.post(
        f"/q/{place.queue.pk}/", _form(place, customer_name=" Awa  Ndiaye ", phone="77 123 45 67")
    )
    (ticket,) = _tickets()
    assert (ticket.customer_name, ticket.phone, ticket.channel) == (
        "Awa Ndiaye",
        "+221771234567",
        "web",
    )
    page = client.get(response.headers["Location"])
    assert ticket.number in page.content.decode()


def test_the_same_form_sent_twice_issues_one_ticket(client: Client, place: factories.Place) -> None:
    form = _form(place, customer_name="Awa")
    first = client.post(f"/q/{place.queue.pk}/", form)
    second = client.post(f"/q/{place.queue.pk}/", form)
    assert len(_tickets()) == 1
    assert first.headers["Location"] == second.headers["Location"]


def test_a_form_from_the_history_filled_in_for_somebody_else_is_another_form(
    client: Client, place: factories.Place
) -> None:
    form = _form(place, customer_name="Awa", phone="771234567")
    first = client.post(f"/q/{place.queue.pk}/", form)
    second = client.post(f"/q/{place.queue.pk}/", form | {"customer_name": "Binta"})
    assert [ticket.customer_name for ticket in _tickets()] == ["Awa", "Binta"]
    assert first.headers["Location"] != second.headers["Location"]


def test_a_name_that_grows_when_it_is_compared_is_taken(
    client: Client, place: factories.Place
) -> None:
    name = "ß" * 80
    response = client.post(f"/q/{place.queue.pk}/", _form(place, customer_name=name))
    assert response.status_code == 302
    assert [ticket.customer_name for ticket in _tickets()] == [name]


@pytest.mark.parametrize(
    "field", ["customer_name", "priority", "vehicle_category", "plate", "phone", "service", "nonce"]
)
def test_what_cannot_be_stored_is_refused(
    client: Client, place: factories.Place, field: str
) -> None:
    response = client.post(f"/q/{place.queue.pk}/", _form(place) | {field: "a\0b"})
    assert response.status_code == 400
    assert _tickets() == []


def test_two_forms_issue_two_tickets(client: Client, place: factories.Place) -> None:
    client.post(f"/q/{place.queue.pk}/", _form(place))
    client.post(f"/q/{place.queue.pk}/", _form(place))
    assert [ticket.number for ticket in _tickets()] == ["A001", "A002"]


def test_several_people_get_a_ticket_each(client: Client, place: factories.Place) -> None:
    form = _form(place, customer_name=["Awa", "", "Binta"], phone="771234567")
    page = client.post(f"/q/{place.queue.pk}/", form).content.decode()
    assert [ticket.customer_name for ticket in _tickets()] == ["Awa", "Binta"]
    assert page.count('data-testid="ticket-link"') == 2


def test_one_refused_person_leaves_nobody_with_a_ticket(
    client: Client, place: factories.Place
) -> None:
    factories.join(place, customer_name="Binta", phone="+221771234567")
    form = _form(place, customer_name=["Awa", "Binta"], phone="771234567")
    response = client.post(f"/q/{place.queue.pk}/", form)
    assert response.status_code == 409
    assert 'data-code="already_waiting"' in response.content.decode()
    assert len(_tickets()) == 1


def test_a_wrong_phone_is_said_at_its_field_and_nothing_typed_is_lost(
    client: Client, place: factories.Place
) -> None:
    QueuePriority.objects.with_scopes_disabled().filter(code="elderly").update(is_declarable=True)
    form = _form(place, customer_name="Awa <b>", phone="12", priority="elderly")
    response = client.post(f"/q/{place.queue.pk}/", form)
    page = Page(response.content.decode())
    assert response.status_code == 400
    assert 'id="phone-wrong"' in page.text
    assert (page.fields["customer_name"], page.fields["phone"]) == ("Awa <b>", "12")
    assert page.fields["nonce"] == form["nonce"]
    assert page.checked == ["elderly"]
    assert _tickets() == []


def test_a_priority_that_staff_give_is_refused(client: Client, place: factories.Place) -> None:
    response = client.post(f"/q/{place.queue.pk}/", _form(place, priority="urgent"))
    assert 'id="priority-wrong"' in response.content.decode() or response.status_code == 400
    assert _tickets() == []


def test_a_name_too_long_is_refused(client: Client, place: factories.Place) -> None:
    response = client.post(f"/q/{place.queue.pk}/", _form(place, customer_name="x" * 81))
    assert response.status_code == 400
    assert 'id="name-wrong"' in response.content.decode()


def test_a_closed_queue_offers_no_form(client: Client, place: factories.Place) -> None:
    operations.close_queue(
        actor=place.owner, queue_id=place.queue.pk, reason="Inventaire", now=factories.NOW
    )
    page = Page(client.get(f"/q/{place.queue.pk}/").content.decode())
    assert "join-form" not in page.test_ids
    assert "Inventaire" in page.text
    response = client.post(f"/q/{place.queue.pk}/", _form(place))
    assert (response.status_code, _tickets()) == (409, [])


def test_a_queue_of_vehicles_asks_for_category_and_plate(
    client: Client, place: factories.Place
) -> None:
    lane = factories.make_queue(place, "V", asks_vehicle=True)
    VehicleCategory.objects.with_scopes_disabled().create(
        organization=place.organization,
        queue=lane,
        code="light",
        name="Voiture",
        duration_minutes=15,
    )
    assert "Voiture" in client.get(f"/q/{lane.pk}/").content.decode()
    client.post(f"/q/{lane.pk}/", _form(place, vehicle_category="light", plate="dk-123-a"))
    (ticket,) = _tickets()
    assert (ticket.vehicle_category, ticket.plate) == ("light", "DK-123-A")


def test_a_signed_in_person_joins_in_their_own_name(client: Client, place: factories.Place) -> None:
    person = factories.make_actor()
    sign_in(client, person).post(f"/q/{place.queue.pk}/", _form(place))
    assert [ticket.customer_id for ticket in _tickets()] == [person.user_id]


@pytest.mark.parametrize("path", ["/q/{}/", "/q/{}/poster/"])
def test_an_unknown_queue_is_not_found(client: Client, path: str) -> None:
    assert client.get(path.format(uuid.uuid4())).status_code == 404
