"""Who waits for a place, and what they were offered."""

from typing import TYPE_CHECKING, Any, ClassVar

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from smartqueue.appointments.enums import OfferState, WaitlistState
from smartqueue.appointments.models._booked import Appointment
from smartqueue.common.managers import ScopedManager
from smartqueue.common.models import IdModel, TenantModel


class WaitlistEntry(IdModel):
    """
    Somebody who wants a place of a service between two dates of a branch, in order of `created_at`.
    `from_time` and `until_time` narrow the hours of the day.
    """

    person = "customer"

    if TYPE_CHECKING:
        objects: ClassVar[Any]
    else:
        objects = ScopedManager(organization="organization_id", customer="customer_id")

    organization = models.ForeignKey(
        "business.Organization", on_delete=models.CASCADE, related_name="+"
    )
    branch = models.ForeignKey("business.Branch", on_delete=models.CASCADE, related_name="+")
    service = models.ForeignKey("business.Service", on_delete=models.CASCADE, related_name="+")
    from_date = models.DateField()
    until_date = models.DateField()
    from_time = models.TimeField(null=True, blank=True)
    until_time = models.TimeField(null=True, blank=True)
    people = models.PositiveSmallIntegerField(default=1)
    state = models.CharField(
        max_length=8, choices=WaitlistState.choices, default=WaitlistState.WAITING
    )
    customer = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    customer_name = models.CharField(max_length=80, blank=True)
    phone = models.CharField(max_length=16, blank=True)
    language = models.CharField(max_length=2, default="fr")
    created_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)
    version = models.PositiveIntegerField(default=1)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(until_date__gte=F("from_date"), people__gte=1), name="waitlist_range"
            ),
            models.UniqueConstraint(
                fields=["service", "branch", "customer"],
                condition=Q(state__in=("waiting", "offered")),
                name="waitlist_once_per_customer",
            ),
            models.UniqueConstraint(
                fields=["service", "branch", "phone"],
                condition=Q(state__in=("waiting", "offered")) & ~Q(phone=""),
                name="waitlist_once_per_phone",
            ),
        ]
        indexes = [
            models.Index(
                fields=["service", "branch", "created_at", "id"],
                condition=Q(state="waiting"),
                name="waitlist_in_order",
            ),
            models.Index(
                fields=["customer", "-created_at"],
                condition=Q(customer__isnull=False),
                name="waitlist_by_customer",
            ),
            models.Index(
                fields=["phone", "-created_at"], condition=~Q(phone=""), name="waitlist_by_phone"
            ),
        ]


class WaitlistOffer(TenantModel):
    """A freed place that is kept for somebody of the waitlist, as a held appointment, until a time."""

    organization = models.ForeignKey(
        "business.Organization", on_delete=models.CASCADE, related_name="+"
    )
    entry = models.ForeignKey(WaitlistEntry, on_delete=models.CASCADE, related_name="offers")
    appointment = models.OneToOneField(Appointment, on_delete=models.CASCADE, related_name="offer")
    state = models.CharField(max_length=8, choices=OfferState.choices, default=OfferState.OPEN)
    offered_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    answered_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["entry"], condition=Q(state="open"), name="offer_open_once"
            )
        ]
