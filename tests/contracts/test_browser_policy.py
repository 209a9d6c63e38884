"""Chromium on every page: the pages' own scripts and styles run, and nobody else's does."""

from typing import Any

import pytest
from django.conf import settings as django_settings
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from tests.contracts.places import Caller, World, address, make_world, requests

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.serial]

FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run"]
QUIET = ["--disable-background-networking", "--disable-component-update", "--disable-sync"]
# Tiles of the map come from elsewhere.
ALONE = "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost"
VISITORS = ("anonymous", "customer_a", "agent", "owner", "admin")
# Pages of others under our policy, and one that is not there.
ADMINISTRATION = [
    ("admin", "/admin/"),
    ("admin", "/admin/queues/queue/"),
    ("admin", "/api/docs/"),
    ("anonymous", "/nothing-here/"),
]
WATCH = """
    window.refused = [];
    document.addEventListener("securitypolicyviolation", (event) =>
        window.refused.push(`${event.violatedDirective}: ${event.blockedURI}`));
"""
INJECT = """() => {
    window.stolen = [];
    const inline = document.createElement("div");
    inline.innerHTML = '<img src="/no-such" onerror="window.stolen.push(1)">';
    document.body.append(inline);
    for (const text of ["window.stolen.push(2)"]) {
        const script = document.createElement("script");
        script.textContent = text;
        document.body.append(script);
    }
    const left = document.createElement("script");
    left.src = "/static/web/js/counts.js?left-by-somebody";
    left.onload = () => window.stolen.push(3);
    document.body.append(left);
    return new Promise((done) => setTimeout(() => done(window.stolen), 500));
}"""


def look(page: Page, address: str) -> list[str]:
    """Open a page and return what its policy refused."""
    page.goto(address, wait_until="load")
    page.wait_for_timeout(300)
    refused: list[str] = page.evaluate("window.refused")
    return refused


def pages(world: World, callers: dict[str, Caller]) -> list[tuple[str, str]]:
    """Return every page with the first of the visitors who may read it."""
    found = []
    for method, route in requests():
        if method != "GET" or route.startswith("api/"):
            continue
        path = address(world, route)
        for name in VISITORS:
            answer = callers[name].browser().get(path)
            is_html = answer.headers.get("Content-Type", "").startswith("text/html")
            if answer.status_code == 200 and is_html:
                found.append((name, path))
            if answer.status_code in {200, 405}:
                break
    return found


def _context(browser: Browser, caller: Caller, url: str) -> BrowserContext:
    # A worker that keeps pages would answer in place of the server.
    context = browser.new_context(service_workers="block")
    context.add_init_script(WATCH)
    if caller.cookie:
        cookie = {"name": django_settings.SESSION_COOKIE_NAME, "value": caller.cookie}
        context.add_cookies([{**cookie, "url": url}])
    return context


def test_pages_run_under_their_policy(live_server: Any) -> None:
    world = make_world()
    callers = {name: Caller.of(name, world) for name in VISITORS}
    visits = [*pages(world, callers), *ADMINISTRATION]
    assert len(visits) > 50
    url = live_server.url.replace("127.0.0.1", "localhost")
    refused: dict[str, list[str]] = {}
    errors: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path="/usr/bin/chromium", args=[*FLAGS, *QUIET, ALONE]
        )
        contexts = {name: _context(browser, caller, url) for name, caller in callers.items()}
        for name, path in visits:
            page = contexts[name].new_page()
            page.on("pageerror", lambda error, path=path: errors.append(f"{path}: {error}"))
            refused[path] = look(page, url + path)
            if path == "/sign-in/":
                stolen = page.evaluate(INJECT)
                attacked = page.evaluate("window.refused")
            page.close()
        browser.close()

    assert {path: found for path, found in refused.items() if found} == {}
    assert errors == []
    assert stolen == []
    # The control: what was refused was seen.
    assert len(attacked) >= 3
