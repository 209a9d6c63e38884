"""Failures on command: which messages are treated how, and the limits and balances of providers."""

import itertools
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import Any, Final, TypeVar

RULES_KEPT: Final = 500
T = TypeVar("T", bound=StrEnum)


class Answer(StrEnum):
    """
    What becomes of a request. `_before` fails with nothing taken on, `_after` takes the message on
    (it is counted, delivered and receipted) and then fails to say so.
    """

    ACCEPT = "accept"
    REFUSE = "refuse"
    SERVER_ERROR = "server_error"
    GARBAGE = "garbage"
    HANG_BEFORE = "hang_before"
    HANG_AFTER = "hang_after"
    CUT_BEFORE = "cut_before"
    CUT_AFTER = "cut_after"

    @property
    def takes_on(self) -> bool:
        """Whether the provider has the message afterwards."""
        return self in {self.ACCEPT, self.GARBAGE, self.HANG_AFTER, self.CUT_AFTER}


class Outcome(StrEnum):
    """How a message ends; each provider has words of its own for it."""

    DELIVERED = "delivered"
    FAILED = "failed"
    EXPIRED = "expired"
    REJECTED = "rejected"
    UNKNOWN = "unknown"
    SENT = "sent"


class BadRule(ValueError):
    """What was asked of the control interface makes no sense; the text says why."""


def _strict(cls: type, given: Mapping[str, Any], what: str) -> dict[str, Any]:
    known = {item.name for item in fields(cls) if item.init} - {"id"}
    unknown = sorted(set(given) - known)
    if unknown:
        raise BadRule(f"{what}: unknown {', '.join(unknown)}; known: {', '.join(sorted(known))}")
    return dict(given)


def _number(given: dict[str, Any], name: str, *, most: float, whole: bool = False) -> None:
    value = given.get(name)
    if value is None:
        given.pop(name, None)
        return
    kinds = (int,) if whole else (int, float)
    if isinstance(value, bool) or not isinstance(value, kinds) or not 0 <= value <= most:
        raise BadRule(f"{name}: a {'whole ' if whole else ''}number from 0 to {most:g} is needed")


@dataclass(frozen=True, slots=True)
class ReceiptPlan:
    """
    How receipts of a message come. `statuses` (the provider's own words) wins over `outcome`;
    `copies` sends each so many times, `reverse` the last first, `send` false none at all.
    `delay_seconds` passes before the first, `gap_seconds` between two.
    """

    outcome: Outcome = Outcome.DELIVERED
    statuses: tuple[str, ...] = ()
    delay_seconds: float | None = None
    gap_seconds: float = 0.0
    copies: int = 1
    reverse: bool = False
    send: bool = True

    @classmethod
    def read(cls, given: Mapping[str, Any]) -> "ReceiptPlan":
        values = _strict(cls, given, "receipts")
        for name in ("delay_seconds", "gap_seconds"):
            _number(values, name, most=86400)
        _number(values, "copies", most=100, whole=True)
        statuses = values.get("statuses", ())
        if not isinstance(statuses, list | tuple) or not all(isinstance(s, str) for s in statuses):
            raise BadRule("statuses: a list of the provider's words is needed")
        values["statuses"] = tuple(statuses)
        values["outcome"] = _choice(Outcome, values.get("outcome", Outcome.DELIVERED), "outcome")
        for name in ("reverse", "send"):
            if not isinstance(values.get(name, False), bool):
                raise BadRule(f"{name}: true or false is needed")
        return cls(**values)

    def ordered(self, statuses: tuple[str, ...]) -> list[str]:
        """Return the statuses to send, in order, given those that the outcome stands for."""
        if not self.send:
            return []
        chosen = self.statuses or statuses
        if self.reverse:
            chosen = tuple(reversed(chosen))
        return [status for status in chosen for _ in range(self.copies)]


@dataclass(slots=True)
class Rule:
    """
    What happens to messages of a provider (`smpp` also stands for each account of it, "*" for all) to
    a number, token or mailbox and with a text, both as patterns with "*". `error` is the provider's
    own code for a refusal. The first `skip` matches pass untouched; after `times` the rule is used up.
    """

    provider: str = "*"
    to: str = "*"
    text: str = "*"
    answer: Answer = Answer.ACCEPT
    error: str = ""
    retry_after: int | None = None
    delay_seconds: float = 0.0
    hang_seconds: float = 60.0
    receipts: ReceiptPlan = ReceiptPlan()
    skip: int = 0
    times: int | None = None
    matched: int = field(default=0, init=False)
    id: str = ""

    @classmethod
    def read(cls, given: Mapping[str, Any]) -> "Rule":
        values = _strict(cls, given, "rule")
        for name in ("delay_seconds", "hang_seconds"):
            _number(values, name, most=3600)
        for name in ("retry_after", "skip", "times"):
            _number(values, name, most=1_000_000, whole=True)
        for name in ("provider", "to", "text", "error"):
            if not isinstance(values.get(name, ""), str):
                raise BadRule(f"{name}: a text is needed")
        values["answer"] = _choice(Answer, values.get("answer", Answer.ACCEPT), "answer")
        if "receipts" in values:
            if not isinstance(values["receipts"], dict):
                raise BadRule("receipts: an object is needed")
            values["receipts"] = ReceiptPlan.read(values["receipts"])
        return cls(**values)

    def fits(self, provider: str, to: str, text: str) -> bool:
        mine = self.provider in {"*", provider} or provider.startswith(f"{self.provider}.")
        return mine and fnmatchcase(to, self.to) and fnmatchcase(text, self.text)


def _choice(kind: type[T], value: Any, name: str) -> T:
    try:
        return kind(value)
    except ValueError as error:
        raise BadRule(f"{name}: one of {', '.join(kind)} is needed") from error


class Rules:
    """The rules in force; the newest that fits decides."""

    def __init__(self) -> None:
        self._numbers = itertools.count(1)
        self._rules: deque[Rule] = deque(maxlen=RULES_KEPT)

    def add(self, given: Mapping[str, Any]) -> Rule:
        """
        Put a rule in force.

        :raises BadRule: a field is unknown or its value makes no sense
        """
        rule = Rule.read(given)
        rule.id = f"rule-{next(self._numbers)}"
        self._rules.appendleft(rule)
        return rule

    def all(self) -> list[Rule]:
        return list(self._rules)

    def remove(self, rule_id: str) -> bool:
        for rule in self._rules:
            if rule.id == rule_id:
                self._rules.remove(rule)
                return True
        return False

    def clear(self) -> None:
        self._rules.clear()

    def decide(self, provider: str, *, to: str, text: str = "") -> Rule:
        """Return what to do with a message, and note that the rule was used."""
        return self._first([rule for rule in self._rules if rule.fits(provider, to, text)])

    def decide_entry(self, entry: str) -> Rule:
        """Return what to do with a sign-in, such as `orange_sms_token`; only rules that name it count."""
        named = (rule for rule in self._rules if rule.provider != "*")
        return self._first([rule for rule in named if rule.fits(entry, "", "")])

    def _first(self, fitting: list[Rule]) -> Rule:
        for rule in fitting:
            if rule.times is not None and rule.matched >= rule.skip + rule.times:
                continue
            rule.matched += 1
            if rule.matched > rule.skip:
                return rule
        return Rule()


class Limits:
    """How many messages a second each provider takes; over a sliding second, as real gateways count."""

    def __init__(
        self, given: Mapping[str, int], *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._first, self._clock = dict(given), clock
        self.reset()

    def reset(self) -> None:
        self.per_second = {name: rate for name, rate in self._first.items() if rate}
        self._taken: dict[str, deque[float]] = {}

    def set(self, provider: str, per_second: int) -> None:
        """Allow so many a second; 0 lifts the limit."""
        self.per_second.pop(provider, None)
        if per_second:
            self.per_second[provider] = per_second

    def allows(self, provider: str) -> bool:
        """Whether one more fits into the last second; one that fits is counted."""
        rate = self.per_second.get(provider) or self.per_second.get(provider.partition(".")[0])
        if not rate:
            return True
        now = self._clock()
        taken = self._taken.setdefault(provider, deque())
        while taken and taken[0] <= now - 1:
            taken.popleft()
        if len(taken) >= rate:
            return False
        taken.append(now)
        return True


class Balances:
    """Prepaid segments left at each provider; None means without end."""

    START: Final = 100_000

    def __init__(self, providers: tuple[str, ...]) -> None:
        self._providers = providers
        self.reset()

    def reset(self) -> None:
        self.units: dict[str, int] = dict.fromkeys(self._providers, self.START)

    def take(self, provider: str, units: int) -> bool:
        """Take units off; false, and nothing taken, when there are too few."""
        left = self.units.get(provider)
        if left is None:
            return True
        if left < units:
            return False
        self.units[provider] = left - units
        return True
