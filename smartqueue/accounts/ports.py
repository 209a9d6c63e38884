"""What the apps above do for this one; they fill these ports when they are ready."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, TypeAlias
from uuid import UUID

from smartqueue.accounts.actor import Actor
from smartqueue.accounts.enums import Channel, Template
from smartqueue.accounts.models import User


@dataclass(frozen=True, slots=True)
class CodeMessage:
    """
    A message about who somebody is, to one identifier. `code` is empty in those that only tell;
    `user_id` is whose message it is, None for an identifier without an account.
    """

    user_id: UUID | None
    channel: Channel
    recipient: str
    template: Template
    code: str
    language: str
    expires_at: datetime | None
    dedupe_key: str


class CodeDelivery(Protocol):
    """Takes a message into its own care, in the caller's transaction."""

    def can_reach(self, channel: Channel) -> bool:
        """Whether messages can be sent on this channel now."""
        ...

    def deliver(self, message: CodeMessage, now: datetime) -> None:
        """Queue the message; it leaves after the commit."""
        ...


class _Nobody:
    def can_reach(self, channel: Channel) -> bool:
        return False

    def deliver(self, message: CodeMessage, now: datetime) -> None:
        raise RuntimeError("nobody delivers codes")


_delivery: CodeDelivery = _Nobody()


def register_code_delivery(delivery: CodeDelivery) -> None:
    """Fill the port through which codes reach people; `notifications` does, when it is ready."""
    global _delivery
    _delivery = delivery


def code_delivery() -> CodeDelivery:
    """Return whoever delivers codes."""
    return _delivery


ErasureStep: TypeAlias = Callable[[User, datetime], None]
"""
Is called with an account that is about to be emptied, in that transaction and with its row locked:
the last moment at which it says who the person is. It may refuse by raising a Problem.
"""

_erasure_steps: list[ErasureStep] = []


def register_erasure_step(step: ErasureStep) -> None:
    """Add what has to be known or refused before an account is emptied."""
    if step not in _erasure_steps:
        _erasure_steps.append(step)


def before_erasure(user: User, now: datetime) -> None:
    """Tell everybody concerned that this account is about to be emptied."""
    for step in _erasure_steps:
        step(user, now)


class Devices(Protocol):
    """Knows the kiosks and displays of branches by the tokens they keep."""

    def actor_of(self, token: str) -> Actor | None:
        """Return the device that a token proves; None for any other text, and once revoked."""
        ...

    def is_trusted(self, device_id: UUID) -> bool:
        """Whether a device that was let in may still act."""
        ...


class _NoDevices:
    def actor_of(self, token: str) -> Actor | None:
        return None

    def is_trusted(self, device_id: UUID) -> bool:
        return False


_devices: Devices = _NoDevices()


def register_devices(devices: Devices) -> None:
    """Fill the port through which devices are known; `business` does, when it is ready."""
    global _devices
    _devices = devices


def devices() -> Devices:
    """Return whoever knows the devices."""
    return _devices
