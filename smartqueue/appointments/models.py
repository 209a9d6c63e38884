"""Fields, constraints and what one row knows of itself."""

from typing import TYPE_CHECKING, Any, ClassVar

from django.conf import settings
from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import ArrayField, DateTimeRangeField, RangeOperators
from django.db import models
from django.db.models import F, Func, Q

from smartqueue.appointments.enums import (
    ACTIVE,
    TRANSITIONS,
    AppointmentState,
    BookingChannel,
    BusyFailure,
    ExceptionKind,
    FeedKind,
    OfferState,
    Punctuality,
    Side,
    WaitlistState,
)
from smartqueue.appointments.errors import IllegalTransition
from smartqueue.common.managers import ScopedManager
from smartqueue.common.models import IdModel, TenantModel

MIDNIGHT = "00:00"
UID_DOMAIN = "appointments.smartqueue"


class _Between(Func):
    function = "TSTZRANGE"
    output_field = DateTimeRangeField()


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


class CalendarFeed(IdModel):
    """
    An address at which calendar programs read appointments with their owner's rights of the moment.

    `digest` proves its token, which was told once. A revoked feed is deleted.
    """

    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="calendar_feeds"
    )
    kind = models.CharField(max_length=6, choices=FeedKind.choices)
    branch = models.ForeignKey(
        "business.Branch", on_delete=models.CASCADE, null=True, related_name="+"
    )
    name = models.CharField(max_length=60, blank=True)
    digest = models.BinaryField(max_length=32)
    created_at = models.DateTimeField()
    last_fetched_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(kind="branch", branch__isnull=False)
                | Q(~Q(kind="branch"), branch__isnull=True),
                name="calendar_feed_of_branch",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class BusyCalendar(TenantModel):
    """
    A calendar kept elsewhere, whose busy times are not offered: of an agent, or of a branch, where
    it may concern one service.

    `sealed_url` is encrypted, for such addresses open the calendar to whoever knows them. `error` is
    what the last attempt failed of; the times of the last success stay until the next.
    """

    person = "agent"

    organization = models.ForeignKey(
        "business.Organization", on_delete=models.CASCADE, related_name="+"
    )
    agent = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, null=True, related_name="busy_calendars"
    )
    branch = models.ForeignKey(
        "business.Branch", on_delete=models.CASCADE, null=True, related_name="+"
    )
    service = models.ForeignKey(
        "business.Service", on_delete=models.CASCADE, null=True, related_name="+"
    )
    name = models.CharField(max_length=60, blank=True)
    sealed_url = models.TextField()
    host = models.CharField(max_length=255)
    zone = models.CharField(max_length=40)
    etag = models.CharField(max_length=200, blank=True)
    last_modified = models.CharField(max_length=80, blank=True)
    created_at = models.DateTimeField()
    next_fetch_at = models.DateTimeField()
    fetched_at = models.DateTimeField(null=True)
    read_at = models.DateTimeField(null=True)
    error = models.CharField(max_length=20, choices=BusyFailure.choices, blank=True)
    failures = models.PositiveSmallIntegerField(default=0)
    version = models.PositiveIntegerField(default=1)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(agent__isnull=False, branch__isnull=True, service__isnull=True)
                | Q(agent__isnull=True, branch__isnull=False),
                name="busy_calendar_of_one",
            ),
        ]
        indexes = [models.Index(fields=["next_fetch_at"], name="busy_calendar_to_fetch")]

    def __str__(self) -> str:
        return self.name or self.host


class BusyTime(TenantModel):
    """A time at which a calendar kept elsewhere says busy; what it is about is not kept."""

    person = "agent"

    organization = models.ForeignKey(
        "business.Organization", on_delete=models.CASCADE, related_name="+"
    )
    calendar = models.ForeignKey(BusyCalendar, on_delete=models.CASCADE, related_name="times")
    agent = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, null=True, related_name="+"
    )
    branch = models.ForeignKey(
        "business.Branch", on_delete=models.CASCADE, null=True, related_name="+"
    )
    service = models.ForeignKey(
        "business.Service", on_delete=models.CASCADE, null=True, related_name="+"
    )
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(ends_at__gt=F("starts_at")), name="busy_time")
        ]
        indexes = [
            models.Index(
                fields=["agent", "ends_at"],
                condition=Q(agent__isnull=False),
                name="busy_time_of_agent",
            ),
            models.Index(
                fields=["branch", "ends_at"],
                condition=Q(branch__isnull=False),
                name="busy_time_of_branch",
            ),
        ]
