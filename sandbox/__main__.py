"""The command: python -m sandbox --port N [--smpp-port N --smtp-port N] --callback-base URL."""

import asyncio
import signal
import sys

from sandbox import settings
from sandbox.server import running


async def serve(chosen: settings.Settings) -> None:
    """Serve until the process is told to end."""
    told = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, told.set)
    async with running(chosen) as sandbox:
        sys.stdout.write(
            f"Sandbox: pages and providers {sandbox.world.public_url}/  "
            f"SMPP {chosen.host}:{sandbox.smpp_port}  SMTP {chosen.host}:{sandbox.smtp_port}  "
            f"calls back {chosen.callback_base}\n"
        )
        sys.stdout.flush()
        await told.wait()


def main() -> int:
    chosen = settings.read(sys.argv[1:])
    try:
        asyncio.run(serve(chosen))
    except OSError as error:
        sys.stderr.write(f"Sandbox: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
