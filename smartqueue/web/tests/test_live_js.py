"""The browser's rules for the live state are those of the server."""

import json
import random
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import sync_playwright

from smartqueue.queues import live

SOURCE = Path(__file__).resolve().parents[1] / "static" / "web" / "js" / "live.js"
EMPTY = {"state": "open", "version": 0, "waiting_count": 0, "open_counters": 1}
TYPES = ["issued", "called", "recalled", "started", "completed", "returned", "transferred"]
STATES = ["waiting", "called", "serving", "completed"]
FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run"]
QUIET = ["--disable-background-networking", "--disable-component-update", "--disable-sync"]


def _event(chance: random.Random, version: int) -> dict[str, Any]:
    data: dict[str, Any] = {
        "queue_state": chance.choice(["open", "paused"]),
        "waiting_count": chance.randrange(9),
        "open_counters": chance.randrange(4),
    }
    if chance.random() < 0.9:
        state = chance.choice(STATES)
        data |= {
            "number": f"A{chance.randrange(8):03}",
            "state": state,
            "counter": chance.choice(["1", "2"]) if state in {"called", "serving"} else None,
            "called_at": chance.choice([None, f"2026-11-23T09:{version % 60:02}:00+00:00"]),
        }
    for flag in ("undo", "elsewhere", "new_day"):
        if chance.random() < 0.1:
            data[flag] = True
    return {"event": f"ticket.{chance.choice(TYPES)}", "version": version, "data": data}


@pytest.mark.serial
def test_the_browser_applies_events_as_the_server_does() -> None:
    chance = random.Random(7)
    events = [_event(chance, version) for version in range(1, 600)]
    expected: dict[str, Any] = {**EMPTY, "now_serving": [], "last_called": []}
    states = []
    for event in events:
        expected = live.apply_to_status(expected, event)
        states.append(expected)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path="/usr/bin/chromium", args=[*FLAGS, *QUIET]
        )
        try:
            found = browser.new_page().evaluate(
                """async ([source, events, status]) => {
                    const address = "data:text/javascript," + encodeURIComponent(source);
                    const { applyToStatus } = await import(address);
                    return events.map((event) => (status = applyToStatus(status, event)));
                }""",
                [SOURCE.read_text(), events, {**EMPTY, "now_serving": [], "last_called": []}],
            )
        finally:
            browser.close()
    assert json.loads(json.dumps(states)) == found
