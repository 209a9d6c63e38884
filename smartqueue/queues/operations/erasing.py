"""Forgetting people whose account is gone."""

from uuid import UUID

from smartqueue.common.db import operation
from smartqueue.queues.models import Queue, Ticket, TicketStep


@operation
def forget_person(*, user_id: UUID) -> None:
    """
    Take a person off their tickets: account, name, phone, plate and what staff noted, with the steps
    that would bring it back when they are undone.

    The tickets stay, so that figures keep their sense; one that is in line keeps its place.
    """
    theirs = Ticket.objects.with_scopes_disabled().filter(customer=user_id)
    # Who changes a ticket under its queue's lock writes back what was read there.
    queues = Queue.objects.with_scopes_disabled().filter(pk__in=theirs.values("queue"))
    list(queues.select_for_update(of=("self",), no_key=True).order_by("pk").values_list("pk"))
    TicketStep.objects.with_scopes_disabled().filter(ticket__customer=user_id).delete()
    theirs.update(customer=None, customer_name="", person_key="", phone="", plate="", note="")
