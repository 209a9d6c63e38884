"""The topics of all apps, made known to the sockets."""

from smartqueue.realtime import registry

TOPICS: tuple[registry.Topic, ...] = ()


def register_topics() -> None:
    """Register every app's topics; each comes from its `interfaces/realtime.py`."""
    for topic in TOPICS:
        registry.register(topic)
