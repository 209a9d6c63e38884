"""Scored waits without the day that made them."""

from datetime import datetime, timedelta
from typing import Any

from smartqueue.queues.models import ShownEstimate
from smartqueue.queues.tests.factories import NOW, Place, join


def make_score(place: Place, *, called_at: datetime = NOW, **values: Any) -> ShownEstimate:
    """Return what somebody was shown, with its end: 10 minutes told, between 5 and 20."""
    ticket = join(place, actor=place.agent)
    values = {
        "at_joining": True,
        "people_ahead": 3,
        "base": 600.0,
        "delay": 0.0,
        "low": 300,
        "median": 600,
        "high": 1200,
        "reckoned_from": "counters",
        "version": 1,
        "waited": 600,
        "by_median": 700,
        "by_last": 400,
        "by_mean_of_ten": 500,
        "by_people": 1800,
        "queue": place.queue,
        **values,
    }
    score: ShownEstimate = ShownEstimate.objects.with_scopes_disabled().create(
        organization=place.organization,
        ticket=ticket,
        called_at=called_at,
        made_at=called_at - timedelta(seconds=values["waited"]),
        **values,
    )
    return score
