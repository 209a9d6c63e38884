"""Starts everything in one event loop: HTTP, SMPP and SMTP."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from sandbox import http
from sandbox.app import Providers, build
from sandbox.callbacks import Callbacks
from sandbox.settings import Settings
from sandbox.world import World


class _Protocol(HttpToolsProtocol):
    """HTTP as uvicorn speaks it; what it serves may also cut the connection."""

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.scope["extensions"] = {http.CUT: self.transport.abort}  # type: ignore[dict-item]  # a function, no map


class _Server(uvicorn.Server):
    """Leaves signals to whoever runs it."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@dataclass(frozen=True, slots=True)
class Sandbox:
    """A running sandbox and where it listens."""

    world: World
    providers: Providers
    port: int
    smpp_port: int
    smtp_port: int


def _http_socket(settings: Settings) -> socket.socket:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((settings.host, settings.port))
        # From here on connections wait; uvicorn takes them when it has come up.
        listening.listen(128)
    except OSError:
        listening.close()
        raise
    return listening


@contextlib.asynccontextmanager
async def running(settings: Settings) -> AsyncIterator[Sandbox]:
    """
    Serve for as long as the context lasts.

    :raises OSError: a port is taken
    """
    async with contextlib.AsyncExitStack() as stack:
        callbacks = Callbacks(retry_delay=settings.callback_retry_delay)
        stack.push_async_callback(callbacks.close)
        world = World(settings, callbacks)
        providers, app = build(world)
        listening = stack.enter_context(contextlib.closing(_http_socket(settings)))
        port: int = listening.getsockname()[1]
        world.public_url = settings.public_url.rstrip("/") or f"http://{settings.host}:{port}"
        providers.fcm.keep_account()
        stack.push_async_callback(providers.smpp.close)
        smpp_port = await providers.smpp.listen()
        stack.push_async_callback(providers.smtp.close)
        smtp_port = await providers.smtp.listen()
        server = _Server(
            uvicorn.Config(
                app,
                http=_Protocol,
                ws="none",
                lifespan="off",
                log_level="warning",
                access_log=False,
                server_header=False,
                timeout_graceful_shutdown=1,
            )
        )
        serving = asyncio.create_task(server.serve(sockets=[listening]))
        try:
            yield Sandbox(world, providers, port, smpp_port, smtp_port)
        finally:
            server.should_exit = True
            await serving
