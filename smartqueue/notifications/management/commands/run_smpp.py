import logging
import signal
import threading
from collections.abc import Callable
from typing import Any, TypeVar

from django.conf import settings
from django.core.checks import Tags
from django.core.management.base import BaseCommand
from django.db import close_old_connections

from smartqueue.notifications.providers.base import Sinks, sinks
from smartqueue.notifications.providers.smpp import PREFIX
from smartqueue.notifications.providers.smpp.webhook import Receiver

log = logging.getLogger(__name__)
T = TypeVar("T")


class Command(BaseCommand):
    help = "Receive from message centres over SMPP, receipts and texts, until SIGTERM or SIGINT."
    # It serves no page: what is checked of addresses and forms would only make its start slower.
    requires_system_checks = [Tags.security]

    def handle(self, *args: Any, **options: Any) -> None:
        over = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: over.set())
        takers = sinks()
        if takers is None or not settings.SMPP_ACCOUNTS:
            # As one of several processes, which would end with this one.
            log.info("smpp_nothing_to_receive")
            over.wait()
            return
        kept = Sinks(receipt=_letting_go(takers.receipt), text=_letting_go(takers.text))
        threads = [
            threading.Thread(target=Receiver(PREFIX + name, account, kept, over).run)
            for name, account in settings.SMPP_ACCOUNTS.items()
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()


def _letting_go(take: Callable[[str, T], None]) -> Callable[[str, T], None]:
    """Take what has come, and keep no database connection until the next comes."""

    def taken(name: str, given: T) -> None:
        close_old_connections()
        try:
            take(name, given)
        finally:
            close_old_connections()

    return taken
