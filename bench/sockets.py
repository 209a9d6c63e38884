"""From commit to socket: one event to thousands of sockets of one process."""

import asyncio
import contextlib
import statistics
import sys
import time
from collections.abc import Awaitable, Callable, Iterator

import psutil
import redis
import uvloop

from bench import servers
from bench.bare import broadcast
from bench.crowd import Crowd
from bench.place import Api
from bench.report import Table
from bench.scratch import Scratch, free_port
from bench.session import Session, Side, say

AIM_MS = 300.0
PAUSE_SECONDS = 0.4
EVENTS = 10

Tell = Callable[[], Awaitable[float]]


def sockets(session: Session, count: int = 5000) -> list[Table]:
    """Tell `count` sockets of one queue, against a bare broadcast from one Redis subscription."""
    say(f"telling {count} sockets")
    with (
        _uvicorn(session.scratch, "config.asgi:application", "sockets") as product,
        _uvicorn(session.scratch, "bench.bare.broadcast:application", "broadcast") as bare,
    ):
        return [uvloop.run(_measure(session, product, bare, count))]


@contextlib.contextmanager
def _uvicorn(place: Scratch, target: str, name: str) -> Iterator[servers.Server]:
    port = free_port()
    command = [
        *(sys.executable, "-m", "uvicorn", target, "--host", "127.0.0.1", "--port", str(port)),
        *("--ws-max-size", "65536", "--ws-per-message-deflate", "false", "--no-access-log"),
        *("--log-level", "warning"),
    ]
    with servers.started(command, place, name, port, SOCKETS_PER_ADDRESS="1000000") as server:
        yield server


async def _measure(
    session: Session, product: servers.Server, bare: servers.Server, count: int
) -> Table:
    queue, api = session.place.queues[0], Api(session.product.port)
    line = redis.Redis.from_url(session.scratch.redis_url)

    async def issue() -> float:
        started = time.perf_counter()
        await asyncio.to_thread(api.post, "/api/queues/tickets/", {"queue": queue})
        return started

    async def publish() -> float:
        started = time.perf_counter()
        # The text is as long as the product's.
        text = '{"type":"event"}'.ljust(len(ours.last))
        line.publish(broadcast.CHANNEL, text)
        return started

    ours, theirs = Crowd(product.port, f"/ws/queue/{queue}/"), Crowd(bare.port, "/")
    opened = [await crowd.gather(count) for crowd in (ours, theirs)]
    memory = [_memory_kib(server) / count for server in (product, bare)]
    sides = Side("product"), Side("bare broadcast")
    for _ in range(session.options.rounds):
        await _round(sides[0], product, ours, issue, count)
        await _round(sides[1], bare, theirs, publish, count)
    for crowd in (ours, theirs):
        crowd.leave()
    p99 = sides[0].middle("p99_ms") or 0.0
    reached = "reached" if p99 < AIM_MS and not ours.lost else "not reached"
    return Table(
        f"sockets_{count}",
        f"Tell {count} sockets of one process; one line is one delivery",
        list(sides),
        against=sides[1].name,
        notes=[
            f"aim of product: p99 under {AIM_MS:.0f} ms: {reached}",
            "from sending the request that issues a ticket; CPU is for a message, estimates included",
            f"opened at {count / opened[0]:.0f}/s with a snapshot, and {count / opened[1]:.0f}/s",
            f"{memory[0]:.0f} and {memory[1]:.0f} KiB a socket, with the process",
        ],
    )


async def _round(side: Side, server: servers.Server, crowd: Crowd, tell: Tell, count: int) -> None:
    delays: list[float] = []
    spans: list[float] = []
    spent, counted = 0.0, 0
    for _ in range(EVENTS):
        await asyncio.sleep(PAUSE_SECONDS)
        crowd.arrivals.clear()
        before, earlier = server.cpu_seconds(), crowd.messages
        started = await tell()
        heard = await crowd.hear(count)
        # Estimates that went out beside the event were paid for as well.
        spent += server.cpu_seconds() - before
        counted += crowd.messages - earlier
        delays += [(at - started) * 1000 for at in heard]
        spans.append(max(heard) - started)
    cuts = statistics.quantiles(delays, n=100)
    side.per_second.append(count / statistics.median(spans))
    side.server_cpu_ms.append(spent * 1000 / counted)
    side.p50_ms.append(cuts[49])
    side.p99_ms.append(cuts[98])


def _memory_kib(server: servers.Server) -> float:
    return float(psutil.Process(server.pid).memory_info().rss) / 1024
