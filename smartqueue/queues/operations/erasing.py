"""Forgetting people whose account is gone."""

from uuid import UUID

from smartqueue.common.db import operation
from smartqueue.queues.models import Ticket


@operation
def forget_person(*, user_id: UUID) -> None:
    """
    Take a person off their tickets: account, name, phone, plate and what staff noted.

    The tickets stay, so that figures keep their sense; one that is in line keeps its place.
    """
    Ticket.objects.with_scopes_disabled().filter(customer=user_id).update(
        customer=None, customer_name="", person_key="", phone="", plate="", note=""
    )
