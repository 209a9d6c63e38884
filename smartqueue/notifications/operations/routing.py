"""
By which provider a message goes: one that is in use and reaches the number, not tried with it yet;
of several the cheapest, where the price counts as much higher as messages got lost lately, and a
tenth lower at the operator that the number began with.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from phonenumber_field.phonenumber import to_python
from phonenumbers import region_code_for_number

from smartqueue.notifications.enums import Channel, CircuitState
from smartqueue.notifications.models import ProviderHealth
from smartqueue.notifications.operations import health
from smartqueue.notifications.providers.base import Provider, Terms, providers_of, terms_of

USUAL_PRICE_MINOR: Final = 25
AT_HOME: Final = 0.9


@dataclass(frozen=True, slots=True)
class Choice:
    """A provider for a message; `price_minor` is for one segment, `is_probe`: it was left alone."""

    provider: Provider
    price_minor: int
    currency: str
    is_probe: bool = False


@dataclass(frozen=True, slots=True)
class Choices:
    """
    Providers for a message, best first. Without any, `wait_until` is when one may be tried again.
    A message that is not vital waits for the best one where that is busy, as it was chosen for its
    price. `organization_id` is whose message it is.
    """

    found: tuple[Choice, ...]
    wait_until: datetime | None = None
    is_vital: bool = False
    organization_id: UUID | None = None


def reaching(channel: Channel, recipient: str) -> list[Provider]:
    """Return the providers that carry a channel and reach this number or address."""
    found = providers_of(channel)
    if channel != Channel.SMS:
        return found
    region = region_code_for_number(to_python(recipient)) or ""
    return [p for p in found if not terms_of(p).countries or region in terms_of(p).countries]


def choose(
    channel: Channel,
    recipient: str,
    *,
    tried: Iterable[str] = (),
    resting: Mapping[str, datetime | None],
    db_now: datetime,
) -> Choices:
    """
    Return the providers that may be asked now, best first. `tried` names those asked already, once
    for each time; `resting` those left alone, and when one message may try each. `db_now` is
    PostgreSQL's time.
    """
    reach = reaching(channel, recipient)
    free = [p for p in reach if p.name not in resting]
    due = [p for p in reach if p.name in resting and (resting[p.name] or db_now) <= db_now]
    times = list(tried)
    rates = health.success_rates() if len(free) > 1 else {}
    free.sort(key=lambda p: (times.count(p.name), _price(p, recipient, rates)))
    found = [_choice(p, is_probe=True) for p in due] + [_choice(p) for p in free]
    if found:
        return Choices(tuple(found))
    ends = [at for p in reach if (at := resting[p.name]) is not None]
    return Choices((), min(ends, default=None))


def _choice(provider: Provider, *, is_probe: bool = False) -> Choice:
    terms = terms_of(provider)
    return Choice(provider, terms.price_minor or 0, terms.currency, is_probe)


def _price(provider: Provider, recipient: str, rates: dict[str, float]) -> float:
    terms: Terms = terms_of(provider)
    price = terms.price_minor or USUAL_PRICE_MINOR
    is_home = any(recipient.startswith(prefix) for prefix in terms.prefixes)
    return price * (AT_HOME if is_home else 1.0) / rates.get(provider.name, 1.0)


def has_untried(channel: Channel, recipient: str, tried: Iterable[str]) -> bool:
    """Whether a provider is in use, reaches the number and was not asked yet."""
    names = {p.name for p in reaching(channel, recipient)} - set(tried)
    resting = ProviderHealth.objects.filter(pk__in=names, circuit=CircuitState.OPEN)
    return bool(names - set(resting.values_list("pk", flat=True)))
