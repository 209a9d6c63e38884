"""What an organization's text messages cost, and where that ends."""

from datetime import date, datetime
from typing import Final
from uuid import UUID

from django.db.models import F

from smartqueue.accounts.actor import SYSTEM, Actor
from smartqueue.common.db import operation, write
from smartqueue.common.errors import InvalidInput
from smartqueue.common.ids import new_id
from smartqueue.notifications import policies
from smartqueue.notifications.errors import bad_sender_name
from smartqueue.notifications.events import SmsAccountChanged, SmsBudgetAlert
from smartqueue.notifications.models import SmsAccount, SmsSpend
from smartqueue.outbox import operations as outbox

SENDER_LENGTH: Final = 11


def month_of(now: datetime) -> date:
    """Return the first day of a moment's month, in UTC, which is Senegal's time."""
    return now.date().replace(day=1)


def account_of(organization_id: UUID) -> SmsAccount | None:
    """Return how an organization texts; None where it has said nothing."""
    rows = SmsAccount.objects.with_scopes_disabled()
    found: SmsAccount | None = rows.filter(organization_id=organization_id).first()
    return found


def spend_of(organization_id: UUID, month: date) -> SmsSpend | None:
    """Return what an organization spent in a month; None for nothing."""
    rows = SmsSpend.objects.with_scopes_disabled().filter(organization_id=organization_id)
    found: SmsSpend | None = rows.filter(month=month).first()
    return found


def is_spent(organization_id: UUID | None, now: datetime, cost_minor: int = 0) -> bool:
    """Whether an organization's budget of the month leaves no room for so much more."""
    left = left_of(organization_id, now) if organization_id else None
    return left is not None and left < max(cost_minor, 1)


_ADD: Final = """
    INSERT INTO notifications_smsspend AS spend (id, organization_id, month, spent_minor, messages)
    VALUES (%s, %s, %s, %s, 1)
    ON CONFLICT (organization_id, month) DO UPDATE
    SET spent_minor = spend.spent_minor + excluded.spent_minor, messages = spend.messages + 1
"""


def left_of(organization_id: UUID, now: datetime) -> int | None:
    """Return what is left of an organization's budget of the month; None without a budget."""
    account = account_of(organization_id)
    if account is None or account.monthly_budget_minor is None:
        return None
    return left_after(account, spend_of(organization_id, month_of(now)))


def left_after(account: SmsAccount | None, spend: SmsSpend | None) -> int | None:
    """Return what a month's spending leaves of an account's budget; None without a budget."""
    if account is None or account.monthly_budget_minor is None:
        return None
    return max(account.monthly_budget_minor - (spend.spent_minor if spend else 0), 0)


def charge(
    organization_id: UUID,
    cost_minor: int,
    *,
    account: SmsAccount | None,
    is_vital: bool,
    now: datetime,
) -> date | None:
    """
    Add what a message will cost to the month's sum, under its row's lock; None where the budget does
    not allow it. Returns the month. A vital message is counted, and goes beyond the budget.

    `account` is the organization's (`account_of`). Without a budget there is nothing to look at, and
    the sum grows with the writes around (`written_together`).
    """
    month = month_of(now)
    if account is None or account.monthly_budget_minor is None:
        write(_ADD, [new_id(), organization_id, month, cost_minor])
        return month
    rows = SmsSpend.objects.with_scopes_disabled()
    rows.get_or_create(organization_id=organization_id, month=month)
    spend = (
        rows.filter(organization_id=organization_id, month=month)
        .select_for_update(of=("self",))
        .get()
    )
    budget, total = account.monthly_budget_minor, spend.spent_minor + cost_minor
    is_over = total > budget
    if is_over and spend.stopped_at is None:
        spend.stopped_at = now
        _tell(organization_id, month, "spent", now)
    elif spend.alerted_at is None and total * 100 >= budget * account.alert_percent:
        spend.alerted_at = now
        _tell(organization_id, month, "nearly_spent", now)
    if is_over and not is_vital:
        spend.save(update_fields=["stopped_at"])
        return None
    spend.spent_minor, spend.messages = total, spend.messages + 1
    spend.save(update_fields=["spent_minor", "messages", "alerted_at", "stopped_at"])
    return month


def correct(organization_id: UUID, month: date, by_minor: int, *, messages: int = 0) -> None:
    """Change a month's sum by what a message cost more or less than was thought."""
    if by_minor or messages:
        rows = SmsSpend.objects.with_scopes_disabled()
        rows.filter(organization_id=organization_id, month=month).update(
            spent_minor=F("spent_minor") + by_minor, messages=F("messages") + messages
        )


def _tell(organization_id: UUID, month: date, level: str, now: datetime) -> None:
    outbox.publish(
        SmsBudgetAlert(
            organization_id=organization_id,
            month=month.isoformat(),
            level=level,
            occurred_at=now,
            actor=SYSTEM.label,
        )
    )


@operation
def set_sms_account(
    *,
    actor: Actor,
    organization_id: UUID,
    sender_name: str,
    monthly_budget_minor: int | None,
    alert_percent: int,
    now: datetime,
) -> SmsAccount:
    """
    Say under which name an organization texts and what it may spend in a month.

    :raises NotFound: not one that the actor manages
    :raises InvalidInput: a name that phones do not show
    """
    policies.access_messages(actor, organization_id)
    name = sender_name.strip()
    if name and not is_sender_name(name):
        raise bad_sender_name()
    if not 1 <= alert_percent <= 100:
        raise InvalidInput.on("alert_percent", "1-100")
    account, _ = SmsAccount.objects.with_scopes_disabled().update_or_create(
        organization_id=organization_id,
        defaults={
            "sender_name": name,
            "monthly_budget_minor": monthly_budget_minor,
            "alert_percent": alert_percent,
            "changed_at": now,
        },
    )
    outbox.publish(
        SmsAccountChanged(organization_id=organization_id, occurred_at=now, actor=actor.label)
    )
    return account  # type: ignore[no-any-return]  # a scoped manager's


def is_sender_name(name: str) -> bool:
    """Whether phones show it: up to eleven letters, digits and spaces, not digits alone."""
    is_plain = all(c.isascii() and (c.isalnum() or c in " -.&") for c in name)
    return is_plain and len(name) <= SENDER_LENGTH and not name[0].isdigit()
