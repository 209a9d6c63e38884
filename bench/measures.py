"""What is measured; each returns tables for the report."""

import contextlib
from collections.abc import Callable, Sequence
from typing import Protocol

from bench import clients, servers
from bench.load import Client
from bench.place import Place
from bench.report import Aim, Table
from bench.scratch import scratch
from bench.session import STEPS, Session, Side, say

Make = Callable[[], Sequence[Client]]

# More than a round of any side can call, and of the product.
LONG_LINE, MIDDLE_LINE, SHORT_LINE = 4000, 1000, 100
FEW, MANY = 10, 10_000
# People who join and are called in a round of growth, a queue: few, so that a short line stays short.
GROWTH_STEPS = 60
# Its rounds are short, so there are more of them.
GROWTH_ROUNDS = 3
PAST_ROUNDS = 2
WRITERS = (
    "bare view, several statements",
    "bare view, one statement",
    "product",
    "pgbench, several statements",
    "pgbench, one statement",
)


def issue(session: Session) -> list[Table]:
    """Tickets a second over HTTP, against the bare view and pgbench."""
    most = session.options.clients
    return [_issue(session, count) for count in dict.fromkeys((most, min(8, most)))]


def _issue(session: Session, count: int) -> Table:
    say(f"issuing with {count} clients")
    place, product, bare = session.place, session.product, session.bare
    session.line.empty()
    several, one, ours, pg_several, pg_one = sides = [Side(name) for name in WRITERS]
    numbers = range(count)

    def over_http(side: Side, server: servers.Server, make: Make) -> None:
        session.load(side, server, make, counted="issue")

    def bare_clients(way: str) -> Sequence[Client]:
        return [clients.bare_issue(place, number, way) for number in numbers]

    session.line.fill(SHORT_LINE)
    session.in_turn(
        [
            lambda: over_http(several, bare, lambda: bare_clients("several")),
            lambda: over_http(ours, product, lambda: [clients.issue(place, n) for n in numbers]),
            lambda: over_http(one, bare, lambda: bare_clients("one")),
            lambda: session.pgbench(pg_several, ["issue"], one=False, clients=count),
            lambda: session.pgbench(pg_one, ["issue"], one=True, clients=count),
        ],
        sides,
    )
    return Table(
        f"issue_{count}",
        f"Issue a ticket, {count} clients, {len(place.queues)} queues",
        sides,
        against=several.name,
        aim=Aim("product", rate=0.8, cpu=1.5),
        notes=[_rows(session, "issue")],
    )


def call(session: Session) -> list[Table]:
    """People called a second, each also started and completed."""
    most = session.options.clients
    return [_call(session, count) for count in dict.fromkeys((most, min(8, most)))]


def _call(session: Session, count: int) -> Table:
    say(f"calling with {count} agents")
    product, bare = session.product, session.bare
    seats = session.place.seats[:count]
    session.line.empty()
    several, one, ours, pg_several, pg_one = sides = [Side(name) for name in WRITERS]

    def over_http(side: Side, server: servers.Server, make: Make) -> None:
        session.load(side, server, make, counted="call")

    def by_pgbench(side: Side, *, one: bool) -> None:
        session.pgbench(side, STEPS, one=one, clients=count)

    def bare_clients(way: str) -> Sequence[Client]:
        return [clients.bare_call(seat, way) for seat in seats]

    session.in_turn(
        [
            lambda: over_http(several, bare, lambda: bare_clients("several")),
            lambda: over_http(ours, product, lambda: [clients.call(seat) for seat in seats]),
            lambda: over_http(one, bare, lambda: bare_clients("one")),
            lambda: by_pgbench(pg_several, one=False),
            lambda: by_pgbench(pg_one, one=True),
        ],
        sides,
        line=LONG_LINE,
    )
    return Table(
        f"call_{count}",
        f"Call, start and complete a person, {count} agents; rate and CPU of the three together",
        sides,
        against=several.name,
        aim=Aim("product", rate=0.8, cpu=1.5),
        notes=[_rows(session, step) for step in STEPS],
    )


def _rows(session: Session, name: str) -> str:
    rows = session.recipes[name].rows()
    return f"{name} writes " + ", ".join(f"{count} {table}" for table, count in rows.items())


def status(session: Session) -> list[Table]:
    """Public status of a queue against a view that says hello."""
    say("reading the status")
    place, product, bare = session.place, session.product, session.bare
    session.line.empty()
    session.line.fill(50)
    in_product = session.server(servers.IN_PRODUCT, "in-product")
    numbers = range(session.options.clients)
    paths = [_status_path(queue) for queue in place.queues]

    def readers(*paths: str) -> Make:
        return lambda: [clients.read("read", list(paths), number) for number in numbers]

    def pollers() -> Sequence[Client]:
        return [clients.read_unchanged(paths[number % len(paths)]) for number in numbers]

    reads: dict[str, tuple[servers.Server, Make]] = {
        "bare hello": (bare, readers("/hello/")),
        "product status": (product, readers(*paths)),
        "product status, 304": (product, pollers),
        "product healthz": (product, readers("/healthz")),
        "bare hello in the product's process": (in_product, readers("/hello/")),
    }
    sides = [Side(name) for name in reads]

    def round_of(side: Side) -> Callable[[], None]:
        return lambda: _discard(session.load(side, *reads[side.name], counted="read"))

    session.in_turn([round_of(side) for side in sides], sides)
    return [
        Table(
            "status",
            f"Read a queue's status, {len(numbers)} clients",
            sides,
            against="bare hello",
            aim=Aim("product status", rate=0.8),
        )
    ]


def _discard(_: object) -> None:
    """Turn an outcome into nothing."""


def _status_path(queue: str) -> str:
    return f"/api/queues/queues/{queue}/status/"


def growth(session: Session) -> list[Table]:
    """
    The same operations with few and with many people waiting in each queue.

    Half of the queues are short and half long, so that both are measured in turn in one state of
    the database.
    """
    queues = session.place.queues
    parts = {
        FEW: session.place.part(queues[: len(queues) // 2]),
        MANY: session.place.part(queues[len(queues) // 2 :]),
    }
    sizes = {size: f"{size:,} waiting" for size in parts}
    found = {name: {size: Side(text) for size, text in sizes.items()} for name in _OPERATIONS}
    _warm_up(session)
    session.line.empty()
    say(f"filling {len(parts[MANY].queues)} queues with {MANY:,} people each")
    for size, part in parts.items():
        session.line.fill(size, part.queues)
    session.line.settle()
    for number in range(GROWTH_ROUNDS * session.options.rounds):
        for size in parts if number % 2 == 0 else reversed(parts):
            for name, operate in _OPERATIONS.items():
                called = GROWTH_STEPS if operate is _call_some else 0
                session.line.fill(size + called, parts[size].queues)
                operate(session, parts[size], found[name][size], short=True)
                session.line.trim(size, parts[size].queues)
    return [
        Table(
            f"growth_{name}",
            f"{name}: from {FEW} to {MANY:,} people waiting in each queue",
            list(sides.values()),
            against=sizes[FEW],
            aim=Aim(sizes[MANY], rate=1 / 1.5, cpu=1.5),
        )
        for name, sides in found.items()
    ]


def past(session: Session) -> list[Table]:
    """
    The same operations on a database without a past and on one with many tickets of the past.

    Both stand side by side, each with servers of its own, and take turns; the bare view shows what
    the past costs who only writes.
    """
    tickets = session.options.rows
    operations = {**_OPERATIONS, "issue by the bare view": _issue_bare}
    with scratch("past_") as place, contextlib.closing(Session(place, session.options)) as other:
        sides = {"no past": session, f"{tickets:,} past tickets": other}
        base, late = sides
        found = {name: {words: Side(words) for words in sides} for name in operations}
        for one in sides.values():
            _warm_up(one)
            one.line.empty()
        say(f"writing {tickets:,} past tickets with their periods and events")
        other.line.add_past(tickets)
        for number in range(PAST_ROUNDS * session.options.rounds):
            say(f"round {number + 1}")
            for one in sides.values():
                one.line.fill(MIDDLE_LINE)
                one.line.analyze()
            for name, operate in operations.items():
                turns = list(sides.items())
                for words, one in turns if number % 2 == 0 else reversed(turns):
                    operate(one, one.place, found[name][words], short=False)
    return [
        Table(
            f"past_{name}",
            f"{name}: with {tickets:,} past tickets",
            list(both.values()),
            against=base,
            aim=Aim(late, rate=0.95),
        )
        for name, both in found.items()
    ]


def walls(session: Session) -> list[Table]:
    """The same operations with the row policies of PostgreSQL on and off."""
    when = {False: "policies off", True: "policies on"}
    found = {name: {on: Side(text) for on, text in when.items()} for name in _OPERATIONS}
    tables = session.database.execute(
        "SELECT relname FROM pg_class WHERE relrowsecurity ORDER BY relname"
    ).fetchall()

    def set_policies(*, on: bool) -> None:
        for (table,) in tables:
            word = "ENABLE" if on else "DISABLE"
            session.database.execute(f'ALTER TABLE "{table}" {word} ROW LEVEL SECURITY')

    _warm_up(session)
    for number in range(session.options.rounds):
        say(f"policies on and off, round {number + 1}")
        for on in when if number % 2 == 0 else reversed(when):
            set_policies(on=on)
            session.line.empty()
            session.line.fill(MIDDLE_LINE)
            for name, operate in _OPERATIONS.items():
                operate(session, session.place, found[name][on], short=False)
    set_policies(on=True)
    return [
        Table(
            f"walls_{name}",
            f"{name}: with row policies on and off, on {len(tables)} tables",
            list(sides.values()),
            against=when[False],
            aim=Aim(when[True], rate=0.95),
        )
        for name, sides in found.items()
    ]


def _warm_up(session: Session) -> None:
    """Let every operation prepare its statements, so that the first figures are like the others."""
    session.line.empty()
    session.line.fill(FEW + GROWTH_STEPS)
    for operate in [*_OPERATIONS.values(), _issue_bare]:
        operate(session, session.place, Side("discarded"), short=True)


def _issue_some(session: Session, place: Place, side: Side, *, short: bool) -> None:
    session.load(
        side,
        session.product,
        lambda: [clients.issue(place, number) for number in range(session.options.clients)],
        counted="issue",
        limit=GROWTH_STEPS * len(place.queues) if short else None,
    )


def _issue_bare(session: Session, place: Place, side: Side, *, short: bool) -> None:
    session.load(
        side,
        session.bare,
        lambda: [
            clients.bare_issue(place, number, "several")
            for number in range(session.options.clients)
        ],
        counted="issue",
        limit=GROWTH_STEPS * len(place.queues) if short else None,
    )


def _call_some(session: Session, place: Place, side: Side, *, short: bool) -> None:
    session.load(
        side,
        session.product,
        lambda: [clients.call(seat) for seat in place.seats],
        counted="call",
        # Not to the last person, because the agents of one queue may be quicker than others.
        limit=len(STEPS) * GROWTH_STEPS * len(place.queues) // 2 if short else None,
    )


def _read_status(session: Session, place: Place, side: Side, *, short: bool) -> None:
    paths = [_status_path(queue) for queue in place.queues]
    session.load(
        side,
        session.product,
        lambda: [clients.read("read", paths, n) for n in range(session.options.clients)],
        counted="read",
        seconds=session.options.seconds / (8 if short else 1),
    )


def _read_ticket(session: Session, place: Place, side: Side, *, short: bool) -> None:
    """Tickets from anywhere in the lines, read by staff."""
    paths = [
        f"/api/queues/tickets/{ticket}/" for ticket in session.line.waiting(1000, place.queues)
    ]
    session.load(
        side,
        session.product,
        lambda: [
            clients.read("read", paths, n * 31, Authorization=f"Bearer {seat.agent.access}")
            for n, seat in enumerate(place.seats)
        ],
        counted="read",
        seconds=session.options.seconds / (8 if short else 1),
    )


class Operate(Protocol):
    """One operation on the product for a round, a short one where the line must stay as it is."""

    def __call__(self, session: Session, place: Place, side: Side, *, short: bool) -> None: ...


_OPERATIONS: dict[str, Operate] = {
    "issue": _issue_some,
    "call, start, complete": _call_some,
    "read status": _read_status,
    "read ticket": _read_ticket,
}
