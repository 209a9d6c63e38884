"""The API and the pages go through their own chains of middleware (config/wsgi.py)."""

import io
import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.http.request import HttpHeaders
from django.urls import Resolver404, get_resolver, resolve

from config.api import Headers, Routes
from config.wsgi import application
from smartqueue.common.ids import new_id

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.serial]


def ask(
    method: str, path: str, body: bytes = b"", **headers: str
) -> tuple[int, dict[str, str], bytes]:
    environ: dict[str, Any] = {
        "REQUEST_METHOD": method,
        "PATH_INFO": path,
        "SERVER_NAME": "testserver",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "127.0.0.1",
        "CONTENT_TYPE": "application/json",
        "CONTENT_LENGTH": str(len(body)),
        "wsgi.input": io.BytesIO(body),
        "wsgi.errors": io.StringIO(),
        "wsgi.url_scheme": "http",
        **headers,
    }
    seen: dict[str, Any] = {}

    def start_response(status: str, given: list[tuple[str, str]], _: Any = None) -> None:
        seen["status"] = int(status.split(maxsplit=1)[0])
        seen["headers"] = {name.lower(): value for name, value in given}

    answer = application(environ, start_response)
    return seen["status"], seen["headers"], b"".join(answer)


def test_an_answer_of_the_api_allows_a_browser_nothing():
    status, headers, body = ask("GET", "/api/queues/queues/")

    assert status == 200
    assert headers["content-security-policy"].startswith("default-src 'none'")
    assert headers["content-length"] == str(len(body))
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-request-id"]
    assert "set-cookie" not in headers


def test_the_api_speaks_the_caller_s_language():
    _, headers, _ = ask("GET", "/api/queues/queues/", HTTP_ACCEPT_LANGUAGE="ar")

    assert headers["content-language"] == "ar"


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_an_unknown_path_of_the_api_is_a_problem(method):
    status, headers, body = ask(method, "/api/nowhere/")

    assert status == 404
    assert headers["content-type"] == "application/problem+json"
    assert b'"code": "not_found"' in body


def test_a_page_has_the_policy_and_the_chain_of_pages():
    status, headers, body = ask("GET", "/sign-in/")

    assert status == 200
    assert "form-action 'self'" in headers["content-security-policy"]
    assert headers["x-frame-options"] == "DENY"
    assert b"csrfmiddlewaretoken" in body


def test_the_documentation_of_the_api_is_a_page():
    status, headers, _ = ask("GET", "/api/docs/")

    assert status == 200
    assert "script-src 'self'" in headers["content-security-policy"]


def test_a_session_cookie_without_its_token_changes_nothing_over_the_api(client, django_user_model):
    user = django_user_model.objects.create(email="somebody@example.test")
    client.force_login(user)
    cookie = client.cookies["sessionid"].value

    status, _, _ = ask("GET", "/api/accounts/users/me/", HTTP_COOKIE=f"sessionid={cookie}")
    refused, _, _ = ask(
        "POST",
        "/api/business/organizations/",
        b'{"name": "Forged", "category": "bank"}',
        HTTP_COOKIE=f"sessionid={cookie}",
    )

    assert (status, refused) == (200, 404)


def test_a_route_is_remembered_by_its_shape_and_finds_each_address():
    routes = Routes()
    ids = [new_id(), new_id()]
    paths = [f"/api/queues/tickets/{pk}/start/" for pk in ids]
    assert routes.find(paths[0]) is None
    routes.remember(paths[0], resolve(paths[0]))

    for pk, path in zip(ids, paths, strict=True):
        found, usual = routes.find(path), resolve(path)
        assert found is not None
        assert found.kwargs == usual.kwargs == {"ticket_id": pk}
        assert (found.func, found.view_name, found.route) == (
            usual.func,
            usual.view_name,
            usual.route,
        )


def test_addresses_that_take_more_than_ids_are_not_remembered():
    routes = Routes()
    path = "/api/queues/tickets/*/start/"
    assert routes.find(path) is None
    word = "/media/public/01a20449-6c0a-7ee3-8abf-cb0f6f88b330/logo.png"
    routes.remember(word, resolve(word))
    assert routes.find(word) is None


def test_every_address_with_ids_is_found_again_as_it_is_resolved():
    routes, found = Routes(), 0
    for path in addresses_of(get_resolver().url_patterns):
        try:
            usual = resolve(path)
        except Resolver404:
            continue
        routes.remember(path, usual)
        again = routes.find(path)
        if again is not None:
            found += 1
            assert (again.func, again.kwargs) == (usual.func, usual.kwargs)
    assert found > 100


def addresses_of(patterns: Any, before: str = "/") -> Iterator[str]:
    for pattern in patterns:
        path = before + re.sub(r"<uuid:\w+>", lambda _: str(new_id()), str(pattern.pattern))
        if hasattr(pattern, "url_patterns"):
            yield from addresses_of(pattern.url_patterns, path)
        else:
            yield path


def test_headers_are_found_whatever_the_case_and_none_are_made_up():
    environ = {"HTTP_X_TICKET_TOKEN": "t", "CONTENT_TYPE": "a/b", "SERVER_NAME": "s", "HTTP_A": "1"}
    ours, theirs = Headers(environ), HttpHeaders(environ)

    assert dict(ours) == dict(theirs)
    assert len(ours) == len(theirs) == 3
    for name in ("X-Ticket-Token", "x-ticket-token", "content-type", "SERVER_NAME", "b"):
        assert ours.get(name) == theirs.get(name)
        assert (name in ours) == (name in theirs)
    with pytest.raises(KeyError):
        ours["SERVER_NAME"]
