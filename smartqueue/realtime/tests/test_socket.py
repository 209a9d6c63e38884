import json
import socket as sockets
import threading
import time
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from websockets.exceptions import InvalidStatus
from websockets.frames import Frame, Opcode
from websockets.sync.client import connect

from smartqueue.realtime import consumer, hub
from smartqueue.realtime.models import TopicEvent
from smartqueue.realtime.tests import samples
from smartqueue.realtime.tests.conftest import Client, Open, start, stop
from smartqueue.realtime.tests.samples import gathered, new_sample, tell

pytestmark = pytest.mark.usefixtures("transactional_db")

# Not made afresh: parallel runs have to find tests of the same names.
UNKNOWN = "7c9e6679-7425-40de-944b-e07fc1f90ae7"


def snapshot(identifier: str, version: int) -> dict[str, Any]:
    return {
        "type": "snapshot",
        "topic": f"sample:{identifier}",
        "version": version,
        "data": {"count": version},
    }


def event(identifier: str, version: int) -> dict[str, Any]:
    return {
        "type": "event",
        "topic": f"sample:{identifier}",
        "version": version,
        "event": "sample.told",
        "at": "2026-03-02T08:00:00+00:00",
        "data": {"n": version},
    }


# --- What a screen is told -----------------------------------------------------------------------


def test_a_path_gives_a_snapshot_then_each_event_in_order(open_socket: Open) -> None:
    sample = new_sample()
    tell(sample)
    client = open_socket(f"/ws/sample/{sample}/")
    assert client.get() == snapshot(sample, 1)
    for version in (2, 3, 4):
        tell(sample)
        assert client.get() == event(sample, version)


def test_an_event_arrives_at_once(open_socket: Open) -> None:
    sample = new_sample()
    client = open_socket(f"/ws/sample/{sample}/")
    client.get()
    time.sleep(0.3)
    delays = []
    for _ in range(9):
        started = time.monotonic()
        tell(sample)
        client.get()
        delays.append(time.monotonic() - started)
    # By sweeps alone it would take a second.
    assert sorted(delays)[4] < 0.4


def test_without_pokes_the_sweep_delivers_everything(
    open_socket: Open, without_pokes: None
) -> None:
    sample = new_sample()
    client = open_socket(f"/ws/sample/{sample}/")
    client.get()
    for _ in range(20):
        tell(sample)
    assert client.get_versions(20) == list(range(1, 21))


def test_text_of_any_language_and_quotes_arrive_as_they_were(open_socket: Open) -> None:
    sample = new_sample()
    client = open_socket(f"/ws/sample/{sample}/")
    client.get()
    text = 'مرحبا "é" \\ 😀 \u202e </script>\n'
    tell(sample, name=text)
    assert client.get()["data"] == {"n": 1, "name": text}


def test_concurrent_writers_and_joiners_see_every_version_once(open_socket: Open) -> None:
    sample = new_sample()
    topic = f"/ws/sample/{sample}/"

    def write() -> None:
        for _ in range(40):
            tell(sample)
        connection.close()

    writers = [threading.Thread(target=write) for _ in range(3)]
    for writer in writers:
        writer.start()
    clients = []
    for _ in range(12):
        clients.append(open_socket(topic))
        time.sleep(0.01)
    for writer in writers:
        writer.join()
    for client in clients:
        first = client.get()
        assert first["type"] == "snapshot"
        expected = list(range(first["version"] + 1, 121))
        assert client.get_versions(len(expected)) == expected
        assert client.silent(0.05)


# --- Coming back ---------------------------------------------------------------------------------


def test_since_replays_the_missed_events_instead_of_a_snapshot(open_socket: Open) -> None:
    sample = new_sample()
    for _ in range(5):
        tell(sample)
    client = open_socket(f"/ws/sample/{sample}/?since=2")
    assert [client.get() for _ in range(3)] == [event(sample, v) for v in (3, 4, 5)]
    tell(sample)
    assert client.get() == event(sample, 6)


def test_since_the_latest_version_says_nothing_until_something_happens(open_socket: Open) -> None:
    sample = new_sample()
    tell(sample)
    client = open_socket(f"/ws/sample/{sample}/?since=1")
    assert client.silent()
    tell(sample)
    assert client.get() == event(sample, 2)


def test_a_long_absence_is_replayed_from_the_database(open_socket: Open) -> None:
    sample = new_sample()
    for _ in range(300):
        tell(sample)
    client = open_socket(f"/ws/sample/{sample}/?since=10")
    assert client.get_versions(290) == list(range(11, 301))


@pytest.mark.parametrize("since", [0, 1, 7, 2**62])
def test_a_version_that_cannot_be_continued_gets_a_snapshot(open_socket: Open, since: int) -> None:
    sample = new_sample()
    for _ in range(4):
        tell(sample)
    TopicEvent.objects.filter(version__lt=4).delete()
    client = open_socket(f"/ws/sample/{sample}/?since={since}")
    assert client.get() == snapshot(sample, 4)
    tell(sample)
    assert client.get() == event(sample, 5)


def test_a_thousand_missed_events_are_a_snapshot(open_socket: Open) -> None:
    sample = new_sample()
    rows = [
        TopicEvent(topic=f"sample:{sample}", version=v, type="x", data={}, at=samples.AT)
        for v in range(1, 1102)
    ]
    TopicEvent.objects.bulk_create(rows)
    assert open_socket(f"/ws/sample/{sample}/?since=100").get()["type"] == "snapshot"
    client = open_socket(f"/ws/sample/{sample}/?since=101")
    assert client.get_versions(1000) == list(range(102, 1102))


def test_resume_replays_and_so_does_subscribing_with_since(open_socket: Open) -> None:
    sample = new_sample()
    client = open_socket()
    client.subscribe(f"sample:{sample}")
    assert client.get() == snapshot(sample, 0)
    for _ in range(3):
        tell(sample)
    client.get_versions(3)
    client.put({"type": "resume", "topic": f"sample:{sample}", "since": 1})
    assert client.get_versions(2) == [2, 3]
    client.subscribe(f"sample:{sample}", since=2)
    assert client.get_versions(1) == [3]
    client.put({"type": "resume", "topic": f"sample:{sample}"})
    assert client.get() == snapshot(sample, 3)
    tell(sample)
    assert client.get() == event(sample, 4)


def test_events_purged_while_pokes_were_lost_give_a_snapshot(
    open_socket: Open, without_pokes: None
) -> None:
    sample = new_sample()
    client = open_socket(f"/ws/sample/{sample}/")
    client.get()
    rows = [
        TopicEvent(topic=f"sample:{sample}", version=v, type="x", data={}, at=samples.AT)
        for v in (5, 6)
    ]
    TopicEvent.objects.bulk_create(rows)
    assert client.get() == snapshot(sample, 6)
    tell(sample)
    assert client.get() == event(sample, 7)


def test_many_who_come_back_together_share_one_snapshot(open_socket: Open) -> None:
    sample = new_sample()
    clients = [open_socket() for _ in range(15)]
    samples.snapshots.clear()
    for client in clients:
        client.subscribe(f"sample:{sample}")
    for client in clients:
        assert client.get() == snapshot(sample, 0)
    assert samples.snapshots.count(sample) <= 2


def test_heartbeats_name_the_version(open_socket: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    sample = new_sample()
    tell(sample)
    client = open_socket(f"/ws/sample/{sample}/")
    client.get()
    assert client.get_any(timeout=22) == {
        "type": "heartbeat",
        "topic": f"sample:{sample}",
        "version": 1,
    }


def test_estimates_travel_without_a_version_when_they_change(open_socket: Open) -> None:
    sample = new_sample()
    samples.estimates[sample] = {"median": 60}
    client = open_socket(f"/ws/sample/{sample}/")
    client.get()
    told = {"type": "estimate", "topic": f"sample:{sample}", "data": {"median": 60}}
    assert client.get() == told
    assert client.silent(1.2)
    samples.estimates[sample] = {"median": 90}
    assert client.get()["data"] == {"median": 90}


def test_unsubscribe_ends_the_events_of_that_topic_only(open_socket: Open) -> None:
    one, other = new_sample(), new_sample()
    client = open_socket()
    client.subscribe(f"sample:{one}")
    client.get()
    client.subscribe(f"sample:{other}")
    client.get()
    client.put({"type": "unsubscribe", "topic": f"sample:{one}"})
    client.put({"type": "unsubscribe", "topic": f"sample:{one}"})
    assert client.get() == {
        "type": "error",
        "code": "not_subscribed",
        "topic": f"sample:{one}",
    }
    tell(one)
    tell(other)
    assert client.get() == event(other, 1)
    assert client.silent()


# --- Gathering -----------------------------------------------------------------------------------


def test_a_gathering_topic_repeats_its_members_events(open_socket: Open) -> None:
    group, one, other = str(uuid4()), new_sample(), new_sample()
    gathered[group] = [one, other]
    tell(one)
    client = open_socket(f"/ws/samples/{group}/")
    assert client.get() == {
        "type": "snapshot",
        "topic": f"samples:{group}",
        "version": 0,
        "data": {one: {"count": 1}, other: {"count": 0}},
    }
    tell(one)
    assert client.get() == event(one, 2)
    tell(other)
    assert client.get() == event(other, 1)
    client.put({"type": "resume", "topic": f"sample:{one}", "since": 1})
    assert client.get() == event(one, 2)


def test_a_new_member_brings_a_new_snapshot(open_socket: Open) -> None:
    group, one, newcomer, stranger = str(uuid4()), new_sample(), new_sample(), new_sample()
    gathered[group] = [one]
    client = open_socket(f"/ws/samples/{group}/")
    client.get()
    tell(stranger, forward_to=(f"samples:{group}",))
    assert client.silent()
    gathered[group].append(newcomer)
    tell(newcomer, forward_to=(f"samples:{group}",))
    assert client.get()["data"] == {one: {"count": 0}, newcomer: {"count": 1}}
    tell(newcomer)
    assert client.get() == event(newcomer, 2)


# --- Bad clients ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "message",
    [
        "",
        "{",
        "[]",
        '"auth"',
        "null",
        "NaN",
        "{}",
        '{"type": 1}',
        '{"type": "shout"}',
        '{"type": "subscribe"}',
        '{"type": "subscribe", "topic": 1}',
        '{"type": "subscribe", "topic": "' + "x" * 200 + '"}',
        '{"type": "subscribe", "topic": "sample:\\ud800"}',
        '{"type": "unsubscribe", "topic": "sample:\\ud800"}',
        '{"type": "subscribe", "topic": "sample:x", "since": -1}',
        '{"type": "subscribe", "topic": "sample:x", "since": true}',
        '{"type": "subscribe", "topic": "sample:x", "since": 1.5}',
        '{"type": "resume", "topic": "sample:x", "since": 9223372036854775808}',
        '{"type": "unsubscribe"}',
        '{"type": "auth"}',
        '{"type": "auth", "access": 1}',
        "[" * 60_000,
        "1" * 5_000,
        b"\x00\xff",
    ],
)
def test_a_bad_message_closes_the_socket(open_socket: Open, message: str | bytes) -> None:
    client = open_socket()
    client.put(message)
    assert client.get() == {"type": "error", "code": "bad_message"}
    assert client.close_code() == consumer.BAD_MESSAGE


@pytest.mark.parametrize("since", ["x", "-1", "1.5", "%00", "9" * 19, "9" * 400, "0" * 5000, "²"])
def test_a_bad_since_closes_the_socket(open_socket: Open, since: str) -> None:
    client = open_socket(f"/ws/sample/{new_sample()}/?since={since}")
    assert client.close_code() == consumer.BAD_MESSAGE


@pytest.mark.parametrize(
    "path", ["/ws/nothing/", "/ws/sample/7/", f"/ws/sample/{UNKNOWN}/", "/", "/ws/sample/%00/"]
)
def test_an_unknown_path_or_topic_closes_with_not_found(open_socket: Open, path: str) -> None:
    assert open_socket(path).close_code() == consumer.NOT_FOUND


@pytest.mark.parametrize(
    "topic",
    ["", "sample", "sample:", "sample:x", "nothing:1", f"sample:{UNKNOWN.upper()}",
     f"sample:{UNKNOWN}", f"sample:{{{UNKNOWN}}}", "sample:\u0000"],
)  # fmt: skip
def test_an_unknown_topic_is_an_error_and_the_socket_stays(open_socket: Open, topic: str) -> None:
    client = open_socket()
    client.subscribe(topic)
    assert client.get() == {"type": "error", "code": "not_found", "topic": topic}
    sample = new_sample()
    client.subscribe(f"sample:{sample}")
    assert client.get() == snapshot(sample, 0)


def test_a_message_over_64_kib_closes_the_socket(open_socket: Open) -> None:
    client = open_socket()
    client.put(json.dumps({"type": "subscribe", "topic": "x" * 66_000}))
    assert client.close_code() == 1009


def test_a_text_that_is_not_utf8_closes_the_socket(open_socket: Open) -> None:
    client = open_socket()
    line = client.line
    with line.protocol_mutex:
        line.protocol.send_frame(Frame(Opcode.TEXT, b"\xc3\x28"))
        line.send_data()
    assert client.close_code() == 1007


def test_a_flood_closes_the_socket(open_socket: Open) -> None:
    sample = new_sample()
    client = open_socket()
    for _ in range(consumer.MOST_MESSAGES + 20):
        client.put({"type": "unsubscribe", "topic": f"sample:{sample}"})
    codes = []
    while not codes or codes[-1] != "too_many_messages":
        codes.append(client.get()["code"])
    assert len(codes) >= consumer.MOST_MESSAGES
    assert client.close_code() == consumer.BAD_MESSAGE


def test_the_fifty_first_topic_is_refused(open_socket: Open) -> None:
    client = open_socket()
    for _ in range(consumer.MOST_TOPICS):
        client.subscribe(f"sample:{new_sample()}")
        assert client.get()["type"] == "snapshot"
    one_more = f"sample:{new_sample()}"
    client.subscribe(one_more)
    assert client.get() == {"type": "error", "code": "too_many_topics", "topic": one_more}


def test_a_client_that_does_not_read_is_cut_off_and_stalls_nobody(
    open_socket: Open, port: int
) -> None:
    sample = new_sample()
    quick = open_socket(f"/ws/sample/{sample}/")
    quick.get()
    with sockets.create_connection(("127.0.0.1", port)) as slow:
        slow.setsockopt(sockets.SOL_SOCKET, sockets.SO_RCVBUF, 4096)
        slow.sendall(
            f"GET /ws/sample/{sample}/ HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n"
            "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n".encode()
        )
        assert b"101" in slow.recv(20)
        assert open_sockets() == 2
        text = "x" * 60_000
        for version in range(1, 400):
            tell(sample, text=text)
            assert quick.get()["version"] == version
        end = time.monotonic() + consumer.CLOSE_SECONDS + 2
        while open_sockets() != 1:
            assert time.monotonic() < end
            time.sleep(0.05)
    tell(sample)
    assert quick.get() == event(sample, 400)


def open_sockets() -> float:
    return hub.SOCKETS._value.get()


def test_a_slow_client_that_reads_again_learns_why(open_socket: Open) -> None:
    sample = new_sample()
    client = open_socket(f"/ws/sample/{sample}/", max_queue=1)
    client.get()
    for _ in range(420):
        tell(sample, text="x" * 60_000)
    assert client.close_code(20) == consumer.TOO_SLOW


def test_too_many_sockets_of_one_address_are_refused(open_socket: Open, settings: Any) -> None:
    settings.SOCKETS_PER_ADDRESS = 3
    kept = [open_socket() for _ in range(3)]
    assert open_socket().close_code() == consumer.TOO_MANY
    kept[0].line.close()
    time.sleep(0.2)
    client = open_socket()
    client.subscribe("nothing:1")
    assert client.get()["code"] == "not_found"


@pytest.mark.parametrize(
    ("origin", "is_welcome"),
    [
        ("http://127.0.0.1:{port}", True),
        ("https://app.example", True),
        ("https://evil.example", False),
        ("http://127.0.0.1:1", False),
        ("null", False),
        ("http://[", False),
    ],
)
def test_only_our_pages_may_open_a_socket(
    open_socket: Open, port: int, settings: Any, origin: str, is_welcome: bool
) -> None:
    settings.CORS_ALLOWED_ORIGINS = ["https://app.example"]
    origin = origin.format(port=port)
    if is_welcome:
        sample = new_sample()
        assert open_socket(f"/ws/sample/{sample}/", origin=origin).get() == snapshot(sample, 0)
    else:
        with pytest.raises(InvalidStatus) as refused:
            open_socket(origin=origin)
        assert refused.value.response.status_code == 403


def test_a_program_without_an_origin_brings_no_cookie(open_socket: Open) -> None:
    sample = new_sample()
    assert open_socket(f"/ws/sample/{sample}/").get() == snapshot(sample, 0)

    with pytest.raises(InvalidStatus) as refused:
        open_socket(f"/ws/sample/{sample}/", additional_headers={"Cookie": "sessionid=x"})
    assert refused.value.response.status_code == 403


def test_a_restart_says_come_back(transactional_db: None) -> None:
    server, thread, port = start()
    sample = new_sample()
    with connect(f"ws://127.0.0.1:{port}/ws/sample/{sample}/") as line:
        client = Client(line)
        assert client.get() == snapshot(sample, 0)
        stop(server, thread)
        assert client.close_code() == consumer.COME_BACK
