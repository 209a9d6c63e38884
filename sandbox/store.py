"""What has arrived: messages by phone, e-mails, and counts that show whether any is missing or doubled."""

import itertools
from collections import Counter, OrderedDict, deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.message import EmailMessage
from typing import Any, Final, Literal

MESSAGES_KEPT: Final = 20_000
PHONES_KEPT: Final = 5_000
SHOWN_ON_A_PHONE: Final = 200
MAILS_KEPT: Final = 500
MAIL_BYTES_KEPT: Final = 100_000_000
KEYS_COUNTED: Final = 200_000

Channel = Literal["sms", "push", "call", "ussd"]
By = Literal["reference", "text"]
Of = Literal["received", "accepted"]


def now() -> datetime:
    return datetime.now(UTC)


@dataclass(slots=True)
class Message:
    """
    One message between the product and a phone. `peer` is the other side's name or number,
    `reference` what the product itself called it, `provider_id` what the provider calls it.
    """

    provider: str
    channel: Channel
    to_phone: bool
    phone: str
    peer: str
    text: str
    provider_id: str = ""
    reference: str = ""
    segments: int = 1
    status: str = ""
    problem: str = ""
    details: dict[str, Any] = field(default_factory=dict)
    receipts: list[str] = field(default_factory=list)
    at: datetime = field(default_factory=now)
    id: str = ""

    def as_json(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "at": self.at.isoformat(),
            "provider": self.provider,
            "channel": self.channel,
            "direction": "to_phone" if self.to_phone else "from_phone",
            "phone": self.phone,
            "peer": self.peer,
            "text": self.text,
            "provider_id": self.provider_id,
            "reference": self.reference,
            "segments": self.segments,
            "status": self.status,
            "problem": self.problem,
            "receipts": list(self.receipts),
            "details": self.details,
        }


@dataclass(slots=True)
class UssdSession:
    """A menu between a phone and a USSD address; `inputs` is everything that was keyed in so far."""

    id: str
    code: str
    phone: str
    inputs: list[str] = field(default_factory=list)
    screen: str = ""
    is_open: bool = True
    problem: str = ""
    hops: int = 0
    started_at: datetime = field(default_factory=now)


@dataclass(slots=True)
class Phone:
    """One pretend phone: its last messages, newest last, and its USSD menu if one is on the screen."""

    number: str
    messages: deque[Message] = field(default_factory=lambda: deque(maxlen=SHOWN_ON_A_PHONE))
    ussd: UssdSession | None = None


@dataclass(slots=True)
class Mail:
    """One e-mail as it came over SMTP: the envelope, the bytes, and the parsed message."""

    sender: str
    recipients: list[str]
    raw: bytes
    message: EmailMessage
    at: datetime = field(default_factory=now)
    id: str = ""

    @property
    def subject(self) -> str:
        return str(self.message.get("Subject", "")) or "(no subject)"

    def body(self, kind: Literal["plain", "html"]) -> str:
        """Return the plain or the HTML part, or "" if there is none."""
        part = self.message.get_body((kind,))
        if part is None:
            return ""
        raw = part.get_payload(decode=True)
        data = raw if isinstance(raw, bytes) else b""
        try:
            text = data.decode(part.get_content_charset("utf-8"), "replace")
        except LookupError:
            text = data.decode("utf-8", "replace")
        return text.replace("\r\n", "\n")

    def attachments(self) -> list[EmailMessage]:
        return list(self.message.iter_attachments())

    def as_json(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "at": self.at.isoformat(),
            "sender": self.sender,
            "recipients": self.recipients,
            "subject": self.subject,
            "headers": {name: str(value) for name, value in self.message.items()},
            "plain": self.body("plain"),
            "html": self.body("html"),
            "attachments": [
                {"name": part.get_filename() or "", "type": part.get_content_type()}
                for part in self.attachments()
            ],
        }


class Counts:
    """
    How often each message was received and accepted, by the product's own reference and by number and
    text. `lost` counts what no longer fitted: unless it is 0, absence shows nothing.
    """

    def __init__(self) -> None:
        self.outcomes: dict[str, Counter[str]] = {}
        self._keys: dict[tuple[str, Of, By], Counter[str]] = {}
        self._kept = 0
        self.lost = 0

    def note(self, provider: str, *, to: str, text: str, reference: str, outcome: str) -> None:
        """Count one message; the outcome "accepted" says that the provider has taken it on."""
        self.tick(provider, outcome)
        of_what: tuple[Of, ...] = (
            ("received", "accepted") if outcome == "accepted" else ("received",)
        )
        for of in of_what:
            self._add((provider, of, "text"), f"{to}\n{text}")
            if reference:
                self._add((provider, of, "reference"), reference)

    def tick(self, provider: str, outcome: str) -> None:
        """Count something that is not a whole message, such as a part that was refused."""
        self.outcomes.setdefault(provider, Counter())[outcome] += 1

    def _add(self, place: tuple[str, Of, By], key: str) -> None:
        counter = self._keys.setdefault(place, Counter())
        if key not in counter:
            if self._kept >= KEYS_COUNTED:
                self.lost += 1
                return
            self._kept += 1
        counter[key] += 1

    def read(self, provider: str, *, of: Of, by: By, keys: bool) -> dict[str, Any]:
        """Return totals over a provider ("" for all; `smpp` also stands for its accounts)."""
        counted: Counter[str] = Counter()
        for (name, this_of, this_by), counter in self._keys.items():
            if (this_of, this_by) == (of, by) and _is_of(name, provider):
                counted.update(counter)
        outcomes: Counter[str] = Counter()
        for name, seen in self.outcomes.items():
            if _is_of(name, provider):
                outcomes.update(seen)
        answer: dict[str, Any] = {
            "total": counted.total(),
            "distinct": len(counted),
            "repeated": {key: times for key, times in counted.items() if times > 1},
            "outcomes": dict(outcomes),
            "lost": self.lost,
        }
        if keys:
            answer["keys"] = dict(counted)
        return answer


def _is_of(name: str, provider: str) -> bool:
    return not provider or name == provider or name.startswith(f"{provider}.")


class Store:
    """Everything that arrived, in memory; the oldest goes when a limit is reached."""

    def __init__(self) -> None:
        self._numbers = itertools.count(1)
        self.reset()

    def reset(self) -> None:
        self.messages: OrderedDict[str, Message] = OrderedDict()
        self._by_provider_id: dict[tuple[str, str], Message] = {}
        self.phones: OrderedDict[str, Phone] = OrderedDict()
        self.mails: OrderedDict[str, Mail] = OrderedDict()
        self._mail_bytes = 0
        self.counts = Counts()

    def phone(self, number: str) -> Phone:
        """Return a phone, switched on if it was not there yet."""
        phone = self.phones.get(number)
        if phone is None:
            phone = self.phones[number] = Phone(number)
            if len(self.phones) > PHONES_KEPT:
                self.phones.popitem(last=False)
        return phone

    def add(self, message: Message) -> Message:
        """Keep a message and put it on its phone; one without a phone is only kept."""
        message.id = f"m{next(self._numbers)}"
        self.messages[message.id] = message
        if message.provider_id:
            self._by_provider_id[message.provider, message.provider_id] = message
        if len(self.messages) > MESSAGES_KEPT:
            _, oldest = self.messages.popitem(last=False)
            self._by_provider_id.pop((oldest.provider, oldest.provider_id), None)
        if message.phone:
            self.phone(message.phone).messages.append(message)
            self.phones.move_to_end(message.phone)
        return message

    def by_provider_id(self, provider: str, provider_id: str) -> Message | None:
        """Return the message that a provider calls so."""
        return self._by_provider_id.get((provider, provider_id))

    def add_mail(self, mail: Mail) -> Mail:
        mail.id = f"e{next(self._numbers)}"
        self.mails[mail.id] = mail
        self._mail_bytes += len(mail.raw)
        while len(self.mails) > MAILS_KEPT or self._mail_bytes > MAIL_BYTES_KEPT:
            _, oldest = self.mails.popitem(last=False)
            self._mail_bytes -= len(oldest.raw)
        return mail

    def newest(self, limit: int, *, provider: str = "", phone: str = "") -> Iterable[Message]:
        """Return messages, newest first."""
        found = (
            message
            for message in reversed(self.messages.values())
            if _is_of(message.provider, provider) and phone in {"", message.phone}
        )
        return itertools.islice(found, limit)
