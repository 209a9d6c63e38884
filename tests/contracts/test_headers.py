"""
What browsers are told by every page and every kind of API answer, graded as in production.

The rules and their weights follow Mozilla's observatory, from 100 down; ours are added at the end.
A is 90 or more, and nothing here may lose a point.
"""

import importlib
import os
import re
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from http.cookies import SimpleCookie
from pathlib import Path
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client, override_settings

from smartqueue.common.redis import client as redis_client
from smartqueue.queues.interfaces.status import _key
from tests.contracts.places import COLUMNS, Caller, World, address, make_world, query, requests

pytestmark = pytest.mark.no_cover

HTTPS = {"HTTP_X_FORWARDED_PROTO": "https", "wsgi.url_scheme": "https"}
AS_IN_PRODUCTION = re.compile(
    r"(SECURE|SESSION_COOKIE|CSRF_COOKIE|CORS|CONTENT_SECURITY)_|LANGUAGE_COOKIE_NAME|WHITENOISE_A"
)
HALF_A_YEAR = 15_552_000

# Answers that are the same for everybody, and say themselves how long they hold.
FOR_EVERYBODY = {
    "api/locations/communes/",
    "api/queues/queues/<uuid:queue_id>/status/",
    "d/<slug:slug>/speech/",
    "d/<slug:slug>/speech/<slug:language>/<slug:name>.wav",
    "o/<slug:slug>/brand.css",
    "sw.js",
    "manifest.webmanifest",
    "t/<str:token>/manifest.webmanifest",
}
INLINE = re.compile(
    rb"<script(?![^>]*\ssrc=)[^>]*>|<style[\s>]|\sstyle=|\son[a-z]+\s*=|javascript:", re.IGNORECASE
)
SCRIPT = re.compile(rb"<script([^>]*)>", re.IGNORECASE)


@dataclass(frozen=True)
class Answer:
    """One answer with what is needed to judge it."""

    response: Any
    is_personal: bool = False

    def header(self, name: str) -> str:
        return str(self.response.headers.get(name, ""))

    @property
    def policy(self) -> dict[str, list[str]]:
        parts = (part.split() for part in self.header("Content-Security-Policy").split(";"))
        return {words[0]: words[1:] for words in parts if words}

    @property
    def cookies(self) -> Any:
        return self.response.cookies.values()

    @property
    def body(self) -> bytes:
        if self.response.streaming or "html" not in self.header("Content-Type"):
            return b""
        return bytes(self.response.content)


Finding = tuple[int, str]


def findings(answer: Answer) -> Iterator[Finding]:
    """Return what an answer loses points for."""
    for rules in (in_policy, in_transport, in_cookies, beyond, in_body):
        yield from rules(answer)


def in_policy(answer: Answer) -> Iterator[Finding]:
    policy = answer.policy
    scripts = policy.get("script-src", policy.get("default-src", ["*"]))
    if not policy:
        yield -25, "no content security policy"
    elif {"'unsafe-inline'", "data:", "*", "http:", "https:"} & set(scripts):
        yield -20, "the policy lets any script run"
    elif "'unsafe-eval'" in scripts:
        yield -10, "the policy lets text become a script"
    if policy and policy.get("default-src") != ["'none'"]:
        yield -5, "the policy does not begin with nothing"
    if policy.get("frame-ancestors") != ["'none'"]:
        yield -20, "can be framed"
    if policy.get("base-uri") != ["'none'"]:
        yield -5, "the base of links can be moved"


def in_transport(answer: Answer) -> Iterator[Finding]:
    age = re.search(r"max-age=(\d+)", answer.header("Strict-Transport-Security"))
    if age is None:
        yield -20, "no HSTS"
    elif int(age[1]) < HALF_A_YEAR:
        yield -10, "HSTS for less than half a year"
    if answer.header("X-Content-Type-Options") != "nosniff":
        yield -5, "the type of content may be guessed"
    if answer.header("Referrer-Policy") not in {"same-origin", "no-referrer", "strict-origin"}:
        yield -5, "addresses are told to other sites"
    if answer.header("Cross-Origin-Resource-Policy") != "same-origin":
        yield -5, "other sites may embed it"
    if answer.header("Access-Control-Allow-Origin"):
        yield -50, "other origins may read it"


def in_cookies(answer: Answer) -> Iterator[Finding]:
    for cookie in answer.cookies:
        if not cookie.value:
            continue
        if not cookie["secure"]:
            yield -20, f"{cookie.key} also goes by HTTP"
        if not cookie.key.startswith("__Host-") or cookie["domain"] or cookie["path"] != "/":
            yield -5, f"{cookie.key} is not bound to the host"
        if cookie["samesite"] not in {"Lax", "Strict"}:
            yield -5, f"{cookie.key} goes with requests of other sites"
        # The scripts of pages send the forgery token along; it signs nobody in.
        if not cookie["httponly"] and cookie.key != "__Host-csrftoken":
            yield -30, f"{cookie.key} can be read by scripts"


def beyond(answer: Answer) -> Iterator[Finding]:
    """Return what the observatory does not look at."""
    if answer.header("Cross-Origin-Opener-Policy") != "same-origin":
        yield -5, "other sites may hold its window"
    if "camera=()" not in answer.header("Permissions-Policy"):
        yield -5, "no permissions policy"
    if answer.is_personal and "no-store" not in answer.header("Cache-Control"):
        yield -20, "a personal answer may be kept by caches"
    if not answer.header("Cache-Control"):
        yield -5, "nothing says how long it holds"
    for told in ("Server", "X-Powered-By"):
        if answer.header(told):
            yield -5, f"{told} tells what serves it"


def in_body(answer: Answer) -> Iterator[Finding]:
    if INLINE.search(answer.body):
        yield -20, "script or style inside the page"
    nonce = re.search(r"'nonce-([^']+)'", answer.header("Content-Security-Policy"))
    for attributes in SCRIPT.findall(answer.body):
        sources = answer.policy.get("script-src", [])
        is_known = nonce is not None and f'nonce="{nonce[1]}"'.encode() in attributes
        if not is_known and "'self'" not in sources:
            yield -20, "a script without the page's nonce"


def grade(answer: Answer) -> tuple[str, list[str]]:
    """Return the letter and what it lost points for."""
    found = list(findings(answer))
    score = 100 + sum(points for points, _ in found)
    letters = ((90, "A"), (70, "B"), (50, "C"), (30, "D"))
    letter = next((letter for least, letter in letters if score >= least), "F")
    return letter, [text for _, text in found]


# --- Production ------------------------------------------------------------------------------


@pytest.fixture
def production(settings: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The settings that make the headers, as config.settings.production has them."""
    secret = "production-test-" * 6
    for name, value in {
        "SECRET_KEY": secret,
        "TOKEN_KEY": secret,
        "METRICS_TOKEN": secret,
        "ALLOWED_HOSTS": "testserver",
        "PUBLIC_URL": "https://testserver",
        "DATABASE_URL": "postgis://nobody@127.0.0.1:9/none",
        "REDIS_URL": os.environ["REDIS_URL"],
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("SMARTQUEUE_CLOCK_FILE", raising=False)
    module = importlib.import_module("config.settings.production")
    sys.modules.pop(module.__name__)
    for name in dir(module):
        if AS_IN_PRODUCTION.match(name):
            setattr(settings, name, getattr(module, name))
    settings.ALLOWED_HOSTS = module.ALLOWED_HOSTS
    settings.METRICS_TOKEN = secret
    settings.DEVELOPMENT_MAILBOX = False
    return settings


def is_of_api(path: str) -> bool:
    return path.startswith("api/") and not path.startswith(("api/docs/", "api/schema/"))


def ask(caller: Caller, method: str, route: str, settings: Any, **extra: Any) -> Any:
    """Send a request through the chain that serves its path."""
    client = caller.rest() if is_of_api(route) else caller.browser()
    client.defaults |= HTTPS
    chain = settings.API_MIDDLEWARE if is_of_api(route) else settings.MIDDLEWARE
    # Undone at once: each change that stays is one more layer for every look at a setting.
    with override_settings(MIDDLEWARE=chain):
        client.handler.load_middleware()
    path = address(caller.world, route) + query(caller.world, route)
    return getattr(client, method.lower())(path, **extra)


@pytest.fixture
def world(db: None) -> World:
    return make_world()


@pytest.mark.parametrize("name", ["anonymous", "customer_a", "owner"])
def test_every_answer_gets_an_a(name: str, world: World, production: Any) -> None:
    assert name in COLUMNS
    caller = Caller.of(name, world)
    grades = {}
    for method, route in requests():
        if method not in {"GET", "POST"}:
            continue
        with_token = route.startswith(("t/", "k/"))
        response = ask(caller, method, route, production)
        is_own = caller.name != "anonymous" or (with_token and response.status_code != 405)
        answer = Answer(response, is_own and route not in FOR_EVERYBODY)
        grades[method, route, response.status_code] = grade(answer)

    assert len(grades) > 100
    assert {key: found for key, found in grades.items() if found != ("A", [])} == {}


@pytest.mark.parametrize(
    "path",
    [
        "/admin/login/",
        "/no-such-page/",
        "/api/no-such-path/",
        "/sw.js",
        "/static/web/css/base.css",
    ],
)
def test_what_is_no_view_of_ours_gets_an_a(path: str, db: None, production: Any) -> None:
    client = Client()
    client.defaults |= HTTPS

    with closing(client.get(path)) as response:
        assert grade(Answer(response)) == ("A", [])


def test_the_admin_site_gets_an_a(world: World, production: Any) -> None:
    client = Caller.of("admin", world).browser()
    client.defaults |= HTTPS

    for path in ("/admin/", "/admin/accounts/user/", "/admin/queues/queue/"):
        response = client.get(path)
        assert response.status_code == 200
        assert grade(Answer(response, is_personal=True)) == ("A", []), path


def test_a_status_that_is_kept_gets_an_a(world: World, production: Any) -> None:
    route = "api/queues/queues/<uuid:queue_id>/status/"
    caller = Caller.of("anonymous", world)
    ask(caller, "get", route, production)
    assert redis_client().exists(_key(world.place.queue.pk))

    response = ask(caller, "get", route, production)

    assert "X-Request-ID" not in response.headers
    assert grade(Answer(response)) == ("A", [])


def test_http_is_sent_to_https(db: None, production: Any) -> None:
    response = Client().get("/sign-in/")

    assert response.status_code == 301
    assert response.headers["Location"] == "https://testserver/sign-in/"


def test_the_api_refuses_http_and_redirects_nobody(
    db: None, production: Any, settings: Any
) -> None:
    with override_settings(MIDDLEWARE=settings.API_MIDDLEWARE):
        for method in ("get", "post"):
            response = getattr(Client(), method)("/api/accounts/auth/login/")
            assert (response.status_code, response.json()["code"]) == (403, "https_required")
        assert Client().get("/api/accounts/users/me/", **HTTPS).status_code == 401
    conf = (Path(__file__).parents[2] / "deploy" / "nginx.conf").read_text()
    plain = next(part for part in conf.split("server {") if "return 301" in part)
    assert "location /api/ { return 403; }" in plain


def test_another_host_is_refused(db: None, production: Any) -> None:
    for path in ("/", "/api/queues/queues/", "/healthz"):
        response = Client(headers={"Host": "evil.example"}).get(path, **HTTPS)
        assert response.status_code == 400
        assert b"evil.example" not in response.content


def test_a_client_s_word_about_the_scheme_counts_only_behind_a_proxy(
    monkeypatch: pytest.MonkeyPatch, production: Any
) -> None:
    monkeypatch.setenv("TRUSTED_PROXY_COUNT", "0")
    module = importlib.import_module("config.settings.production")
    sys.modules.pop(module.__name__)

    assert module.SECURE_PROXY_SSL_HEADER is None


# --- Other origins ---------------------------------------------------------------------------


def test_an_origin_on_the_list_may_read_the_api(world: World, production: Any) -> None:
    production.CORS_ALLOWED_ORIGINS = ["https://app.example"]
    caller = Caller.of("anonymous", world)

    for origin, allowed in (("https://app.example", True), ("https://evil.example", False)):
        response = ask(caller, "get", "api/queues/queues/", production, headers={"Origin": origin})
        assert response.headers.get("Access-Control-Allow-Origin") == (origin if allowed else None)
        # No cookie goes along, whoever asks.
        assert "Access-Control-Allow-Credentials" not in response.headers


def test_no_other_origin_reads_a_page(db: None, production: Any) -> None:
    production.CORS_ALLOWED_ORIGINS = ["https://app.example"]
    client = Client(headers={"Origin": "https://app.example"})
    client.defaults |= HTTPS

    assert "Access-Control-Allow-Origin" not in client.get("/sign-in/").headers


def test_every_form_is_refused_without_its_token(world: World, production: Any) -> None:
    owner = Caller.of("owner", world)
    forms = [
        route for method, route in requests() if method == "POST" and not route.startswith("api/")
    ]
    assert len(forms) > 10
    for route in forms:
        client = Client(enforce_csrf_checks=True)
        client.cookies.load({production.SESSION_COOKIE_NAME: owner.cookie})
        client.defaults |= HTTPS
        assert client.post(address(world, route)).status_code == 403, route


# --- Controls --------------------------------------------------------------------------------


def good_page() -> HttpResponse:
    response = HttpResponse(b'<script nonce="abc" src="/static/x.js"></script>')
    for name, value in {
        "Content-Security-Policy": "default-src 'none'; script-src 'nonce-abc'; "
        "base-uri 'none'; frame-ancestors 'none'",
        "Strict-Transport-Security": "max-age=31536000",
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Permissions-Policy": "camera=()",
        "Cache-Control": "no-store",
    }.items():
        response.headers[name] = value
    return response


def test_control_a_good_page_gets_an_a() -> None:
    assert grade(Answer(good_page(), is_personal=True)) == ("A", [])


@pytest.mark.parametrize("name", sorted(set(good_page().headers) - {"Content-Type"}))
def test_control_every_missing_header_is_found(name: str) -> None:
    response = good_page()
    del response.headers[name]

    assert grade(Answer(response, is_personal=True))[1] != []


@pytest.mark.parametrize(
    "body",
    [
        b"<script>alert(1)</script>",
        b'<script src="/static/x.js"></script>',
        b'<script nonce="other" src="/static/x.js"></script>',
        b'<p onclick="go()">',
        b'<p style="color: red">',
        b'<a href="javascript:go()">',
        b"<style>p { color: red }</style>",
    ],
)
def test_control_what_runs_inside_a_page_is_found(body: bytes) -> None:
    response = good_page()
    response.content = body

    assert grade(Answer(response))[1] != []


@pytest.mark.parametrize(
    "text",
    [
        "sessionid=x; Path=/; Secure; HttpOnly; SameSite=Lax",
        "__Host-sessionid=x; Path=/; HttpOnly; SameSite=Lax",
        "__Host-sessionid=x; Path=/; Secure; SameSite=Lax",
        "__Host-sessionid=x; Path=/; Secure; HttpOnly",
        "__Host-sessionid=x; Path=/agent; Secure; HttpOnly; SameSite=Lax",
    ],
)
def test_control_a_careless_cookie_is_found(text: str) -> None:
    response = good_page()
    response.cookies = SimpleCookie(text)

    assert grade(Answer(response))[1] != []
