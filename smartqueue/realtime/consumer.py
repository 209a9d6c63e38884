"""
The one socket: sign-in, subscriptions, limits. Every path is this consumer with its topic already
subscribed. What clients rely on is in docs/asyncapi.yaml.
"""

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, Collection
from typing import Any, Final
from urllib.parse import parse_qs

from django.conf import settings

from smartqueue.accounts import entrance
from smartqueue.accounts import operations as account_operations
from smartqueue.accounts.actor import ANONYMOUS, Actor
from smartqueue.common.errors import NotFound, NotSignedIn, Problem
from smartqueue.limits.operations import network_of
from smartqueue.realtime import admission, hub, pool, registry
from smartqueue.realtime.hub import Hub, Subscription
from smartqueue.realtime.outlet import Message, Outlet, Send
from smartqueue.realtime.review import Verdict, review
from smartqueue.realtime.source import AWAY, encode

logger = logging.getLogger(__name__)

BAD_MESSAGE: Final = 4400
NOT_SIGNED_IN: Final = 4401
NOT_FOUND: Final = 4404
TOO_SLOW: Final = 4408
TOO_MANY: Final = 4409
COME_BACK: Final = 1012

PROTOCOL: Final = "smartqueue.v1"
TICKET_PREFIX: Final = "ticket."

SIGN_IN_SECONDS = 5
CLOSE_SECONDS = 5
MOST_BYTES = 65_536
MOST_TOPICS = 50
MOST_TOPIC_LENGTH = 100
MOST_MESSAGES = 120
MESSAGES_A_SECOND = 2.0
MOST_TRIES = 3
LARGEST_VERSION = 2**63 - 1
MOST_DIGITS = len(str(LARGEST_VERSION))

_UNAVAILABLE = (*AWAY, *pool.AWAY)


class Closed(Exception):
    """The socket is to be closed with this code."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


class Gone(Exception):
    """The client has left."""


class Watch:
    """A topic that a socket asked for, and the topics whose events that brings."""

    __slots__ = ("id", "is_inside", "is_looking", "members", "name", "refused", "topic")

    def __init__(self, name: str, topic: registry.Topic, identifier: str) -> None:
        self.name = name
        self.topic = topic
        self.id = identifier
        self.members: Collection[str] = (name,)
        self.refused: set[str] = set()
        self.is_looking = False
        self.is_inside = False

    @property
    def is_gathering(self) -> bool:
        """Whether the topic repeats its members' events."""
        return registry.is_gathering(self.topic)


class Socket:
    """The consumer as an ASGI application; `prefix` is the topic that its path stands for."""

    def __init__(self, prefix: str | None = None, *, is_known: bool = True) -> None:
        self.prefix = prefix
        self.is_known = is_known

    async def __call__(
        self, scope: dict[str, Any], receive: Callable[[], Awaitable[Message]], send: Send
    ) -> None:
        """Serve one connection until it ends."""
        await Connection(self, scope, receive, send).run()


class Connection:
    """One open socket."""

    def __init__(
        self,
        path: Socket,
        scope: dict[str, Any],
        receive: Callable[[], Awaitable[Message]],
        send: Send,
    ) -> None:
        self.path = path
        self.scope = scope
        self.actor: Actor = ANONYMOUS
        self.watches: dict[str, Watch] = {}
        self.outlet = Outlet(send, lambda: self.end(TOO_SLOW))
        self._receive = receive
        self._send = send
        self._hub: Hub = hub.current()
        self._subscriptions: dict[str, Subscription] = {}
        self._lock = asyncio.Lock()
        self._address = network_of(admission.client_address(scope))
        self._label: str | None = None
        self._code: int | None = None
        # Set while the connection may be ended from outside.
        self._task: asyncio.Task[Any] | None = None
        self._allowance = float(MOST_MESSAGES)
        self._asked_at = 0.0

    # --- Life ---------------------------------------------------------------------------------

    async def run(self) -> None:
        """Serve the connection until the client leaves or is closed."""
        await self._receive()
        if not admission.is_origin_allowed(self.scope["headers"]):
            await self._send({"type": "websocket.close"})
            return
        offered = self.scope.get("subprotocols") or []
        subprotocol = PROTOCOL if PROTOCOL in offered else None
        await self._send({"type": "websocket.accept", "subprotocol": subprotocol})
        task = self._task = asyncio.current_task()
        self._hub.review_with(review)
        self._hub.enter(self)
        self._hub.addresses[self._address] += 1
        try:
            await self._serve()
        except Closed as closed:
            self._code = self._code or closed.code
        except Gone:
            self.outlet.stop()
        except asyncio.CancelledError:
            if self._code is None or task is None:
                raise
            task.uncancel()
        except _UNAVAILABLE as error:
            logger.warning("a socket is sent away", extra={"error": str(error)})
            self._code = self._code or COME_BACK
        finally:
            self._task = None
            self._leave_topics()
            if self._code is not None:
                await self.outlet.close(self._code, patience=CLOSE_SECONDS)
            self.outlet.stop()
            self._give_back()
            await self._hub.leave(self)

    def end(self, code: int) -> None:
        """Close the socket from outside its own task."""
        if self._code is None and self._task is not None:
            self._code = code
            self._task.cancel()

    def _leave_topics(self) -> None:
        for name in list(self.watches):
            self._forget(name)

    def _give_back(self) -> None:
        counter, key = (
            (self._hub.addresses, self._address)
            if self._label is None
            else (self._hub.labels, self._label)
        )
        counter[key] -= 1
        if not counter[key]:
            del counter[key]

    async def _serve(self) -> None:
        if self._hub.addresses[self._address] > settings.SOCKETS_PER_ADDRESS:
            raise Closed(TOO_MANY)
        if not self.path.is_known:
            raise Closed(NOT_FOUND)
        since = self._since_of_address()
        await self._sign_in_by_handshake()
        if self.path.prefix is not None:
            await self._open_path(self.path.prefix, since)
        while True:
            await self._handle(await self._next())

    # --- Sign-in ------------------------------------------------------------------------------

    async def _sign_in_by_handshake(self) -> None:
        scheme, _, token = admission.header(self.scope["headers"], b"authorization").partition(" ")
        ticket_token = admission.header(self.scope["headers"], b"x-ticket-token")
        tickets = [
            offered.removeprefix(TICKET_PREFIX)
            for offered in self.scope.get("subprotocols") or []
            if offered.startswith(TICKET_PREFIX)
        ]
        if scheme:
            if scheme.lower() != "bearer":
                raise Closed(NOT_SIGNED_IN)
            await self._sign_in(entrance.actor_of_access_token, token.strip())
        elif ticket_token:
            await self._sign_in(entrance.actor_of_ticket_token, ticket_token)
        elif tickets:
            await self._sign_in(account_operations.redeem_socket_ticket, tickets[0])

    async def _sign_in(self, read: Callable[[str], Actor], credential: str) -> None:
        try:
            actor = await pool.run(read, credential)
        except Problem as problem:
            raise Closed(NOT_SIGNED_IN) from problem
        if self._hub.labels[actor.label] >= settings.SOCKETS_PER_USER:
            raise Closed(TOO_MANY)
        self._give_back()
        self._label = actor.label
        self._hub.labels[actor.label] += 1
        self.actor = actor

    async def _sign_in_by_message(self, message: dict[str, Any]) -> None:
        if self._label is not None:
            self._tell_error("already_signed_in")
            return
        access, ticket_token = message.get("access"), message.get("ticket_token")
        if isinstance(access, str):
            await self._sign_in(entrance.actor_of_access_token, access)
        elif isinstance(ticket_token, str):
            await self._sign_in(entrance.actor_of_ticket_token, ticket_token)
        else:
            raise self._bad_message()

    async def _open_path(self, prefix: str, since: int | None) -> None:
        try:
            try:
                await self._watch(await self._name_of_path(prefix), since)
            except NotSignedIn:
                if self._label is not None:
                    raise
                await self._wait_for_sign_in()
                await self._watch(await self._name_of_path(prefix), since)
        except NotSignedIn as problem:
            raise Closed(NOT_SIGNED_IN) from problem
        except Problem as problem:
            raise Closed(NOT_FOUND) from problem

    async def _wait_for_sign_in(self) -> None:
        try:
            async with asyncio.timeout(SIGN_IN_SECONDS):
                message = await self._next()
        except TimeoutError as error:
            raise Closed(NOT_SIGNED_IN) from error
        if message["type"] != "auth":
            raise Closed(NOT_SIGNED_IN)
        await self._sign_in_by_message(message)

    async def _name_of_path(self, prefix: str) -> str:
        topic = registry.topic_of(prefix)
        identifier = self.scope["url_route"]["kwargs"].get("id")
        if identifier is None and isinstance(topic, registry.OwnTopic):
            identifier = await pool.run(topic.own_id, self.actor)
        elif identifier is None and isinstance(topic, registry.NamedTopic):
            (identifier,) = topic.names
        return f"{prefix}:{identifier}"

    def _since_of_address(self) -> int | None:
        given = parse_qs(self.scope["query_string"].decode("latin-1")).get("since")
        if given is None:
            return None
        text = given[-1]
        is_number = text.isascii() and text.isdecimal() and len(text) <= MOST_DIGITS
        if not is_number or not _is_version(int(text)):
            raise self._bad_message()
        return int(text)

    # --- Messages in --------------------------------------------------------------------------

    async def _next(self) -> dict[str, Any]:
        event = await self._receive()
        if event["type"] == "websocket.disconnect":
            raise Gone
        self._count_message()
        text = event.get("text")
        if (
            text is None
            or len(text) > MOST_BYTES
            or len(text.encode(errors="replace")) > MOST_BYTES
        ):
            raise self._bad_message()
        try:
            message = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise self._bad_message() from error
        if not isinstance(message, dict) or not isinstance(message.get("type"), str):
            raise self._bad_message()
        return message

    def _count_message(self) -> None:
        now = asyncio.get_running_loop().time()
        gained = (now - self._asked_at) * MESSAGES_A_SECOND
        self._asked_at = now
        self._allowance = min(float(MOST_MESSAGES), self._allowance + gained) - 1
        if self._allowance < 0:
            self._tell_error("too_many_messages")
            raise Closed(BAD_MESSAGE)

    async def _handle(self, message: dict[str, Any]) -> None:
        match message["type"]:
            case "auth":
                await self._sign_in_by_message(message)
            case "subscribe":
                await self._answer(message, self._watch)
            case "resume":
                await self._answer(message, self._resume)
            case "unsubscribe":
                self._unwatch(self._topic_of(message))
            case _:
                raise self._bad_message()

    async def _answer(
        self,
        message: dict[str, Any],
        action: Callable[[str, int | None], Awaitable[None]],
    ) -> None:
        name, since = self._topic_of(message), message.get("since")
        if since is not None and not _is_version(since):
            raise self._bad_message()
        try:
            await action(name, since)
        except Problem as problem:
            self._tell_error(problem.code, name)
        except _UNAVAILABLE as error:
            logger.warning("a topic is not available", extra={"error": str(error)})
            self._tell_error("unavailable", name)

    def _topic_of(self, message: dict[str, Any]) -> str:
        name = message.get("topic")
        # An answer repeats the name, and not every text can be sent.
        if not isinstance(name, str) or len(name) > MOST_TOPIC_LENGTH or not name.isascii():
            raise self._bad_message()
        return name

    def _bad_message(self) -> Closed:
        self._tell_error("bad_message")
        return Closed(BAD_MESSAGE)

    def _tell_error(self, code: str, topic: str | None = None) -> None:
        body = {"type": "error", "code": code}
        self.outlet.push(encode(body if topic is None else body | {"topic": topic}))

    # --- Topics -------------------------------------------------------------------------------

    async def _watch(self, name: str, since: int | None) -> None:
        topic, identifier = registry.resolve(name)
        async with self._lock:
            known = self.watches.get(name)
            if known is None and len(self.watches) >= MOST_TOPICS:
                raise TooManyTopics
            key = ("authorize", name, self.actor)
            await self._hub.shared.ask(key, topic.authorize, self.actor, identifier)
            key = ("inside", name, self.actor)
            is_inside = self._label is not None and await self._hub.shared.ask(
                key, registry.is_inside, topic, self.actor, identifier
            )
            watch = self.watches[name] = known or Watch(name, topic, identifier)
            watch.is_inside = is_inside
            try:
                await self._start(watch, since)
            except BaseException:
                self._forget(name)
                raise

    async def _resume(self, name: str, since: int | None) -> None:
        async with self._lock:
            watch = self.watches.get(name)
            if watch is not None:
                await self._start(watch, since)
                return
            subscription = self._subscriptions.get(name)
            if subscription is None:
                raise NotSubscribed
            if since is None or not await self._hub.replay(subscription, since, is_shown=False):
                for watch in self._watches_of(name):
                    await self._show(watch)

    async def _start(self, watch: Watch, since: int | None) -> None:
        if watch.is_gathering:
            self._hub.gather(watch.name, self)
        else:
            subscription = self._place(watch.name)
            await self._hub.open(subscription.channel)
            if since is not None and await self._hub.replay(subscription, since, is_shown=False):
                return
        await self._show(watch)

    async def _show(self, watch: Watch, having: str | None = None) -> None:
        """Send a snapshot, with a certain member in it, and what happened since it was read."""
        key = ("snapshot", watch.name, self.actor)
        for _ in range(MOST_TRIES):
            versions, message = await self._hub.shared.ask(
                key, _snapshot, watch.name, watch.topic, watch.id, self.actor
            )
            if self.watches.get(watch.name) is not watch:
                return
            if not self._has_seen_more(versions) and (having is None or having in versions):
                self._narrow(watch, versions)
                self.outlet.push(message)
                if await self._continue(versions):
                    self._give_up(watch.members)
                    return
            self._hub.shared.forget(key)
        raise Closed(COME_BACK)

    def _has_seen_more(self, versions: dict[str, int]) -> bool:
        """Whether a snapshot that others asked for a moment ago would take this screen back."""
        return any(
            place.version > version
            for name, version in versions.items()
            if (place := self._subscriptions.get(name)) is not None
        )

    async def _continue(self, versions: dict[str, int]) -> bool:
        places = [(self._place(name), version) for name, version in versions.items()]
        # None may run ahead of the snapshot while another's missed events are read.
        for place, _ in places:
            place.is_live = False
        for place, version in places:
            if not await self._hub.replay(place, version, is_shown=True):
                return False
        return True

    def _place(self, name: str) -> Subscription:
        subscription = self._subscriptions.get(name)
        if subscription is None:
            subscription = self._subscriptions[name] = self._hub.join(name, self)
        subscription.is_inside = self._is_inside(name)
        return subscription

    def _is_inside(self, name: str) -> bool:
        return any(watch.is_inside for watch in self._watches_of(name))

    def _narrow(self, watch: Watch, members: Collection[str]) -> None:
        gone = set(watch.members).difference(members)
        watch.members = tuple(members)
        watch.refused.clear()
        self._give_up(gone)

    def _give_up(self, names: Collection[str]) -> None:
        for name in names:
            if name not in self._subscriptions:
                continue
            if self._watches_of(name):
                self._place(name)
            else:
                self._hub.part(self._subscriptions.pop(name))

    def _watches_of(self, member: str) -> list[Watch]:
        return [watch for watch in self.watches.values() if member in watch.members]

    def _unwatch(self, name: str) -> None:
        if name in self.watches:
            self._forget(name)
        else:
            self._tell_error(NotSubscribed.code, name)

    def _forget(self, name: str) -> None:
        watch = self.watches.pop(name)
        if watch.is_gathering:
            self._hub.ungather(name, self)
        self._give_up(watch.members)

    # --- What the hub asks for ----------------------------------------------------------------

    def beat(self) -> None:
        """Send one heartbeat for each topic, so that a client sees what it missed."""
        for subscription in self._subscriptions.values():
            if subscription.is_live:
                self.outlet.push(subscription.channel.heartbeat(subscription.version))
        for watch in self.watches.values():
            if watch.is_gathering:
                self.outlet.push(encode({"type": "heartbeat", "topic": watch.name, "version": 0}))

    def lose(self, subscription: Subscription) -> None:
        """Show the topics again that a subscription with a gap belongs to."""
        self._hub.do(self._show_again(self._watches_of(subscription.channel.name)))

    async def _show_again(self, watches: Collection[Watch], having: str | None = None) -> None:
        async with self._lock:
            for watch in watches:
                if self.watches.get(watch.name) is not watch:
                    continue
                try:
                    await self._show(watch, having)
                except (Closed, Problem, *_UNAVAILABLE) as error:
                    logger.warning("a socket is sent away", extra={"error": str(error)})
                    self.end(COME_BACK)

    def look_for(self, gathering: str, topic: str) -> None:
        """Show a gathering topic again if another one has become its member."""
        watch = self.watches.get(gathering)
        if watch is None or watch.is_looking or topic in watch.members or topic in watch.refused:
            return
        if topic.partition(":")[0] == getattr(watch.topic, "member_prefix", None):
            watch.is_looking = True
            self._hub.do(self._look_for(watch, topic))

    async def _look_for(self, watch: Watch, topic: str) -> None:
        try:
            # The name of the newcomer makes the answer younger than the poke.
            key = ("members", watch.name, self.actor, topic)
            members = await self._hub.shared.ask(
                key, registry.members_of, watch.topic, self.actor, watch.id
            )
        except (Problem, *_UNAVAILABLE):
            return
        finally:
            watch.is_looking = False
        if set(members) == set(watch.members):
            watch.refused.add(topic)
        else:
            await self._show_again([watch], having=topic)

    def revoke(self, kind: str, identifier: str) -> None:
        """Close a socket whose session is over; look again at the rights of one whose roles changed."""
        own = {"session": self.actor.session_id, "device": self.actor.device_id}
        if kind in own and identifier == str(own[kind]):
            self.end(NOT_SIGNED_IN)
        elif kind == "user" and identifier == str(self.actor.user_id):
            self._hub.do(review([self]))

    def judge(self, verdict: Verdict) -> None:
        """Take in what a new look at the rights has found."""
        if verdict.actor is None:
            self.end(NOT_SIGNED_IN)
            return
        self.actor = verdict.actor
        for name in verdict.refused:
            if name in self.watches:
                if self.path.prefix is not None and name.startswith(self.path.prefix + ":"):
                    self.end(NOT_FOUND)
                    return
                self._forget(name)
                self._tell_error(NotFound.code, name)
        changed = [
            watch
            for name, watch in self.watches.items()
            if set(watch.members) != verdict.members.get(name, set(watch.members))
            or watch.is_inside is not verdict.inside.get(name, watch.is_inside)
        ]
        for watch in changed:
            watch.is_inside = verdict.inside.get(watch.name, watch.is_inside)
        for name in self._subscriptions:
            self._place(name)
        for watch in changed:
            self._hub.shared.forget(("snapshot", watch.name, self.actor))
        if changed:
            self._hub.do(self._show_again(changed))


class TooManyTopics(Problem):
    code = "too_many_topics"


class NotSubscribed(Problem):
    code = "not_subscribed"


def _is_version(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= LARGEST_VERSION


def _snapshot(
    name: str, topic: registry.Topic, identifier: str, actor: Actor
) -> tuple[dict[str, int], Message]:
    versions, data = topic.snapshot(actor, identifier)
    own, members = (
        (versions, {name: versions}) if isinstance(versions, int) else (0, dict(versions))
    )
    body = {"type": "snapshot", "topic": name, "version": own, "data": data}
    return members, encode(body)
