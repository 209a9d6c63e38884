"""The product with cProfile around each request; GET /__profile__ writes what was found."""

import cProfile
import os
import pstats
import sys
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from bench import clients
from bench.load import Load
from bench.session import Session, Side, say

WRITE_PATH = "/__profile__"
FILE_VARIABLE = "BENCH_PROFILE"

_profile = cProfile.Profile()


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """Pass a request on to the product, profiled."""
    if environ["PATH_INFO"] == WRITE_PATH:
        _profile.dump_stats(os.environ[FILE_VARIABLE])
        start_response("200 OK", [("Content-Length", "0")])
        return [b""]
    return _profile.runcall(_product(), environ, start_response)


def _product() -> Callable[..., Any]:
    from config.wsgi import application as product  # noqa: PLC0415  # only in the server

    return product


def show(session: Session, names: list[str], top: int) -> None:
    """Run a server of one process and one thread under the profiler and print where time goes."""
    with tempfile.NamedTemporaryFile(dir=session.scratch.directory, suffix=".prof") as file:
        server = session.single(
            "bench.profiled:application", "profiled", **{FILE_VARIABLE: file.name}
        )
        for name in names:
            _work(session, server, name)
        Load(server.port, [clients.read("write", [WRITE_PATH], 0)]).run(1, limit=1)
        kept = Path(session.scratch.directory).parent / f"{'-'.join(names)}.prof"
        kept.write_bytes(Path(file.name).read_bytes())
    stats = pstats.Stats(str(kept), stream=sys.stdout)
    stats.strip_dirs = lambda: stats  # type: ignore[method-assign]  # the directories tell the apps
    for order in ("tottime", "cumulative"):
        stats.sort_stats(order).print_stats(top)
    print(f"Kept in {kept}, which python -m pstats reads.")


def _work(session: Session, server: Any, name: str) -> None:
    place = session.place
    session.line.fill(500)
    say(f"profiling {name}")
    make = {
        "issue": lambda: [clients.issue(place, n) for n in range(4)],
        "call": lambda: [clients.call(seat) for seat in place.seats[:4]],
        "status": lambda: [
            clients.read("status", [f"/api/queues/queues/{place.queues[0]}/status/"], 0)
        ],
    }[name]
    session.load(Side(name), server, make, counted=name)
