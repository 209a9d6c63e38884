"""The clock of queues' tests."""

from smartqueue.queues.tests.conftest import entrance

__all__ = ["entrance"]
