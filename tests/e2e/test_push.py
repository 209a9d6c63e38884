"""A push message in Chromium: asked for on the ticket's page, shown by the worker without a page."""

import base64
import json
import os
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from playwright.sync_api import BrowserContext, Page, expect

from tests.e2e.conftest import PHONE, Visit
from tests.e2e.people import line
from tests.e2e.servers import Site

pytestmark = [pytest.mark.e2e, pytest.mark.serial]

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
COUNTED = "SELECT count(*) FROM notifications_browsersubscription WHERE ticket_id = %s"


def subscription() -> dict[str, Any]:
    point = (
        ec.generate_private_key(ec.SECP256R1())
        .public_key()
        .public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)
    )
    keys = {"p256dh": point, "auth": os.urandom(16)}
    encoded = {n: base64.urlsafe_b64encode(k).rstrip(b"=").decode() for n, k in keys.items()}
    return {"endpoint": ENDPOINT, "keys": encoded}


def deliver(context: BrowserContext, page: Page, site: Site, data: str) -> None:
    """Hand the worker a message as the browser's push service would."""
    protocol = context.new_cdp_session(page)
    found: list[str] = []
    protocol.on(
        "ServiceWorker.workerRegistrationUpdated",
        lambda told: found.extend(r["registrationId"] for r in told["registrations"]),
    )
    protocol.send("ServiceWorker.enable")
    page.wait_for_function("async () => Boolean((await navigator.serviceWorker.ready).active)")
    for _ in range(50):
        if found:
            break
        page.wait_for_timeout(50)
    protocol.send(
        "ServiceWorker.deliverPushMessage",
        {"origin": site.url, "registrationId": found[-1], "data": data},
    )


def test_a_push_message_is_asked_for_and_shown(site: Site, visit: Visit) -> None:
    ticket = line(site, "Hôtel de ville", "A").join()
    script = SUBSCRIBED % json.dumps(subscription())
    page = visit(ticket["path"], script=script, permissions=["notifications"], **PHONE)
    button, said = page.get_by_test_id("push-button"), page.get_by_test_id("push-said")
    expect(button).to_have_text("Tell me when it is my turn")

    button.click()

    expect(button).to_have_attribute("aria-pressed", "true")
    expect(said).to_contain_text("even when this page is closed")
    assert site.value(COUNTED, ticket["id"]) == 1
    deliver(
        page.context,
        page,
        site,
        json.dumps(
            {
                "title": "A 1",
                "body": "Guichet 3",
                "tag": "ticket",
                "link": ticket["path"],
                "lang": "fr",
                "dir": "ltr",
                "urgent": True,
            }
        ),
    )
    page.wait_for_function(f"async () => (await ({SHOWN})()).length === 1")
    assert page.evaluate(SHOWN) == [
        {
            "title": "A 1",
            "body": "Guichet 3",
            "tag": "ticket",
            "lang": "fr",
            "dir": "ltr",
            "link": ticket["path"],
            "requireInteraction": True,
        }
    ]
    (worker,) = page.context.service_workers
    assert worker.evaluate("placeOf('https://elsewhere.test/x')") == site.url
    assert worker.evaluate("placeOf('/t/x/')") == f"{site.url}/t/x/"
    # Even what cannot be read is shown.
    deliver(page.context, page, site, "not JSON")
    page.wait_for_function(f"async () => (await ({SHOWN})()).length === 2")

    button.click()

    expect(button).to_have_attribute("aria-pressed", "false")
    assert site.value(COUNTED, ticket["id"]) == 0
    if directory := os.environ.get("SMARTQUEUE_SCREENSHOTS"):
        page.screenshot(path=f"{directory}/push.png", full_page=True)


def test_what_stands_in_the_way_is_said_in_words(site: Site, visit: Visit) -> None:
    path = line(site, "Hôtel de ville", "A").join()["path"]
    blocked = "Object.defineProperty(Notification, 'permission', { get: () => 'denied' });"
    missing = "delete window.PushManager;"
    iphone = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X)"
    for script, agent, words in (
        (blocked, None, "are blocked in this browser"),
        (missing, None, "Keep the page open"),
        (missing, iphone, "Add to Home Screen"),
    ):
        page = visit(path, script=script, **PHONE, **({"user_agent": agent} if agent else {}))
        expect(page.get_by_test_id("push-said")).to_contain_text(words)
        expect(page.get_by_test_id("push-button")).to_be_hidden()
