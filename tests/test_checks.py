"""The checker of queues is only worth what it sees."""

from datetime import timedelta

import pytest
from django.db import connection

from smartqueue.queues import operations
from smartqueue.queues.tests.factories import NOW, join, make_place, sit_down
from tests.checks import check_queue_truth, queue_violations

pytestmark = pytest.mark.django_db

LATER = NOW + timedelta(minutes=5)


@pytest.mark.parametrize(
    ("damage", "seen"),
    [
        ("UPDATE queues_queue SET waiting_count = 9", "waiting_count"),
        ("UPDATE queues_queue SET open_counters = 9", "open_counters"),
        ("UPDATE queues_queue SET last_sequence = 9", "last_sequence"),
        ('UPDATE queues_queue SET live = \'{"now_serving": [], "last_called": []}\'', "serving"),
        ("UPDATE queues_ticket SET sequence = 9 WHERE sequence = 2", "numbers of"),
        ("DELETE FROM realtime_topicevent WHERE topic LIKE 'queue:%' AND version = 2", "messages"),
        ("DELETE FROM realtime_topicevent WHERE topic LIKE 'ticket:%' AND version = 1", "messages"),
        ("DELETE FROM outbox_delivery", "is delivered to"),
        ("UPDATE queues_ticketperiod SET ended_at = NULL", "open periods"),
        ("UPDATE queues_ticketperiod SET ended_at = now() WHERE ended_at IS NULL", "open periods"),
        (
            """UPDATE outbox_domainevent SET payload = payload || '{"state": "parked"}'
            WHERE type = 'queues.ticket.called.v1'""",
            "last event says parked",
        ),
        (
            """UPDATE outbox_domainevent SET subject_version = 7
            WHERE type = 'queues.ticket.called.v1'""",
            "events",
        ),
    ],
)
def test_the_checker_sees_each_damage(damage, seen):
    place = make_place()
    join(place)
    join(place)
    operations.call_next_for_session(actor=place.agent, session_id=sit_down(place).pk, now=LATER)
    check_queue_truth(place.queue.pk)
    with connection.cursor() as cursor:
        # The guard that would refuse the damage at once.
        cursor.execute("DROP INDEX period_open_once")
        cursor.execute(damage)

    found = queue_violations(place.queue.pk)

    assert any(seen in text for text in found), found
