"""Chromium on every page: the pages' own scripts and styles run, and nobody else's does."""

from typing import Any

import pytest
from django.conf import settings as django_settings
from playwright.sync_api import Page, sync_playwright

from smartqueue.queues.tests.factories import make_device
from smartqueue.queues.tokens import token_of
from tests.contracts.places import Caller, make_world

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.serial]

FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run"]
QUIET = ["--disable-background-networking", "--disable-component-update", "--disable-sync"]
# Tiles of the map come from elsewhere.
ALONE = "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost"
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


def test_pages_run_under_their_policy(live_server: Any) -> None:
    world = make_world()
    place = world.place
    cookies = {name: Caller.of(name, world).cookie for name in ("agent", "owner", "admin")}
    visits = [
        ("", "/"),
        ("", f"/o/{place.organization.slug}/"),
        ("", f"/b/{place.branch.slug}/"),
        ("", f"/q/{place.queue.pk}/"),
        ("", f"/q/{place.queue.pk}/poster/"),
        ("", f"/t/{token_of(world.ids['tickets'])}/"),
        ("", f"/d/{place.branch.slug}/"),
        ("", f"/k/{make_device(place.branch)}/"),
        ("", "/sign-in/"),
        ("", "/register/"),
        ("", "/nothing-here/"),
        ("agent", "/agent/"),
        ("owner", f"/manage/branches/{place.branch.pk}/"),
        ("admin", "/admin/"),
        ("admin", "/admin/queues/queue/"),
        ("admin", "/api/docs/"),
    ]
    url = live_server.url.replace("127.0.0.1", "localhost")
    refused: dict[str, list[str]] = {}
    errors: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path="/usr/bin/chromium", args=[*FLAGS, *QUIET, ALONE]
        )
        for name, path in visits:
            # A worker that keeps pages would answer in place of the server.
            context = browser.new_context(service_workers="block")
            context.add_init_script(WATCH)
            if name:
                cookie = {"name": django_settings.SESSION_COOKIE_NAME, "value": cookies[name]}
                context.add_cookies([{**cookie, "url": url}])
            page = context.new_page()
            page.on("pageerror", lambda error, path=path: errors.append(f"{path}: {error}"))
            refused[path] = look(page, url + path)
            if path == "/sign-in/":
                stolen = page.evaluate(INJECT)
                attacked = page.evaluate("window.refused")
            context.close()
        browser.close()

    assert {path: found for path, found in refused.items() if found} == {}
    assert errors == []
    assert stolen == []
    # The control: what was refused was seen.
    assert len(attacked) >= 3
