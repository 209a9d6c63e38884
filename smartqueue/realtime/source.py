"""Reading topic events for the hub, as texts ready to send."""

import asyncio
import json
from collections.abc import Mapping
from typing import Any, NamedTuple, TypeAlias

import psycopg
from django.core.serializers.json import DjangoJSONEncoder
from django.db import connections
from psycopg import AsyncConnection
from psycopg.conninfo import make_conninfo

from smartqueue.realtime.outlet import Message

ANSWER_SECONDS = 5
MOST_EVENTS = 1000
REMEMBERED = 128

AWAY = (psycopg.Error, OSError, TimeoutError)

_COLUMNS = (
    "event.topic, event.version, event.type, event.at, event.data::text,"
    " (event.data || event.inside)::text"
)
_AFTER = f"""
    SELECT {_COLUMNS}
    FROM unnest(%s::text[], %s::bigint[]) AS wanted (topic, seen)
    JOIN realtime_topicevent AS event
      ON event.topic = wanted.topic AND event.version > wanted.seen
    ORDER BY event.topic, event.version
    LIMIT {MOST_EVENTS}
"""  # noqa: S608  # constants
_LATEST = f"""
    SELECT {_COLUMNS} FROM realtime_topicevent AS event
    WHERE event.topic = %s ORDER BY event.version DESC LIMIT {REMEMBERED}
"""  # noqa: S608  # constants

Rows: TypeAlias = list[tuple[Any, ...]]


class Told(NamedTuple):
    """An event of a topic, encoded once for every socket; `inside` is how insiders get it."""

    topic: str
    version: int
    message: Message
    inside: Message

    def to(self, *, insider: bool) -> Message:
        """Return the event as one kind of socket gets it."""
        return self.inside if insider else self.message


def encode(body: Mapping[str, Any]) -> Message:
    """Return a body as the message that a server sends."""
    text = json.dumps(body, cls=DjangoJSONEncoder, ensure_ascii=False, separators=(",", ":"))
    return {"type": "websocket.send", "text": text}


def _told(row: tuple[Any, ...]) -> Told:
    topic, version, type_, at, data, inside = row
    # `data` is JSON already, as PostgreSQL wrote it.
    start = (
        f'{{"type":"event","topic":"{topic}","version":{version},"event":"{type_}",'
        f'"at":"{at.isoformat()}","data":'
    )
    message: Message = {"type": "websocket.send", "text": f"{start}{data}}}"}
    if inside is None:
        return Told(topic, version, message, message)
    return Told(topic, version, message, {"type": "websocket.send", "text": f"{start}{inside}}}"})


def conninfo() -> str:
    """Return the connection string of Django's default database."""
    settings = connections["default"].settings_dict
    names = {
        "dbname": "NAME",
        "user": "USER",
        "password": "PASSWORD",
        "host": "HOST",
        "port": "PORT",
    }
    given = {ours: settings[theirs] for ours, theirs in names.items() if settings[theirs]}
    return make_conninfo(
        **given,
        connect_timeout=ANSWER_SECONDS,
        application_name="smartqueue-sockets",
        options=f"-c statement_timeout={ANSWER_SECONDS * 1000}",
    )


class Source:
    """One connection for all topics of a process; made again when it was lost."""

    def __init__(self) -> None:
        self._connection: AsyncConnection[tuple[Any, ...]] | None = None
        self._lock = asyncio.Lock()

    async def after(self, seen: Mapping[str, int]) -> list[Told]:
        """Return the events of each topic after the version it was seen at, 1000 at most."""
        rows = await self._rows(_AFTER, [list(seen), list(seen.values())])
        return [_told(row) for row in rows]

    async def latest(self, topic: str) -> list[Told]:
        """Return the last events of a topic, oldest first, 128 at most."""
        return [_told(row) for row in reversed(await self._rows(_LATEST, [topic]))]

    async def _rows(self, statement: str, parameters: list[Any]) -> Rows:
        async with self._lock:
            try:
                async with asyncio.timeout(ANSWER_SECONDS + 1):
                    return await self._ask(statement, parameters)
            except AWAY:
                await self._drop()
                raise

    async def _ask(self, statement: str, parameters: list[Any]) -> Rows:
        was_open = self._connection is not None
        try:
            connection = await self._connected()
            cursor = await connection.execute(statement.encode(), parameters)
            return await cursor.fetchall()
        except psycopg.OperationalError:
            if not was_open:
                raise
            # It may have ended while nobody asked anything.
            await self._drop()
            return await self._ask(statement, parameters)

    async def _connected(self) -> AsyncConnection[tuple[Any, ...]]:
        if self._connection is None or self._connection.closed:
            self._connection = await AsyncConnection.connect(
                await asyncio.to_thread(conninfo), autocommit=True
            )
        return self._connection

    async def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.close()

    async def close(self) -> None:
        """Close the connection."""
        async with self._lock:
            await self._drop()
