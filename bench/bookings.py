"""Appointments: what is free, against SQL; booking, against its raw transaction; both with a past."""

import itertools
import json
from collections.abc import Callable, Sequence

from bench import clients, pgbench
from bench.calendars import BOOKED_AHEAD, COUNT_FREE, COUNT_ROWS, Calendars
from bench.load import Client, request
from bench.report import Aim, Table
from bench.rows import Recipe, Statements, Value, Write
from bench.session import Session, Side, in_turn, say

APPOINTMENTS = "/api/appointments/appointments/"
FEW, MANY = 10_000, 1_000_000
ASKING = 2
_STARTS = ("starts_at", "busy_from")
_ENDS = ("ends_at", "busy_until")
_OWN = {
    "start": "(timestamptz '2100-01-01' + :start * interval '30 minutes')",
    "end": "(timestamptz '2100-01-01' + :start * interval '30 minutes' + interval '30 minutes')",
    "reference": "substr(md5(random()::text), 1, 10)",
}


class _Diary:
    """The calendars of a run, what a booking writes, and the starts that are left."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.calendars = Calendars(session.database, session.place)
        session.line.empty()
        say("offering and booking 20 services at 50 branches")
        self.calendars.set_up()
        self.writes, self.ids = self.calendars.learn(self.body(-1) | _of_first(session))
        self.calendars.copy()
        self.turns = itertools.count()

    @staticmethod
    def body(number: int) -> dict[str, str]:
        """Whom an agent books for."""
        return {"customer_name": f"Caller {number}", "phone": f"+22177{number % 10_000_000:07}"}

    def book(self, seat: int) -> Client:
        """An agent books for callers, each at a start of its own."""
        agent = self.session.place.seats[seat % len(self.session.place.seats)].agent
        bearer = {"Authorization": f"Bearer {agent.access}"}
        while True:
            turn = next(self.turns)
            yield "book", self._post(self._wish(turn) | self.body(turn), **bearer)

    def hold(self) -> Client:
        """People without an account hold a start each."""
        while True:
            yield "book", self._post(self._wish(next(self.turns)))

    def _wish(self, turn: int) -> dict[str, str]:
        service, branch, at = self.calendars.start(turn)
        return {"service": service, "branch": branch, "starts_at": at.isoformat()}

    @staticmethod
    def _post(body: dict[str, str], **headers: str) -> bytes:
        return request(
            "POST",
            APPOINTMENTS,
            json.dumps(body).encode(),
            Idempotency_Key=clients.key(),
            **headers,
        )

    def script(self, *, one: bool) -> str:
        """Return the same rows as a pgbench script, in several statements or in one."""
        writes = [
            Write(w.table, True, dict(map(_made_anew, w.columns.items()))) for w in self.writes
        ]
        agent = self.session.place.seats[0].agent.id

        def placed(name: str, type_: str) -> str:
            return (
                f"'{agent}'::uuid"
                if name == "agent"
                else _OWN.get(name) or pgbench.placed(name, type_)
            )

        recipe = Recipe("book", writes[0], writes[1:], self.ids)
        statements = Statements(recipe, placed, pgbench.constant)
        texts = [statements.one_write(write, placed) for write in writes]
        new = pgbench.new_ids(self.ids).removesuffix(" \\gset")
        lines = [f"{new}, nextval('bench_start') AS start \\gset"]
        if one:
            parts = ", ".join(f"w{n} AS ({text})" for n, text in enumerate(texts))
            lines.append(f"WITH {parts} SELECT 1;")
        else:
            lines += ["BEGIN;", *(f"{text};" for text in texts), "COMMIT;"]
        return "\n".join(" ".join(line.split()) for line in lines) + "\n"


def _of_first(session: Session) -> dict[str, str]:
    return {"service": session.place.service, "branch": session.place.branch}


def _made_anew(column: tuple[str, Value]) -> tuple[str, Value]:
    """What differs from one booking to the next, beyond ids and times of making."""
    name, value = column
    if name in _STARTS or name in _ENDS:
        return name, Value("name", "start" if name in _STARTS else "end", value.type)
    if name == "reference":
        return name, Value("name", "reference", value.type)
    # The trigger counts.
    return name, Value("constant", 0, value.type) if name in {"taken", "public_taken"} else value


def _diary(session: Session) -> _Diary:
    if session.diary is None:
        session.diary = _Diary(session)
        session.database.execute("CREATE SEQUENCE bench_start CACHE 100")
        session.database.execute("GRANT USAGE ON SEQUENCE bench_start TO PUBLIC")
    found: _Diary = session.diary
    return found


def availability(session: Session) -> list[Table]:
    """What is free in 90 days of 20 services at 50 branches, against one SQL count."""
    diary = _diary(session)
    calendars = diary.calendars
    free = calendars.check_same_answer()
    say(f"asking for {free:,} free starts")
    names = (
        "one SQL count of what is free",
        "one SQL count of the rows",
        "product, all",
        "product, one service",
    )
    count, rows, everything, service = sides = [Side(name) for name in names]
    one = calendars.asked(service=calendars.pairs[0][0])

    def ask(side: Side, path: str) -> None:
        session.load(
            side,
            session.product,
            lambda: [clients.read("read", [path], number) for number in range(ASKING)],
            counted="read",
        )

    in_turn(
        [
            lambda: _by_sql(session, count, calendars.sql(COUNT_FREE)),
            lambda: ask(everything, calendars.asked()),
            lambda: _by_sql(session, rows, calendars.sql(COUNT_ROWS)),
            lambda: ask(service, one),
        ],
        session.options.rounds,
    )
    return [
        Table(
            "availability",
            f"Free places of 90 days, 20 services, 50 branches, {ASKING} clients",
            sides,
            against=count.name,
            notes=[
                f"{free:,} free starts, {BOOKED_AHEAD:,} bookings ahead; a page of 20 and the count"
            ],
        )
    ]


def _by_sql(session: Session, side: Side, text: str) -> None:
    rate = pgbench.run(
        session.scratch,
        session.postgres,
        " ".join(text.split()) + ";\n",
        clients=ASKING,
        seconds=session.options.seconds,
    )
    side.per_second.append(rate.per_second)
    side.postgres_cpu_ms.append(rate.postgres_cpu * 1000)
    side.p50_ms.append(ASKING / rate.per_second * 1000)


def booking(session: Session) -> list[Table]:
    """Bookings a second over HTTP, each at a start of its own, against the raw transaction."""
    diary = _diary(session)
    count = min(8, session.options.clients)
    names = (
        "raw transaction, several statements",
        "raw transaction, one statement",
        "agents book",
        "people hold",
    )
    several, one, book, hold = sides = [Side(name) for name in names]

    def by_pgbench(side: Side, *, is_one: bool) -> None:
        rate = pgbench.run(
            session.scratch,
            session.postgres,
            diary.script(one=is_one),
            clients=count,
            seconds=session.options.seconds,
        )
        side.per_second.append(rate.per_second)
        side.postgres_cpu_ms.append(rate.postgres_cpu * 1000)

    in_turn(
        [
            lambda: by_pgbench(several, is_one=False),
            lambda: _load(session, book, lambda: [diary.book(n) for n in range(count)]),
            lambda: by_pgbench(one, is_one=True),
            lambda: _load(session, hold, lambda: [diary.hold() for _ in range(count)]),
        ],
        session.options.rounds,
    )
    wrote = Recipe("book", diary.writes[0], diary.writes[1:]).rows()
    return [
        Table(
            "booking",
            f"Book an appointment, {count} clients, each at a start of its own",
            sides,
            against=several.name,
            notes=["book writes " + ", ".join(f"{n} {table}" for table, n in wrote.items())],
        )
    ]


def _load(session: Session, side: Side, make: Callable[[], Sequence[Client]]) -> None:
    session.load(side, session.product, make, counted="book")


def booked_past(session: Session) -> list[Table]:
    """What is free, and booking, with 10,000 and with 1,000,000 past bookings."""
    diary = _diary(session)
    calendars = diary.calendars
    asked = {
        "all, 90 days": [calendars.asked()],
        "a service at a branch, 90 days": [
            calendars.asked(service=service, branch=branch)
            for service, branch in calendars.pairs[:40]
        ],
    }
    sizes = {size: f"{size:,} past bookings" for size in (FEW, MANY)}
    found = {name: [Side(text) for text in sizes.values()] for name in [*asked, "book"]}
    for number, size in enumerate(sizes):
        say(f"writing {size:,} past bookings")
        calendars.add_past(size)
        _load(session, Side("discarded"), lambda: [diary.book(n) for n in range(8)])
        for _ in range(session.options.rounds):
            for name, paths in asked.items():
                session.load(
                    found[name][number],
                    session.product,
                    lambda paths=paths: [clients.read("read", paths, n) for n in range(ASKING)],
                    counted="read",
                )
            _load(session, found["book"][number], lambda: [diary.book(n) for n in range(8)])
    return [
        Table(
            f"booked_past_{name}",
            f"{name}: with {FEW:,} and {MANY:,} past bookings",
            sides,
            against=sizes[FEW],
            aim=Aim(sizes[MANY], rate=0.8),
        )
        for name, sides in found.items()
    ]
