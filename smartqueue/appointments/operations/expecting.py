"""Telling the queues below how many people with appointments have yet to arrive."""

from datetime import datetime
from uuid import UUID

from django.db.models import Sum

from smartqueue.appointments import policies
from smartqueue.appointments.enums import AppointmentState
from smartqueue.appointments.models import Appointment, BookingRules, SlotPlaces
from smartqueue.common import tenancy
from smartqueue.common.db import operation
from smartqueue.queues import operations as queue_operations


@operation
def tell_queues(
    *, organization_id: UUID, branch_id: UUID, service_id: UUID, starts_at: datetime
) -> int:
    """
    Count who is booked at one time and not there yet, and tell the queues; returns how many.

    The count and its telling are under the lock of the places, so that two at once end true.
    """
    tenancy.enter(organization_id)
    here = SlotPlaces.objects.filter(branch=branch_id, service=service_id, starts_at=starts_at)
    policies.lock_places(here.values_list("pk", flat=True))
    coming = Appointment.objects.filter(
        branch=branch_id,
        service=service_id,
        starts_at=starts_at,
        state=AppointmentState.CONFIRMED,
    )
    people: int = coming.aggregate(people=Sum("people"))["people"] or 0
    rules = BookingRules.objects.filter(service=service_id).first() or BookingRules()
    queue_operations.expect_booked(
        organization_id=organization_id,
        branch_id=branch_id,
        service_id=service_id,
        slot_at=starts_at,
        people=people,
        head_start_minutes=rules.head_start_minutes,
    )
    return people
