"""The browser's part: the rules of the live state, gaps, and announcements one by one."""

import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from smartqueue.queues import live

SCRIPTS = Path(__file__).resolve().parents[1] / "static" / "web" / "js"
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
        ticket = chance.randrange(16)
        data |= {
            "ticket": f"ticket-{ticket}",
            "number": f"A{ticket % 8:03}",
            "state": state,
            "counter": chance.choice(["1", "2"]) if state in {"called", "serving"} else None,
            "called_at": chance.choice([None, f"2026-11-23T09:{version % 60:02}:00+00:00"]),
        }
    for flag in ("undo", "elsewhere", "new_day"):
        if chance.random() < 0.1:
            data[flag] = True
    return {"event": f"ticket.{chance.choice(TYPES)}", "version": version, "data": data}


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A browser that lets sound play."""
    sound = "--autoplay-policy=no-user-gesture-required"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path="/usr/bin/chromium", args=[*FLAGS, *QUIET, sound]
        )
        yield browser
        browser.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page that shares nothing with those of other tests."""
    page = browser.new_page()
    yield page
    page.close()


def _run(page: Page, script: str, body: str, argument: Any = None) -> Any:
    """Run `body` with the script's exports as `it` and the argument as `given`."""
    source = (SCRIPTS / script).read_text(encoding="utf-8")
    return page.evaluate(
        """async ([source, body, given]) => {
            const it = await import("data:text/javascript," + encodeURIComponent(source));
            const run = Object.getPrototypeOf(async () => {}).constructor;
            return await new run("it", "given", body)(it, given);
        }""",
        [source, body, argument],
    )


@pytest.mark.serial
def test_the_browser_applies_events_as_the_server_does(page: Page) -> None:
    chance = random.Random(7)
    events = [_event(chance, version) for version in range(1, 600)]
    begin: dict[str, Any] = {**EMPTY, "now_serving": [], "last_called": []}
    expected = begin
    states = []
    for event in events:
        expected = live.apply_to_status(expected, event)
        states.append(expected)
    body = """
        let status = given.begin;
        return given.events.map((event) => (status = it.applyToStatus(status, event)));
    """
    found = _run(page, "live.js", body, {"begin": begin, "events": events})
    assert json.loads(json.dumps(states)) == found


@pytest.mark.serial
def test_a_gap_is_asked_for_again_and_an_old_event_is_dropped(page: Page) -> None:
    body = """
        const seen = [];
        const sent = [];
        const live = new it.Live({
          topics: ["queue:1"],
          onStatus: (topic, status) => seen.push(status.version),
        });
        live.send = (message) => sent.push(message);
        const event = (version) => ({
          type: "event", topic: "queue:1", version, event: "queue.opened",
          data: { queue_state: "open", waiting_count: 0, open_counters: 1 },
        });
        const data = { now_serving: [], last_called: [] };
        live.receive({ type: "snapshot", topic: "queue:1", version: 5, data });
        live.receive(event(6));
        live.receive(event(6));
        live.receive(event(8));
        live.receive({ type: "heartbeat", topic: "queue:1", version: 9 });
        live.receive(event(7));
        return { seen, sent };
    """
    resume = {"type": "resume", "topic": "queue:1", "since": 6}
    assert _run(page, "live.js", body) == {"seen": [5, 6, 7], "sent": [resume, resume]}


@pytest.mark.serial
def test_a_topic_that_is_away_is_asked_for_again_and_a_refused_one_is_not(page: Page) -> None:
    body = """
        const sent = [];
        const live = new it.Live({ topics: ["queue:1", "queue:2", "queue:3"] });
        live.send = (message) => sent.push(message);
        const data = { now_serving: [], last_called: [] };
        live.receive({ type: "snapshot", topic: "queue:2", version: 5, data });
        window.setTimeout = (act) => act();
        live.receive({ type: "error", topic: "queue:2", code: "unavailable" });
        live.receive({ type: "error", topic: "queue:3", code: "not_found" });
        return { sent, refused: [...live.refused] };
    """
    again = {"type": "subscribe", "topic": "queue:2", "since": 5}
    assert _run(page, "live.js", body) == {"sent": [again], "refused": ["queue:3"]}


@pytest.mark.serial
def test_a_second_call_waits_for_the_first_and_one_that_is_over_is_dropped(page: Page) -> None:
    body = """
        const started = performance.now();
        const told = [];
        const announcer = new it.Announcer({
          speech: "data:,", languages: ["fr"],
          onAnnounce: (call) => told.push([call.number, performance.now() - started]),
          isCurrent: (call) => call.number !== "A002",
        });
        for (const number of ["A001", "A002", "A003", "A003"]) {
          announcer.announce({ ticket: `ticket-${number}`, number, counter: "1" });
        }
        while (announcer.speaking) await new Promise((done) => setTimeout(done, 50));
        return told;
    """
    (first, began), (second, after) = _run(page, "announcer.js", body)
    assert (first, second) == ("A001", "A003")
    assert after - began > 1500


@pytest.mark.serial
def test_a_call_is_put_together_from_clips_that_were_kept_and_needs_no_network(page: Page) -> None:
    """Clips are sounds of known lengths; the network is gone when the call comes."""
    body = """
        const asked = [];
        const wav = (ms) => {
          const count = 8 * ms, bytes = new DataView(new ArrayBuffer(44 + 2 * count));
          const text = (at, word) => [...word].forEach((c, i) => bytes.setUint8(at + i, c.charCodeAt(0)));
          text(0, "RIFF"); bytes.setUint32(4, 36 + 2 * count, true); text(8, "WAVEfmt ");
          bytes.setUint32(16, 16, true); bytes.setUint16(20, 1, true); bytes.setUint16(22, 1, true);
          bytes.setUint32(24, 8000, true); bytes.setUint32(28, 16000, true); bytes.setUint16(32, 2, true);
          bytes.setUint16(34, 16, true); text(36, "data"); bytes.setUint32(40, 2 * count, true);
          return bytes.buffer;
        };
        const names = ["ticket", "letter-a", "hundred-3", "and-42", "counter", "number-7"];
        const length = (name) => 100 + 10 * names.indexOf(name);
        const spoken = { en: { and: true, clips: names, counters: { Desk: ["counter", 7] } } };
        let online = true;
        window.fetch = async (address) => {
          asked.push(address);
          if (!online) throw new TypeError("no network");
          if (address.endsWith("/speech/")) return new Response(JSON.stringify(spoken));
          return new Response(wav(length(address.split("/").at(-1).slice(0, -4))));
        };
        const announcer = new it.Announcer({ speech: "/d/x/speech/", languages: ["en"] });
        await announcer.unlock();
        await announcer.prepare();
        online = false;
        const told = asked.length, started = [];
        const start = AudioBufferSourceNode.prototype.start;
        AudioBufferSourceNode.prototype.start = function (at) {
          started.push([Math.round(this.buffer.duration * 1000), at]);
          return start.call(this, at);
        };
        announcer.announce({ ticket: "1", number: "A342", counter: "Desk" });
        while (announcer.speaking) await new Promise((done) => setTimeout(done, 50));
        return { sound: announcer.canSound, told, more: asked.length - told, started };
    """
    heard = _run(page, "announcer.js", body)
    assert heard["sound"]
    assert (heard["told"], heard["more"]) == (7, 0)
    assert [length for length, _at in heard["started"]] == [100, 110, 120, 130, 140, 150]
    begins = [at for _length, at in heard["started"]]
    assert begins == sorted(set(begins))


@pytest.mark.serial
def test_figures_are_said_in_pieces(page: Page) -> None:
    body = "return [0, 7, 100, 342, 1000, 12005].map((n) => it.figureClips(n, n > 1000).join(' '));"
    assert _run(page, "announcer.js", body) == [
        "number-0",
        "number-7",
        "hundred-1",
        "hundred-3 number-42",
        "thousand-1",
        "thousand-12 and-5",
    ]
