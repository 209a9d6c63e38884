"""Abstract models that every app builds on."""

from typing import TYPE_CHECKING, Any, ClassVar

from django.db import models

from smartqueue.common.ids import new_id
from smartqueue.common.managers import ScopedManager


class IdModel(models.Model):
    """A row with a time-ordered UUID."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)

    class Meta:
        abstract = True


class TenantModel(IdModel):
    """
    A row of one organization; reading it without a scope raises.

    Subclasses declare `organization`, so that the constraint names are theirs. `anybody_reads` says
    that the rows are public, `person` names the key to whose account they are; both as the
    migration's `RaiseWalls` says it. `points_at` names columns of tenant rows' ids that are not
    foreign keys, with the model's label, for the nightly check.
    """

    anybody_reads: ClassVar[bool] = False
    person: ClassVar[str] = ""
    points_at: ClassVar[dict[str, str]] = {}

    if TYPE_CHECKING:
        objects: ClassVar[Any]
    else:
        objects = ScopedManager(organization="organization_id")

    class Meta:
        abstract = True


class CurrentTransaction(models.Func):
    """The number of the transaction that writes a row, as a default of its column."""

    template = "pg_current_xact_id()::text::bigint"
    output_field = models.BigIntegerField()
