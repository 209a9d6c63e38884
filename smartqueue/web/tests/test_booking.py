"""Booking on pages: the choice, the hold, the form, the link, the waitlist."""

import random
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import translation

from smartqueue.accounts.models import User
from smartqueue.appointments import operations
from smartqueue.appointments.models import Appointment, WaitlistEntry
from smartqueue.appointments.tests import factories as bookings
from smartqueue.appointments.tokens import token_of, token_of_entry
from smartqueue.common import clock
from smartqueue.notifications.models import OutgoingMessage
from smartqueue.queues.tests import factories
from smartqueue.queues.tests.factories import NOW, Place
from smartqueue.queues.tokens import token_of as token_of_ticket
from smartqueue.web.tests.conftest import sign_in
from smartqueue.web.tests.pages import Page

pytestmark = pytest.mark.django_db
# Text messages are counted by number, so each run has numbers of its own.
PHONE = f"+22177{random.randrange(10**7):07}"
OTHER_PHONE = f"+22177{random.randrange(10**7):07}"
VISITING_PHONE = f"+22177{random.randrange(10**7):07}"
OFFERED = "2026-11-24"


@pytest.fixture
def town(place: Place) -> Place:
    """A place that takes two appointments an hour each Tuesday, from tomorrow on."""
    bookings.make_slot(place, capacity=2)
    return place


def times_path(place: Place) -> str:
    return f"/b/{place.branch.slug}/book/{place.service.pk}/"


def hold(client: Client, place: Place, at: datetime = bookings.NINE, **more: Any) -> str:
    """Return the address of the form of a time that was pressed."""
    answer = client.post(times_path(place), {"starts_at": at.isoformat(), **more})
    assert answer.status_code == 302, answer.content.decode()
    return str(answer.headers["Location"])


def only() -> Appointment:
    found: Appointment = Appointment.objects.with_scopes_disabled().get()
    return found


@pytest.fixture(autouse=True)
def _known_code(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("secrets.randbelow", lambda _limit: 123456)


def test_the_branch_page_offers_appointments_where_a_service_has_slots(
    client: Client, place: Place
) -> None:
    path = f"/b/{place.branch.slug}/"
    assert "book-link" not in Page(client.get(path).content.decode()).test_ids
    bookings.make_slot(place)
    assert "book-link" in Page(client.get(path).content.decode()).test_ids


def test_one_service_leaves_nothing_to_choose(client: Client, town: Place) -> None:
    path = f"/b/{town.branch.slug}/book/"
    assert client.get(path).headers["Location"] == times_path(town)
    other = factories.make_service(town.organization)
    bookings.make_slot(town, service_id=other.pk)
    page = Page(client.get(path).content.decode())
    assert page.test_ids.count("book-service") == 2


def test_the_next_free_day_comes_first_with_its_times(client: Client, town: Place) -> None:
    page = client.get(times_path(town)).content.decode()
    seen = Page(page)
    assert seen.inline == []
    assert seen.test_ids.count("day") == 9
    assert seen.test_ids.count("time") == 8
    assert f'data-day="{OFFERED}"' in page
    later = client.get(times_path(town), {"day": "2026-12-02"}).content.decode()
    assert 'data-day="2026-12-08"' in later
    assert client.get(times_path(town), {"day": "rubbish", "people": "-1"}).status_code == 200


def test_a_service_of_another_place_is_not_found(client: Client, town: Place) -> None:
    other = factories.make_place()
    assert client.get(f"/b/{town.branch.slug}/book/{other.service.pk}/").status_code == 404


def test_somebody_without_an_account_books_with_a_code(client: Client, town: Place) -> None:
    form = hold(client, town)
    assert "held" in Page(client.get(form).content.decode()).test_ids
    asked = client.post(form, {"customer_name": "Awa Diop", "phone": PHONE})
    assert "Awa Diop" in asked.content.decode()
    assert only().state == "held"
    filled = {"customer_name": "Awa Diop", "phone": PHONE}
    wrong = client.post(form, filled | {"code": "000000"})
    assert 'data-code="wrong_code"' in wrong.content.decode()
    booked = client.post(form, filled | {"code": "123456"})
    assert booked.headers["Location"] == f"/a/{token_of(only().pk)}/"
    kept = only()
    assert (kept.state, kept.customer_name, kept.phone) == (
        "confirmed",
        "Awa Diop",
        PHONE,
    )
    assert kept.channel == "web"
    page = client.get(booked.headers["Location"]).content.decode()
    assert kept.reference in page
    assert 'class="qr"' in page


def test_a_double_click_holds_once(client: Client, town: Place) -> None:
    nonce = "4f3c2b1a-0000-4000-8000-000000000000"
    first = hold(client, town, nonce=nonce)
    assert hold(client, town, nonce=nonce) == first
    assert Appointment.objects.with_scopes_disabled().count() == 1


def test_who_goes_back_in_the_browser_gives_the_earlier_hold_back(
    client: Client, town: Place
) -> None:
    client.get(times_path(town))
    first, second = hold(client, town), hold(client, town, bookings.TEN)
    Client().post(times_path(town), {"starts_at": bookings.TEN.isoformat()})
    rows = Appointment.objects.with_scopes_disabled().order_by("created_at", "id")
    assert [(row.state, row.starts_at) for row in rows] == [
        ("expired", bookings.NINE),
        ("held", bookings.TEN),
        ("held", bookings.TEN),
    ]
    assert client.get(first).status_code == 409
    assert client.get(second).status_code == 200


def test_a_phone_that_has_the_time_already_is_refused_with_a_name(
    client: Client, town: Place
) -> None:
    forms = [hold(client, town), hold(Client(), town)]
    first, second = (client.post(form, {"phone": OTHER_PHONE}) for form in forms)
    assert "code" in Page(first.content.decode()).test_ids
    assert second.status_code == 409
    assert 'data-code="already_booked"' in second.content.decode()
    held = Appointment.objects.with_scopes_disabled().values_list("phone", flat=True)
    assert sorted(held) == ["", OTHER_PHONE]


def test_several_services_are_booked_as_one_visit_without_an_account(
    client: Client, town: Place
) -> None:
    """Held one after the other, proven by one code, shown, moved and cancelled together."""
    other = factories.make_service(town.organization)
    bookings.make_slot(town, service_id=other.pk)
    asked = {"code": "size", "label": "Taille ?", "kind": "text", "is_required": True}
    operations.set_booking_rules(actor=town.owner, service_id=other.pk, questions=[asked], now=NOW)
    client.get(times_path(town))
    form = hold(client, town)
    page = Page(client.get(form).content.decode())
    assert "add-service" in page.test_ids
    assert "visit" not in page.test_ids
    choice = f"/b/{town.branch.slug}/book/with/{token_of(only().pk)}/"
    page = Page(client.get(choice).content.decode())
    assert (page.test_ids.count("visit-part"), page.test_ids.count("book-service")) == (1, 1)
    times = f"/b/{town.branch.slug}/book/{other.pk}/with/{token_of(only().pk)}/"
    assert Page(client.get(times).content.decode()).test_ids.count("time") == 8
    overlapping = client.post(times, {"starts_at": bookings.NINE.isoformat()})
    assert 'data-code="visit_overlaps"' in overlapping.content.decode()
    for at in (bookings.ELEVEN, bookings.TEN):
        added = client.post(times, {"starts_at": at.isoformat()}).headers["Location"]
    rows = Appointment.objects.with_scopes_disabled().order_by("starts_at")
    assert [row.state for row in rows] == ["held", "held", "expired"]
    page = Page(client.get(added).content.decode())
    assert page.test_ids.count("visit-part") == 2
    assert "add-service" not in page.test_ids
    filled = {"customer_name": "Awa Diop", "phone": VISITING_PHONE, "answer-size": "S"}
    client.post(added, filled)
    assert client.post(added, filled | {"code": "123456"}).status_code == 302
    first, second, _ = rows.all()
    assert (first.state, second.state) == ("confirmed", "confirmed")
    assert (first.answers, second.answers) == ({}, {"size": "S"})
    assert first.visit_id == second.visit_id is not None
    assert first.phone == second.phone == VISITING_PHONE
    link = f"/a/{token_of(first.pk)}/"
    page = Page(client.get(link).content.decode())
    assert {"together", "cancel-following"} <= set(page.test_ids)
    assert token_of(second.pk) in page.text
    client.post(f"{link}cancel-following/")
    assert [row.state for row in rows.all()] == ["cancelled", "cancelled", "expired"]


def test_nobody_adds_to_the_visit_of_somebody_else(client: Client, town: Place) -> None:
    other = factories.make_service(town.organization)
    bookings.make_slot(town, service_id=other.pk)
    form = hold(client, town)
    path = f"/b/{town.branch.slug}/book/{other.pk}/with/{token_of(only().pk)}/"
    signed_in = Client()
    sign_in(signed_in, factories.make_actor())
    asked = {"starts_at": bookings.TEN.isoformat()}
    assert signed_in.post(path, asked).status_code == 404
    elsewhere = factories.make_place()
    assert client.get(f"/b/{elsewhere.branch.slug}/book/with/x/").status_code == 404
    assert client.get(path.replace(town.branch.slug, elsewhere.branch.slug)).status_code == 404
    client.post(form.replace("/form/", "/cancel/"))
    assert client.post(path, asked).status_code == 302
    assert only().state == "cancelled"


def test_a_signed_in_person_finds_the_form_filled(client: Client, town: Place) -> None:
    user = factories.make_user(first_name="Awa", last_name="Diop", phone="+221771234567")
    sign_in(client, factories.make_actor(user))
    form = hold(client, town)
    fields = Page(client.get(form).content.decode()).fields
    assert (fields["customer_name"], fields["phone"]) == ("Awa Diop", "+221771234567")
    booked = client.post(form, {"customer_name": "Awa Diop", "phone": ""})
    assert booked.status_code == 302
    assert only().customer_id == user.pk
    own = client.get("/account/appointments/").content.decode()
    assert f"/a/{token_of(only().pk)}/" in own


def test_another_time_gives_the_held_place_back(client: Client, town: Place) -> None:
    form = hold(client, town)
    answer = client.post(form.replace("/form/", "/cancel/"))
    assert answer.headers["Location"] == f"{times_path(town)}?day={OFFERED}&people=1"
    assert only().state == "cancelled"


def test_an_expired_hold_leads_back_to_what_is_free(
    client: Client, town: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    form = hold(client, town)
    monkeypatch.setattr(clock, "now", lambda: NOW + timedelta(minutes=6))
    for answer in (client.get(form), client.post(form, {"phone": PHONE})):
        page = answer.content.decode()
        assert answer.status_code == 409
        assert 'data-code="hold_expired"' in page
        assert Page(page).test_ids.count("time") == 8


def test_a_taken_time_says_what_is_free_next(client: Client, town: Place) -> None:
    for _ in range(2):
        bookings.book(town)
    answer = client.post(times_path(town), {"starts_at": bookings.NINE.isoformat()})
    page = Page(answer.content.decode())
    assert answer.status_code == 409
    assert 'data-code="slot_full"' in page.text
    assert "free-next" in page.test_ids
    assert page.test_ids.count("time") == 7


@pytest.mark.parametrize(
    "given", ["", "yesterday", "2026-11-24T09:00:00", "2020-01-01T09:00+00:00"]
)
def test_a_wrong_time_is_refused_on_the_page(client: Client, town: Place, given: str) -> None:
    answer = client.post(times_path(town), {"starts_at": given})
    assert answer.status_code == 400
    assert "problem" in Page(answer.content.decode()).test_ids
    assert not Appointment.objects.with_scopes_disabled().exists()


def test_a_question_has_to_be_answered_before_a_code_is_sent(client: Client, town: Place) -> None:
    question = {"code": "why", "label": "Pourquoi ?", "kind": "text", "is_required": True}
    bookings.set_rules(town, questions=[question])
    form = hold(client, town)
    page = client.post(form, {"phone": OTHER_PHONE}).content.decode()
    assert 'id="answer-why-wrong"' in page
    assert not OutgoingMessage.objects.exists()
    client.post(form, {"phone": OTHER_PHONE, "answer-why": "Naissance"})
    client.post(form, {"phone": OTHER_PHONE, "answer-why": "Naissance", "code": "123456"})
    assert only().answers == {"why": "Naissance"}


def test_a_service_for_accounts_asks_to_sign_in(client: Client, town: Place) -> None:
    bookings.set_rules(town, allows_anonymous=False)
    assert "account-needed" in Page(client.get(times_path(town)).content.decode()).test_ids
    answer = client.post(times_path(town), {"starts_at": bookings.NINE.isoformat()})
    assert answer.headers["Location"].startswith("/sign-in/")


def test_the_link_moves_and_cancels(client: Client, town: Place) -> None:
    kept = bookings.book(town)
    link = f"/a/{token_of(kept.pk)}/"
    page = Page(client.get(link).content.decode())
    assert {"move", "cancel", "reference"} <= set(page.test_ids)
    assert "moved-from" in Page(client.get(f"{link}move/").content.decode()).test_ids
    answer = client.post(f"{link}move/", {"starts_at": bookings.TEN.isoformat()})
    assert answer.headers["Location"] == link
    assert only().starts_at == bookings.TEN
    client.post(f"{link}cancel/")
    assert only().state == "cancelled"
    assert "book-again" in Page(client.get(link).content.decode()).test_ids
    assert client.get(f"{link}move/").headers["Location"] == link


def test_a_move_to_a_taken_time_keeps_the_old_one(client: Client, town: Place) -> None:
    for _ in range(2):
        bookings.book(town, bookings.TEN)
    kept = bookings.book(town)
    path = f"/a/{token_of(kept.pk)}/move/"
    answer = client.post(path, {"starts_at": bookings.TEN.isoformat()})
    assert 'data-code="slot_full"' in answer.content.decode()
    kept.refresh_from_db()
    assert kept.starts_at == bookings.NINE


def test_times_are_those_of_the_branch(client: Client) -> None:
    paris = factories.make_place(timezone="Europe/Paris")
    bookings.make_slot(paris)
    at = datetime(2026, 11, 24, 8, tzinfo=UTC)
    kept = bookings.book(paris, at)
    assert '<bdi dir="ltr">09:00</bdi>' in client.get(f"/a/{token_of(kept.pk)}/").content.decode()
    assert "2026-11-24T10:00:00+01:00" in client.get(times_path(paris)).content.decode()


def test_somebody_says_that_they_come_and_arrives(
    client: Client, town: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    link = f"/a/{token_of(bookings.book(town).pk)}/"
    assert "arrive" not in Page(client.get(link).content.decode()).test_ids
    client.post(f"{link}coming/")
    assert only().attendance_at == NOW
    early = client.post(f"{link}arrive/")
    assert 'data-code="too_early"' in early.content.decode()
    monkeypatch.setattr(clock, "now", lambda: bookings.NINE - timedelta(minutes=10))
    assert "arrive" in Page(client.get(link).content.decode()).test_ids
    answer = client.post(f"{link}arrive/")
    assert answer.headers["Location"].startswith("/t/")
    assert "ticket-link" in Page(client.get(link).content.decode()).test_ids


@pytest.mark.parametrize("path", ["/a/x/", "/a/x/form/", "/a/x/move/", "/l/x/"])
def test_a_token_that_is_not_ours_opens_nothing(client: Client, place: Place, path: str) -> None:
    ticket = factories.join(place)
    assert client.get(path).status_code == 404
    assert client.get(path.replace("x", token_of_ticket(ticket.pk))).status_code == 404


def test_an_unknown_step_is_not_found(client: Client, town: Place) -> None:
    kept = bookings.book(town)
    assert client.post(f"/a/{token_of(kept.pk)}/approve/").status_code == 404
    assert only().state == "confirmed"


def full(place: Place) -> list[Appointment]:
    """Take every place of tomorrow."""
    starts = [bookings.NINE + timedelta(hours=hour) for hour in range(8)]
    return [bookings.book(place, at) for at in starts for _ in range(2)]


def join(client: Client, place: Place, **more: str) -> str:
    filled = {"from_date": OFFERED, "until_date": OFFERED, "phone": PHONE}
    answer = client.post(f"{times_path(place)}wait/", filled | more)
    assert answer.status_code == 302, answer.content.decode()
    return str(answer.headers["Location"])


def test_a_freed_place_is_offered_and_taken(client: Client, town: Place) -> None:
    booked = full(town)
    link = join(client, town)
    entry = WaitlistEntry.objects.with_scopes_disabled().get()
    assert link == f"/l/{token_of_entry(entry.pk)}/"
    assert "offer" not in Page(client.get(link).content.decode()).test_ids
    operations.cancel_appointment(actor=town.owner, appointment_id=booked[0].pk, now=NOW)
    page = Page(client.get(link).content.decode())
    assert {"offer", "accept", "decline", "hold"} <= set(page.test_ids)
    answer = client.post(f"{link}accept/")
    assert answer.headers["Location"].startswith("/a/")
    assert client.get(answer.headers["Location"]).status_code == 200
    assert answer.headers["Location"] in client.get(link).content.decode()


def test_an_offer_is_declined_and_the_list_left(client: Client, town: Place) -> None:
    booked = full(town)
    link = join(client, town)
    operations.cancel_appointment(actor=town.owner, appointment_id=booked[0].pk, now=NOW)
    client.post(f"{link}decline/")
    assert "offer" not in Page(client.get(link).content.decode()).test_ids
    over = client.post(f"{link}accept/")
    assert 'data-code="offer_over"' in over.content.decode()
    client.post(f"{link}leave/")
    assert WaitlistEntry.objects.with_scopes_disabled().get().state == "left"
    assert client.post(f"{link}approve/").status_code == 404


def test_people_wait_for_what_is_before_the_next_free_day(client: Client, town: Place) -> None:
    fields = Page(client.get(f"{times_path(town)}wait/").content.decode()).fields
    assert (fields["from_date"], fields["until_date"]) == ("2026-11-23", "2026-11-23")
    full(town)
    fields = Page(client.get(f"{times_path(town)}wait/").content.decode()).fields
    assert (fields["from_date"], fields["until_date"]) == ("2026-11-23", "2026-11-30")


def test_while_places_are_free_nobody_waits(client: Client, town: Place) -> None:
    filled = {"from_date": OFFERED, "until_date": OFFERED, "phone": PHONE}
    answer = client.post(f"{times_path(town)}wait/", filled)
    assert 'data-code="places_free"' in answer.content.decode()
    wrong = client.post(f"{times_path(town)}wait/", filled | {"from_date": "soon"})
    assert 'id="from-wrong"' in wrong.content.decode()


def test_the_list_of_ones_own_reads_the_same_for_one_and_three(
    client: Client, town: Place, django_assert_num_queries: Any
) -> None:
    bookings.set_rules(town, most_per_day=9)
    actor = factories.make_actor()
    sign_in(client, actor)
    client.get("/account/appointments/")
    bookings.book(town, bookings.NINE, actor=actor)
    with django_assert_num_queries(OWN_QUERIES):
        client.get("/account/appointments/")
    for at in (bookings.TEN, bookings.ELEVEN):
        bookings.book(town, at, actor=actor)
    with django_assert_num_queries(OWN_QUERIES):
        page = client.get("/account/appointments/")
    assert page.content.decode().count('href="/a/') == 3


OWN_QUERIES = 5


@pytest.mark.parametrize("language", ["fr", "en", "ar"])
def test_every_page_of_booking_is_whole_in_every_language(
    client: Client, town: Place, language: str
) -> None:
    link = f"/a/{token_of(bookings.book(town).pk)}/"
    form = hold(client, town, bookings.TEN)
    client.cookies["django_language"] = language
    paths = (times_path(town), f"{times_path(town)}wait/", form, link, f"{link}move/")
    with translation.override(language):
        for path in paths:
            page = Page(client.get(path, headers={"Accept-Language": language}).content.decode())
            assert page.inline == []
            assert len(page.ids) == len(set(page.ids)), path


def test_staff_book_for_somebody_without_a_code(client: Client, town: Place) -> None:
    sign_in(client, town.agent)
    form = hold(client, town)
    booked = client.post(form, {"customer_name": "Moussa Ba", "phone": PHONE})
    assert booked.status_code == 302
    kept = only()
    assert (kept.state, kept.customer_name, kept.channel) == ("confirmed", "Moussa Ba", "web")
    assert User.objects.filter(pk=kept.customer_id).first() is None
