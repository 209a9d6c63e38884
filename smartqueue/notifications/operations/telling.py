"""Telling a person that something happened: on the channels they have, want and can be reached by."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final, TypeAlias
from uuid import UUID
from zoneinfo import ZoneInfo

from smartqueue.accounts.enums import Language
from smartqueue.accounts.models import User
from smartqueue.common.db import operation
from smartqueue.common.phones import is_textable
from smartqueue.notifications import ports, queries, texts
from smartqueue.notifications.enums import Channel, Importance
from smartqueue.notifications.models import OutgoingMessage, QuietHours
from smartqueue.notifications.operations import inbox, sending
from smartqueue.notifications.operations.preferring import Quiet
from smartqueue.notifications.providers.base import Attachment

USUAL_LANGUAGE: Final = str(Language.FRENCH)
KEY_LENGTH: Final = 120


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """
    Who is told. `devices` are apps and browsers known beside the account's own: those of the holder
    of a ticket. `timezone` is where their night is, unless they said so themselves.
    """

    user_id: UUID | None = None
    phone: str = ""
    email: str = ""
    language: str = USUAL_LANGUAGE
    name: str = ""
    devices: tuple[tuple[Channel, str], ...] = field(default=())
    timezone: str = "Africa/Dakar"

    @property
    def is_reachable(self) -> bool:
        """Whether there is any way to tell them anything."""
        return bool(self.user_id or self.phone or self.email or self.devices)


def person_of(user: User, *, timezone: str = "Africa/Dakar") -> Person:
    """Return an account as somebody to tell."""
    return Person(
        user_id=user.pk,
        phone=user.phone or "",
        email=user.email or "",
        language=user.language,
        name=user.get_full_name(),
        timezone=timezone,
    )


@operation
def tell(
    *,
    to: Person,
    code: str,
    data: Mapping[str, Any],
    dedupe_key: str,
    now: datetime,
    organization_id: UUID | None = None,
    expires_at: datetime | None = None,
    link: str = "",
    topic: str = "",
    attachments: Sequence[Attachment] = (),
    leaves: bool = True,
) -> list[OutgoingMessage]:
    """
    Tell a person something once; the same `dedupe_key` again tells nothing. Returns the messages that
    leave, which may be none.

    An account finds it in the application. Beyond that the first channel is used of those that the
    words name, the person has and has not turned off; the others follow where it fails. Without
    `expires_at` the words' own life counts. In quiet hours, their own or else the organization's
    night, only what is vital leaves: the rest waits for their end, or is not sent where it would be
    late. Without `leaves` it is found in the application only.

    :raises UnknownText: no words under this code
    """
    text = texts.text_of(code)
    language = to.language if to.language in Language.values else USUAL_LANGUAGE
    dedupe_key = dedupe_key[:KEY_LENGTH]
    until = expires_at or now + text.life
    wishes = queries.wishes_of(to.user_id) if to.user_id else queries.Wishes()
    if to.user_id is not None:
        inbox.notify(
            user_id=to.user_id,
            code=code,
            data={**data, "link": link} if link else data,
            dedupe_key=dedupe_key,
            now=now,
            organization_id=organization_id,
        )
    if not leaves:
        return []
    not_before = None
    if text.importance != Importance.VITAL:
        quiet = wishes.quiet or _night(text, organization_id, to.timezone)
        not_before = quiet_until(quiet, now) if quiet else None
    if until <= now or (not_before is not None and not_before >= until):
        return []
    sent = [
        sending.send_message(
            channel=channel,
            recipient=recipient,
            template=code,
            context={"link": link, **data},
            language=language,
            dedupe_key=dedupe_key,
            now=now,
            user_id=to.user_id,
            expires_at=until,
            organization_id=organization_id,
            importance=text.importance,
            not_before=not_before,
            link=link,
            topic=topic,
            attachments=attachments if channel == Channel.EMAIL else (),
            fallbacks=fallbacks,
        )
        for channel, recipient, fallbacks in _ways(to, text, wishes)
    ]
    return [message for message in sent if message is not None]


_Way: TypeAlias = tuple[Channel, str, list[tuple[Channel, str]]]


def _ways(to: Person, text: texts.Text, wishes: queries.Wishes) -> list[_Way]:
    """Return what is sent at once, each with what follows where it fails."""
    wanted = [
        (channel, recipient)
        for channel, recipient in _addresses(to)
        if _is_wanted(channel, text, wishes) and _is_reached(channel, recipient)
    ]
    chain = [way for channel in text.channels for way in wanted if way[0] == channel]
    found: list[_Way] = []
    if chain:
        first = chain[0][0]
        at_once = [way for way in chain if way[0] == first] if first in _DEVICES else chain[:1]
        # Only the device used last stands for the person: where it fails, another way is tried.
        further = [way for way in chain if way not in at_once]
        found = [(*way, further if number == 0 else []) for number, way in enumerate(at_once)]
    taken = {way[:2] for way in found}
    for channel in text.also:
        for way in wanted:
            if way[0] == channel and way not in taken:
                found = [(c, r, [f for f in rest if f != way]) for c, r, rest in found]
                found.append((*way, []))
    return found


_DEVICES: Final = frozenset({Channel.PUSH, Channel.WEB_PUSH})


def _addresses(to: Person) -> list[tuple[Channel, str]]:
    reached = [
        *_devices_of(to.user_id),
        *to.devices,
        (Channel.SMS, to.phone),
        (Channel.EMAIL, to.email),
    ]
    return [way for way in dict.fromkeys(reached) if way[1]]


def _devices_of(user_id: UUID | None) -> list[tuple[Channel, str]]:
    if user_id is None:
        return []
    own = queries.devices_of(user_id)
    phones = [(Channel.PUSH, recipient) for recipient in own.push]
    return [*phones, *((Channel.WEB_PUSH, recipient) for recipient in own.web_push)]


def _is_wanted(channel: Channel, text: texts.Text, wishes: queries.Wishes) -> bool:
    is_off = (str(text.group), str(channel)) in wishes.off
    return not (is_off and queries.may_be_off(text.group, channel))


def _is_reached(channel: Channel, recipient: str) -> bool:
    return sending.can_send(channel) and (channel != Channel.SMS or is_textable(recipient))


def _night(text: texts.Text, organization_id: UUID | None, timezone: str) -> Quiet | None:
    """Return when an organization leaves people alone who did not say when they want to be."""
    if organization_id is None or text.is_live:
        return None
    night = ports.night_of(organization_id)
    return Quiet(night.begins_at, night.ends_at, timezone) if night else None


def quiet_until(quiet: QuietHours | Quiet, now: datetime) -> datetime | None:
    """Return when quiet hours end that have begun at this moment; None outside them."""
    local = now.astimezone(ZoneInfo(quiet.timezone))
    at = local.time()
    if quiet.begins_at < quiet.ends_at:
        is_quiet, days = quiet.begins_at <= at < quiet.ends_at, 0
    else:
        is_quiet = at >= quiet.begins_at or at < quiet.ends_at
        days = 1 if at >= quiet.begins_at else 0
    if not is_quiet:
        return None
    end = quiet.ends_at
    return (local + timedelta(days=days)).replace(
        hour=end.hour, minute=end.minute, second=end.second, microsecond=0, fold=0
    )
