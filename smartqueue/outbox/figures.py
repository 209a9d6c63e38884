"""The outbox in figures: what waits, for how long, and what was given up."""

from collections.abc import Iterator

from django.db import DatabaseError, InterfaceError, connection
from prometheus_client import Metric
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector
from psycopg_pool import PoolTimeout

from smartqueue.common import tenancy

# Counting stops here: beyond it the figure is an alarm anyway, and the scrape stays cheap.
MOST = 10_000

_COUNTS = """
    SELECT
        (SELECT count(*) FROM (
            SELECT FROM outbox_delivery WHERE state = 'pending' LIMIT %(most)s) AS pending),
        (SELECT count(*) FROM (
            SELECT FROM outbox_delivery WHERE state = 'dead' LIMIT %(most)s) AS dead),
        (SELECT coalesce(extract(epoch FROM now() - min(event.occurred_at)), 0) FROM (
            SELECT event_id FROM outbox_delivery WHERE state = 'pending'
            ORDER BY next_attempt_at, id LIMIT 1) AS oldest
         JOIN outbox_domainevent AS event ON event.id = oldest.event_id)
"""


class OutboxFigures(Collector):
    """Gauges read from the database at the moment they are asked for."""

    def collect(self) -> Iterator[Metric]:
        """Yield the gauges; nothing when PostgreSQL is away."""
        try:
            with tenancy.with_keys(tenancy.EVERY_KEY), connection.cursor() as cursor:
                cursor.execute(_COUNTS, {"most": MOST})
                pending, dead, age = cursor.fetchone()
        except (DatabaseError, InterfaceError, PoolTimeout):
            return
        yield GaugeMetricFamily(
            "smartqueue_outbox_pending", "Deliveries that wait for the relay.", pending
        )
        yield GaugeMetricFamily(
            "smartqueue_outbox_dead", "Deliveries given up after all their tries.", dead
        )
        yield GaugeMetricFamily(
            "smartqueue_outbox_oldest_seconds", "Age of the oldest pending event.", float(age)
        )
