"""What the prepaid accounts at providers still have."""

from datetime import datetime, timedelta

from django.conf import settings
from django.db.models.functions import Now

from smartqueue.accounts.actor import SYSTEM
from smartqueue.common.db import operation
from smartqueue.common.ids import new_id
from smartqueue.notifications.enums import Channel
from smartqueue.notifications.events import ProviderBalanceLow
from smartqueue.notifications.models import ProviderHealth
from smartqueue.notifications.providers.base import Balance, Provider, providers_of
from smartqueue.outbox import operations as outbox

NEARLY_OVER = timedelta(days=3)


def all_providers() -> list[Provider]:
    """Return every provider that has an account here, of all channels."""
    return [provider for channel in Channel for provider in providers_of(channel)]


def is_low(balance: Balance, now: datetime) -> bool:
    """Whether a balance is below what the settings warn at, or nearly over."""
    is_over_soon = balance.expires_at is not None and balance.expires_at - now < NEARLY_OVER
    few = balance.units is not None and balance.units < settings.LOW_BALANCE_UNITS
    little = balance.amount_minor is not None and balance.amount_minor < settings.LOW_BALANCE_MINOR
    return few or little or is_over_soon


@operation
def record_balance(*, provider: str, balance: Balance, now: datetime) -> None:
    """Note what an account still has; a balance that has become low is an event, once."""
    ProviderHealth.objects.get_or_create(provider=provider)
    row = ProviderHealth.objects.select_for_update().get(pk=provider)
    low = is_low(balance, now)
    ProviderHealth.objects.filter(pk=provider).update(
        units=balance.units,
        amount_minor=balance.amount_minor,
        currency=balance.currency,
        balance_at=Now(),
        balance_expires_at=balance.expires_at,
        is_low=low,
    )
    if low and not row.is_low:
        outbox.publish(
            ProviderBalanceLow(
                alert_id=new_id(),
                provider=provider,
                units=balance.units,
                amount_minor=balance.amount_minor,
                occurred_at=now,
                actor=SYSTEM.label,
            )
        )
