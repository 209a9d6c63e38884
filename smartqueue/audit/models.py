from typing import TYPE_CHECKING, Any, ClassVar

from django.db import models
from django.db.models import Q

from smartqueue.audit.enums import EntryKind
from smartqueue.common.managers import ScopedManager
from smartqueue.common.models import IdModel


class RowChange(IdModel):
    """
    What was done to one row, written by a trigger. `before` and `after` hold the columns that
    changed; personal values in them are sealed with the person's key.

    `at` is the operation's time, the database's for direct SQL; the id holds the database's clock.
    Without an organization it tells of the platform or of a person, and no organization's reader
    ever sees it.
    """

    if TYPE_CHECKING:
        objects: ClassVar[Any]
    else:
        objects = ScopedManager(organization="organization_id")

    organization_id = models.UUIDField(null=True)
    branch_id = models.UUIDField(null=True)
    at = models.DateTimeField()
    table = models.CharField(max_length=63)
    row_id = models.CharField(max_length=64)
    kind = models.CharField(max_length=6, choices=EntryKind.choices)
    before = models.JSONField(null=True)
    after = models.JSONField(null=True)
    actor = models.CharField(max_length=80)
    is_direct = models.BooleanField()
    request_id = models.CharField(max_length=40)
    address = models.GenericIPAddressField(null=True)
    transaction_id = models.BigIntegerField()

    class Meta:
        indexes = [
            models.Index(fields=["organization_id", "-at", "-id"], name="row_change_newest"),
            # Who is or was a member, whose name the journal shows.
            models.Index(
                fields=["organization_id"],
                name="row_change_of_members",
                condition=Q(table="business_membership"),
            ),
        ]


class PersonKey(models.Model):
    """
    The key that seals what the journal tells of one person, or of a row without an account.

    A destroyed key stays as an empty row, so that it is never made again.
    """

    person_id = models.UUIDField(primary_key=True)
    key = models.BinaryField(null=True)
    created_at = models.DateTimeField()
    destroyed_at = models.DateTimeField(null=True)


class DayChain(models.Model):
    """
    A past day (UTC, by the ids' clock) whose entries are sealed by a digest over them and over the
    day before. `addresses` is a digest apart, because addresses are forgotten sooner.
    """

    day = models.DateField(primary_key=True)
    events = models.PositiveIntegerField()
    changes = models.PositiveIntegerField()
    digest = models.BinaryField(max_length=32)
    addresses = models.BinaryField(max_length=32)
    previous = models.BinaryField(max_length=32)
    closed_at = models.DateTimeField()
    addresses_forgotten_at = models.DateTimeField(null=True)
    purged_at = models.DateTimeField(null=True)


class Entry(models.Model):
    """One line of the journal: an event, or a change of a row; a view over both."""

    if TYPE_CHECKING:
        objects: ClassVar[Any]
    else:
        objects = ScopedManager(organization="organization_id")

    id = models.UUIDField(primary_key=True)
    organization_id = models.UUIDField(null=True)
    branch_id = models.UUIDField(null=True)
    at = models.DateTimeField()
    kind = models.CharField(max_length=6, choices=EntryKind.choices)
    type = models.CharField(max_length=80)
    is_direct = models.BooleanField()
    actor = models.CharField(max_length=80)
    subject_type = models.CharField(max_length=63)
    subject_id = models.CharField(max_length=64)
    payload = models.JSONField(null=True)
    before = models.JSONField(null=True)
    after = models.JSONField(null=True)
    address = models.GenericIPAddressField(null=True)
    request_id = models.CharField(max_length=40)
    transaction_id = models.BigIntegerField(null=True)

    class Meta:
        managed = False
        db_table = "audit_entry"
