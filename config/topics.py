"""The topics of all apps, made known to the sockets."""

from smartqueue.realtime import registry


def register_topics() -> None:
    """Register every app's topics; each comes from its `interfaces/realtime.py`."""
    for topic in ():
        registry.register(topic)
