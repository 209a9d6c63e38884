from django.db import models

from smartqueue.common.models import TenantModel


class SmsAccount(TenantModel):
    """
    How an organization texts: the name that phones show, and what it may spend in a calendar month.
    Without a budget nothing stops it. Managers are told at `alert_percent` of it.
    """

    organization_id = models.UUIDField(unique=True)
    sender_name = models.CharField(max_length=11, blank=True)
    monthly_budget_minor = models.PositiveIntegerField(null=True)
    alert_percent = models.PositiveSmallIntegerField(default=80)
    changed_at = models.DateTimeField()


class SmsSpend(TenantModel):
    """What an organization's text messages of a month cost so far; its row is the lock of the sum."""

    organization_id = models.UUIDField()
    month = models.DateField()
    spent_minor = models.BigIntegerField(default=0)
    messages = models.PositiveIntegerField(default=0)
    alerted_at = models.DateTimeField(null=True)
    stopped_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["organization_id", "month"], name="spend_of_month"),
        ]
