"""Prints what is wrong with a queue of the plant's database; run as a program of its own."""

import json
import sys
from uuid import UUID

import django

django.setup()

from smartqueue.common import clock  # noqa: E402
from smartqueue.queues import queries  # noqa: E402
from tests.checks import queue_violations  # noqa: E402

queue_id = UUID(sys.argv[1])
status = queries.queue_status(queue_id, clock.now())
print(json.dumps({"violations": queue_violations(queue_id), "status": status}))  # noqa: T201
