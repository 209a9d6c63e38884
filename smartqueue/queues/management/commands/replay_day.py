"""`manage.py replay_day`: a real day of a district office on the demonstration's screens."""

import argparse
import contextlib
import os
import shutil
import signal
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import FrameType
from typing import Any
from zoneinfo import ZoneInfo

from django.core.management.base import BaseCommand, CommandError, CommandParser

from smartqueue.common import clock
from smartqueue.common.clock import ClockScale
from smartqueue.queues.management.commands import _demonstration as demo
from smartqueue.queues.management.commands._api import Account, Api, NotReached, Refused
from smartqueue.queues.management.commands._real_day import part_of, read_day, steps_of
from smartqueue.queues.management.commands._replay import Replay, Town, Unfit, find_town

SATURDAY = 5


class Command(BaseCommand):
    help = (
        "Replay a real day of a district office on the demonstration, through the public API of a"
        " running server, and scale the demonstration's clock with it. Ctrl-C ends it cleanly."
    )
    # It talks to a server, not to the database.
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        site = demo.TOWN_HALL.sites[0]
        add = parser.add_argument
        add("--speed", type=_positive, default=60.0, help="seconds of the day in a real second")
        add("--base-url", default=f"http://127.0.0.1:{os.environ.get('PORT', '8000')}")
        add("--since", type=_minute, default=0, help="begin at this time of the day, HH:MM")
        add("--until", type=_minute, default=24 * 60, help="end at this time of the day, HH:MM")
        add("--branch", default=site.name)
        add("--queue", default=site.lines[0].name)

    def handle(self, *args: Any, **options: Any) -> None:
        path = os.environ.get(clock.CLOCK_FILE_VARIABLE)
        if not path:
            raise CommandError(f"{clock.CLOCK_FILE_VARIABLE} is not set. Use script/manage.")
        part = part_of(read_day(), options["since"], options["until"])
        if not part:
            raise CommandError("Nothing happens between these times.")
        try:
            api = Api(options["base_url"])
        except ValueError as error:
            raise CommandError(f"{error} is not an address of a server.") from error
        try:
            replay = self._prepare(api, options, DayClock(Path(path), options["speed"]))
            self._play(replay, steps_of(part))
        except NotReached as error:
            raise CommandError(
                f"The server at {options['base_url']} does not answer ({error}). Start it with"
                " script/server."
            ) from error
        except Unfit as error:
            raise CommandError(f"{error}. Load the demonstration: load_demo.") from error
        except Refused as error:
            raise CommandError(f"The server refused a request: {error}") from error

    def _prepare(self, api: Api, options: dict[str, Any], day: "DayClock") -> "Replaying":
        def account(identifier: str) -> Account:
            return Account(api, identifier, demo.PASSWORD)

        names = argparse.Namespace(branch=options["branch"], queue=options["queue"])
        town = find_town(api, account(f"owner@{demo.DOMAIN}"), account, names)
        return Replaying(api, town, day, Bar(self.stderr._out))

    def _play(self, replaying: "Replaying", steps: Any) -> None:
        replay = replaying.replay
        with _stopped_by_signals(replay):
            try:
                replay.open_queue()
                replaying.begin(steps[0].at, steps[-1].at)
                replay.run(steps)
            finally:
                replaying.end()
        tally = replay.tally
        self.stdout.write(
            f"{replay.town.queue_name}: {tally.joined} people joined, {tally.called} were called,"
            f" {tally.served} served."
        )
        if tally.missed_calls:
            self.stdout.write(f"{tally.missed_calls} calls found nobody waiting or no counter.")
        if replay.is_stopping:
            self.stdout.write("Interrupted: every session has ended; the clock goes on at speed 1.")
            sys.exit(130)


class Replaying:
    """A replay with its clock and its bar."""

    def __init__(self, api: Api, town: Town, day: "DayClock", bar: "Bar") -> None:
        self._day = day
        self._bar = bar
        self.replay = Replay(
            api=api,
            town=town,
            clock=day.second,
            speed=day.speed,
            show=self._show,
            warn=bar.say,
        )

    def begin(self, first: float, last: float) -> None:
        """Put the clock at the first moment of the part, and let it run."""
        self._bar.range = first, last
        self._day.begin(first, ZoneInfo(self.replay.town.zone))

    def end(self) -> None:
        """Leave the counters, whatever happened, then let the clock go on at the pace of the world."""
        try:
            self.replay.finish()
        finally:
            self._day.end()
            self._bar.close()

    def _show(self, replay: Replay) -> None:
        self._bar.show(
            self._day.second(),
            f"{replay.waiting} waiting, {replay.tally.served} served, {len(replay.seats)} counters",
        )


class DayClock:
    """The demonstration's clock during the day; it never goes back."""

    def __init__(self, path: Path, speed: float) -> None:
        self.speed = speed
        self._path = path
        self._midnight = 0.0
        self._scale: ClockScale | None = None

    def begin(self, second: float, zone: ZoneInfo) -> None:
        """Go forward to the next weekday at this second of the day, and scale from there."""
        now = clock.now()
        start = _next_weekday_at(now.astimezone(zone), second)
        self._midnight = start.timestamp() - second
        self._scale = ClockScale(time.time(), start.timestamp(), self.speed)
        clock.write_scale(self._path, self._scale)

    def second(self) -> float:
        """Return the second of the replayed day."""
        return self._scale.at(time.time()) - self._midnight if self._scale else 0.0

    def end(self) -> None:
        """Go on from the time reached, a second a second."""
        if self._scale is not None:
            real = time.time()
            clock.write_scale(self._path, ClockScale(real, self._scale.at(real), 1.0))


def _next_weekday_at(now: datetime, second: float) -> datetime:
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    start = midnight + timedelta(seconds=second)
    while start <= now or start.weekday() >= SATURDAY:
        start += timedelta(days=1)
    return start


class Bar:
    """Progress on one line of a terminal; on anything else a line for each tenth."""

    def __init__(self, out: Any) -> None:
        self.range = 0.0, 1.0
        self._out = out
        self._is_terminal = out.isatty()
        self._told = -1
        self._drawn_at = 0.0

    def show(self, second: float, text: str) -> None:
        """Draw the state at a second of the day."""
        first, last = self.range
        share = min(max((second - first) / max(last - first, 1), 0), 1)
        hour = datetime.fromtimestamp(second % 86_400, UTC)
        line = f"{hour:%H:%M} {text}"
        if not self._is_terminal:
            if int(share * 10) > self._told:
                self._told = int(share * 10)
                self._out.write(f"{self._told * 10:3} % {line}\n")
            return
        if time.monotonic() - self._drawn_at < 0.1:
            return
        self._drawn_at = time.monotonic()
        done = round(share * 24)
        width = shutil.get_terminal_size().columns - 1
        drawn = f"[{'#' * done}{'.' * (24 - done)}] {line}"
        self._out.write(f"\r\033[K{drawn[:width]}")
        self._out.flush()

    def say(self, text: str) -> None:
        """Tell something on a line of its own."""
        self._out.write(f"\r\033[K{text}\n" if self._is_terminal else f"{text}\n")

    def close(self) -> None:
        """Leave the line."""
        if self._is_terminal:
            self._out.write("\n")


@contextlib.contextmanager
def _stopped_by_signals(replay: Replay) -> Iterator[None]:
    """Let Ctrl-C and SIGTERM end the day between two requests, so that every answer is known."""

    def stop(_number: int, _frame: FrameType | None) -> None:
        replay.is_stopping = True

    numbers = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(number, stop) for number in numbers]
    try:
        yield
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)


def _positive(text: str) -> float:
    value = float(text)
    if not 0 < value <= 10_000:
        raise argparse.ArgumentTypeError("a number above 0, at most 10000")
    return value


def _minute(text: str) -> int:
    hours, _, minutes = text.partition(":")
    try:
        value = int(hours) * 60 + int(minutes)
    except ValueError as error:
        raise argparse.ArgumentTypeError("a time as 08:30") from error
    if not 0 <= value <= 24 * 60:
        raise argparse.ArgumentTypeError("a time of the day")
    return value
