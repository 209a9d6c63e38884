"""
The hub of one process: reads each topic once, tells every socket of the process.

Redis carries pokes ("topic version forward ..."), PostgreSQL the truth: a poke says that a topic
should be read, and a sweep every two seconds reads all that are watched, so that without Redis
everything arrives later and nothing differs. Whatever a subscription is sent continues its own
version without a gap; where that is not possible it is given a snapshot again.
"""

import asyncio
import itertools
import json
import logging
import weakref
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Coroutine, Iterable
from typing import Any, Protocol

from django.conf import settings
from prometheus_client import Counter as Figure
from prometheus_client import Gauge
from redis.asyncio import Redis
from redis.exceptions import RedisError

from smartqueue.outbox import wake
from smartqueue.realtime import pool, registry
from smartqueue.realtime.outlet import Message, Outlet
from smartqueue.realtime.source import AWAY, MOST_EVENTS, REMEMBERED, Source, Told, encode

logger = logging.getLogger(__name__)

SWEEP_SECONDS = 2.0
HEARTBEAT_SECONDS = 20
REVIEW_SECONDS = 60
RETRY_SECONDS = 0.5
# Sockets told in a row before others get their turn on the event loop.
TURN = 256

SOCKETS = Gauge("smartqueue_sockets", "Open sockets.", multiprocess_mode="livesum")
DELIVERIES = Figure("smartqueue_socket_deliveries", "Events handed to sockets.")


class Member(Protocol):
    """A socket, as the hub sees it."""

    outlet: Outlet

    def beat(self) -> None:
        """Send the heartbeats of its topics."""
        ...

    def lose(self, subscription: "Subscription") -> None:
        """Give a subscription a snapshot again: events that it needs are gone."""
        ...

    def look_for(self, gathering: str, topic: str) -> None:
        """A gathering topic may have a new member."""
        ...

    def revoke(self, kind: str, identifier: str) -> None:
        """Something that its rights rest on has changed: a "session", a "user", a "device"."""
        ...


class Channel:
    """One watched topic: how far it has been read, its last events, who is told."""

    __slots__ = (
        "_heartbeat",
        "cursor",
        "estimate",
        "name",
        "opening",
        "recent",
        "subscriptions",
        "was_poked",
    )

    def __init__(self, name: str) -> None:
        self.name = name
        self.cursor: int | None = None
        self.recent: deque[Told] = deque(maxlen=REMEMBERED)
        self.subscriptions: dict[Subscription, None] = {}
        self.opening: asyncio.Task[None] | None = None
        self.was_poked = False
        self.estimate = ""
        self._heartbeat: tuple[int, Message] = (-1, {})

    @property
    def reached(self) -> int:
        """The version up to which the topic has been read."""
        return self.cursor or 0

    def remembered_after(self, version: int) -> list[Told] | None:
        """Return the events after a version, None when some are no longer remembered."""
        if not self.recent or self.recent[0].version > version + 1:
            return None
        return list(itertools.islice(self.recent, version + 1 - self.recent[0].version, None))

    def heartbeat(self, version: int) -> Message:
        """Return the heartbeat for a subscription that is at a version."""
        version = max(version, self.reached)
        if self._heartbeat[0] != version:
            body = {"type": "heartbeat", "topic": self.name, "version": version}
            self._heartbeat = (version, encode(body))
        return self._heartbeat[1]

    def told(self, told: Told) -> None:
        """Remember an event that was read."""
        if told.version != self.reached + 1:
            self.recent.clear()
        self.cursor = told.version
        self.recent.append(told)


class Subscription:
    """One socket's place in one topic; told of events only while it is live."""

    __slots__ = ("channel", "is_inside", "is_live", "member", "outlet", "version")

    def __init__(self, channel: Channel, member: Member) -> None:
        self.channel = channel
        self.member = member
        self.outlet = member.outlet
        self.version = 0
        self.is_live = False
        self.is_inside = False


class Hub:
    """See the module; one for each event loop, idle without sockets."""

    def __init__(self) -> None:
        self.shared = pool.Shared()
        self.labels: Counter[str] = Counter()
        self.addresses: Counter[str] = Counter()
        self._channels: dict[str, Channel] = {}
        self._gatherings: defaultdict[str, dict[Member, None]] = defaultdict(dict)
        self._slots: list[dict[Member, None]] = [{} for _ in range(REVIEW_SECONDS)]
        self._slot_of: dict[Member, int] = {}
        self._next_slot = itertools.cycle(range(len(self._slots)))
        self._review: Callable[[list[Member]], Coroutine[Any, Any, None]] | None = None
        self._source = Source()
        self._dirty: dict[str, None] = {}
        self._news = asyncio.Event()
        self._is_quiet = asyncio.Event()
        self._is_quiet.set()
        self._readings: list[asyncio.Future[None]] = []
        self._running: list[asyncio.Task[None]] = []
        self._chores: set[asyncio.Task[None]] = set()

    # --- Sockets ------------------------------------------------------------------------------

    def review_with(self, review: Callable[[list[Member]], Coroutine[Any, Any, None]]) -> None:
        """Name the function that looks at the rights of some sockets again."""
        self._review = review

    def enter(self, member: Member) -> None:
        """Count a socket in; the first one starts the hub."""
        slot = next(self._next_slot)
        self._slots[slot][member] = None
        self._slot_of[member] = slot
        SOCKETS.inc()
        if not self._running:
            loop = asyncio.get_running_loop()
            parts = (self._listen, self._sweep, self._read, self._tick, self._estimate)
            self._running = [loop.create_task(_keep_up(part)) for part in parts]

    async def leave(self, member: Member) -> None:
        """Count a socket out; the last one stops the hub."""
        del self._slots[self._slot_of.pop(member)][member]
        SOCKETS.dec()
        if self._slot_of:
            return
        tasks, self._running = [*self._running, *self._chores], []
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if not self._slot_of:
            await self._source.close()

    def do(self, chore: Coroutine[Any, Any, None]) -> None:
        """Do something beside everything else; its failure is logged."""
        task = asyncio.get_running_loop().create_task(_logged(chore))
        self._chores.add(task)
        task.add_done_callback(self._chores.discard)

    # --- Topics -------------------------------------------------------------------------------

    def join(self, topic: str, member: Member) -> Subscription:
        """Take a place in a topic, before its snapshot is read; `replay` makes it live."""
        channel = self._channels.get(topic)
        if channel is None:
            channel = self._channels[topic] = Channel(topic)
        subscription = Subscription(channel, member)
        channel.subscriptions[subscription] = None
        return subscription

    def part(self, subscription: Subscription) -> None:
        """Give the place up."""
        subscription.is_live = False
        channel = subscription.channel
        channel.subscriptions.pop(subscription, None)
        if not channel.subscriptions and self._channels.get(channel.name) is channel:
            del self._channels[channel.name]

    def gather(self, topic: str, member: Member) -> None:
        """Tell a socket when a topic may have joined this gathering one."""
        self._gatherings[topic][member] = None

    def ungather(self, topic: str, member: Member) -> None:
        """Undo `gather`."""
        self._gatherings[topic].pop(member, None)
        if not self._gatherings[topic]:
            del self._gatherings[topic]

    async def replay(self, subscription: Subscription, since: int, *, is_shown: bool) -> bool:
        """
        Send the events after `since` and make the subscription live; False when they are gone.

        `is_shown` says that a snapshot of that version was sent; otherwise `since` is the client's
        word, and a version that the topic has not reached is refused.
        """
        subscription.is_live = False
        channel, position = subscription.channel, since
        await self.open(channel)
        if not is_shown and position > channel.reached:
            await self._read_now(channel)
            if position > channel.reached:
                return False
        while position < channel.reached:
            missed = channel.remembered_after(position)
            if missed is None and channel.reached - since <= MOST_EVENTS:
                missed = await self._source.after({channel.name: position})
            if not missed or missed[0].version != position + 1:
                return False
            inside = subscription.is_inside
            await subscription.outlet.push_all([told.to(insider=inside) for told in missed])
            position = missed[-1].version
        subscription.version = position
        subscription.is_live = True
        return True

    async def send_estimate(self, topic: str, data: Any) -> None:
        """
        Send figures that changed without an event to everybody who watches a topic.

        Events go first: while one is being told, estimates wait.
        """
        channel = self._channels.get(topic)
        if channel is None:
            return
        told = data if isinstance(data, registry.Twofold) else registry.Twofold(data, data)
        message = encode({"type": "estimate", "topic": topic, "data": told.public})
        inside = encode({"type": "estimate", "topic": topic, "data": told.inside})
        for index, subscription in enumerate(tuple(channel.subscriptions), start=1):
            if subscription.is_live:
                subscription.outlet.push(inside if subscription.is_inside else message)
            if index % TURN == 0:
                await asyncio.sleep(0)
                await self._is_quiet.wait()

    async def open(self, channel: Channel) -> None:
        """Read a topic's last events, once, so that it can be told from there."""
        if channel.cursor is not None:
            return
        if channel.opening is None:
            channel.opening = asyncio.get_running_loop().create_task(self._read_latest(channel))
        opening = channel.opening
        try:
            await asyncio.shield(opening)
        finally:
            if opening.done():
                channel.opening = None

    async def _read_latest(self, channel: Channel) -> None:
        latest = await self._source.latest(channel.name)
        channel.cursor = 0
        for told in latest:
            channel.told(told)
        if channel.was_poked:
            self._mark(channel.name)

    async def _read_now(self, channel: Channel) -> None:
        reading: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._readings.append(reading)
        self._mark(channel.name)
        await reading

    # --- Reading and telling ------------------------------------------------------------------

    def _mark(self, *names: str) -> None:
        self._dirty.update(dict.fromkeys(names))
        self._news.set()

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(SWEEP_SECONDS)
            self._mark(*self._channels)

    async def _read(self) -> None:
        while True:
            await self._news.wait()
            self._news.clear()
            names, self._dirty = self._dirty, {}
            readings, self._readings = self._readings, []
            try:
                await self._read_all(names)
            except AWAY as error:
                logger.warning("PostgreSQL is away; topics wait", extra={"error": str(error)})
                for reading in readings:
                    if not reading.done():
                        reading.set_exception(error)
                self._mark(*names)
                await asyncio.sleep(RETRY_SECONDS)
            else:
                for reading in readings:
                    if not reading.done():
                        reading.set_result(None)

    async def _read_all(self, names: Iterable[str]) -> None:
        while True:
            seen = self._seen(names)
            told = await self._source.after(seen) if seen else []
            self._is_quiet.clear()
            try:
                for one in told:
                    await self._tell(one)
            finally:
                self._is_quiet.set()
            if len(told) < MOST_EVENTS:
                return

    def _seen(self, names: Iterable[str]) -> dict[str, int]:
        seen = {}
        for name in names:
            channel = self._channels.get(name)
            if channel is None:
                continue
            if channel.cursor is None:
                channel.was_poked = True
            else:
                seen[name] = channel.cursor
        return seen

    async def _tell(self, told: Told) -> None:
        channel = self._channels.get(told.topic)
        if channel is None or channel.cursor is None or told.version <= channel.cursor:
            return
        channel.told(told)
        version, message, inside, count = told.version, told.message, told.inside, 0
        # Who joins meanwhile finds the event among the remembered ones.
        for index, subscription in enumerate(tuple(channel.subscriptions), start=1):
            if subscription.is_live:
                ahead = version - subscription.version
                if ahead == 1:
                    subscription.version = version
                    subscription.outlet.push(inside if subscription.is_inside else message)
                    count += 1
                elif ahead > 1:
                    subscription.is_live = False
                    subscription.member.lose(subscription)
            if index % TURN == 0:
                await asyncio.sleep(0)
        DELIVERIES.inc(count)

    # --- Redis --------------------------------------------------------------------------------

    async def _listen(self) -> None:
        client = Redis.from_url(settings.REDIS_URL, socket_connect_timeout=1, socket_keepalive=True)
        try:
            while True:
                try:
                    await self._hear(client)
                except (RedisError, OSError) as error:
                    logger.warning("Redis is away; sweeping", extra={"error": str(error)})
                    await asyncio.sleep(RETRY_SECONDS)
        finally:
            await client.aclose()

    async def _hear(self, client: Redis) -> None:
        async with client.pubsub(ignore_subscribe_messages=True) as ear:
            await ear.subscribe(wake.TOPIC_CHANNEL, wake.REVOCATION_CHANNEL)
            self._mark(*self._channels)
            while True:
                message = await ear.get_message(timeout=None)
                if message is None:
                    continue
                text = message["data"].decode(errors="replace")
                if message["channel"] == wake.TOPIC_CHANNEL.encode():
                    self._poked(text)
                else:
                    kind, _, identifier = text.partition(" ")
                    for member in tuple(self._slot_of):
                        member.revoke(kind, identifier)

    def _poked(self, text: str) -> None:
        name, _, rest = text.partition(" ")
        version, *gatherings = rest.split(" ")
        channel = self._channels.get(name)
        if channel is not None and not (version.isdecimal() and int(version) <= channel.reached):
            self._mark(name)
        for gathering in gatherings:
            for member in tuple(self._gatherings.get(gathering, ())):
                member.look_for(gathering, name)

    # --- The clock ----------------------------------------------------------------------------

    async def _tick(self) -> None:
        for second in itertools.count():
            await asyncio.sleep(1)
            period = len(self._slots)
            for start in range(0, period, HEARTBEAT_SECONDS):
                for member in tuple(self._slots[(second + start) % period]):
                    member.beat()
            reviewed = list(self._slots[second % period])
            if reviewed and self._review is not None:
                self.do(self._review(reviewed))
            self.shared.sweep()

    async def _estimate(self) -> None:
        due: dict[str, float] = {}
        while True:
            await asyncio.sleep(0.5)
            now = asyncio.get_running_loop().time()
            for topic in registry.estimating_topics():
                if due.get(topic.prefix, 0) > now:
                    continue
                due[topic.prefix] = now + topic.estimate_seconds
                await self._send_estimates(topic)

    async def _send_estimates(self, topic: registry.EstimatingTopic) -> None:
        start = topic.prefix + ":"
        ids = [name.removeprefix(start) for name in self._channels if name.startswith(start)]
        if not ids:
            return
        try:
            estimates = await pool.run(topic.estimates, ids)
        except pool.AWAY as error:
            logger.warning("no estimates now", extra={"error": str(error)})
            return
        for identifier, data in estimates.items():
            channel = self._channels.get(start + identifier)
            text = json.dumps(
                [data.public, data.inside] if isinstance(data, registry.Twofold) else data,
                default=str,
            )
            if channel is not None and channel.estimate != text:
                channel.estimate = text
                await self.send_estimate(channel.name, data)


async def _keep_up(part: Callable[[], Coroutine[Any, Any, None]]) -> None:
    while True:
        await _logged(part())
        await asyncio.sleep(RETRY_SECONDS)


async def _logged(chore: Coroutine[Any, Any, None]) -> None:
    try:
        await chore
    except Exception:
        logger.exception("a part of the hub failed")


_hubs: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, Hub] = weakref.WeakKeyDictionary()


def current() -> Hub:
    """Return the hub of the running event loop."""
    loop = asyncio.get_running_loop()
    if loop not in _hubs:
        _hubs[loop] = Hub()
    return _hubs[loop]
