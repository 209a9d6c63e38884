"""The least that can be done: one Redis subscription, each message sent to every socket."""

import asyncio
import os
from collections.abc import Awaitable, Callable
from typing import Any

from redis.asyncio import Redis

CHANNEL = "bench:broadcast"

_sends: dict[Callable[[Any], Awaitable[None]], None] = {}
_tasks: list[asyncio.Task[None]] = []


async def _listen() -> None:
    async with Redis.from_url(os.environ["REDIS_URL"]).pubsub(
        ignore_subscribe_messages=True
    ) as ear:
        await ear.subscribe(CHANNEL)
        while True:
            message = await ear.get_message(timeout=None)
            if message is not None:
                event = {"type": "websocket.send", "text": message["data"].decode()}
                for send in tuple(_sends):
                    await send(event)


async def application(scope: Any, receive: Any, send: Any) -> None:
    """Accept every socket and keep it until it leaves."""
    if not _tasks:
        _tasks.append(asyncio.get_running_loop().create_task(_listen()))
    await receive()
    await send({"type": "websocket.accept"})
    await send({"type": "websocket.send", "text": '{"type":"snapshot"}'})
    _sends[send] = None
    try:
        while (await receive())["type"] != "websocket.disconnect":
            pass
    finally:
        del _sends[send]
