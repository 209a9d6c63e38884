"""What is measured; each returns tables for the report."""

from bench import clients, servers
from bench.report import Table
from bench.session import STEPS, Session, Side, in_turn, say

# More than a round of any side can call.
LONG_LINE = 4000


def issue(session: Session) -> list[Table]:
    """Tickets a second over HTTP, against the bare view and pgbench."""
    most = session.options.clients
    return [_issue(session, count) for count in dict.fromkeys((most, min(8, most)))]


def _issue(session: Session, count: int) -> Table:
    say(f"issuing with {count} clients")
    place, product, bare = session.place, session.product, session.bare
    session.line.empty()
    sides = {
        name: Side(name)
        for name in (
            "bare view, several statements",
            "bare view, one statement",
            "product",
            "pgbench, several statements",
            "pgbench, one statement",
        )
    }
    several, one, ours, pg_several, pg_one = sides.values()
    numbers = range(count)
    in_turn(
        [
            lambda: _loaded(
                session,
                several,
                bare,
                lambda: [clients.bare_issue(place, n, "several") for n in numbers],
            ),
            lambda: _loaded(
                session, ours, product, lambda: [clients.issue(place, n) for n in numbers]
            ),
            lambda: _loaded(
                session, one, bare, lambda: [clients.bare_issue(place, n, "one") for n in numbers]
            ),
            lambda: session.pgbench(pg_several, ["issue"], one=False, clients=count),
            lambda: session.pgbench(pg_one, ["issue"], one=True, clients=count),
        ],
        session.options.rounds,
    )
    return Table(
        f"issue_{count}",
        f"Issue a ticket, {count} clients, {len(place.queues)} queues",
        list(sides.values()),
        against=several.name,
        notes=[f"rows: {_rows(session, ['issue'])}"],
    )


def _loaded(session, side, server, make) -> None:
    session.load(side, server, make, counted="issue")


def call(session: Session) -> list[Table]:
    """People called a second, each also started and completed."""
    most = session.options.clients
    return [_call(session, count) for count in dict.fromkeys((most, min(8, most)))]


def _call(session: Session, count: int) -> Table:
    say(f"calling with {count} agents")
    place, product, bare = session.place, session.product, session.bare
    seats = place.seats[:count]
    session.line.empty()
    sides = {
        name: Side(name)
        for name in (
            "bare view, several statements",
            "bare view, one statement",
            "product",
            "pgbench, several statements",
            "pgbench, one statement",
        )
    }
    several, one, ours, pg_several, pg_one = sides.values()

    def over_http(side: Side, server: servers.Server, make) -> None:
        session.line.fill(LONG_LINE)
        session.load(side, server, make, counted="call")

    def by_pgbench(side: Side, one: bool) -> None:
        session.line.fill(LONG_LINE)
        session.pgbench(side, STEPS, one=one, clients=count)

    in_turn(
        [
            lambda: over_http(
                several, bare, lambda: [clients.bare_call(s, "several") for s in seats]
            ),
            lambda: over_http(ours, product, lambda: [clients.call(s) for s in seats]),
            lambda: over_http(one, bare, lambda: [clients.bare_call(s, "one") for s in seats]),
            lambda: by_pgbench(pg_several, one=False),
            lambda: by_pgbench(pg_one, one=True),
        ],
        session.options.rounds,
    )
    return Table(
        f"call_{count}",
        f"Call, start and complete a person, {count} agents; rates and CPU are of the three together",
        list(sides.values()),
        against=several.name,
        notes=[f"rows of {step}: {_rows(session, [step])}" for step in STEPS],
    )


def _rows(session: Session, names: list[str]) -> str:
    return "; ".join(
        ", ".join(f"{count} {table}" for table, count in session.recipes[name].rows().items())
        for name in names
    )


def status(session: Session) -> list[Table]:
    """Public status of a queue against a view that says hello."""
    say("reading the status")
    place, product, bare = session.place, session.product, session.bare
    session.line.empty()
    session.line.fill(50)
    in_product = session.server(servers.IN_PRODUCT, "in-product")
    numbers = range(session.options.clients)
    paths = [f"/api/queues/queues/{queue}/status/" for queue in place.queues]
    reads = {
        "bare hello": (bare, lambda: [clients.read("read", ["/hello/"], n) for n in numbers]),
        "product status": (product, lambda: [clients.read("read", paths, n) for n in numbers]),
        "product status, 304": (
            product,
            lambda: [clients.read_unchanged(paths[n % len(paths)]) for n in numbers],
        ),
        "product healthz": (
            product,
            lambda: [clients.read("read", ["/healthz"], n) for n in numbers],
        ),
        "bare hello in the product's process": (
            in_product,
            lambda: [clients.read("read", ["/hello/"], n) for n in numbers],
        ),
    }
    sides = [Side(name) for name in reads]
    in_turn(
        [lambda side=side: session.load(side, *reads[side.name], counted="read") for side in sides],
        session.options.rounds,
    )
    return [
        Table(
            "status", f"Read a queue's status, {len(numbers)} clients", sides, against="bare hello"
        )
    ]
