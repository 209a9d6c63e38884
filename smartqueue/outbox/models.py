from django.db import models
from django.db.models import Q

from smartqueue.common.models import CurrentTransaction, IdModel
from smartqueue.outbox.enums import DeliveryState


class DomainEvent(IdModel):
    """A published fact, kept for the journal, the projections and replays."""

    type = models.CharField(max_length=80)
    organization_id = models.UUIDField(null=True)
    actor = models.CharField(max_length=80)
    subject_type = models.CharField(max_length=40)
    subject_id = models.UUIDField()
    subject_version = models.BigIntegerField()
    occurred_at = models.DateTimeField()
    payload = models.JSONField()
    address = models.GenericIPAddressField(null=True)
    request_id = models.CharField(max_length=40, blank=True)
    # Ties what was told to the rows that changed with it.
    transaction_id = models.BigIntegerField(
        null=True, editable=False, db_default=CurrentTransaction()
    )

    class Meta:
        indexes = [
            models.Index(fields=["subject_id", "subject_version"], name="domain_event_subject"),
            models.Index(fields=["occurred_at"], name="domain_event_occurred_at"),
            models.Index(
                fields=["organization_id", "-occurred_at", "-id"], name="domain_event_newest"
            ),
        ]


class Delivery(IdModel):
    """One event for one handler, so that a failing handler never repeats another's work."""

    event = models.ForeignKey(DomainEvent, on_delete=models.CASCADE, related_name="deliveries")
    handler = models.CharField(max_length=120)
    state = models.CharField(
        max_length=8, choices=DeliveryState.choices, default=DeliveryState.PENDING
    )
    attempts = models.PositiveSmallIntegerField(default=0)
    next_attempt_at = models.DateTimeField()
    last_error = models.TextField(blank=True)
    done_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["event", "handler"], name="delivery_once_per_handler"),
        ]
        indexes = [
            models.Index(
                fields=["next_attempt_at", "id"], name="delivery_due", condition=Q(state="pending")
            ),
            models.Index(fields=["id"], name="delivery_dead", condition=Q(state="dead")),
            models.Index(fields=["done_at"], name="delivery_done", condition=Q(state="done")),
        ]


class JobRun(models.Model):
    """A periodic job's run for one due time; any number of schedulers may ask, one gets it."""

    job = models.CharField(max_length=80)
    due_at = models.DateTimeField()
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["job", "due_at"], name="job_run_once_per_due_time"),
        ]
        indexes = [models.Index(fields=["due_at"], name="job_run_due_at")]
