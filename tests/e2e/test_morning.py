"""A citizen's morning, with an agent and a wall display looking at the same queue."""

import re
import time
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.codes import shape_for, shape_of
from tests.e2e.conftest import PHONE, Visit
from tests.e2e.people import Line, line, number_after, open_counter, sign_in, wait_until_live
from tests.e2e.servers import Site

pytestmark = [pytest.mark.e2e, pytest.mark.serial, pytest.mark.alone]

CHIME_MS = 1500
# Tells each announcement of the display with the moment it begins at.
LISTEN = """() => {
  window.told = [];
  const wall = document.getElementById("wall");
  const number = () => document.querySelector('#latest [data-part="number"]').textContent;
  new MutationObserver(() => window.told.push([number(), performance.now()]))
    .observe(wall, { attributes: true, attributeFilter: ["data-announced"] });
}"""


@pytest.fixture
def registry(site: Site) -> Line:
    return line(site, "Hôtel de ville", "B")


def take_ticket(page: Page) -> str:
    """Take a ticket on the join page; return its number."""
    page.get_by_test_id("take-ticket").tap()
    number = page.get_by_test_id("number").inner_text()
    wait_until_live(page)
    return number


def expect_called(page: Page, counter: str, pressed_at: float) -> None:
    expect(page.get_by_test_id("ticket")).to_have_attribute("data-state", "called", timeout=2000)
    assert time.monotonic() - pressed_at < 2
    expect(page.get_by_test_id("counter")).to_have_text(counter)
    expect(page.get_by_test_id("state")).to_have_text(re.compile("votre tour"))


def open_console(visit: Visit, login: str, counter: str, prefix: str) -> Page:
    console = visit("/agent/")
    sign_in(console, login)
    open_counter(console, counter, prefix)
    return console


def state_is(page: Page, state: str) -> None:
    expect(page.get_by_test_id("ticket")).to_have_attribute("data-state", state)


def test_from_the_printed_code_to_served(site: Site, visit: Visit, registry: Line) -> None:
    console = open_console(visit, "agent1", "Guichet 1", "B")
    neighbour = registry.sit_down("agent2", "Guichet 2")
    poster = visit(f"{registry.join_path}poster/")
    address = poster.get_by_test_id("address").inner_text()
    assert address == site.url + registry.join_path
    assert shape_of(poster) == shape_for(address)

    phone = visit(address, **PHONE)
    expect(phone.get_by_test_id("take-ticket")).to_be_visible()
    estimate = phone.get_by_test_id("estimate").inner_text()
    assert any(figure.isdigit() for figure in estimate) or estimate == "Dans un instant"
    number = take_ticket(phone)
    assert number.startswith("B")
    expect(phone.get_by_test_id("ahead")).to_have_text("0")

    other = visit(registry.join_path, **PHONE)
    expect(other.locator('[data-figure="waiting"]')).to_have_text("1")
    second = take_ticket(other)
    assert second == number_after(number)
    expect(other.get_by_test_id("ahead")).to_have_text("1")

    expect(console.get_by_test_id("waiting-B")).to_have_text("2")
    wall = visit(f"/d/{registry.slug}/?lang=fr", viewport={"width": 1280, "height": 720})
    wait_until_live(wall)
    expect(wall.get_by_test_id("waiting-B")).to_have_text("2")
    wall.evaluate(LISTEN)

    pressed_at = time.monotonic()
    console.keyboard.press("n")
    expect_called(phone, "Guichet 1", pressed_at)
    assert neighbour.call_next()["number"] == second
    state_is(other, "called")
    expect(other.get_by_test_id("counter")).to_have_text("Guichet 2")
    expect(console.get_by_test_id("current-number")).to_have_text(number)
    expect(console.get_by_test_id("waiting-B")).to_have_text("0")

    expect(wall.get_by_test_id("board").locator('[data-part="number"]')).to_have_text(
        [second, number]
    )
    expect(wall.get_by_test_id("waiting-B")).to_have_text("0")
    wall.wait_for_function("() => window.told.length === 2")
    (first_told, began), (second_told, after) = wall.evaluate("() => window.told")
    assert (first_told, second_told) == (number, second)
    assert after - began > CHIME_MS
    expect(wall.get_by_test_id("latest").locator('[data-part="counter"]')).to_have_text("Guichet 2")

    _served_and_undone(console, phone, wall, (number, second))


def _served_and_undone(console: Page, phone: Page, wall: Page, numbers: tuple[str, str]) -> None:
    number, second = numbers
    at_counters = wall.get_by_test_id("board").locator('[data-part="number"]')
    console.keyboard.press("s")
    state_is(phone, "serving")
    console.keyboard.press("c")
    state_is(phone, "completed")
    expect(phone.get_by_test_id("state")).to_have_text("Terminé. Merci de votre visite.")
    expect(at_counters).to_have_text([second])
    expect(wall.get_by_test_id("last-called")).to_contain_text(number)

    console.keyboard.press("u")
    state_is(phone, "serving")
    expect(phone.get_by_test_id("counter")).to_have_text("Guichet 1")
    expect(console.get_by_test_id("current-number")).to_have_text(number)
    expect(at_counters).to_have_text([second, number])
    console.keyboard.press("c")
    state_is(phone, "completed")
    expect(console.get_by_test_id("free")).to_be_visible()


def people(laboratory: Line, count: int) -> list[dict[str, Any]]:
    return [laboratory.join() for _ in range(count)]


def test_more_time_and_leaving(site: Site, visit: Visit) -> None:
    laboratory = line(site, "Laboratoire", "L")
    phone = visit(laboratory.join_path, **PHONE)
    number = take_ticket(phone)
    people(laboratory, 4)
    console = open_console(visit, "agent6", "Poste 1", "L")
    rows = console.get_by_test_id("waiting-row")
    expect(rows.first.locator(".number")).to_have_text(number)
    expect(rows).to_have_count(5)

    phone.get_by_test_id("more-time").tap()
    expect(phone.get_by_test_id("ahead")).to_have_text("3")
    expect(rows.nth(3).locator(".number")).to_have_text(number)

    console.keyboard.press("n")
    expect(phone.get_by_test_id("ahead")).to_have_text("2")
    expect(console.get_by_test_id("current-number")).to_have_text(number_after(number))

    phone.get_by_text("Quitter la file").tap()
    phone.get_by_test_id("leave").tap()
    state_is(phone, "cancelled")
    expect(rows).to_have_count(3)
    expect(rows.filter(has_text=number)).to_have_count(0)
    expect(phone.get_by_test_id("more-time")).to_have_count(0)


def test_a_transfer_keeps_the_number_and_is_followed(site: Site, visit: Visit) -> None:
    doctor, cashier = (line(site, "Consultations externes", prefix) for prefix in "CK")
    ticket = doctor.join()
    phone = visit(ticket["path"], **PHONE)
    wait_until_live(phone)
    console = open_console(visit, "agent4", "Salle 1", "C")
    console.keyboard.press("n")
    state_is(phone, "called")
    expect(console.locator("#start")).to_be_visible()
    console.keyboard.press("s")
    state_is(phone, "serving")

    console.keyboard.press("t")
    console.keyboard.press("ArrowDown")
    expect(console.locator("#transfer-queue option:checked")).to_contain_text("Caisse")
    console.keyboard.press("Tab")
    console.keyboard.press("Enter")
    expect(console.get_by_test_id("free")).to_be_visible()

    state_is(phone, "waiting")
    expect(phone.get_by_test_id("number")).to_have_text(ticket["number"])
    expect(phone.get_by_test_id("ticket")).to_have_attribute("data-queue", str(cashier.queue))
    expect(phone.get_by_test_id("ticket")).to_contain_text("Caisse")
    wait_until_live(phone)
    cash = cashier.sit_down("agent5", "Caisse")
    assert cash.call_next()["number"] == ticket["number"]
    state_is(phone, "called")
    expect(phone.get_by_test_id("counter")).to_have_text("Caisse")
    cash.serve(ticket)
    state_is(phone, "completed")
