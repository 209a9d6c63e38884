"""One run's servers, place and learned recipes, and the way sides are measured in turn."""

import contextlib
import statistics
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import Any

from bench import pgbench, place, rows, servers
from bench.line import Line
from bench.load import Client, Load, Outcome
from bench.scratch import Scratch, Unusable

STEPS = ("call", "start", "complete")


@dataclass(frozen=True, kw_only=True)
class Options:
    """How long and how much; `seconds` is one round of one side, `seats` counters with an agent."""

    clients: int = 32
    seats: int = 32
    queues: int = 8
    workers: int = 2
    threads: int = 4
    seconds: float = 4.0
    rounds: int = 3
    rows: int = 200_000


@dataclass
class Side:
    """One of the things that stand side by side: its rounds' figures."""

    name: str
    per_second: list[float] = field(default_factory=list)
    server_cpu_ms: list[float] = field(default_factory=list)
    postgres_cpu_ms: list[float] = field(default_factory=list)
    p50_ms: list[float] = field(default_factory=list)
    p99_ms: list[float] = field(default_factory=list)
    generator_cpu_ms: list[float] = field(default_factory=list)

    def forget(self) -> None:
        """Begin again."""
        for name in asdict(self):
            if name != "name":
                getattr(self, name).clear()

    def middle(self, figure: str) -> float | None:
        """Return the median of a figure over the rounds."""
        values = getattr(self, figure)
        return statistics.median(values) if values else None

    def figures(self) -> dict[str, Any]:
        """Return the medians, for the report."""
        return {
            name: round(value, 4)
            for name in asdict(self)
            if name != "name" and (value := self.middle(name)) is not None
        }


Run = Callable[[], None]


class Session:
    """Lives for one `python -m bench`; closes what it opens in `close`."""

    def __init__(self, scratch: Scratch, options: Options) -> None:
        self.scratch = scratch
        self.options = options
        self._stack = contextlib.ExitStack()
        self.database = self._stack.enter_context(scratch.connect())
        self.postgres = servers.PostgresCpu(scratch)
        self._stack.callback(self.postgres.close)
        # Of the measures of appointments, which share one.
        self.diary: Any = None

    def close(self) -> None:
        """Stop the servers."""
        self._stack.close()

    def server(self, target: str, name: str, **extra: str) -> servers.Server:
        """Start a server that runs until the end."""
        options = self.options
        return self._stack.enter_context(
            servers.granian(
                self.scratch,
                target,
                workers=options.workers,
                threads=options.threads,
                name=name,
                **extra,
            )
        )

    def single(self, target: str, name: str, **extra: str) -> servers.Server:
        """Start a server of one process and one thread that runs until the end."""
        return self._stack.enter_context(
            servers.granian(self.scratch, target, workers=1, threads=1, name=name, **extra)
        )

    @cached_property
    def product(self) -> servers.Server:
        """The product under granian."""
        say("starting the product")
        return self.server(servers.PRODUCT, "product")

    @cached_property
    def bare(self) -> servers.Server:
        """The bare application under granian."""
        path = self.scratch.directory / "recipes.json"
        rows.save(self.recipes, path)
        # As the owner, whom no row policy binds: what they cost is the product's.
        owner = self.scratch.owner_url
        bare = self.server(servers.BARE, "bare", BENCH_RECIPES=str(path), DATABASE_URL=owner)
        self._check_same_rows(bare)
        return bare

    def _check_same_rows(self, bare: servers.Server) -> None:
        """
        Carry every step out once by the bare view and by pgbench, and compare what they wrote.

        :raises Unusable: it writes other rows than the product, so the comparison would not be fair
        """
        seat, api = self.place.seats[0], place.Api(bare.port)
        staff = {"session": seat.session, "counter": seat.counter, "agent": seat.agent.id}
        for way in ("several", "one"):
            known = {"queue": seat.queue}
            for name, recipe in self.recipes.items():
                before = rows.snapshot(self.database)
                body = known | (staff if name in STEPS else {})
                known["ticket"] = api.post(f"/{way}/{name}/", body)["id"]
                if name == "issue":
                    # It goes to the end of the line; the head is called.
                    known.pop("ticket")
                wrote = rows.learn(name, self.database, before, body | known).rows()
                self._same(f"{name} by the bare view, {way}", wrote, recipe.rows())
            for names in (("issue",), STEPS):
                before = rows.snapshot(self.database)
                text = pgbench.script([self.recipes[n] for n in names], one=way == "one")
                pgbench.run(self.scratch, self.postgres, text, clients=1)
                wrote = rows.learn("pgbench", self.database, before, staff).rows()
                wanted = Counter()
                for step in names:
                    wanted += Counter(self.recipes[step].rows())
                self._same(f"{' '.join(names)} by pgbench, {way}", wrote, wanted)

    @staticmethod
    def _same(what: str, wrote: dict[str, int], wanted: Mapping[str, int]) -> None:
        """Compare rows inserted; one changed several times counts once, so changes by table."""
        tables = [{name for name in rows_ if name[0] == "~"} for rows_ in (wrote, wanted)]
        inserted = [{n: c for n, c in r.items() if n[0] == "+"} for r in (wrote, wanted)]
        if tables[0] != tables[1] or inserted[0] != inserted[1]:
            raise Unusable(f"{what} writes {wrote}, not {dict(wanted)}")

    @cached_property
    def place(self) -> place.Place:
        """The branch, with as many agents at counters as there are clients."""
        say("setting up a branch through the API")
        options = self.options
        return place.set_up(
            self.scratch, self.product.port, queues=options.queues, seats=options.seats
        )

    @cached_property
    def line(self) -> Line:
        """Its people."""
        line = Line(self.database, self.place)
        pgbench.write_seats(self.database, self.place, self.options.clients)
        return line

    @cached_property
    def recipes(self) -> dict[str, rows.Recipe]:
        """What the product writes for each step, learned by watching it once."""
        say("learning which rows the product writes")
        self.line.empty()
        found: dict[str, rows.Recipe] = {}
        seat = self.place.seats[0]
        api, agent = seat.agent.api, seat.agent

        def watch(name: str, act: Callable[[], Any], **known: str) -> Any:
            before = rows.snapshot(self.database)
            answer = act()
            names = {"queue": seat.queue, "ticket": answer["id"], **known}
            found[name] = rows.learn(name, self.database, before, names)
            return answer

        def join() -> Any:
            return api.post("/api/queues/tickets/", {"queue": seat.queue})

        # The first ticket of a day and the first five calls of a queue write a little more or less.
        for _ in range(7):
            join()
        watch("issue", join)
        staff = {"session": seat.session, "counter": seat.counter, "agent": agent.id}
        for _ in range(7):
            ticket = watch(
                "call",
                lambda: agent.post(f"/api/agents/sessions/{seat.session}/call-next/"),
                **staff,
            )
            for step in STEPS[1:]:
                path = f"/api/queues/tickets/{ticket['id']}/{step}/"
                watch(step, lambda path=path: agent.post(path), **staff)
        return found

    def in_turn(self, runs: Sequence[Run], sides: Sequence[Side], *, line: int = 0) -> None:
        """
        Let every side have each round in the same conditions, so that a busy moment of the machine
        touches all of them.

        A first round does not count. The tables were empty until then: plans that the servers have
        kept since, of the checks of foreign keys too, read them whole however long they become, until
        they are analyzed. So they are before each round of each side, with so many people in `line`.
        """
        for number in range(self.options.rounds + 1):
            for run in runs if number % 2 else list(reversed(runs)):
                self.line.fill(line)
                self.line.analyze()
                run()
            if number == 0:
                for side in sides:
                    side.forget()

    def load(
        self,
        side: Side,
        server: servers.Server,
        clients: Callable[[], Sequence[Client]],
        *,
        counted: str,
        seconds: float | None = None,
        limit: int | None = None,
    ) -> Outcome:
        """
        Let the clients work on a server for a round and add the figures to the side.

        `counted` names the request that counts as one operation; CPU is per counted one.
        """
        self.place.renew()
        load = Load(server.port, clients())
        with contextlib.closing(load):
            if limit is None:
                load.run(0.4)
            cpu, pg_cpu = server.cpu_seconds(), self.postgres.cpu_seconds()
            outcome = load.run(seconds or self.options.seconds, limit)
            spent = server.cpu_seconds() - cpu
            pg_spent = self.postgres.cpu_seconds() - pg_cpu
        count = max(outcome.count(counted), 1)
        side.per_second.append(count / outcome.seconds)
        side.server_cpu_ms.append(spent / count * 1000)
        side.postgres_cpu_ms.append(pg_spent / count * 1000)
        side.generator_cpu_ms.append(outcome.generator_cpu / count * 1000)
        side.p50_ms.append(outcome.quantile(counted, 0.5) * 1000)
        side.p99_ms.append(outcome.quantile(counted, 0.99) * 1000)
        return outcome

    def pgbench(self, side: Side, names: Sequence[str], *, one: bool, clients: int) -> None:
        """Let pgbench write the rows of the named steps for a round."""
        text = pgbench.script([self.recipes[name] for name in names], one=one)
        rate = pgbench.run(
            self.scratch, self.postgres, text, clients=clients, seconds=self.options.seconds
        )
        side.per_second.append(rate.per_second)
        side.postgres_cpu_ms.append(rate.postgres_cpu * 1000)


def in_turn(runs: Sequence[Run], rounds: int) -> None:
    """Let every side have each round, so that a busy moment of the machine touches all."""
    for number in range(rounds):
        for run in runs if number % 2 == 0 else list(reversed(runs)):
            run()


def say(text: str) -> None:
    """Tell on standard error what goes on."""
    print(f"  {time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)
