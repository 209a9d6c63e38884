"""
From a call to the text message at its provider, and how many texts one worker hands over.

The whole chain runs as deployed: web, relay, worker, and the adapter of LAfricaMobile, which has no
limit of messages a second. Only the provider is `bare/provider.py` and not the sandbox, which does
more for a message than the worker. Beat does not run: a message that waits for its sweep stops the
measurement.
"""

import contextlib
import statistics
import time

from bench.chain import PENDING, UNSENT, Chain, Process
from bench.counted import Way
from bench.report import Aim, Table
from bench.scratch import Unusable
from bench.session import Session, Side, in_turn, say

CALLS = 100
# Milliseconds until the provider answers, and how many texts are then sent in a round. The first shows
# what the product costs; a provider beyond the sea takes the second at least.
DELAYS_MS = {0: 500, 50: 100}
COUNTED = 50
# Between two turns, so that messages do not wait for each other.
PAUSE_SECONDS = 0.05
PATIENCE_SECONDS = 30
P50_AIM_MS = 150.0

_GIVE_PHONES = """
    UPDATE queues_ticket SET phone = '+22176' || lpad(nextval('bench_phone')::text, 7, '0')
    WHERE state = 'waiting' AND phone = ''
"""
_LEFT = """
    SELECT 1 FROM notifications_outgoingmessage
    WHERE template = 'ticket_called' AND sent_at IS NOT NULL AND dedupe_key LIKE %s
"""
_CALLED = """
    SELECT attempt.id::text, split_part(message.dedupe_key, ':', 2)
    FROM notifications_deliveryattempt AS attempt
    JOIN notifications_outgoingmessage AS message ON message.id = attempt.message_id
    WHERE message.template = 'ticket_called' AND message.dedupe_key LIKE 'ticket:%'
"""


def notify(session: Session) -> list[Table]:
    """Time from a call to its text at the provider, and texts a second of one worker."""
    session.line.empty()
    session.database.execute("CREATE SEQUENCE IF NOT EXISTS bench_phone")
    with contextlib.ExitStack() as stack:
        chain = Chain(session, stack)
        chain.send(20)
        tables = [_turn(session, chain)]
        tables += [_texts(session, chain, delay, count) for delay, count in DELAYS_MS.items()]
        tables[1].notes.append(
            f"{_round_trips(session, chain):.1f} round trips to PostgreSQL a text, by the worker"
        )
        return tables


# --- A turn -------------------------------------------------------------------------------------


def _turn(session: Session, chain: Chain) -> Table:
    say("calling people who left a phone number")
    bare, asked, answered = sides = [
        Side("bare round trip to the provider"),
        Side("from the request that calls"),
        Side("from its answer"),
    ]
    _call_some(session, chain, CALLS // 10)
    in_turn(
        [
            lambda: _add(bare, _bare_round_trips(chain)),
            lambda: _add_calls(session, chain, asked, answered),
        ],
        session.options.rounds,
    )
    p50 = asked.middle("p50_ms") or 0.0
    reached = "reached" if p50 < P50_AIM_MS else "not reached"
    return Table(
        "turn",
        f"From a call to its text at the provider, {CALLS} calls one after the other",
        sides,
        against=bare.name,
        notes=[
            f"aim: p50 from the request under {P50_AIM_MS:.0f} ms: {reached}",
            "each call also tells those who have become the next ones",
        ],
    )


def _add(side: Side, seconds: list[float]) -> None:
    cuts = statistics.quantiles(seconds, n=100)
    side.p50_ms.append(cuts[49] * 1000)
    side.p99_ms.append(cuts[98] * 1000)


def _bare_round_trips(chain: Chain) -> list[float]:
    client, found = chain.provider.bare_client(), []
    for _ in range(CALLS):
        time.sleep(PAUSE_SECONDS)
        started = time.monotonic()
        client.send()
        found.append(time.monotonic() - started)
    return found


def _add_calls(session: Session, chain: Chain, asked: Side, answered: Side) -> None:
    times = _call_some(session, chain, CALLS)
    _add(asked, [arrived - started for started, _, arrived in times])
    _add(answered, [arrived - done for _, done, arrived in times])


def _call_some(session: Session, chain: Chain, calls: int) -> list[tuple[float, float, float]]:
    """Call people; return when each call was asked for, was answered, and had its text arrive."""
    place, before = session.place, chain.provider.total()
    place.renew()
    session.line.fill(calls // len(place.seats) + 10)
    session.database.execute(_GIVE_PHONES)
    session.line.analyze()
    called = {}
    for number in range(calls):
        seat = place.seats[number % len(place.seats)]
        started = time.monotonic()
        ticket = seat.agent.post(f"/api/agents/sessions/{seat.session}/call-next/")["id"]
        called[ticket] = started, time.monotonic()
        _wait_until_left(session, ticket)
        for step in ("start", "complete"):
            seat.agent.post(f"/api/queues/tickets/{ticket}/{step}/")
        time.sleep(PAUSE_SECONDS)
    chain.wait(PENDING)
    chain.wait(UNSENT)
    rows = session.database.execute(_CALLED).fetchall()
    tickets = {attempt: ticket for attempt, ticket in rows if ticket in called}
    arrived = {
        tickets[reference]: at
        for reference, at in chain.provider.arrivals(before)
        if reference in tickets
    }
    if arrived.keys() != called.keys():
        raise Unusable(f"{len(called)} were called, {len(arrived)} heard of it")
    return [(*called[ticket], arrived[ticket]) for ticket in called]


def _wait_until_left(session: Session, ticket: str) -> None:
    """Wait for the text of a call: a turn that begins takes back the one that has not left."""
    ends = time.monotonic() + PATIENCE_SECONDS
    while not session.database.execute(_LEFT, [f"ticket:{ticket}:%"]).fetchone():
        if time.monotonic() > ends:
            raise Unusable(f"nobody was told of ticket {ticket}")
        time.sleep(0.01)


# --- Many texts ---------------------------------------------------------------------------------


def _texts(session: Session, chain: Chain, delay: int, count: int) -> Table:
    say(f"handing over {count} texts to a provider that answers after {delay} ms")
    chain.provider.delay(delay)
    bare, relay, worker = sides = [
        Side("bare loop of the same calls"),
        Side("relay, to the worker"),
        Side("worker, to the provider"),
    ]

    def hand_over() -> None:
        chain.relay.hold()
        chain.worker.hold()
        chain.queue(count)
        session.line.analyze()
        work(relay, chain.relay, PENDING)
        work(worker, chain.worker, UNSENT)

    def work(side: Side, process: Process, until: str) -> None:
        """Let a process that was held do what waits for it."""
        cpu, pg_cpu = process.cpu_seconds(), session.postgres.cpu_seconds()
        started = time.monotonic()
        process.go_on()
        chain.wait(until)
        side.per_second.append(count / (time.monotonic() - started))
        side.server_cpu_ms.append((process.cpu_seconds() - cpu) / count * 1000)
        side.postgres_cpu_ms.append((session.postgres.cpu_seconds() - pg_cpu) / count * 1000)

    turns = [lambda: _bare_loop(chain, bare, count), hand_over]
    in_turn(turns, 1)
    for side in sides:
        side.forget()
    in_turn(turns, session.options.rounds)
    return Table(
        f"texts_{delay}",
        f"Texts handed over, {count} at a time, the provider answers after {delay} ms",
        sides,
        against=bare.name,
        aim=Aim(worker.name, rate=0.5),
        notes=["relay and worker one after the other, one process each"],
    )


def _bare_loop(chain: Chain, side: Side, count: int) -> None:
    client = chain.provider.bare_client()
    cpu, started = time.process_time(), time.monotonic()
    for _ in range(count):
        client.send()
    side.per_second.append(count / (time.monotonic() - started))
    side.server_cpu_ms.append((time.process_time() - cpu) / count * 1000)


def _round_trips(session: Session, chain: Chain) -> float:
    """Return how often a worker waits for PostgreSQL for one text: another one, which is counted."""
    chain.provider.delay(0)
    chain.worker.end()
    with contextlib.closing(Way(session.scratch.web_url)) as way:
        chain.new_worker("counted", DATABASE_URL=way.url, PGSSLMODE="disable")
        chain.send(COUNTED)
        before = way.round_trips
        chain.send(COUNTED)
        return (way.round_trips - before) / COUNTED
