"""When appointments are offered, and by which rules."""

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q

from smartqueue.appointments.enums import ExceptionKind
from smartqueue.common.models import TenantModel

MIDNIGHT = "00:00"


def default_reminders() -> list[int]:
    """Return how long before an appointment its reminders are due, in minutes: a day, two hours."""
    return [1440, 120]


class BookingRules(TenantModel):
    """
    How appointments for a service are made and kept; without a row it has the defaults below.

    Times are in minutes unless named otherwise. `resale_delay_minutes` is how long a place that was
    given up stays closed to new people; the waitlist gets it at once.
    """

    anybody_reads = True

    organization = models.ForeignKey(
        "business.Organization", on_delete=models.CASCADE, related_name="+"
    )
    service = models.OneToOneField(
        "business.Service", on_delete=models.CASCADE, related_name="booking_rules"
    )
    is_bookable = models.BooleanField(default=True)
    allows_anonymous = models.BooleanField(default=True)
    needs_approval = models.BooleanField(default=False)
    buffer_before_minutes = models.PositiveSmallIntegerField(default=0)
    buffer_after_minutes = models.PositiveSmallIntegerField(default=0)
    lead_minutes = models.PositiveIntegerField(default=60)
    window_days = models.PositiveSmallIntegerField(default=60)
    most_people = models.PositiveSmallIntegerField(default=1)
    most_per_day = models.PositiveSmallIntegerField(default=1)
    most_ahead = models.PositiveSmallIntegerField(default=5)
    hold_seconds = models.PositiveIntegerField(default=300)
    cancel_until_minutes = models.PositiveIntegerField(default=0)
    move_until_minutes = models.PositiveIntegerField(default=60)
    most_moves = models.PositiveSmallIntegerField(default=5)
    resale_delay_minutes = models.PositiveSmallIntegerField(default=0)
    offer_minutes = models.PositiveSmallIntegerField(default=30)
    early_minutes = models.PositiveSmallIntegerField(default=30)
    late_minutes = models.PositiveSmallIntegerField(default=10)
    head_start_minutes = models.PositiveSmallIntegerField(default=25)
    no_show_limit = models.PositiveSmallIntegerField(default=0)
    no_show_days = models.PositiveSmallIntegerField(default=90)
    reminder_minutes = ArrayField(models.PositiveIntegerField(), default=default_reminders)
    questions = models.JSONField(default=list, blank=True)
    version = models.PositiveIntegerField(default=1)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(most_people__gte=1, most_per_day__gte=1, most_ahead__gte=1),
                name="booking_rules_at_least_one",
            ),
            models.CheckConstraint(
                condition=Q(hold_seconds__gte=30, hold_seconds__lte=3600),
                name="booking_rules_hold",
            ),
        ]


class AppointmentSlot(TenantModel):
    """
    A weekly pattern: appointments of `interval_minutes` on one weekday (0 is Monday) between two
    times of the branch's wall clock, 00:00 as the end being midnight.

    `capacity` counts all places of each start, `public_capacity` those that people may book
    themselves. `weeks_of_month` limits it to the first to fifth such weekday of a month, -1 being
    the last; empty is all. A pattern with an agent is that agent's own calendar.
    """

    anybody_reads = True

    organization = models.ForeignKey(
        "business.Organization", on_delete=models.CASCADE, related_name="+"
    )
    branch = models.ForeignKey("business.Branch", on_delete=models.CASCADE, related_name="+")
    service = models.ForeignKey(
        "business.Service", on_delete=models.CASCADE, related_name="appointment_slots"
    )
    agent = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, null=True, related_name="+"
    )
    day_of_week = models.PositiveSmallIntegerField()
    start_time = models.TimeField()
    end_time = models.TimeField()
    interval_minutes = models.PositiveSmallIntegerField(default=30)
    capacity = models.PositiveSmallIntegerField(default=1)
    public_capacity = models.PositiveSmallIntegerField(default=1)
    weeks_of_month = ArrayField(models.SmallIntegerField(), default=list, blank=True)
    valid_from = models.DateField()
    valid_until = models.DateField(null=True, blank=True)
    created_at = models.DateTimeField()
    retired_at = models.DateTimeField(null=True, blank=True)
    version = models.PositiveIntegerField(default=1)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(day_of_week__lte=6), name="slot_weekday"),
            models.CheckConstraint(
                condition=Q(end_time__gt=F("start_time")) | Q(end_time=MIDNIGHT),
                name="slot_interval",
            ),
            models.CheckConstraint(
                condition=Q(interval_minutes__gte=5, interval_minutes__lte=480),
                name="slot_length",
            ),
            models.CheckConstraint(
                condition=Q(public_capacity__lte=F("capacity"), capacity__gte=1),
                name="slot_capacity",
            ),
            models.CheckConstraint(
                condition=Q(valid_until__isnull=True) | Q(valid_until__gte=F("valid_from")),
                name="slot_validity",
            ),
        ]
        indexes = [
            models.Index(
                fields=["service", "branch"],
                condition=Q(retired_at__isnull=True),
                name="slot_in_use",
            ),
        ]


class SlotException(TenantModel):
    """
    One date of a branch that differs from the weekly pattern, for one service or all.

    `close` takes away what lies between the times, the whole date without times; `change` gives
    what starts between them other places; `open` adds starts, on a holiday too.
    """

    anybody_reads = True

    organization = models.ForeignKey(
        "business.Organization", on_delete=models.CASCADE, related_name="+"
    )
    branch = models.ForeignKey("business.Branch", on_delete=models.CASCADE, related_name="+")
    service = models.ForeignKey(
        "business.Service", on_delete=models.CASCADE, null=True, related_name="+"
    )
    date = models.DateField()
    kind = models.CharField(max_length=6, choices=ExceptionKind.choices)
    start_time = models.TimeField(null=True, blank=True)
    end_time = models.TimeField(null=True, blank=True)
    interval_minutes = models.PositiveSmallIntegerField(null=True, blank=True)
    capacity = models.PositiveSmallIntegerField(null=True, blank=True)
    public_capacity = models.PositiveSmallIntegerField(null=True, blank=True)
    reason = models.CharField(max_length=120, blank=True)
    version = models.PositiveIntegerField(default=1)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(start_time__isnull=True, end_time__isnull=True)
                | Q(end_time__gt=F("start_time"))
                | Q(start_time__isnull=False, end_time=MIDNIGHT),
                name="slot_exception_interval",
            ),
            models.CheckConstraint(
                condition=Q(kind="close", capacity__isnull=True, public_capacity__isnull=True)
                | Q(
                    ~Q(kind="close"),
                    capacity__isnull=False,
                    public_capacity__isnull=False,
                    public_capacity__lte=F("capacity"),
                ),
                name="slot_exception_places",
            ),
            models.CheckConstraint(
                condition=~Q(kind="open")
                | Q(
                    service__isnull=False,
                    start_time__isnull=False,
                    interval_minutes__gte=5,
                    interval_minutes__lte=480,
                ),
                name="slot_exception_open",
            ),
        ]
        indexes = [models.Index(fields=["branch", "date"], name="slot_exception_by_date")]


class AgentAbsence(TenantModel):
    """A time at which an agent's own calendar is closed: a break, a leave."""

    person = "agent"

    organization = models.ForeignKey(
        "business.Organization", on_delete=models.CASCADE, related_name="+"
    )
    agent = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="absences"
    )
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    reason = models.CharField(max_length=120, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(ends_at__gt=F("starts_at")), name="absence_interval")
        ]
        indexes = [models.Index(fields=["agent", "ends_at"], name="absence_by_agent")]
