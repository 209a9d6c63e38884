"""
What every provider of messages has in common; architecture.md section 7.

A provider is an adapter of one account at one company. It speaks that company's wire format through
`common/http.py` (or SMPP, or SMTP), touches no table, and never decides whether to try again: the
engine does, by what the adapter tells it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Final, Protocol
from uuid import UUID

from django.db import models
from django.utils.translation import gettext_lazy as _

from smartqueue.notifications.enums import Channel

if TYPE_CHECKING:
    from smartqueue.notifications.ports import UssdAnswer, UssdStep


class ProviderError(Exception):
    """
    A message was not taken. `code` is for the log and never holds a recipient or a token.

    `retryable`: the same message may be taken later, or by another provider. `retry_after`: not
    before so many seconds, where the provider said so. `is_recipient`: the address is wrong or gone,
    whoever carries the message.
    """

    def __init__(
        self,
        code: str,
        *,
        retryable: bool,
        retry_after: float | None = None,
        is_recipient: bool = False,
    ) -> None:
        super().__init__(code)
        self.code = code
        self.retryable = retryable
        self.retry_after = retry_after
        self.is_recipient = is_recipient


class OutcomeUnknown(ProviderError):
    """
    The provider may have taken the message: the connection ended after the request had left.

    Never sent again blindly: the engine asks (`Provider.look_up`) or waits for the receipt.
    """

    def __init__(self, code: str) -> None:
        super().__init__(code, retryable=False)


NOT_TAKEN: Final = "not_taken"
"""The code of a FAILED receipt of `look_up` where the provider is sure that it never took the message."""


class Delivery(models.TextChoices):
    """What a provider says of a message it has taken; the last three are final."""

    ON_THE_WAY = "on_the_way", _("On the way")
    DELIVERED = "delivered", _("Delivered")
    FAILED = "failed", _("Not delivered")
    EXPIRED = "expired", _("Too late")


@dataclass(frozen=True, slots=True)
class Attachment:
    name: str
    content: bytes
    content_type: str


@dataclass(frozen=True, slots=True)
class Outgoing:
    """
    One message for one recipient, ready to send: words rendered, nothing left to look up.

    `reference` is the attempt's id, ours, and travels with the message where the wire format has a
    place for it. `recipient` is a number in international form (`+221771234567`), an address, a
    device token, or a Web Push subscription as JSON. `subject` is the title of a push. `html` is
    empty for plain text. `sender` is what the organization is called to a phone (at most 11
    characters), empty for the account's own. `link` opens upon a touch. `topic` lets a later push
    replace an earlier one. `expires_at`: of no use afterwards. `receipt_url` is where the provider may
    report, for those that take it with each message. `unsubscribe_url` is for one-click (RFC 8058).
    """

    reference: UUID
    recipient: str
    body: str
    subject: str = ""
    html: str = ""
    sender: str = ""
    link: str = ""
    topic: str = ""
    is_urgent: bool = False
    expires_at: datetime | None = None
    receipt_url: str = ""
    unsubscribe_url: str = ""
    data: Mapping[str, str] = field(default_factory=dict)
    attachments: tuple[Attachment, ...] = ()


@dataclass(frozen=True, slots=True)
class Handed:
    """
    A provider has taken a message. `reference` is the provider's own, by which receipts name it, or
    empty; `cost_minor` is what it charged in minor units of `currency`, where it says so.
    """

    reference: str
    cost_minor: int | None = None
    currency: str = ""


@dataclass(frozen=True, slots=True)
class Receipt:
    """
    What became of a message. `reference` is the provider's; `own_reference` ours, where it came back
    (one of both is there). `event_id` tells a repeated receipt. `is_recipient` as in ProviderError.
    """

    delivery: Delivery
    reference: str = ""
    own_reference: str = ""
    event_id: str = ""
    code: str = ""
    is_recipient: bool = False


@dataclass(frozen=True, slots=True)
class Balance:
    """What a prepaid account still has: `units` messages, or money in minor units of `currency`."""

    units: int | None = None
    amount_minor: int | None = None
    currency: str = ""
    expires_at: datetime | None = None


class Provider(Protocol):
    """One account at one company. Made once per process; used by several threads at once."""

    name: str
    """As rows and addresses call it: `orange_sms`, `smpp.yas`."""
    channel: Channel
    per_second: float | None
    """How many messages the account may send each second, by contract; None for no limit."""

    def send(self, message: Outgoing) -> Handed:
        """
        Hand over one message.

        :raises ProviderError: not taken
        :raises OutcomeUnknown: perhaps taken
        """
        ...

    def look_up(self, reference: str, own_reference: str) -> Receipt | None:
        """
        Ask what became of a message, by the provider's reference or ours; None if it cannot tell.

        :raises ProviderError: no answer now
        """
        ...

    def balance(self) -> Balance | None:
        """
        Ask what the account still has; None where nobody can ask.

        :raises ProviderError: no answer now
        """
        ...


@dataclass(frozen=True, slots=True)
class Terms:
    """
    By what a provider is chosen among several: hints of the operator, for numbers move between networks.

    `prefixes` are beginnings of numbers (`+22177`) that it serves best, `countries` the regions (`SN`)
    that it reaches; none means any. `price_minor` is what one segment costs in minor units of
    `currency`; None where nobody said.
    """

    prefixes: tuple[str, ...] = ()
    countries: tuple[str, ...] = ()
    price_minor: int | None = None
    currency: str = "XOF"


def terms_of(provider: Provider) -> Terms:
    """Return by what a provider is chosen; that of one without terms says nothing."""
    terms: Terms = getattr(provider, "terms", Terms())
    return terms


# --- What providers call us with ----------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Callback:
    """A request of a provider as it came: `url` whole as the provider called it, headers in lower case."""

    method: str
    url: str
    headers: Mapping[str, str]
    query: Mapping[str, str]
    body: bytes


class BadCallback(Exception):
    """Not from the provider (signature), or not in its form; `code` says which."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True, slots=True)
class InboundText:
    """A text message from a phone. `event_id` is the provider's id of it: the same again is a repeat."""

    event_id: str
    sender: str
    recipient: str
    text: str


@dataclass(frozen=True, slots=True)
class Ringing:
    """
    Somebody rings one of our numbers. `event_id` is the provider's id of the call, which comes more
    than once; `is_over` tells the last of them.
    """

    event_id: str
    caller: str
    called: str
    is_over: bool = False


@dataclass(frozen=True, slots=True)
class Said:
    """The body that a provider wants as the answer to its call."""

    body: str
    content_type: str = "text/plain; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Webhook:
    """
    How one provider's calls are understood. Each function proves the caller by what the provider
    offers (a signature; otherwise the secret of the address, which the engine has compared already)
    and raises BadCallback; None where the provider has no such call.

    `said_to_ussd` puts an answer to a USSD step in the provider's form, `said_to_text` is the answer
    to an inbound text that sends nothing back, and `said_to_ringing` the one that does not lift off.
    """

    receipts: Callable[[Callback], list[Receipt]] | None = None
    inbound: Callable[[Callback], list[InboundText]] | None = None
    ussd: Callable[[Callback], "UssdStep"] | None = None
    ringing: Callable[[Callback], Ringing] | None = None
    said_to_text: Said = Said("")
    said_to_ussd: Callable[["UssdAnswer"], Said] | None = None
    said_to_ringing: Said = Said("")


# --- Who is there -------------------------------------------------------------------------------

Factory = Callable[[], Provider | None]
"""Makes a provider from the settings; None where they do not name an account."""

_factories: dict[str, Factory] = {}
_made: dict[str, Provider] = {}
_webhooks: dict[str, Webhook] = {}
_secrets: dict[str, Callable[[], str]] = {}


def register_provider(
    name: str,
    factory: Factory,
    webhook: Webhook | None = None,
    *,
    callback_secret: Callable[[], str] | None = None,
) -> None:
    """
    Make a provider known; each package of `providers` does when the app is ready.

    `callback_secret` reads from the settings what stands at the end of the addresses that it calls.
    """
    _factories[name] = factory
    if webhook is not None:
        _webhooks[name] = webhook
    if callback_secret is not None:
        _secrets[name] = callback_secret


def callback_secret_of(name: str) -> str:
    """Return the secret of the addresses that a provider calls; "" opens none."""
    read = _secrets.get(name)
    return read() if read else ""


def provider_named(name: str) -> Provider | None:
    """Return a provider that has an account here, made upon the first question."""
    if name not in _made:
        factory = _factories.get(name)
        provider = factory() if factory else None
        if provider is None:
            return None
        _made[name] = provider
    return _made[name]


def providers_of(channel: Channel) -> list[Provider]:
    """Return the providers of a channel that have an account here, in order of registration."""
    found = (provider_named(name) for name in _factories)
    return [provider for provider in found if provider and provider.channel == channel]


def webhook_of(name: str) -> Webhook | None:
    """Return how a provider's calls are understood; None for one that calls nobody."""
    return _webhooks.get(name)


def forget_providers() -> None:
    """Make all of them anew upon the next question: the settings are others now."""
    _made.clear()


# --- What comes over a bind, with no request of its own --------------------------------------------

ReceiptSink = Callable[[str, Receipt], None]
TextSink = Callable[[str, InboundText], None]


@dataclass(frozen=True, slots=True)
class Sinks:
    """
    Where a process that keeps a connection open (`run_smpp`) hands over what arrives on it, with the
    provider's name. Both have stored it when they return: the operator then forgets it. What they
    raise makes the operator deliver it again.
    """

    receipt: ReceiptSink
    text: TextSink


_sinks: Sinks | None = None


def register_sinks(sinks: Sinks) -> None:
    """Fill the place of what takes receipts and texts; the engine does, when the app is ready."""
    global _sinks
    _sinks = sinks


def sinks() -> Sinks | None:
    """Return what takes receipts and texts; None where nothing does."""
    return _sinks
