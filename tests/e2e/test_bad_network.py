"""Pages that go on when the network or the server does not."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.conftest import PHONE, Visit
from tests.e2e.people import line, number_after, wait_until_live
from tests.e2e.servers import Site

pytestmark = [pytest.mark.e2e, pytest.mark.serial, pytest.mark.alone]

CAUGHT_UP_MS = 20_000
# Between two attempts at a socket; meanwhile the pages ask for the state.
LONGEST_PAUSE_MS = 35_000
KEPT = """async () => {
  const { active } = await navigator.serviceWorker.ready;
  const kept = await caches.match(location.href);
  return active?.state === "activated" && Boolean(kept);
}"""
# A browser that plays offline leaves open sockets alone.
CAN_CUT = """
window.lines = [];
window.WebSocket = class extends WebSocket {
  constructor(...given) { super(...given); window.lines.push(this); }
};
"""


@contextmanager
def web_away(site: Site) -> Iterator[None]:
    """Kill the web process; let it come back on leaving."""
    site.kill("web")
    try:
        yield
    finally:
        site.start("web")
        site.wait_until_ready()


def addresses_of_sockets(page: Page) -> list[str]:
    found: list[str] = []
    page.on("websocket", lambda socket: found.append(socket.url))
    return found


def test_an_installed_ticket_is_read_offline_and_catches_up(site: Site, visit: Visit) -> None:
    lane = line(site, "Thiès", "T")
    seat = lane.sit_down("agent8", "Ligne 1")
    before = [lane.join(vehicle_category="car") for _ in range(3)]
    ticket = lane.join(vehicle_category="car")
    phone = visit(ticket["path"], script=CAN_CUT, **PHONE)
    sockets = addresses_of_sockets(phone)
    manifest = phone.request.get(
        phone.locator('link[rel="manifest"]').get_attribute("href") or ""
    ).json()
    assert manifest["start_url"] == ticket["path"]
    assert manifest["display"] == "standalone"
    wait_until_live(phone)
    expect(phone.get_by_test_id("ahead")).to_have_text("3")
    phone.wait_for_function(KEPT)

    phone.context.set_offline(True)
    phone.reload()
    expect(phone.get_by_test_id("number")).to_have_text(ticket["number"])
    expect(phone.get_by_test_id("ahead")).to_have_text("3")
    expect(phone.locator("#live")).to_have_attribute("data-connection", "offline")
    expect(phone.locator("#connection")).to_have_text(
        re.compile(r"^\s*Pas de réseau\. Vu à \d\d:\d\d\.\s*$")
    )
    assert phone.evaluate("document.styleSheets.length") == 2
    assert phone.evaluate("[...document.styleSheets].every((sheet) => sheet.cssRules.length > 0)")
    for person in before[:2]:
        assert seat.call_next()["number"] == person["number"]
        seat.serve(person)
    expect(phone.get_by_test_id("ahead")).to_have_text("3")

    phone.evaluate("window.stays = true")
    phone.context.set_offline(False)
    wait_until_live(phone)
    expect(phone.get_by_test_id("ahead")).to_have_text("1")

    sockets.clear()
    phone.context.set_offline(True)
    phone.evaluate("window.lines.forEach((line) => line.close())")
    expect(phone.locator("#live")).to_have_attribute("data-connection", "offline")
    seat.serve(seat.call_next())
    assert seat.call_next()["number"] == ticket["number"]
    expect(phone.get_by_test_id("ticket")).to_have_attribute("data-state", "waiting")
    phone.context.set_offline(False)
    wait_until_live(phone)
    expect(phone.get_by_test_id("ticket")).to_have_attribute("data-state", "called")
    expect(phone.get_by_test_id("counter")).to_have_text("Ligne 1")
    assert phone.evaluate("window.stays")
    assert sockets
    assert all("since=" in address for address in sockets)


def test_pages_catch_up_after_the_server_was_killed(site: Site, visit: Visit) -> None:
    lane = line(site, "Hann Bel-Air", "V")
    seat = lane.sit_down("agent7", "Ligne 1")
    first, second = lane.join(vehicle_category="car"), lane.join(vehicle_category="car")
    assert second["number"] == number_after(first["number"])
    phone = visit(second["path"], **PHONE)
    wall = visit(f"/d/{lane.slug}/")
    sockets = addresses_of_sockets(phone)
    for page in (phone, wall):
        wait_until_live(page)
        page.evaluate("window.stays = true")
    expect(phone.get_by_test_id("ahead")).to_have_text("1")
    assert seat.call_next()["number"] == first["number"]
    expect(phone.get_by_test_id("ahead")).to_have_text("0")
    expect(wall.get_by_test_id("board")).to_contain_text(first["number"])

    with web_away(site):
        for page in (phone, wall):
            connection = page.locator("[data-connection]")
            expect(connection).not_to_have_attribute("data-connection", "live")
    seat.serve(first)
    assert seat.call_next()["number"] == second["number"]

    expect(phone.get_by_test_id("ticket")).to_have_attribute(
        "data-state", "called", timeout=CAUGHT_UP_MS
    )
    expect(phone.get_by_test_id("counter")).to_have_text("Ligne 1")
    expect(wall.get_by_test_id("board").locator('[data-part="number"]')).to_have_text(
        [second["number"]], timeout=CAUGHT_UP_MS
    )
    expect(wall.get_by_test_id("latest")).to_contain_text(second["number"])
    expect(wall.get_by_test_id("waiting-V")).to_have_text("0")
    for page in (phone, wall):
        wait_until_live(page, LONGEST_PAUSE_MS)
        assert page.evaluate("window.stays")
    assert any("since=" in address for address in sockets)
