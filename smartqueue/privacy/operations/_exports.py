"""Giving a person everything that is stored of them."""

from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.db.models import Q, QuerySet

from smartqueue.accounts.actor import SYSTEM, Actor
from smartqueue.accounts.queries import get_person
from smartqueue.common.db import operation
from smartqueue.notifications import operations as notification_operations
from smartqueue.outbox import operations as outbox
from smartqueue.privacy import archive, policies
from smartqueue.privacy.enums import ExportState
from smartqueue.privacy.errors import ExportNotReady, ExportPending
from smartqueue.privacy.events import ExportReady, ExportRequested
from smartqueue.privacy.models import Export
from smartqueue.privacy.operations._erasing import subject_of_user

# A job that died leaves an export that nobody makes.
GIVEN_UP_AFTER: Final = timedelta(days=1)
READY: Final = "privacy_export_ready"


@operation
def request_export(*, actor: Actor, now: datetime) -> Export:
    """
    Ask for an archive of everything that is stored of the actor; a job makes it, and a
    notification says when it is there.

    :raises NotSignedIn: nobody in particular is asking
    :raises ExportPending: one is being made
    """
    user = policies.access_self(actor, now, lock=True)
    if Export.objects.filter(user=user, state=ExportState.REQUESTED).exists():
        raise ExportPending
    export = Export.objects.create(user=user, language=user.language, requested_at=now)
    outbox.publish(
        ExportRequested(export_id=export.pk, user_id=user.pk, occurred_at=now, actor=actor.label)
    )
    return export


def list_requested_exports() -> list[UUID]:
    """Return the exports that are still to be made, oldest first."""
    rows = Export.objects.filter(state=ExportState.REQUESTED).order_by("requested_at")
    return list(rows.values_list("pk", flat=True)[:100])


def make_export(*, export_id: UUID, now: datetime) -> bool:
    """
    Make a requested archive; False when it is made already or its person is gone.

    The tables are read and the file is written before anything is locked.
    """
    export = Export.objects.filter(pk=export_id, state=ExportState.REQUESTED).first()
    user = get_person(export.user_id) if export else None
    if export is None or user is None:
        return False
    content = archive.make(subject_of_user(user), export.language, now)
    file, sealed_key = archive.keep(content)
    is_kept = _record_export(export_id, file, sealed_key, len(content), now)
    if not is_kept:
        archive.delete(file)
    return is_kept


@operation
def _record_export(export_id: UUID, file: str, sealed_key: str, size: int, now: datetime) -> bool:
    export = (
        Export.objects.select_for_update(of=("self",))
        .filter(pk=export_id, state=ExportState.REQUESTED, user__is_active=True)
        .first()
    )
    if export is None:
        return False
    export.state = ExportState.READY
    export.ready_at, export.expires_at = now, now + archive.LIFE
    export.file, export.sealed_key, export.size = file, sealed_key, size
    export.save()
    notification_operations.notify(
        user_id=export.user_id,
        code=READY,
        data={"export": str(export.pk)},
        dedupe_key=f"export:{export.pk}",
        now=now,
    )
    outbox.publish(
        ExportReady(
            export_id=export.pk, user_id=export.user_id, occurred_at=now, actor=SYSTEM.label
        )
    )
    return True


@operation
def download_export(*, actor: Actor, export_id: UUID, now: datetime) -> bytes:
    """
    Return the archive of the actor's own export.

    :raises NotFound: unknown, or somebody else's
    :raises ExportNotReady: not made yet, or over
    """
    export = policies.access_export(actor, export_id, now)
    is_over = export.expires_at is None or export.expires_at <= now
    if export.state != ExportState.READY or is_over:
        raise ExportNotReady
    try:
        content = archive.read(export.file, export.sealed_key)
    except FileNotFoundError as error:
        raise ExportNotReady from error
    Export.objects.filter(pk=export.pk).update(downloaded_at=now)
    return content


def remove_old_exports(*, now: datetime) -> int:
    """Delete archives whose time is over, and exports that nobody made; return how many."""
    return sum(_remove_if_over(pk, now) for pk in _over(now).values_list("pk", flat=True))


def _over(now: datetime) -> "QuerySet[Export]":
    abandoned = Q(state=ExportState.REQUESTED, requested_at__lte=now - GIVEN_UP_AFTER)
    return Export.objects.filter(Q(expires_at__lte=now) | abandoned)


@operation
def _remove_if_over(export_id: UUID, now: datetime) -> int:
    # One that was just being made after all is waited for, and stays.
    export = _over(now).filter(pk=export_id).select_for_update(of=("self",)).first()
    if export is None:
        return 0
    # The file first: a row without a file is tried again, a file without a row is forgotten.
    archive.delete(export.file)
    export.delete()
    return 1
