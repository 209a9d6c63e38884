"""What more counters would change for a line, by what the estimator has learned of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Final
from uuid import UUID

from django.db.models import Count

from smartqueue.queues import estimates, queries
from smartqueue.queues.enums import QueueState
from smartqueue.queues.models import Queue, Ticket
from smartqueue.waits import Demand, Target, servers_needed

LAST_HOUR: Final = timedelta(hours=1)
SHORT_WAIT: Final = timedelta(minutes=15)
MOST_MORE: Final = 2

TARGET: Final = Target(wait=SHORT_WAIT.total_seconds())


@dataclass(frozen=True, slots=True)
class Option:
    """
    How long somebody who joins now waits if so many counters serve the queue from now on; seconds,
    None where nothing honest can be said.
    """

    counters: int
    wait: Mapping[str, int | None] | None


@dataclass(frozen=True, slots=True)
class Hint:
    """
    People who came within the last hour, the fewest counters with which four of five of as many wait
    less than `SHORT_WAIT`, and what one or two more counters than now would do. The first option is
    how it is, with whoever is on a short break.
    """

    came: int
    needed: int
    options: tuple[Option, ...]


def hints_of(queues: Sequence[Queue], *, more: int, now: datetime) -> dict[UUID, Hint]:
    """
    Return hints for those queues that are open while somebody waits; needs their scope. `more` is how
    many further counters there are.
    """
    lines = [queue for queue in queues if queue.state == QueueState.OPEN and queue.waiting_count]
    joined = Ticket.objects.filter(
        organization__in={queue.organization_id for queue in lines},
        queue__in=[queue.pk for queue in lines],
        joined_at__gt=now - LAST_HOUR,
        joined_at__lte=now,
    )
    came = dict(joined.order_by().values_list("queue").annotate(Count("pk"))) if lines else {}
    estimates.read_profiles(queue.pk for queue in lines)
    return {queue.pk: _hint(queue, came.get(queue.pk, 0), more, now) for queue in lines}


def _hint(queue: Queue, came: int, more: int, now: datetime) -> Hint:
    profile = estimates.profile_of(queue.pk)
    demand = Demand(
        arrivals=came / LAST_HOUR.total_seconds(),
        handling=profile.handling,
        leaving_rate=profile.predictor.leaving.rate,
    )
    fewest = estimates.serving_now(queue, now)
    counts = range(fewest, fewest + min(more, MOST_MORE) + 1)
    hours = partial(queries.hours_of, queue, now)
    return Hint(
        came=came,
        needed=servers_needed(demand, TARGET),
        options=tuple(
            Option(count, estimates.wire(estimates.with_counters(queue, count, now, hours)))
            for count in counts
        ),
    )
