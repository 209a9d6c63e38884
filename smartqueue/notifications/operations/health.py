"""
Whether a provider is used. After half of its last ten messages failed by its own fault it is left
alone; a single message tries it later, each time twice as late.
"""

import logging
import threading
import time
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from django.db.models import Count, Q
from django.db.models.functions import Now

from smartqueue.common.db import operation
from smartqueue.notifications.enums import AttemptState, CircuitState
from smartqueue.notifications.models import DeliveryAttempt, ProviderHealth

LOOKED_AT: Final = 10
FAULTS: Final = 5
SLOW_SECONDS: Final = 10.0
FIRST_REST: Final = timedelta(seconds=30)
LONGEST_REST: Final = timedelta(minutes=15)
RATE_PERIOD: Final = timedelta(minutes=15)
RATE_KEPT_SECONDS: Final = 10.0

logger = logging.getLogger(__name__)


def note_outcome(attempt: DeliveryAttempt) -> None:
    """Look at a provider after one more message; in the transaction that records the attempt."""
    if attempt.is_fault:
        _note_fault(attempt)
    elif attempt.is_probe:
        _close(attempt.provider)


def _close(provider: str) -> None:
    closed = ProviderHealth.objects.filter(pk=provider, circuit=CircuitState.OPEN).update(
        circuit=CircuitState.CLOSED, since=Now(), probe_at=None, times_opened=0
    )
    if closed:
        logger.warning("a provider is used again", extra={"provider": provider})


def _note_fault(attempt: DeliveryAttempt) -> None:
    ProviderHealth.objects.get_or_create(provider=attempt.provider)
    health = ProviderHealth.objects.select_for_update().get(pk=attempt.provider)
    if health.circuit == CircuitState.OPEN and not attempt.is_probe:
        return
    latest = (
        DeliveryAttempt.objects.filter(provider=attempt.provider, started_at__gte=health.since)
        .exclude(state=AttemptState.SENDING)
        .order_by("-started_at")
        .values_list("is_fault", flat=True)[:LOOKED_AT]
    )
    if attempt.is_probe or sum(latest) >= FAULTS:
        rest = min(FIRST_REST * 2 ** min(health.times_opened, 8), LONGEST_REST)
        ProviderHealth.objects.filter(pk=health.pk).update(
            circuit=CircuitState.OPEN,
            since=Now(),
            probe_at=Now() + rest,
            times_opened=min(health.times_opened + 1, 100),
        )
        logger.error(
            "a provider is left alone",
            extra={"provider": attempt.provider, "seconds": rest.total_seconds()},
        )


def rest_for(provider: str, seconds: float) -> None:
    """Leave a provider alone for as long as it asked for; the next message tries it."""
    rest = timedelta(seconds=min(seconds, LONGEST_REST.total_seconds()))
    ProviderHealth.objects.get_or_create(provider=provider)
    ProviderHealth.objects.filter(pk=provider, circuit=CircuitState.CLOSED).update(
        circuit=CircuitState.OPEN, probe_at=Now() + rest
    )


@operation
def take_probe(*, provider: str) -> bool:
    """Whether the caller's message is the one that tries a provider which was left alone."""
    taken = ProviderHealth.objects.filter(
        pk=provider, circuit=CircuitState.OPEN, probe_at__lte=Now()
    ).update(probe_at=Now() + FIRST_REST)
    return bool(taken)


@dataclass(frozen=True, slots=True)
class _Rates:
    read_at: float
    by_provider: dict[str, float]


_rates = _Rates(float("-inf"), {})
_rates_lock = threading.Lock()


def success_rates() -> dict[str, float]:
    """
    Return which part of each provider's messages of the last quarter of an hour went without its
    fault, from 0.1 to 1; read every ten seconds at most.
    """
    global _rates
    with _rates_lock:
        if time.monotonic() - _rates.read_at > RATE_KEPT_SECONDS:
            _rates = _Rates(time.monotonic(), _read_rates())
        return _rates.by_provider


def _read_rates() -> dict[str, float]:
    rows = (
        DeliveryAttempt.objects.filter(started_at__gte=Now() - RATE_PERIOD)
        .values_list("provider")
        .annotate(total=Count("pk"), faults=Count("pk", filter=Q(is_fault=True)))
    )
    return {name: max(0.1, 1 - faults / total) for name, total, faults in rows}


def forget_rates() -> None:
    """Read them afresh when next asked for."""
    global _rates
    _rates = _Rates(float("-inf"), {})
