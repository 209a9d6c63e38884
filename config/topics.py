"""The topics of all apps, made known to the sockets."""

from smartqueue.notifications.interfaces.realtime import UserTopic
from smartqueue.queues.interfaces.realtime import TOPICS as QUEUE_TOPICS
from smartqueue.realtime import registry

TOPICS: tuple[registry.Topic, ...] = (UserTopic(), *QUEUE_TOPICS)


def register_topics() -> None:
    """Register every app's topics; each comes from its `interfaces/realtime.py`."""
    for topic in TOPICS:
        registry.register(topic)
