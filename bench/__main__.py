"""python -m bench [name ...]: measure side by side; without names, everything."""

import argparse
import contextlib
import signal
import sys
from collections.abc import Callable, Sequence
from types import FrameType

from bench import (
    bookings,
    estimates,
    forecast_warsaw,
    measures,
    notify,
    profiled,
    report,
    waits_warsaw,
)
from bench.scratch import Unusable, scratch
from bench.session import Options, Session


def _sockets(session: Session) -> list[report.Table]:
    from bench import sockets  # noqa: PLC0415  # its event loop is of no use to the others

    return sockets.sockets(session)


MEASURES: dict[str, Callable[[Session], list[report.Table]]] = {
    "issue": measures.issue,
    "call": measures.call,
    "status": measures.status,
    "growth": measures.growth,
    "past": measures.past,
    "walls": measures.walls,
    "sockets": _sockets,
    "availability": bookings.availability,
    "booking": bookings.booking,
    "booked_past": bookings.booked_past,
    "notify": notify.notify,
}
NEED_AGENTS = {"call", "growth", "past", "walls"}
# Need no scratch database.
ALONE: dict[str, Callable[[int], Sequence[report.Shown]]] = {
    "waits": estimates.waits,
    "forecast": forecast_warsaw.forecasts,
    "accuracy": waits_warsaw.accuracies,
}


def main() -> int:
    """Run the named measures; return the exit code."""
    arguments = _arguments()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _end)
    names = arguments.names or [*MEASURES, *ALONE]
    options = Options(
        clients=arguments.clients,
        # Each agent of the place takes a moment to sign in.
        seats=arguments.clients if NEED_AGENTS & {*names} else min(4, arguments.clients),
        queues=arguments.queues,
        workers=arguments.workers,
        threads=arguments.threads,
        seconds=arguments.seconds,
        rounds=arguments.rounds,
        rows=arguments.rows,
    )
    try:
        if arguments.profile:
            return _profile(arguments.names or ["issue"], options, arguments.top)
        return _measure(names, options)
    except Unusable as problem:
        print(f"Stopped: {problem}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Stopped; everything that was started has ended.", file=sys.stderr)
        return 130


def _measure(names: list[str], options: Options) -> int:
    print(report.head(options), flush=True)
    tables: list[report.Shown] = []

    def show(found: Sequence[report.Shown]) -> None:
        for table in found:
            tables.append(table)
            print(table.text(), flush=True)

    if on_database := [name for name in names if name in MEASURES]:
        with scratch() as place, contextlib.closing(Session(place, options)) as session:
            for name in on_database:
                show(MEASURES[name](session))
    for name in names:
        if name in ALONE:
            show(ALONE[name](options.rounds))
    print(f"\nWritten to {report.save('-'.join(names), options, tables)}")
    return 0


def _profile(names: list[str], options: Options, top: int) -> int:
    with scratch() as place, contextlib.closing(Session(place, options)) as session:
        profiled.show(session, names, top)
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    usual = Options()
    parser.add_argument("names", nargs="*", choices=[[], *MEASURES, *ALONE], help="what to measure")
    parser.add_argument("--clients", type=int, default=usual.clients)
    parser.add_argument("--queues", type=int, default=usual.queues)
    parser.add_argument("--workers", type=int, default=usual.workers)
    parser.add_argument("--threads", type=int, default=usual.threads, help="of each worker")
    parser.add_argument("--seconds", type=float, default=usual.seconds, help="of a round")
    parser.add_argument("--rounds", type=int, default=usual.rounds)
    parser.add_argument("--rows", type=int, default=usual.rows, help="past tickets")
    parser.add_argument(
        "--profile", action="store_true", help="show where issue, call, status spend"
    )
    parser.add_argument("--top", type=int, default=40, help="functions that --profile shows")
    return parser.parse_args()


def _end(_number: int, _frame: FrameType | None) -> None:
    """Stop once; putting things away is not to be broken off."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
