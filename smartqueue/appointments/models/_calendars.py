"""What calendar programs read, and calendars kept elsewhere."""

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from smartqueue.appointments.enums import BusyFailure, FeedKind
from smartqueue.common.models import IdModel, TenantModel


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
