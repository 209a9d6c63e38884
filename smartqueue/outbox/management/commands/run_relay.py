import signal
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from smartqueue.outbox.relay import Relay


class Command(BaseCommand):
    help = "Carry published events to their handlers until SIGTERM or SIGINT."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--database-workers", type=int, default=2)
        parser.add_argument("--outside-workers", type=int, default=4)

    def handle(self, *args: Any, **options: Any) -> None:
        relay = Relay(
            database_workers=options["database_workers"], outside_workers=options["outside_workers"]
        )
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: relay.stop())
        relay.run()
