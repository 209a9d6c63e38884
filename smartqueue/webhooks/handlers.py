"""Events become messages of the endpoints that chose them."""

from django.utils.translation import gettext_lazy as _

from smartqueue.appointments import events as _appointments  # noqa: F401  # known by its import
from smartqueue.notifications.texts import register_text
from smartqueue.outbox.enums import HandlerMode
from smartqueue.outbox.events import Event, class_of
from smartqueue.outbox.registry import subscribe
from smartqueue.queues import events as _queues  # noqa: F401  # known by its import
from smartqueue.support import events as _support  # noqa: F401  # known by its import
from smartqueue.webhooks import catalogue, listeners, operations, tasks
from smartqueue.webhooks.operations.delivery import DISABLED

register_text(
    DISABLED,
    subject=_("A webhook of your organization was disabled"),
    body=_("Its address did not accept anything any more, so nothing is sent there: %(path)s"),
)


@subscribe(
    *(class_of(name) for name in catalogue.PUBLIC),
    mode=HandlerMode.OUTSIDE,
    when=listeners.wants,
)
def on_public_event(event: Event) -> None:
    """Keep the event for its endpoints, and have them told; a hint that is lost is swept up."""
    for endpoint_id in operations.queue_messages(event):
        tasks.hand_to_worker(endpoint_id)
