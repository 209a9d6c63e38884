"""What the apps above tell the journal: whether platform staff may look at an organization now."""

from collections.abc import Callable
from datetime import datetime
from uuid import UUID

SupportAccess = Callable[[UUID, UUID, datetime], bool]


def _nobody(user_id: UUID, organization_id: UUID, now: datetime) -> bool:
    return False


_has_support_access: SupportAccess = _nobody


def register_support_access(check: SupportAccess) -> None:
    """Fill the port with "this person has opened access to this organization, with a reason"."""
    global _has_support_access
    _has_support_access = check


def has_support_access(user_id: UUID, organization_id: UUID, now: datetime) -> bool:
    """Whether platform staff has opened access that still holds; False until the port is filled."""
    return _has_support_access(user_id, organization_id, now)
