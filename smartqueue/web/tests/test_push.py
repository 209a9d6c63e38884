"""A push message in Chromium: asked for on the ticket's page, shown by the worker without a page."""

import base64
import json
import os
from collections.abc import Iterator
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from smartqueue.notifications import queries
from smartqueue.queues.tests import factories
from smartqueue.queues.tokens import token_of

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.serial]

FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run"]
QUIET = ["--disable-background-networking", "--disable-component-update", "--disable-sync"]
PHONE: dict[str, Any] = {
    "viewport": {"width": 360, "height": 740},
    "is_mobile": True,
    "locale": "fr",
}

ENDPOINT = "https://fcm.googleapis.com/fcm/send/of-this-browser"
# What is Google's part: no push service is reached from here.
SUBSCRIBED = """
let mine = null;
const given = %s;
PushManager.prototype.getSubscription = async () => mine;
PushManager.prototype.subscribe = async ({ userVisibleOnly, applicationServerKey }) => {
  if (!userVisibleOnly || applicationServerKey.byteLength !== 65) throw new Error("not allowed");
  mine = { endpoint: given.endpoint, options: { applicationServerKey: applicationServerKey.buffer },
           toJSON: () => given, unsubscribe: async () => { mine = null; return true; } };
  return mine;
};
"""
SHOWN = """async () => {
  const registration = await navigator.serviceWorker.ready;
  const shown = await registration.getNotifications();
  return shown.map(({ title, body, tag, lang, dir, data, requireInteraction }) =>
    ({ title, body, tag, lang, dir, link: data.link, requireInteraction }));
}"""


def subscription() -> dict[str, Any]:
    point = (
        ec.generate_private_key(ec.SECP256R1())
        .public_key()
        .public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)
    )
    keys = {"p256dh": point, "auth": os.urandom(16)}
    encoded = {n: base64.urlsafe_b64encode(k).rstrip(b"=").decode() for n, k in keys.items()}
    return {"endpoint": ENDPOINT, "keys": encoded}


def deliver(context: BrowserContext, page: Page, site: str, data: str) -> None:
    """Hand the worker a message as the browser's push service would."""
    protocol = context.new_cdp_session(page)
    found: list[str] = []
    protocol.on(
        "ServiceWorker.workerRegistrationUpdated",
        lambda told: found.extend(r["registrationId"] for r in told["registrations"]),
    )
    protocol.send("ServiceWorker.enable")
    page.evaluate("async () => { await navigator.serviceWorker.ready; }")
    for _ in range(50):
        if found:
            break
        page.wait_for_timeout(50)
    protocol.send(
        "ServiceWorker.deliverPushMessage",
        {"origin": site, "registrationId": found[-1], "data": data},
    )


def shown(page: Page, number: int) -> list[dict[str, Any]]:
    """What the browser shows, once there are so many or five seconds have passed."""
    for _ in range(100):
        if len(page.evaluate(SHOWN)) >= number:
            break
        page.wait_for_timeout(50)
    return page.evaluate(SHOWN)


@pytest.fixture
def browser(monkeypatch: pytest.MonkeyPatch) -> Iterator[Browser]:
    # Playwright keeps an event loop in this thread, beside which Django's ORM would not be asked.
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path="/usr/bin/chromium", args=[*FLAGS, *QUIET]
        )
        yield browser
        browser.close()


def visit(browser: Browser, address: str, script: str, **options: Any) -> Page:
    context = browser.new_context(**PHONE | options)
    context.set_default_timeout(10_000)
    context.add_init_script(script)
    page = context.new_page()
    page.goto(address)
    return page


def test_a_push_message_is_asked_for_and_shown(
    live_server: Any, browser: Browser, place: factories.Place
) -> None:
    ticket = factories.join(place)
    path = f"/t/{token_of(ticket.pk)}/"
    site = live_server.url.replace("127.0.0.1", "localhost")
    script = SUBSCRIBED % json.dumps(subscription())
    page = visit(browser, site + path, script, permissions=["notifications"])
    box, button = page.get_by_test_id("push"), page.get_by_test_id("push-button")
    expect(box).to_have_attribute("data-state", "off")
    if directory := os.environ.get("SMARTQUEUE_SCREENSHOTS"):
        page.screenshot(path=f"{directory}/push.png", full_page=True)

    button.click()

    expect(box).to_have_attribute("data-state", "on")
    expect(button).to_have_attribute("aria-pressed", "true")
    assert len(queries.browsers_of_ticket(ticket.pk)) == 1
    said = {"title": "A 1", "body": "Guichet 3", "tag": "ticket", "lang": "fr", "dir": "ltr"}
    deliver(page.context, page, site, json.dumps(said | {"link": path, "urgent": True}))
    assert shown(page, 1) == [said | {"link": path, "requireInteraction": True}]
    (worker,) = page.context.service_workers
    assert worker.evaluate("placeOf('https://elsewhere.test/x')") == site
    assert worker.evaluate("placeOf('/t/x/')") == f"{site}/t/x/"
    # Even what cannot be read is shown.
    deliver(page.context, page, site, "not JSON")
    assert len(shown(page, 2)) == 2

    button.click()

    expect(box).to_have_attribute("data-state", "off")
    assert queries.browsers_of_ticket(ticket.pk) == ()

    # What stands in the way is said in words.
    blocked = "Object.defineProperty(Notification, 'permission', { get: () => 'denied' });"
    missing = "delete window.PushManager;"
    iphone = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X)"
    for hindrance, options, state in (
        (blocked, {}, "denied"),
        (missing, {}, "unsupported"),
        (missing, {"user_agent": iphone}, "install"),
    ):
        page = visit(browser, site + path, hindrance, **options)
        expect(page.get_by_test_id("push")).to_have_attribute("data-state", state)
        expect(page.get_by_test_id("push-said")).not_to_be_empty()
        expect(page.get_by_test_id("push-button")).to_be_hidden()
