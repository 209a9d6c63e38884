"""Forgetting people whose account is gone."""

from uuid import UUID

from smartqueue.appointments.models import Appointment, SlotPlaces, WaitlistEntry
from smartqueue.common.db import operation


@operation
def forget_person(*, user_id: UUID) -> None:
    """
    Take a person off their appointments and waitlists: account, name, phone, answers, notes.

    The appointments stay, so that places and figures keep their sense.
    """
    rows = Appointment.objects.with_scopes_disabled().filter(customer=user_id)
    # Who changes an appointment writes its row whole, under the lock of its places. Who is offered
    # one meanwhile has it from the entry, which is therefore emptied first.
    places = SlotPlaces.objects.with_scopes_disabled().filter(pk__in=rows.values("places"))
    list(places.order_by("pk").select_for_update(of=("self",), no_key=True).values_list("pk"))
    WaitlistEntry.objects.with_scopes_disabled().filter(customer=user_id).update(
        customer=None, customer_name="", phone=""
    )
    rows.update(
        customer=None,
        customer_name="",
        phone="",
        person_key="",
        answers={},
        note="",
        end_reason="",
        code_digest=None,
    )
