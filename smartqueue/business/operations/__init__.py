"""The doors of this app: organizations, branches, services, counters and members."""

from smartqueue.business.operations._branches import (
    WeekHours,
    add_opening_exception,
    change_opening_exception,
    close_branch,
    create_branch,
    create_counter,
    remove_opening_exception,
    rename_counter,
    replace_opening_hours,
    retire_counter,
    update_branch,
)
from smartqueue.business.operations._members import (
    accept_invitation,
    accept_open_invitations,
    add_member,
    change_member,
    invitation_token,
    remove_erased_person,
    remove_member,
    withdraw_invitation,
)
from smartqueue.business.operations._organizations import (
    change_holiday_override,
    close_organization,
    create_organization,
    remove_holiday_override,
    set_holiday_override,
    update_organization,
)
from smartqueue.business.operations._services import (
    create_service,
    retire_service,
    update_service,
)

__all__ = [
    "WeekHours",
    "accept_invitation",
    "accept_open_invitations",
    "add_member",
    "add_opening_exception",
    "change_holiday_override",
    "change_member",
    "change_opening_exception",
    "close_branch",
    "close_organization",
    "create_branch",
    "create_counter",
    "create_organization",
    "create_service",
    "invitation_token",
    "remove_erased_person",
    "remove_holiday_override",
    "remove_member",
    "remove_opening_exception",
    "rename_counter",
    "replace_opening_hours",
    "retire_counter",
    "retire_service",
    "set_holiday_override",
    "update_branch",
    "update_organization",
    "update_service",
    "withdraw_invitation",
]
