"""Places and who has them."""

from typing import TYPE_CHECKING, Any, ClassVar

from django.conf import settings
from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import DateTimeRangeField, RangeOperators
from django.db import models
from django.db.models import F, Func, Q

from smartqueue.appointments.enums import (
    ACTIVE,
    TRANSITIONS,
    AppointmentState,
    BookingChannel,
    Punctuality,
    Side,
)
from smartqueue.appointments.errors import IllegalTransition
from smartqueue.common.managers import ScopedManager
from smartqueue.common.models import IdModel, TenantModel

UID_DOMAIN = "appointments.smartqueue"


class _Between(Func):
    function = "TSTZRANGE"
    output_field = DateTimeRangeField()


class SlotPlaces(TenantModel):
    """
    The places of one start that anybody has ever asked for: the lock and the counter of bookings.

    `taken` and `public_taken` are kept by a trigger on appointments, so that no path can forget
    them; the constraints refuse what would exceed the ceilings. A ceiling is the capacity that the
    pattern gave when somebody last booked, or what was taken already if that was more. `cooling` are
    places that were given up and that only the waitlist and the staff get before `cooling_until`.
    """

    anybody_reads = True

    organization = models.ForeignKey(
        "business.Organization", on_delete=models.CASCADE, related_name="+"
    )
    branch = models.ForeignKey("business.Branch", on_delete=models.CASCADE, related_name="+")
    service = models.ForeignKey("business.Service", on_delete=models.CASCADE, related_name="+")
    agent = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    busy_from = models.DateTimeField()
    busy_until = models.DateTimeField()
    ceiling = models.PositiveIntegerField(default=0)
    public_ceiling = models.PositiveIntegerField(default=0)
    taken = models.PositiveIntegerField(default=0)
    public_taken = models.PositiveIntegerField(default=0)
    cooling = models.PositiveIntegerField(default=0)
    cooling_until = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["service", "branch", "starts_at", "agent"],
                name="places_once",
                nulls_distinct=False,
            ),
            models.CheckConstraint(
                condition=Q(taken__lte=F("ceiling"), public_taken__lte=F("public_ceiling")),
                name="places_not_oversold",
            ),
            models.CheckConstraint(condition=Q(ends_at__gt=F("starts_at")), name="places_interval"),
            ExclusionConstraint(
                name="places_one_agent_at_a_time",
                expressions=[
                    ("agent", RangeOperators.EQUAL),
                    (_Between("busy_from", "busy_until"), RangeOperators.OVERLAPS),
                ],
                condition=Q(agent__isnull=False, taken__gt=0),
            ),
        ]
        indexes = [
            models.Index(
                fields=["agent", "busy_until"],
                condition=Q(agent__isnull=False, taken__gt=0),
                name="places_of_agent",
            ),
        ]


class Appointment(IdModel):
    """
    Places booked for somebody at one start.

    `counted` is how many places it takes: all its people, none once it was cancelled or given back.
    `free_at` is when a hold ends, `held_for` the digest of the device that asked for it, if nobody is
    signed in there. `sequence` counts what calendar programs must hear
    of. `person_key` tells apart several people booked with one account or phone.
    """

    person = "customer"

    if TYPE_CHECKING:
        objects: ClassVar[Any]
    else:
        objects = ScopedManager(organization="organization_id", customer="customer_id")

    organization = models.ForeignKey(
        "business.Organization", on_delete=models.CASCADE, related_name="+"
    )
    branch = models.ForeignKey("business.Branch", on_delete=models.PROTECT, related_name="+")
    service = models.ForeignKey("business.Service", on_delete=models.PROTECT, related_name="+")
    places = models.ForeignKey(SlotPlaces, on_delete=models.PROTECT, related_name="appointments")
    agent = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    date = models.DateField()

    state = models.CharField(max_length=10, choices=AppointmentState.choices)
    people = models.PositiveSmallIntegerField(default=1)
    is_public = models.BooleanField(default=True)
    counted = models.PositiveSmallIntegerField(default=1)
    free_at = models.DateTimeField(null=True)
    held_for = models.BinaryField(max_length=32, null=True)

    reference = models.CharField(max_length=10, unique=True)
    sequence = models.PositiveIntegerField(default=0)
    version = models.PositiveIntegerField(default=1)
    visit_id = models.UUIDField(null=True)
    series_id = models.UUIDField(null=True)

    customer = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="appointments"
    )
    booked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    customer_name = models.CharField(max_length=80, blank=True)
    phone = models.CharField(max_length=16, blank=True)
    person_key = models.CharField(max_length=80, blank=True)
    language = models.CharField(max_length=2, default="fr")
    answers = models.JSONField(default=dict, blank=True)
    note = models.CharField(max_length=500, blank=True)
    channel = models.CharField(max_length=8, choices=BookingChannel.choices)

    code_digest = models.BinaryField(null=True)
    code_expires_at = models.DateTimeField(null=True)
    code_attempts = models.PositiveSmallIntegerField(default=0)
    phone_verified_at = models.DateTimeField(null=True)

    created_at = models.DateTimeField()
    booked_at = models.DateTimeField(null=True)
    confirmed_at = models.DateTimeField(null=True)
    checked_in_at = models.DateTimeField(null=True)
    punctuality = models.CharField(max_length=8, choices=Punctuality.choices, blank=True)
    ended_at = models.DateTimeField(null=True)
    ended_by = models.CharField(max_length=6, choices=Side.choices, blank=True)
    end_reason = models.CharField(max_length=200, blank=True)
    moves = models.PositiveSmallIntegerField(default=0)
    moved_from = models.DateTimeField(null=True)
    attendance_at = models.DateTimeField(null=True)
    next_reminder_at = models.DateTimeField(null=True)
    ticket = models.ForeignKey(
        "queues.Ticket", on_delete=models.SET_NULL, null=True, related_name="appointments"
    )

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(people__gte=1), name="appointment_people"),
            models.CheckConstraint(
                condition=Q(ends_at__gt=F("starts_at")), name="appointment_time"
            ),
            models.CheckConstraint(
                condition=Q(state__in=ACTIVE, counted=F("people"))
                | Q(state__in=("cancelled", "expired"), counted=0)
                | Q(state__in=("completed", "no_show"), counted=F("people")),
                name="appointment_counts",
            ),
            models.CheckConstraint(
                condition=Q(state="held", free_at__isnull=False)
                | Q(~Q(state="held"), free_at__isnull=True),
                name="appointment_hold_ends",
            ),
            models.UniqueConstraint(
                fields=["places", "customer", "person_key"],
                condition=Q(state__in=ACTIVE),
                name="appointment_once_per_customer",
            ),
            models.UniqueConstraint(
                fields=["places", "phone", "person_key"],
                condition=Q(state__in=ACTIVE) & ~Q(phone=""),
                name="appointment_once_per_phone",
            ),
            models.UniqueConstraint(
                fields=["ticket"], condition=Q(ticket__isnull=False), name="appointment_of_ticket"
            ),
        ]
        indexes = [
            models.Index(fields=["places"], name="appointment_by_places"),
            models.Index(
                fields=["free_at"], condition=Q(free_at__isnull=False), name="appointment_to_free"
            ),
            models.Index(
                fields=["held_for"],
                condition=Q(held_for__isnull=False),
                name="appointment_held_by_device",
            ),
            models.Index(
                fields=["next_reminder_at"],
                condition=Q(next_reminder_at__isnull=False),
                name="appointment_to_remind",
            ),
            models.Index(
                fields=["starts_at"],
                condition=Q(state__in=("pending", "confirmed")),
                name="appointment_to_come",
            ),
            models.Index(fields=["branch", "starts_at"], name="appointment_by_branch"),
            models.Index(fields=["organization", "starts_at"], name="appointment_by_organization"),
            models.Index(
                fields=["customer", "-starts_at"],
                condition=Q(customer__isnull=False),
                name="appointment_by_customer",
            ),
            models.Index(
                fields=["phone", "-starts_at"],
                condition=~Q(phone=""),
                name="appointment_by_phone",
            ),
        ]

    def __str__(self) -> str:
        return self.reference

    @property
    def uid(self) -> str:
        """The name under which calendar programs know it, whatever happens to it."""
        return f"{self.pk}@{UID_DOMAIN}"

    def move_to(self, state: AppointmentState) -> None:
        """
        Change the state; only `appointments.operations` calls this.

        :raises IllegalTransition: not allowed from the present state
        """
        present = AppointmentState(self.state)
        if state not in TRANSITIONS[present]:
            raise IllegalTransition(state=present.value)
        self.state = state


class AppointmentStep(TenantModel):
    """What happened to an appointment: each state it came into, each time it was moved."""

    organization = models.ForeignKey(
        "business.Organization", on_delete=models.CASCADE, related_name="+"
    )
    appointment = models.ForeignKey(Appointment, on_delete=models.CASCADE, related_name="steps")
    version = models.PositiveIntegerField()
    state = models.CharField(max_length=10, choices=AppointmentState.choices)
    starts_at = models.DateTimeField()
    side = models.CharField(max_length=6, choices=Side.choices)
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["appointment", "version"], name="appointment_step_once")
        ]
