"""Who has to do with an organization by a booking, or by waiting for one."""

from datetime import datetime
from uuid import UUID

from django.db.models import Q

from smartqueue.appointments.enums import WaitlistState
from smartqueue.appointments.models import Appointment, WaitlistEntry
from smartqueue.notifications.ports import KNOWN_FOR, Addressees, known_among, rows_of


def booked_among(organization_id: UUID, people: Addressees, now: datetime) -> Addressees:
    """
    Return those of some people who booked with the organization of the scope, for a day ahead or
    lately, or wait for a place there. A hold that never became a booking is none.
    """
    since = now - KNOWN_FOR
    theirs = rows_of(people)
    booked = Appointment.objects.filter(
        theirs, organization=organization_id, booked_at__isnull=False, starts_at__gt=since
    )
    is_lately = Q(state__in=(WaitlistState.WAITING, WaitlistState.OFFERED)) | Q(ended_at__gt=since)
    waiting = WaitlistEntry.objects.filter(theirs, is_lately, organization=organization_id)
    known = ("customer_id", "phone")
    return known_among(people, booked.values_list(*known).union(waiting.values_list(*known)))
