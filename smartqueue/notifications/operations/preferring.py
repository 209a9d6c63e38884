"""What people want to be told, and when they want to be left alone."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import time
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.utils.translation import gettext_lazy as _

from smartqueue.accounts.actor import Actor
from smartqueue.common.db import operation
from smartqueue.common.errors import InvalidInput
from smartqueue.notifications import queries
from smartqueue.notifications.enums import Channel, Group
from smartqueue.notifications.models import Preference, QuietHours


@dataclass(frozen=True, slots=True)
class Quiet:
    """From when until when, by which clock; past midnight where the end comes first."""

    begins_at: time
    ends_at: time
    timezone: str = "Africa/Dakar"


@operation
def choose(*, actor: Actor, wanted: Mapping[tuple[Group, Channel], bool]) -> None:
    """
    Turn messages about something by a channel on or off; what is not named stays as it is.

    :raises NotSignedIn: nobody is signed in
    :raises InvalidInput: what is about the account's safety, or the application itself, stays on
    """
    user_id = actor.require_user()
    for (group, channel), is_on in wanted.items():
        if not is_on and not queries.may_be_off(group, channel):
            raise InvalidInput.on("channels", _("These messages cannot be turned off."), "vital")
    Preference.objects.bulk_create(
        [
            Preference(user_id=user_id, group=group, channel=channel, is_on=is_on)
            for (group, channel), is_on in wanted.items()
        ],
        update_conflicts=True,
        unique_fields=["user", "group", "channel"],
        update_fields=["is_on"],
    )


@operation
def set_quiet_hours(*, actor: Actor, quiet: Quiet | None) -> None:
    """
    Say when to be left alone; None for never.

    :raises NotSignedIn: nobody is signed in
    :raises InvalidInput: the same beginning and end, or an unknown zone
    """
    user_id = actor.require_user()
    if quiet is None:
        QuietHours.objects.filter(user_id=user_id).delete()
        return
    if quiet.begins_at == quiet.ends_at:
        raise InvalidInput.on("ends_at", _("The end has to differ from the beginning."), "equal")
    try:
        ZoneInfo(quiet.timezone)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise InvalidInput.on("timezone", _("This time zone is not known."), "timezone") from error
    QuietHours.objects.update_or_create(
        user_id=user_id,
        defaults={
            "begins_at": quiet.begins_at,
            "ends_at": quiet.ends_at,
            "timezone": quiet.timezone,
        },
    )
