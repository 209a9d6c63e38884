"""The one state that providers, control interface and pages share."""

import asyncio
import json
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from starlette.routing import BaseRoute

from sandbox.callbacks import Callbacks, Sent
from sandbox.rules import BadRule, Balances, Limits, Outcome, ReceiptPlan, Rules
from sandbox.settings import CALLBACKS, Settings
from sandbox.store import Message, Store

TOKENS_KEPT: Final = 1_000
# What two readings of a provider's documentation differ about; the first value is the default.
OPTIONS: Final[Mapping[str, tuple[str, ...]]] = {
    "orange_callback_data": ("resource", "correlator"),
    "orange_contracts": ("list", "nested"),
    "lam_answer": ("text", "json"),
    "lam_status": ("name", "number"),
}


class TextProvider(Protocol):
    """A provider of text messages as the rest of the sandbox knows it."""

    name: str
    label: str
    number: str

    def routes(self) -> list[BaseRoute]:
        """Return the provider's paths, below its own prefix."""

    def statuses(self, outcome: Outcome) -> tuple[str, ...]:
        """Return the provider's words for an outcome, in the order in which they come."""

    async def send_receipt(self, message: Message, status: str) -> None:
        """Tell the product a status of a message in the provider's format."""

    async def send_inbound(self, *, phone: str, to: str, text: str) -> Sent:
        """Hand a text that a phone has sent to the product in the provider's format."""


class Tokens:
    """Bearer tokens that the pretend OAuth servers have given out."""

    def __init__(self) -> None:
        self._until: dict[str, float] = {}
        self._spent: set[str] = set()

    def issue(self, seconds: float) -> str:
        if len(self._until) >= TOKENS_KEPT:
            self._until.pop(next(iter(self._until)))
        token = secrets.token_urlsafe(24)
        self._until[token] = time.monotonic() + seconds
        return token

    def is_valid(self, token: str) -> bool:
        return self._until.get(token, 0.0) > time.monotonic()

    def knows(self, token: str) -> bool:
        """Whether it was given out here, expired or not."""
        return token in self._until

    def expire(self) -> None:
        """Let every token given out so far be refused as expired."""
        self._until = dict.fromkeys(self._until, 0.0)


@dataclass(slots=True)
class World:
    """Everything that the sandbox knows. `public_url` is set once the port is known."""

    settings: Settings
    callbacks: Callbacks
    public_url: str = ""
    store: Store = field(default_factory=Store)
    rules: Rules = field(default_factory=Rules)
    limits: Limits = field(init=False)
    balances: Balances = field(
        default_factory=lambda: Balances(("orange_sms", "lafricamobile", "africas_talking"))
    )
    orange_tokens: Tokens = field(default_factory=Tokens)
    google_tokens: Tokens = field(default_factory=Tokens)
    options: dict[str, str] = field(init=False)
    urls: dict[str, str] = field(init=False)
    text_providers: dict[str, TextProvider] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.limits = Limits({"orange_sms": self.settings.orange_per_second})
        self._set_back()

    def _set_back(self) -> None:
        self.options = {name: values[0] for name, values in OPTIONS.items()}
        self.urls = {name: self.settings.callback_url(name) for name in CALLBACKS}

    async def reset(self) -> None:
        """Forget messages, rules, counts and what is still to be sent; accounts and devices stay."""
        await self.callbacks.forget()
        self.store.reset()
        self.rules.clear()
        self.limits.reset()
        self.balances.reset()
        self._set_back()

    def set_options(self, given: Mapping[str, Any]) -> None:
        """
        Choose between readings of the documentation.

        :raises BadRule: no such option, or no such value of it
        """
        for name, value in given.items():
            if value not in OPTIONS.get(name, ()):
                known = {option: list(values) for option, values in OPTIONS.items()}
                raise BadRule(f"{name}: known options are {json.dumps(known)}")
        self.options.update(given)

    def set_urls(self, given: Mapping[str, Any]) -> None:
        """
        Change where the product is called; "" is nowhere.

        :raises BadRule: no such callback, or its address is not http
        """
        for name, url in given.items():
            if name not in CALLBACKS:
                raise BadRule(f"{name}: known callbacks are {', '.join(CALLBACKS)}")
            if not isinstance(url, str) or not (
                url == "" or url.startswith(("http://", "https://"))
            ):
                raise BadRule(f"{name}: an http or https address, or an empty one, is needed")
        self.urls.update(given)

    def plan_receipts(self, message: Message, plan: ReceiptPlan) -> None:
        """Let the receipts of a message come as planned."""
        provider = self.text_providers[message.provider]
        statuses = plan.ordered(provider.statuses(plan.outcome))
        if statuses:
            self.callbacks.start(self._send_receipts(provider, message, plan, statuses))

    async def _send_receipts(
        self, provider: TextProvider, message: Message, plan: ReceiptPlan, statuses: list[str]
    ) -> None:
        first = self.settings.receipt_delay if plan.delay_seconds is None else plan.delay_seconds
        await asyncio.sleep(first)
        for place, status in enumerate(statuses):
            if place:
                await asyncio.sleep(plan.gap_seconds)
            await self.tell(provider, message, status)

    async def tell(self, provider: TextProvider, message: Message, status: str) -> None:
        """Send one receipt now."""
        message.status = status
        message.receipts.append(status)
        await provider.send_receipt(message, status)
