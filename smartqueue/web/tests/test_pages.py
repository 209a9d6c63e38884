"""Every page in every language: the right direction, nothing inline, no id twice."""

import gzip
import re
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.contrib.staticfiles import finders
from django.shortcuts import render
from django.test import Client, RequestFactory
from django.utils import translation

from smartqueue.queues.models import Ticket
from smartqueue.queues.tests import factories
from smartqueue.queues.tokens import token_of
from smartqueue.web.tests.conftest import sign_in
from smartqueue.web.tests.pages import Page

pytestmark = pytest.mark.django_db
LANGUAGES = [("fr", "ltr"), ("en", "ltr"), ("ar", "rtl")]
WEIGHT_LIMIT = 60_000


def _ticket(place: factories.Place) -> str:
    return f"/t/{token_of(factories.join(place).pk)}/"


Address = Callable[[factories.Place], str]
PUBLIC: dict[str, Address] = {
    "home": lambda place: "/",
    "home without a result": lambda place: "/?q=zzzzzz",
    "organization": lambda place: f"/o/{place.organization.slug}/",
    "branch": lambda place: f"/b/{place.branch.slug}/",
    "join": lambda place: f"/q/{place.queue.pk}/",
    "poster": lambda place: f"/q/{place.queue.pk}/poster/",
    "ticket": _ticket,
    "sign-in": lambda place: "/sign-in/",
    "register": lambda place: "/register/",
    "verify": lambda place: "/verify/",
    "mailbox": lambda place: "/dev/mailbox/",
}
STAFF: dict[str, Address] = {
    "choice of a counter": lambda place: "/agent/",
    "places": lambda place: "/manage/",
    "manager's view": lambda place: f"/manage/branches/{place.branch.pk}/",
}


def _check(response: Any, language: str, direction: str, status: int = 200) -> Page:
    page = Page(response.content.decode())
    assert response.status_code == status
    assert (page.lang, page.dir) == (language, direction)
    assert page.inline == []
    assert sorted(page.ids) == sorted(set(page.ids))
    return page


def _speaking(client: Client, language: str) -> Client:
    client.cookies["django_language"] = language
    return client


@pytest.mark.parametrize(("language", "direction"), LANGUAGES)
@pytest.mark.parametrize("name", PUBLIC)
def test_public_page_speaks_the_language(
    client: Client, place: factories.Place, name: str, language: str, direction: str
) -> None:
    response = _speaking(client, language).get(PUBLIC[name](place))
    _check(response, language, direction)
    assert "default-src 'none'" in response.headers["Content-Security-Policy"]


@pytest.mark.parametrize(("language", "direction"), LANGUAGES)
@pytest.mark.parametrize("name", STAFF)
def test_staff_page_speaks_the_language(
    client: Client, place: factories.Place, name: str, language: str, direction: str
) -> None:
    factories.make_branch(place.organization)
    sign_in(client, place.owner)
    _check(_speaking(client, language).get(STAFF[name](place)), language, direction)


@pytest.mark.parametrize(("language", "direction"), LANGUAGES)
def test_console_speaks_the_language(
    client: Client, place: factories.Place, language: str, direction: str
) -> None:
    factories.sit_down(place)
    factories.join(place)
    sign_in(client, place.agent)
    _check(_speaking(client, language).get("/agent/"), language, direction)


@pytest.mark.parametrize(("language", "direction"), LANGUAGES)
def test_display_and_kiosk_take_the_language_of_their_address(
    client: Client, place: factories.Place, language: str, direction: str
) -> None:
    _check(client.get(f"/d/{place.branch.slug}/?lang={language},fr"), language, direction)
    kiosk = f"/k/{factories.make_device(place.branch)}/"
    _check(client.get(f"{kiosk}?lang={language}"), language, direction)
    data = {"queue": str(place.queue.pk), "lang": language, "nonce": str(uuid.uuid4())}
    _check(client.post(f"{kiosk}tickets/", data), language, direction)


@pytest.mark.parametrize(("language", "direction"), LANGUAGES)
def test_error_pages_speak_the_language(client: Client, language: str, direction: str) -> None:
    _check(_speaking(client, language).get("/nowhere/"), language, direction, 404)
    with translation.override(language):
        for template in ("403.html", "500.html", "503.html"):
            _check(render(RequestFactory().get("/"), template), language, direction)


def test_french_is_the_language_without_a_wish(client: Client, place: factories.Place) -> None:
    _check(client.get("/", headers={"Accept-Language": "wo"}), "fr", "ltr")


def test_language_switch_is_remembered_and_stays_on_the_site(client: Client) -> None:
    response = client.post("/language/", {"language": "ar", "next": "https://elsewhere.test/"})
    assert response.headers["Location"] == "/"
    assert response.cookies["django_language"].value == "ar"


def test_form_without_its_token_gets_the_403_page(place: factories.Place) -> None:
    client = Client(enforce_csrf_checks=True)
    response = client.post(f"/q/{place.queue.pk}/", {"customer_name": "Awa"})
    _check(response, "fr", "ltr", 403)
    assert not Ticket.objects.with_scopes_disabled().exists()


def test_ticket_page_weighs_under_60_kb(client: Client, place: factories.Place) -> None:
    response = client.get(_ticket(place))
    page = Page(response.content.decode())
    names = {a.removeprefix("/static/") for a in page.assets if a.startswith("/static/")}
    names |= _imports_of({name for name in names if name.endswith(".js")})
    bodies = [response.content, *(Path(_found(name)).read_bytes() for name in sorted(names))]
    assert {"web/css/base.css", "web/js/ticket.js", "web/js/live.js"} <= names
    assert sum(len(gzip.compress(body, 6)) for body in bodies) < WEIGHT_LIMIT


def _found(name: str) -> str:
    found = finders.find(name)
    assert isinstance(found, str)
    return found


def _imports_of(names: set[str]) -> set[str]:
    found = set(names)
    for name in names:
        source = Path(_found(name)).read_text(encoding="utf-8")
        inner = {f"web/js/{part}" for part in re.findall(r'from "\./([\w.]+)"', source)}
        found |= _imports_of(inner - found)
    return found


def test_home_asks_as_much_of_the_database_for_three_places_as_for_one(
    client: Client, place: factories.Place, django_assert_num_queries: Any
) -> None:
    with django_assert_num_queries(2):
        client.get("/")
    for prefix in ("B", "C"):
        other = factories.make_place()
        factories.make_queue(other, prefix)
    with django_assert_num_queries(2):
        client.get("/")


def test_organization_asks_as_much_for_three_branches_as_for_one(
    client: Client, place: factories.Place, django_assert_num_queries: Any
) -> None:
    address = f"/o/{place.organization.slug}/"
    with django_assert_num_queries(4):
        client.get(address)
    factories.make_branch(place.organization)
    factories.make_branch(place.organization)
    with django_assert_num_queries(4):
        client.get(address)


def test_console_asks_as_much_for_three_people_as_for_one(
    client: Client, place: factories.Place, django_assert_num_queries: Any
) -> None:
    factories.sit_down(place)
    sign_in(client, place.agent)
    factories.join(place, customer_name="Awa")
    client.get("/agent/")
    with django_assert_num_queries(13):
        client.get("/agent/console/")
    factories.join(place, customer_name="Binta")
    factories.join(place, customer_name="Codou")
    with django_assert_num_queries(13):
        client.get("/agent/console/")


def test_search_ignores_accents(client: Client, place: factories.Place) -> None:
    other = factories.make_branch(place.organization)
    place.branch.name = "Préfecture de Thiès"
    place.branch.save(update_fields=["name"])
    page = client.get("/?q=prefecture thies").content.decode()
    assert "Préfecture de Thiès" in page
    assert other.name not in page


def test_search_by_htmx_answers_with_the_list_alone(client: Client, place: factories.Place) -> None:
    page = client.get("/?q=", headers={"HX-Request": "true"}).content.decode()
    assert "<html" not in page
    assert place.branch.name in page


def test_mailbox_is_not_there_outside_development(client: Client, settings: Any) -> None:
    settings.DEVELOPMENT_MAILBOX = False
    assert client.get("/dev/mailbox/").status_code == 404


def test_manifests_and_service_worker(client: Client, place: factories.Place) -> None:
    ticket = _ticket(place)
    manifest = client.get(f"{ticket}manifest.webmanifest").json()
    assert (manifest["start_url"], manifest["display"]) == (ticket, "standalone")
    worker = client.get("/sw.js")
    assert worker.headers["Content-Type"] == "text/javascript"
    assert b"/static/web/js/ticket.js" in worker.content
