"""What people read about their data, and what they do about it without a script."""

import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client

from smartqueue.accounts.enums import Role
from smartqueue.accounts.models import Session, User
from smartqueue.common import clock
from smartqueue.privacy import ports, tasks
from smartqueue.privacy.enums import Purpose
from smartqueue.privacy.models import Consent, Erasure, Export, RegisterEntry
from smartqueue.privacy.queries import has_consent
from smartqueue.privacy.retention import KINDS
from smartqueue.privacy.tests.marks import new_phone
from smartqueue.queues.models import Ticket
from smartqueue.queues.tests import factories
from smartqueue.queues.tests.factories import join, make_actor, make_member, make_user
from smartqueue.support.models import SupportCase
from smartqueue.web.tests.conftest import sign_in
from smartqueue.web.tests.pages import Page

pytestmark = pytest.mark.django_db


@pytest.fixture
def user() -> User:
    return make_user(first_name="Awa", last_name="Diop")


@pytest.fixture
def person(client: Client, user: User) -> Client:
    return sign_in(client, make_actor(user))


def test_anybody_reads_the_policy_with_every_period(client: Client, settings: Any) -> None:
    settings.PRIVACY_CONTACT = "donnees@mairie.test"
    page = client.get("/privacy/", headers={"Accept-Language": "en"}).content.decode()
    assert page.count('<th scope="row">') == len(KINDS)
    assert "donnees@mairie.test" in page
    assert Page(page).inline == []


@pytest.mark.parametrize("path", ["/privacy/", "/privacy/phone/"])
@pytest.mark.parametrize("language", ["fr", "en", "ar"])
def test_pages_are_whole_in_every_language(client: Client, path: str, language: str) -> None:
    response = client.get(path, headers={"Accept-Language": language})
    page = Page(response.content.decode())
    assert (page.lang, page.inline) == (language, [])
    assert len(page.ids) == len(set(page.ids))


@pytest.mark.parametrize("path", ["/account/privacy/", "/account/privacy/erase/"])
def test_a_stranger_signs_in_first(client: Client, path: str) -> None:
    assert client.get(path).headers["Location"].startswith("/sign-in/?next=")


def test_consents_are_off_and_go_on_and_off(person: Client, user: User) -> None:
    page = person.get("/account/privacy/").content.decode()
    assert page.count('name="is_given" value="yes"') == len(Purpose)
    for word, is_given in (("yes", True), ("no", False)):
        form = {"purpose": "marketing", "version": "1", "is_given": word}
        assert person.post("/account/privacy/consents/", form).status_code == 302
        assert has_consent(user.pk, Purpose.MARKETING) is is_given
    assert set(Consent.objects.values_list("source", flat=True)) == {"page"}


@pytest.mark.parametrize(
    "form",
    [{"purpose": "everything", "version": "1"}, {"purpose": "marketing", "version": "x"}],
    ids=["purpose", "version"],
)
def test_a_form_that_was_tampered_with_changes_nothing(person: Client, form: Any) -> None:
    assert person.post("/account/privacy/consents/", form | {"is_given": "yes"}).status_code == 400
    assert not Consent.objects.exists()


def test_an_archive_is_asked_for_and_downloaded(person: Client, user: User) -> None:
    assert person.post("/account/privacy/exports/").status_code == 302
    assert 'class="chip paused"' in person.get("/account/privacy/").content.decode()
    again = person.post("/account/privacy/exports/")
    assert (again.status_code, "export_pending" in again.content.decode()) == (409, True)
    tasks.sweep_requests_task()
    page = person.get("/account/privacy/").content.decode()
    (link,) = re.findall(r'href="(/account/privacy/exports/[0-9a-f-]+/)"', page)
    given = person.get(link)
    assert given.headers["Content-Type"] == "application/zip"
    assert given.content.startswith(b"PK")
    assert sign_in(Client(), make_actor()).get(link).status_code == 404
    Export.objects.update(expires_at=clock.now() - timedelta(seconds=1))
    assert link not in person.get("/account/privacy/").content.decode()
    assert person.get(link).status_code == 409


def test_an_old_sign_in_is_confirmed_first(person: Client) -> None:
    Session.objects.update(authenticated_at=clock.now() - timedelta(days=1))
    for asked in (
        person.post("/account/privacy/exports/"),
        person.get("/account/privacy/erase/"),
        person.post("/account/privacy/erase/", {"sure": "yes"}),
    ):
        assert asked.headers["Location"].startswith("/account/confirm/")
    assert not Export.objects.exists()
    assert not Erasure.objects.exists()


def test_an_account_is_erased_once_the_box_is_ticked(person: Client, user: User) -> None:
    refused = person.post("/account/privacy/erase/", {})
    assert (refused.status_code, 'data-code="invalid_input"' in refused.content.decode()) == (
        400,
        True,
    )
    user.refresh_from_db()
    assert user.is_active
    done = person.post("/account/privacy/erase/", {"sure": "yes"}, follow=True)
    user.refresh_from_db()
    assert (user.is_active, user.first_name) == (False, "")
    page = done.content.decode()
    assert 'data-testid="sign-in-link"' in page
    assert 'class="note success"' in page


def test_the_only_owner_reads_of_which_organization(client: Client, place: factories.Place) -> None:
    owner = sign_in(client, place.owner)
    refused = owner.post("/account/privacy/erase/", {"sure": "yes"})
    assert refused.status_code == 409
    assert f"<li>{place.organization.name}</li>" in refused.content.decode()


def test_a_phone_is_erased_with_the_code_that_was_sent(
    client: Client, place: factories.Place
) -> None:
    phone = new_phone()
    typed = f"{phone[4:6]} {phone[6:9]} {phone[9:11]} {phone[11:]}"
    ticket = join(place, customer_name="Awa", phone=phone)
    wrong = client.post("/privacy/phone/", {"phone": "12"})
    assert (wrong.status_code, 'id="phone-wrong"' in wrong.content.decode()) == (400, True)
    asked = client.post("/privacy/phone/", {"phone": typed}).content.decode()
    assert Page(asked).fields["phone"] == typed
    form = {"phone": typed, "asked": "yes"}
    assert client.post("/privacy/phone/", form | {"code": "1"}).status_code == 400
    found = re.search(r"\b\d{6}\b", client.get("/dev/mailbox/").content.decode())
    assert found
    done = client.post("/privacy/phone/", form | {"code": found[0]})
    assert done.headers["Location"] == "/privacy/"
    tasks.sweep_requests_task()
    row = Ticket.objects.with_scopes_disabled().get(pk=ticket.pk)
    assert (row.customer_name, row.phone, row.state) == ("", "", "waiting")


# --- What somebody has to see to ----------------------------------------------------------------


def test_a_right_is_asked_for_on_the_page_and_its_deadline_is_shown(
    person: Client, user: User, place: factories.Place
) -> None:
    join(place, actor=make_actor(user))
    form = Page(person.get("/account/privacy/requests/?right=objection").content.decode())
    assert place.branch.name in form.text
    nonce = form.fields["nonce"]
    typed = {"nonce": nonce, "right": "objection", "branch": str(place.branch.pk)}
    empty = person.post("/account/privacy/requests/", typed)
    assert (empty.status_code, 'id="body-wrong"' in empty.content.decode()) == (400, True)
    for _ in range(2):
        sent = person.post("/account/privacy/requests/", typed | {"body": "No statistics."})
        assert sent.status_code == 302
    case = SupportCase.objects.with_scopes_disabled().get()
    assert sent.headers["Location"] == f"/support/cases/{case.pk}/"
    for path in (sent.headers["Location"], "/account/privacy/"):
        assert 'data-testid="answer-by"' in person.get(path).content.decode()

    staff = sign_in(Client(), place.agent)
    listed = staff.get("/manage/cases/?category=privacy").content.decode()
    assert (case.title in listed, 'data-testid="answer-by"' in listed) == (True, True)
    assert case.title not in staff.get("/manage/cases/?category=wait").content.decode()
    assert 'data-testid="answer-by"' in staff.get(f"/manage/cases/{case.pk}/").content.decode()


def test_a_settled_request_has_no_deadline_any_more(person: Client) -> None:
    person.post("/account/privacy/requests/", {"right": "question", "body": "What is kept?"})
    case = SupportCase.objects.with_scopes_disabled().get()
    person.post(f"/support/cases/{case.pk}/close/")
    for path in (f"/support/cases/{case.pk}/", "/account/privacy/"):
        assert 'data-testid="answer-by"' not in person.get(path).content.decode()


# --- The register -------------------------------------------------------------------------------

ENTRY = {"name": "Vidéo", "purpose": "Sûreté", "people": "Tous", "data": "Images", "retention": "1"}


@pytest.fixture
def owner(client: Client, place: factories.Place) -> Client:
    return sign_in(client, place.owner)


@pytest.fixture
def shortened(place: factories.Place) -> Iterator[None]:
    week = {"ticket_identity": timedelta(days=7)}
    ports.register_retention_source(lambda: {place.organization.pk: week})
    yield
    ports.register_retention_source(ports._nobody_shortens)


@pytest.mark.usefixtures("shortened")
def test_an_owner_reads_the_register_with_the_organization_s_periods(
    owner: Client, place: factories.Place
) -> None:
    path = f"/manage/privacy/{place.organization.pk}/"
    assert owner.get("/manage/privacy/").headers["Location"] == path
    page = owner.get(path, headers={"Accept-Language": "en"}).content.decode()
    assert page.count('<th scope="row">') == len(KINDS)
    assert page.count('class="pr-own"') == 1
    assert "7 days" in page
    assert Page(page).inline == []


def test_an_owner_adds_and_removes_an_entry(owner: Client, place: factories.Place) -> None:
    path = f"/manage/privacy/{place.organization.pk}/"
    wrong = owner.post(f"{path}entries/", ENTRY | {"data": ""})
    assert wrong.status_code == 400
    assert Page(wrong.content.decode()).fields["name"] == "Vidéo"
    assert owner.post(f"{path}entries/", ENTRY).headers["Location"] == path
    assert 'data-testid="entry"' in owner.get(path).content.decode()
    entry = RegisterEntry.objects.with_scopes_disabled().get()
    owner.post(f"{path}entries/{entry.pk}/remove/")
    assert not RegisterEntry.objects.with_scopes_disabled().exists()


def test_who_owns_nothing_is_told_so_and_sees_no_register(
    client: Client, place: factories.Place
) -> None:
    manager = sign_in(client, make_member(place.organization, Role.MANAGER))
    assert 'class="card empty"' in manager.get("/manage/privacy/").content.decode()
    path = f"/manage/privacy/{place.organization.pk}/"
    assert manager.get(path).status_code == 404
    assert manager.post(f"{path}entries/", ENTRY).status_code == 404
    assert not RegisterEntry.objects.with_scopes_disabled().exists()
