"""What accounts asks about devices: whom a token proves, and whether they may still act."""

from datetime import timedelta
from typing import Final
from uuid import UUID

from django.conf import settings

from smartqueue.accounts import tokens
from smartqueue.accounts.actor import Actor
from smartqueue.accounts.enums import ActorKind
from smartqueue.business.enums import DeviceKind
from smartqueue.business.models import BranchCredential
from smartqueue.common import clock, tenancy
from smartqueue.common.db import execute, fetch_entering
from smartqueue.common.postgis.base import entering

NOTED_EVERY: Final = timedelta(minutes=5)

_KINDS: Final = {
    DeviceKind.KIOSK.value: ActorKind.KIOSK,
    DeviceKind.DISPLAY.value: ActorKind.DISPLAY,
}
_ENTER = f"SELECT {entering('organizations_of_business_branchcredential(ARRAY[%s::uuid])')} AS keys"
_TRUSTED = f"""
    SELECT entrance.keys, found.* FROM ({_ENTER}) AS entrance CROSS JOIN LATERAL (
        SELECT device.kind, device.branch_id, device.last_used_at
        FROM business_branchcredential AS device
        JOIN business_branch AS branch ON branch.id = device.branch_id AND branch.closed_at IS NULL
        WHERE device.id = %s AND device.digest = %s AND device.revoked_at IS NULL
          AND (%s OR NOT device.is_demonstration) AND entrance.keys <> ''
        OFFSET 0
    ) AS found
"""  # noqa: S608  # nothing but constants
_NOTE_USE = "UPDATE business_branchcredential SET last_used_at = %s WHERE id = %s"


class BranchDevices:
    """The devices of branches, by their stored credentials."""

    def actor_of(self, token: str) -> Actor | None:
        """Return the device that a token proves; None for any other text, and once revoked."""
        read = tokens.read_opaque_token(token)
        if read is None:
            return None
        proof = [read.id, read.digest, settings.ALLOW_DEMO_ACCOUNTS]
        keys, rows = fetch_entering(_TRUSTED, proof, whose=[read.id])
        if not rows:
            return None
        kind, branch_id, last_used_at = rows[0]
        now = clock.now()
        if last_used_at is None or now - last_used_at >= NOTED_EVERY:
            with tenancy.with_keys(keys):
                execute(_NOTE_USE, [now, read.id])
        return Actor(kind=_KINDS[kind], branch_id=branch_id, device_id=read.id)

    def is_trusted(self, device_id: UUID) -> bool:
        """Whether a device that was let in may still act."""
        rows = BranchCredential.objects.with_scopes_disabled()
        return bool(
            rows.filter(pk=device_id, revoked_at=None, branch__closed_at=None)
            .exclude(digest=None)
            .exists()
        )
