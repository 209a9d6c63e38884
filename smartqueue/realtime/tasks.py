from datetime import timedelta

from smartqueue.common import clock
from smartqueue.common.jobs import periodic
from smartqueue.common.purge import delete_where
from smartqueue.realtime.models import TopicEvent

REPLAYED = timedelta(hours=24)


@periodic(every_seconds=600)
def purge_topic_events_task() -> None:
    """Delete events too old to be replayed; whoever comes back later gets a snapshot."""
    delete_where(TopicEvent, "at < %s", [clock.now() - REPLAYED])
