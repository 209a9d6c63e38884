from django.db import models
from django.db.models import Q

from smartqueue.common.models import TenantModel
from smartqueue.notifications.enums import BatchState, Channel


class Batch(TenantModel):
    """One text for many people; what became of each is in the messages."""

    organization_id = models.UUIDField()
    channel = models.CharField(max_length=8, choices=Channel.choices)
    template = models.CharField(max_length=40)
    total = models.PositiveIntegerField()
    state = models.CharField(max_length=9, choices=BatchState.choices, default=BatchState.PREPARING)
    created_by_id = models.UUIDField(null=True)
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField(null=True)
    cancelled_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [models.Index(fields=["organization_id", "-id"], name="batch_newest")]


class BatchChunk(TenantModel):
    """Some of a batch's recipients, sealed until their messages are made."""

    organization_id = models.UUIDField()
    batch = models.ForeignKey(Batch, on_delete=models.CASCADE, related_name="chunks")
    number = models.PositiveSmallIntegerField()
    sealed = models.TextField(blank=True)
    made_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["batch", "number"], name="batch_chunk_once"),
        ]
        indexes = [
            models.Index(fields=["batch"], name="batch_unmade", condition=Q(made_at__isnull=True)),
        ]
