"""Forgetting people whose account is gone."""

from uuid import UUID

from smartqueue.appointments.models import Appointment, WaitlistEntry
from smartqueue.common.db import operation


@operation
def forget_person(*, user_id: UUID) -> None:
    """
    Take a person off their appointments and waitlists: account, name, phone, answers, notes.

    The appointments stay, so that places and figures keep their sense.
    """
    Appointment.objects.with_scopes_disabled().filter(customer=user_id).update(
        customer=None,
        customer_name="",
        phone="",
        person_key="",
        answers={},
        note="",
        end_reason="",
        code_digest=None,
    )
    WaitlistEntry.objects.with_scopes_disabled().filter(customer=user_id).update(
        customer=None, customer_name="", phone=""
    )
