"""What the public sees of queues, as their organization's settings say."""

from datetime import datetime

from smartqueue.accounts.actor import Actor
from smartqueue.business.models import OrganizationSettings
from smartqueue.queues import events, queries
from smartqueue.queues.operations import _queue_changes


def change_visibility(settings: OrganizationSettings, actor: Actor, now: datetime) -> None:
    """
    Show or hide the figures of all queues of an organization, in the transaction that decides it.

    Each queue takes a version, so that open screens and kept answers are told at once. The
    organization is locked already, and its queues are locked in the order of all locks.
    """
    hidden = not settings.shows_waiting_count, not settings.shows_estimate
    queues = queries.queues_of(settings.organization_id)
    for queue in queues.select_for_update(of=("self",), no_key=True):
        if (queue.hides_waiting_count, queue.hides_estimate) == hidden:
            continue
        queue.hides_waiting_count, queue.hides_estimate = hidden
        _queue_changes.record(queue, events.QueueVisibilityChanged, actor=actor, at=now)
