"""The doors of analytics: counting anew what the apps below know, and telling managers of a day."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta
from typing import Final
from uuid import UUID

from smartqueue.accounts.actor import Actor
from smartqueue.accounts.models import User
from smartqueue.analytics import digest, mornings
from smartqueue.analytics.models import WaitAccuracy
from smartqueue.business.enums import Ability
from smartqueue.business.models import Branch, Organization
from smartqueue.business.queries import Reach, managers_reach
from smartqueue.common import tenancy
from smartqueue.common.clock import service_date
from smartqueue.common.db import operation
from smartqueue.notifications import operations as notifications
from smartqueue.notifications import queries as notification_queries
from smartqueue.notifications.enums import Channel, Group, Importance
from smartqueue.notifications.models import QuietHours
from smartqueue.queues import policies
from smartqueue.queues.scores import Sums, sums_since

# Within what is kept of single estimates (privacy/retention.py).
WEEKS: Final = 8
NIGHTLY_WEEKS: Final = 2
_KEY: Final = ("queue_id", "week", "bucket", "at_joining")
SUMS: Final = tuple(
    field.name
    for field in WaitAccuracy._meta.concrete_fields
    if field.name
    not in {"id", "organization", "queue", "week", "bucket", "at_joining", "counted_at"}
)


@operation
def count_wait_accuracy(*, actor: Actor, queue_id: UUID, now: datetime) -> int:
    """
    Count anew how right the shown waits of a queue were in the last weeks; return the rows written.

    :raises NotFound: unknown queue, or not the actor's to manage
    """
    queue = policies.access_queue(actor, queue_id, Ability.MANAGE)
    return _count(queue.organization_id, [queue.pk], first_week(now, WEEKS), now)


@operation
def count_wait_accuracy_of(*, organization_id: UUID, queue_ids: list[UUID], now: datetime) -> int:
    """Count this week and the last for queues of one organization; return the rows written."""
    tenancy.enter(organization_id)
    return _count(organization_id, queue_ids, first_week(now, NIGHTLY_WEEKS), now)


@operation
def send_digests_of(*, organization_id: UUID, branch_ids: Sequence[UUID], now: datetime) -> int:
    """
    Send those who manage some of these branches, whose morning it is, what yesterday was like at all
    that they manage: one e-mail a person and day, none to who wants none or where nothing happened.
    Return how many were queued.
    """
    tenancy.enter(organization_id)
    rows = Branch.objects.filter(organization=organization_id, closed_at=None)
    branches = list(rows.order_by("name", "pk"))
    readers = _readers(organization_id, branches, frozenset(branch_ids), now)
    if not readers:
        return 0
    organization = Organization.objects.only("name").get(pk=organization_id)
    days = mornings.branch_days(branches, now)
    messages = mornings.messages_day(organization_id, days, now)
    return sum(_send_digest(reader, organization, days, messages, now) for reader in readers)


@dataclass(frozen=True, slots=True)
class _Reader:
    """Who is sent a digest: of which branches (None is all), under which key, in which quiet hours."""

    user: User
    reach: Reach
    key: str
    quiet: QuietHours | None


def _readers(
    organization_id: UUID, branches: Sequence[Branch], due: frozenset[UUID], now: datetime
) -> list[_Reader]:
    reaches = {
        user_id: reach
        for user_id, reach in managers_reach(organization_id).items()
        if reach is None or reach & due
    }
    # The same all morning long, whichever branch's morning it is.
    day = min(service_date(now, branch.timezone) for branch in branches)
    users = User.objects.filter(pk__in=reaches).exclude(email=None).order_by("pk")
    keys = {f"{digest.CODE}:{user.pk}:{organization_id}:{day}": user for user in users}
    told = notification_queries.already_told(keys) if keys else set()
    readers = []
    for key, user in keys.items():
        wishes = notification_queries.wishes_of(user.pk)
        is_off = (str(Group.DIGEST), str(Channel.EMAIL)) in wishes.off
        if key not in told and not is_off:
            readers.append(_Reader(user, reaches[user.pk], key, wishes.quiet))
    return readers


def _send_digest(
    reader: _Reader,
    organization: Organization,
    days: Sequence[mornings.BranchDay],
    messages: mornings.MessagesDay,
    now: datetime,
) -> bool:
    """Queue a digest; whether there was anything to tell, and it was not told yet."""
    own = [day for day in days if reader.reach is None or day.branch.pk in reader.reach]
    of_all = messages if reader.reach is None else None
    if all(day.is_empty for day in own) and not (of_all and of_all.undelivered):
        return False
    user = reader.user
    made = digest.written(organization.name, own, of_all, user.language)
    message = notifications.send_message(
        channel=Channel.EMAIL,
        recipient=str(user.email),
        template=digest.CODE,
        context={"subject": made.subject, "text": made.text},
        language=user.language,
        dedupe_key=reader.key,
        now=now,
        user_id=user.pk,
        organization_id=organization.pk,
        importance=Importance.LOW,
        not_before=notifications.quiet_until(reader.quiet, now) if reader.quiet else None,
        expires_at=now + digest.LIFE,
        link=made.link,
        html=made.html,
    )
    return message is not None


def first_week(now: datetime, weeks: int) -> date:
    """Return the Monday with which the last `weeks` weeks begin, a day early for zones ahead."""
    today = now.date()
    return today - timedelta(days=today.weekday() + 7 * (weeks - 1))


def _count(organization_id: UUID, queue_ids: list[UUID], week: date, now: datetime) -> int:
    found = sums_since(queue_ids, week)
    known = {
        tuple(row[:-1]): row[-1]
        for row in WaitAccuracy.objects.filter(
            organization_id=organization_id, queue_id__in=queue_ids, week__gte=week
        ).values_list(*_KEY, "estimates")
    }
    # Single estimates end before their week's figures do; what is left of them says less.
    rows = [
        WaitAccuracy(**asdict(sums), counted_at=now)
        for sums in found
        if sums.estimates >= known.get(_key(sums), 0)
    ]
    WaitAccuracy.objects.bulk_create(
        rows, update_conflicts=True, unique_fields=list(_KEY), update_fields=[*SUMS, "counted_at"]
    )
    return len(rows)


def _key(sums: Sums) -> tuple[UUID, date, int, bool]:
    return sums.queue_id, sums.week, sums.bucket, sums.at_joining
