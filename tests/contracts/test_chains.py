"""The API and the pages go through their own chains of middleware (config/wsgi.py)."""

import io
from typing import Any

import pytest

from config.wsgi import application

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
