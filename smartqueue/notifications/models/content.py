from django.conf import settings
from django.db import models
from django.db.models import Q

from smartqueue.common.models import IdModel, TenantModel
from smartqueue.notifications.enums import Channel, Group


class TemplateVersion(TenantModel):
    """
    An organization's own words for one message, channel and language. The one with the highest
    `number` is in force; one that `is_default` gives the product's words back their place.
    """

    organization_id = models.UUIDField()
    code = models.CharField(max_length=40)
    channel = models.CharField(max_length=8, choices=Channel.choices)
    language = models.CharField(max_length=2)
    number = models.PositiveIntegerField()
    subject = models.CharField(max_length=500, blank=True)
    body = models.TextField(blank=True)
    is_default = models.BooleanField(default=False)
    changed_by_id = models.UUIDField(null=True)
    changed_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["organization_id", "code", "channel", "language", "number"],
                name="template_version_once",
            ),
        ]


class Preference(IdModel):
    """Whether a person wants messages about something by a channel; without a row they get them."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    group = models.CharField(max_length=12, choices=Group.choices)
    channel = models.CharField(max_length=8, choices=Channel.choices)
    is_on = models.BooleanField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["user", "group", "channel"], name="preference_once"),
        ]


class QuietHours(models.Model):
    """
    When a person wants to be left alone, by the clock of `timezone`; past midnight where the end is
    before the beginning.
    """

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, primary_key=True, related_name="+"
    )
    begins_at = models.TimeField()
    ends_at = models.TimeField()
    timezone = models.CharField(max_length=40, default="Africa/Dakar")

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=~Q(begins_at=models.F("ends_at")), name="quiet_hours_some"
            ),
        ]
