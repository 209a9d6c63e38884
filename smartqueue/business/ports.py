"""What the apps above do for this one; they fill these ports when they are ready."""

from collections.abc import Callable, Mapping
from datetime import datetime
from enum import StrEnum
from typing import TypeAlias
from uuid import UUID

from smartqueue.accounts.actor import Actor
from smartqueue.business.models import OrganizationSettings


class Retirable(StrEnum):
    """What can be taken out of use while its history stays."""

    ORGANIZATION = "organization"
    BRANCH = "branch"
    SERVICE = "service"
    COUNTER = "counter"


RetirementGuard: TypeAlias = Callable[[Retirable, UUID], int]
"""
Returns how many people would be left standing if a thing were retired now. It is asked in the
transaction that retires, and locks what it must so that nobody joins before that ends.
"""

_guards: list[RetirementGuard] = []


def register_retirement_guard(guard: RetirementGuard) -> None:
    """Add a guard; registering the same one again changes nothing."""
    if guard not in _guards:
        _guards.append(guard)


def people_held_up(thing: Retirable, thing_id: UUID) -> int:
    """Return how many people every guard together counts."""
    return sum(guard(thing, thing_id) for guard in _guards)


VisibilityListener: TypeAlias = Callable[[OrganizationSettings, Actor, datetime], None]
"""
Is told, in the transaction of the change, that an organization shows the public other figures: what
is hidden must be hidden everywhere with the commit.
"""

_listeners: list[VisibilityListener] = []


def register_visibility_listener(listener: VisibilityListener) -> None:
    """Add a listener; registering the same one again changes nothing."""
    if listener not in _listeners:
        _listeners.append(listener)


def tell_visibility(settings: OrganizationSettings, actor: Actor, now: datetime) -> None:
    """Tell every listener."""
    for listener in _listeners:
        listener(settings, actor, now)


RetentionPeriods: TypeAlias = Callable[[], Mapping[str, int]]
"""Returns the platform's longest time for each kind of data that an organization may keep less
long, in days."""


def _no_periods() -> Mapping[str, int]:
    return {}


_periods: RetentionPeriods = _no_periods


def register_retention_periods(periods: RetentionPeriods) -> None:
    """Fill the port through which the kinds of data are known; `privacy` does, when it is ready."""
    global _periods
    _periods = periods


def retention_periods() -> Mapping[str, int]:
    """Return the kinds of data whose time an organization may shorten, and the longest in days."""
    return _periods()
