from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from smartqueue.common.managers import ScopedManager
from smartqueue.common.models import IdModel, TenantModel
from smartqueue.queues.enums import (
    ACTIVE,
    AT_COUNTER,
    ORDINARY,
    TRANSITIONS,
    UNDO_TRANSITIONS,
    JoinChannel,
    Policy,
    QueueState,
    ReentryRule,
    SessionState,
    TicketState,
)
from smartqueue.queues.errors import IllegalTransition
from smartqueue.waits import Estimate


def no_live_figures() -> dict[str, list[object]]:
    """The public figures of a queue where nobody has been called yet."""
    return {"now_serving": [], "last_called": []}


class Queue(TenantModel):
    """
    People waiting at one branch for one or more services.

    Its row is the lock for numbering, order, versions and events (docs/patterns/locking.md).
    `waiting_count`, `open_counters` and `live` repeat what tickets and sessions say, are written
    with them under that lock, and make the public status one row's read. `last_order_key`
    and `last_ticket_id` are the furthest place in line that anybody here has had.
    `returns_on` is the day for which those get a return ticket whom its closing leaves unserved.
    `hides_waiting_count` and `hides_estimate` repeat what the organization's settings keep from the
    public: under the same lock, so that every version is wholly the one or the other.
    `tickets_stopped_on` is the service day on which no more tickets are given, while who waits is
    served; the next day it means nothing.
    """

    anybody_reads = True

    organization = models.ForeignKey(
        "business.Organization", on_delete=models.CASCADE, related_name="+"
    )
    branch = models.ForeignKey("business.Branch", on_delete=models.CASCADE, related_name="queues")
    name = models.CharField(max_length=80)
    prefix = models.CharField(max_length=3)
    services = models.ManyToManyField("business.Service", through="QueueService", related_name="+")
    state = models.CharField(max_length=6, choices=QueueState.choices, default=QueueState.CLOSED)
    state_reason = models.CharField(max_length=200, blank=True)
    state_changed_at = models.DateTimeField(null=True, blank=True)
    returns_on = models.DateField(null=True, editable=False)

    version = models.BigIntegerField(default=0)
    number_date = models.DateField(null=True, blank=True)
    last_sequence = models.PositiveIntegerField(default=0)
    waiting_count = models.PositiveIntegerField(default=0)
    last_order_key = models.DateTimeField(null=True, editable=False)
    last_ticket_id = models.UUIDField(null=True, editable=False)
    open_counters = models.PositiveSmallIntegerField(default=0)
    live = models.JSONField(default=no_live_figures)
    hides_waiting_count = models.BooleanField(default=False, editable=False)
    hides_estimate = models.BooleanField(default=False, editable=False)

    policy = models.CharField(max_length=10, choices=Policy.choices, default=Policy.HEAD_START)
    ordinary_per_priority = models.PositiveSmallIntegerField(default=3)
    overtake_cap = models.PositiveSmallIntegerField(default=6)
    max_calls = models.PositiveSmallIntegerField(default=3)
    no_show_grace_minutes = models.PositiveSmallIntegerField(default=15)
    more_time_limit = models.PositiveSmallIntegerField(default=2)
    after_transfer = models.CharField(
        max_length=4, choices=ReentryRule.choices, default=ReentryRule.KEEP
    )
    after_no_show = models.CharField(
        max_length=4, choices=ReentryRule.choices, default=ReentryRule.KEEP
    )
    daily_quota = models.PositiveIntegerField(null=True, blank=True)
    tickets_from = models.TimeField(null=True, blank=True)
    max_waiting = models.PositiveIntegerField(null=True, blank=True)
    tickets_stopped_on = models.DateField(null=True, editable=False)
    follows_opening_hours = models.BooleanField(default=False)
    asks_vehicle = models.BooleanField(default=False)

    created_at = models.DateTimeField()
    retired_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["branch", "prefix"],
                condition=Q(retired_at__isnull=True),
                name="queue_prefix_in_branch",
            ),
            models.CheckConstraint(condition=Q(version__gte=0), name="queue_version"),
            models.CheckConstraint(condition=Q(max_calls__gte=1), name="queue_max_calls"),
        ]
        indexes = [
            models.Index(fields=["organization", "branch", "name"], name="queue_by_branch"),
        ]

    def __str__(self) -> str:
        return self.name


class QueueService(TenantModel):
    """A service that people of a queue wait for."""

    anybody_reads = True

    organization = models.ForeignKey(
        "business.Organization", on_delete=models.CASCADE, related_name="+"
    )
    queue = models.ForeignKey(Queue, on_delete=models.CASCADE, related_name="queue_services")
    service = models.ForeignKey(
        "business.Service", on_delete=models.CASCADE, related_name="queue_services"
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["queue", "service"], name="queue_service_once"),
        ]


class QueuePriority(TenantModel):
    """A priority class of a queue: its head start in minutes, and who may claim it."""

    anybody_reads = True

    organization = models.ForeignKey(
        "business.Organization", on_delete=models.CASCADE, related_name="+"
    )
    queue = models.ForeignKey(Queue, on_delete=models.CASCADE, related_name="priorities")
    code = models.CharField(max_length=20)
    name = models.CharField(max_length=60)
    head_start_minutes = models.PositiveSmallIntegerField(default=15)
    is_declarable = models.BooleanField(default=False)
    is_emergency = models.BooleanField(default=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["queue", "code"], name="queue_priority_once"),
        ]


class VehicleCategory(TenantModel):
    """A kind of vehicle, how long it takes, and the lanes (counters) that can take it."""

    anybody_reads = True

    organization = models.ForeignKey(
        "business.Organization", on_delete=models.CASCADE, related_name="+"
    )
    queue = models.ForeignKey(Queue, on_delete=models.CASCADE, related_name="vehicle_categories")
    code = models.CharField(max_length=20)
    name = models.CharField(max_length=60)
    duration_minutes = models.PositiveSmallIntegerField()
    lanes = models.ManyToManyField("business.Counter", blank=True, related_name="+")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["queue", "code"], name="vehicle_category_once"),
        ]


class CounterSession(TenantModel):
    """An agent's time at a counter, and the queues served from it."""

    person = "agent"
    points_at = {"queue_ids": "queues.Queue"}

    organization = models.ForeignKey(
        "business.Organization", on_delete=models.CASCADE, related_name="+"
    )
    branch = models.ForeignKey("business.Branch", on_delete=models.CASCADE, related_name="+")
    counter = models.ForeignKey(
        "business.Counter", on_delete=models.CASCADE, related_name="sessions"
    )
    agent = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="counter_sessions"
    )
    queue_ids = ArrayField(models.UUIDField())
    state = models.CharField(max_length=8, choices=SessionState.choices, default=SessionState.OPEN)
    started_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["counter"], condition=~Q(state="ended"), name="session_one_per_counter"
            ),
            models.UniqueConstraint(
                fields=["agent"], condition=~Q(state="ended"), name="session_one_per_agent"
            ),
        ]
        indexes = [
            models.Index(
                fields=["branch"], condition=~Q(state="ended"), name="session_live_by_branch"
            ),
        ]


class SessionBreak(TenantModel):
    """A break within a session."""

    organization = models.ForeignKey(
        "business.Organization", on_delete=models.CASCADE, related_name="+"
    )
    session = models.ForeignKey(CounterSession, on_delete=models.CASCADE, related_name="breaks")
    started_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["session"], condition=Q(ended_at__isnull=True), name="break_open_once"
            ),
        ]


class Ticket(IdModel):
    """
    A place in a queue.

    `order_key` alone decides the order of waiting people; see `smartqueue/waits/order.py`.
    `version` counts the changes its holder is told of. `person_key` tells apart several people
    who joined with one account or phone. `first_estimate` is the wait that was told on joining, in
    the form of `estimates.noted`; it is scored at the call. `returns_on` is the day on which a ticket
    that an outage ended counts again, and `return_of` that ticket, of the one it was turned into.
    """

    person = "customer"

    # When, and what (`waits.Estimate`), the request that makes the ticket has told its holder.
    told_on_joining: tuple[datetime, Estimate] | None = None

    if TYPE_CHECKING:
        objects: ClassVar[Any]
    else:
        objects = ScopedManager(organization="organization_id", customer="customer_id")

    organization = models.ForeignKey(
        "business.Organization", on_delete=models.CASCADE, related_name="+"
    )
    branch = models.ForeignKey("business.Branch", on_delete=models.CASCADE, related_name="+")
    queue = models.ForeignKey(Queue, on_delete=models.PROTECT, related_name="tickets")
    # `ticket_number_once_per_day` begins with it.
    issuing_queue = models.ForeignKey(
        Queue, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    service_date = models.DateField()
    sequence = models.PositiveIntegerField()
    number = models.CharField(max_length=12)
    version = models.BigIntegerField(default=1)

    state = models.CharField(max_length=16, choices=TicketState.choices)
    service = models.ForeignKey(
        "business.Service", on_delete=models.SET_NULL, null=True, related_name="+"
    )
    priority = models.CharField(max_length=20, default=ORDINARY)
    channel = models.CharField(max_length=8, choices=JoinChannel.choices)
    order_key = models.DateTimeField()
    overtaken = models.PositiveSmallIntegerField(default=0)

    # `ticket_by_customer` begins with it.
    customer = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        null=True,
        related_name="tickets",
        db_index=False,
    )
    customer_name = models.CharField(max_length=80, blank=True)
    phone = models.CharField(max_length=16, blank=True)
    is_watched = models.BooleanField(default=False, db_default=False)
    person_key = models.CharField(max_length=80, blank=True)
    language = models.CharField(max_length=2, default="fr")
    vehicle_category = models.CharField(max_length=20, blank=True)
    plate = models.CharField(max_length=20, blank=True)

    session = models.ForeignKey(
        CounterSession, on_delete=models.PROTECT, null=True, related_name="tickets"
    )
    counter = models.ForeignKey(
        "business.Counter", on_delete=models.PROTECT, null=True, related_name="+"
    )
    calls = models.PositiveSmallIntegerField(default=0)
    call_reason = models.JSONField(null=True)
    first_estimate = models.JSONField(null=True)
    more_time_used = models.PositiveSmallIntegerField(default=0)
    outcome = models.CharField(max_length=40, blank=True)
    note = models.CharField(max_length=500, blank=True)

    joined_at = models.DateTimeField()
    called_at = models.DateTimeField(null=True)
    started_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)

    returns_on = models.DateField(null=True)
    # `ticket_returned_once` finds the few that there are.
    return_of = models.ForeignKey(
        "self", on_delete=models.SET_NULL, null=True, related_name="+", db_index=False
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["return_of"],
                condition=Q(return_of__isnull=False),
                name="ticket_returned_once",
            ),
            models.UniqueConstraint(
                fields=["issuing_queue", "service_date", "sequence"],
                name="ticket_number_once_per_day",
            ),
            models.UniqueConstraint(
                fields=["counter"],
                condition=Q(state__in=AT_COUNTER),
                name="ticket_one_per_counter",
            ),
            models.UniqueConstraint(
                fields=["queue", "customer", "person_key"],
                condition=Q(state__in=ACTIVE),
                name="ticket_one_per_customer",
            ),
            models.UniqueConstraint(
                fields=["queue", "phone", "person_key"],
                condition=Q(state__in=ACTIVE) & ~Q(phone=""),
                name="ticket_one_per_phone",
            ),
            models.CheckConstraint(
                condition=Q(state__in=AT_COUNTER, counter__isnull=False, session__isnull=False)
                | ~Q(state__in=AT_COUNTER),
                name="ticket_at_counter_has_counter",
            ),
        ]
        indexes = [
            models.Index(
                fields=["queue", "order_key", "id"],
                condition=Q(state="waiting"),
                name="ticket_line",
            ),
            models.Index(
                fields=["queue", "state"],
                condition=Q(state__in=ACTIVE) & ~Q(state="waiting"),
                name="ticket_active",
            ),
            models.Index(
                fields=["organization", "queue", "joined_at"], name="ticket_by_organization"
            ),
            models.Index(
                fields=["customer", "-joined_at"],
                condition=Q(customer__isnull=False),
                name="ticket_by_customer",
            ),
            models.Index(
                fields=["phone", "-joined_at"], condition=~Q(phone=""), name="ticket_by_phone"
            ),
            models.Index(
                fields=["branch", "returns_on"],
                condition=Q(returns_on__isnull=False),
                name="ticket_returns",
            ),
        ]

    def __str__(self) -> str:
        return self.number

    def move_to(self, state: TicketState, *, undo: bool = False) -> None:
        """
        Change the state; only `queues.operations` calls this.

        :raises IllegalTransition: not allowed from the present state
        """
        present = TicketState(self.state)
        taken_back = undo and (present, state) in UNDO_TRANSITIONS
        allowed = taken_back or state in TRANSITIONS[present]
        if not allowed:
            raise IllegalTransition(state=present.value)
        self.state = state


class TicketPeriod(TenantModel):
    """A stretch of a ticket's life in one state; waits, walks and services are sums over these."""

    organization = models.ForeignKey(
        "business.Organization", on_delete=models.CASCADE, related_name="+"
    )
    # `period_by_ticket` begins with it.
    ticket = models.ForeignKey(
        Ticket, on_delete=models.CASCADE, related_name="periods", db_index=False
    )
    state = models.CharField(max_length=16, choices=TicketState.choices)
    queue = models.ForeignKey(Queue, on_delete=models.PROTECT, related_name="+")
    counter = models.ForeignKey(
        "business.Counter",
        on_delete=models.PROTECT,
        null=True,
        related_name="+",
        db_index=False,
    )
    agent = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    started_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)
    reason = models.CharField(max_length=60, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["ticket"], condition=Q(ended_at__isnull=True), name="period_open_once"
            ),
        ]
        indexes = [
            models.Index(fields=["ticket", "started_at"], name="period_by_ticket"),
            # In place of the counter's own: what came next at a counter is read from it.
            models.Index(fields=["counter", "started_at"], name="period_by_counter"),
        ]


class TicketStep(TenantModel):
    """What an agent did last to a ticket and how it was before, so that it can be undone."""

    organization = models.ForeignKey(
        "business.Organization", on_delete=models.CASCADE, related_name="+"
    )
    # `step_by_ticket` begins with it.
    ticket = models.ForeignKey(
        Ticket, on_delete=models.CASCADE, related_name="steps", db_index=False
    )
    agent = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    ticket_version = models.BigIntegerField()
    to_state = models.CharField(max_length=16, choices=TicketState.choices)
    before = models.JSONField()
    done_at = models.DateTimeField()
    undone_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [models.Index(fields=["ticket", "-ticket_version"], name="step_by_ticket")]


class ExpectedPeople(TenantModel):
    """
    People with appointments at one time who have not arrived, as appointments count them: they will
    pass those whose place in the order is behind their slot less the head start.
    """

    organization = models.ForeignKey(
        "business.Organization", on_delete=models.CASCADE, related_name="+"
    )
    branch = models.ForeignKey("business.Branch", on_delete=models.CASCADE, related_name="+")
    service = models.ForeignKey("business.Service", on_delete=models.CASCADE, related_name="+")
    slot_at = models.DateTimeField()
    people = models.PositiveIntegerField()
    head_start_minutes = models.PositiveSmallIntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["branch", "service", "slot_at"], name="expected_people_once"
            ),
        ]
        indexes = [models.Index(fields=["slot_at"], name="expected_people_by_time")]


class LongLine(TenantModel):
    """
    From how many waiting `people` on a queue's managers are told. `spell` counts the times that it
    was so long; `is_long` lasts until it is clearly shorter.
    """

    organization = models.ForeignKey(
        "business.Organization", on_delete=models.CASCADE, related_name="+"
    )
    queue = models.OneToOneField(Queue, on_delete=models.CASCADE, related_name="long_line")
    people = models.PositiveIntegerField()
    spell = models.PositiveIntegerField(default=0)
    is_long = models.BooleanField(default=False)


class QueueWaits(models.Model):
    """
    What is learned of one queue: `state` as `waits.Predictor.to_state` has it, and in `usual` the
    mean number of open counters by weekday (0 is Monday) and half-hour, empty before three days.

    `priority` are how many people with a head start join per second of service and the seconds of it,
    empty where none do. `pending` are the steps to learn once they can no longer be undone: [moment,
    ticket, state]; `done` are the marks of the last ones learned, so that a step told again counts no
    second time. What ended until `rebuilt_until` was learned from history, whenever its events come.
    """

    queue = models.OneToOneField(
        Queue, on_delete=models.CASCADE, primary_key=True, related_name="waits"
    )
    state = models.JSONField()
    usual = models.JSONField(default=list)
    priority = models.JSONField(default=list)
    pending = models.JSONField(default=list)
    done = models.JSONField(default=list)
    rebuilt_until = models.DateTimeField(null=True)
    updated_at = models.DateTimeField()


class OrganizationWaits(TenantModel):
    """
    Real waits over their bases in all queues of an organization, as `waits.RatioHistory.to_state`,
    for places in line of which a queue itself knows little.
    """

    organization = models.OneToOneField(
        "business.Organization", on_delete=models.CASCADE, related_name="+"
    )
    ratios = models.JSONField()
    updated_at = models.DateTimeField()


class RosterDay(TenantModel):
    """
    How many counters are planned for a queue on a weekday (0 is Monday), or on one date instead.

    `spans` are [from, to, counters] in minutes since the branch's midnight, in order, on quarters of
    an hour; outside them no counter is planned. A date with no spans is a day without service.
    """

    organization = models.ForeignKey(
        "business.Organization", on_delete=models.CASCADE, related_name="+"
    )
    queue = models.ForeignKey(Queue, on_delete=models.CASCADE, related_name="roster_days")
    weekday = models.PositiveSmallIntegerField(null=True)
    date = models.DateField(null=True)
    spans = models.JSONField(default=list)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["queue", "weekday"],
                condition=Q(weekday__isnull=False),
                name="roster_weekday_once",
            ),
            models.UniqueConstraint(
                fields=["queue", "date"], condition=Q(date__isnull=False), name="roster_date_once"
            ),
            models.CheckConstraint(
                condition=Q(weekday__isnull=True, date__isnull=False)
                | Q(weekday__isnull=False, weekday__range=(0, 6), date__isnull=True),
                name="roster_weekday_or_date",
            ),
        ]


class ShownEstimate(TenantModel):
    """
    A wait that somebody was shown, and how long it really took; seconds, counted from `made_at`.

    `low`, `median`, `high` are its quantiles and `base` the drain time before ratios
    (`waits.Estimate`). `waited` is what the call proved. The four `by_` figures are what simpler
    methods would have said at that moment, None while they had nothing to go by: the median of the
    last 200 waits, the last wait, the mean of the last ten, people times minutes over counters.
    """

    organization = models.ForeignKey(
        "business.Organization", on_delete=models.CASCADE, related_name="+"
    )
    queue = models.ForeignKey(Queue, on_delete=models.CASCADE, related_name="+")
    ticket = models.ForeignKey(Ticket, on_delete=models.CASCADE, related_name="shown_estimates")
    made_at = models.DateTimeField()
    at_joining = models.BooleanField()
    people_ahead = models.PositiveIntegerField()
    base = models.FloatField()
    delay = models.FloatField()
    low = models.PositiveIntegerField()
    median = models.PositiveIntegerField()
    high = models.PositiveIntegerField()
    reckoned_from = models.CharField(max_length=12)
    version = models.PositiveSmallIntegerField()
    called_at = models.DateTimeField()
    waited = models.PositiveIntegerField()
    by_median = models.PositiveIntegerField(null=True)
    by_last = models.PositiveIntegerField(null=True)
    by_mean_of_ten = models.PositiveIntegerField(null=True)
    by_people = models.PositiveIntegerField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["ticket", "made_at"], name="shown_estimate_once"),
        ]
        indexes = [models.Index(fields=["queue", "called_at"], name="shown_estimate_by_queue")]
