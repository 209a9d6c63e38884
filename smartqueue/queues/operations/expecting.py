"""What appointments say of the people who have yet to arrive."""

from datetime import datetime
from uuid import UUID

from smartqueue.common.db import operation
from smartqueue.queues.models import ExpectedPeople


@operation
def expect_booked(
    *,
    organization_id: UUID,
    branch_id: UUID,
    service_id: UUID,
    slot_at: datetime,
    people: int,
    head_start_minutes: int,
) -> None:
    """
    Let the wait estimator know how many people with an appointment at one time have not arrived.

    The caller counts under a lock of its own, so that the last word is the true one.
    """
    here = {"branch_id": branch_id, "service_id": service_id, "slot_at": slot_at}
    if people == 0:
        ExpectedPeople.objects.filter(**here).delete()
        return
    ExpectedPeople.objects.update_or_create(
        **here,
        defaults={"people": people, "head_start_minutes": head_start_minutes},
        create_defaults={
            "organization_id": organization_id,
            "people": people,
            "head_start_minutes": head_start_minutes,
        },
    )
