"""
A message centre for SMPP 3.4, section 2.2: binds, submit_sm, receipts and inbound texts by deliver_sm.
Each account is a provider of its own, named `smpp.<system_id>`.
"""

import asyncio
import contextlib
import itertools
from collections import OrderedDict, deque
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from starlette.routing import BaseRoute

from sandbox import gsm, phones, store
from sandbox.callbacks import Sent
from sandbox.providers import smpp_codec as codec
from sandbox.providers.smpp_codec import STATUSES, Malformed, Pdu, ShortMessage
from sandbox.rules import Answer, Outcome, Rule
from sandbox.store import Message
from sandbox.world import World

PENDING_KEPT: Final = 1_000
INCOMPLETE_KEPT: Final = 1_000
AT_ONCE: Final = 500
RESPONSE_SECONDS: Final = 10.0

# The word of a receipt, its number in message_state, and its error code.
STATES: Final[Mapping[str, tuple[int, str]]] = {
    "ENROUTE": (1, "000"),
    "DELIVRD": (2, "000"),
    "EXPIRED": (3, "001"),
    "DELETED": (4, "002"),
    "UNDELIV": (5, "003"),
    "ACCEPTD": (6, "000"),
    "UNKNOWN": (7, "004"),
    "REJECTD": (8, "005"),
}
_STATUSES: Final[Mapping[Outcome, tuple[str, ...]]] = {
    Outcome.DELIVERED: ("DELIVRD",),
    Outcome.FAILED: ("UNDELIV",),
    Outcome.EXPIRED: ("EXPIRED",),
    Outcome.REJECTED: ("REJECTD",),
    Outcome.UNKNOWN: ("UNKNOWN",),
    Outcome.SENT: ("ACCEPTD",),
}


def receipt_text(message: Message, status: str) -> str:
    """Return a receipt as message centres write it."""
    _, code = STATES.get(status, (7, "255"))
    arrived = "001" if status == "DELIVRD" else "000"
    return (
        f"id:{message.provider_id} sub:001 dlvrd:{arrived} submit date:{_date(message.at)} "
        f"done date:{_date(store.now())} stat:{status} err:{code} text:{message.text[:20]}"
    )


def _date(at: datetime) -> str:
    return at.strftime("%y%m%d%H%M")


@dataclass(slots=True)
class _Parts:
    """The parts of a long text that have come so far, with their message ids."""

    total: int
    texts: dict[int, str] = field(default_factory=dict)
    ids: dict[int, str] = field(default_factory=dict)


class Session:
    """One connection; after a bind it belongs to an account."""

    def __init__(
        self,
        centre: "SmppCentre",
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        self._centre, self._reader, self._writer = centre, reader, writer
        self._sequence = itertools.count(1)
        self._waiting: dict[int, asyncio.Future[int]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._slots = asyncio.Semaphore(AT_ONCE)
        self.account: SmppAccount | None = None
        self.receives = self.transmits = False

    async def run(self) -> None:
        """Serve until either side ends the connection."""
        beat = asyncio.ensure_future(self._keep_alive())
        try:
            while True:
                pdu = await self._read()
                if pdu is None or not await self._handle(pdu):
                    return
        except (ConnectionError, asyncio.IncompleteReadError):
            return
        finally:
            self._centre.left(self)
            for task in (beat, *self._tasks):
                task.cancel()
            for future in self._waiting.values():
                future.cancel()
            self._writer.close()

    def cut(self) -> None:
        """End the connection without a word."""
        self._writer.transport.abort()

    async def _read(self) -> Pdu | None:
        length = int.from_bytes(await self._reader.readexactly(4), "big")
        if not 16 <= length <= codec.PDU_MAX:
            self._write(Pdu(codec.GENERIC_NACK, 0, STATUSES["ESME_RINVCMDLEN"]))
            await self._writer.drain()
            return None
        rest = await self._reader.readexactly(length - 4)
        _, command, status, sequence = codec.HEADER.unpack(length.to_bytes(4, "big") + rest[:12])
        return Pdu(command, sequence, status, rest[12:])

    def _write(self, pdu: Pdu) -> None:
        if not self._writer.is_closing():
            self._writer.write(pdu.packed())

    def reply(self, to: Pdu, status: str = "ESME_ROK", body: bytes = b"") -> None:
        self._write(Pdu(to.command | codec.RESPONSE, to.sequence, STATUSES[status], body))

    async def ask(self, command: int, body: bytes = b"") -> int:
        """
        Send a request and return the status of its response.

        :raises TimeoutError: none has come in time
        :raises ConnectionError: the connection ended meanwhile
        """
        sequence = next(self._sequence)
        future: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._waiting[sequence] = future
        self._write(Pdu(command, sequence, body=body))
        try:
            async with asyncio.timeout(RESPONSE_SECONDS):
                return await future
        except asyncio.CancelledError:
            if future.cancelled():
                raise ConnectionError("the connection ended") from None
            raise
        finally:
            self._waiting.pop(sequence, None)

    async def _keep_alive(self) -> None:
        while True:
            await asyncio.sleep(self._centre.world.settings.smpp_enquire_seconds)
            try:
                await self.ask(codec.ENQUIRE_LINK)
            except (TimeoutError, ConnectionError):
                self.cut()
                return

    async def _handle(self, pdu: Pdu) -> bool:
        """Answer one PDU; false ends the connection."""
        if pdu.command & codec.RESPONSE:
            future = self._waiting.get(pdu.sequence)
            if future is not None and not future.done():
                future.set_result(pdu.status)
            return True
        handler = self._handlers().get(pdu.command)
        if handler is None:
            self._write(Pdu(codec.GENERIC_NACK, pdu.sequence, STATUSES["ESME_RINVCMDID"]))
            return True
        try:
            return await handler(pdu)
        except Malformed:
            self.reply(pdu, "ESME_RINVMSGLEN")
            return True

    def _handlers(self) -> Mapping[int, Callable[[Pdu], Awaitable[bool]]]:
        return {
            codec.BIND_RECEIVER: self._bind,
            codec.BIND_TRANSMITTER: self._bind,
            codec.BIND_TRANSCEIVER: self._bind,
            codec.SUBMIT_SM: self._submit,
            codec.QUERY_SM: self._query,
            codec.ENQUIRE_LINK: self._enquire,
            codec.UNBIND: self._unbind,
        }

    async def _bind(self, pdu: Pdu) -> bool:
        bind = codec.Bind.read(pdu.body)
        account = self._centre.accounts.get(bind.system_id)
        if self.account is not None:
            self.reply(pdu, "ESME_RALYBND", codec.text("sandbox"))
        elif account is None:
            self.reply(pdu, "ESME_RINVSYSID", codec.text("sandbox"))
        elif account.password != bind.password:
            self.reply(pdu, "ESME_RINVPASWD", codec.text("sandbox"))
        else:
            rule = self._centre.world.rules.decide_entry(f"smpp_bind.{bind.system_id}")
            if rule.answer is not Answer.ACCEPT:
                self.reply(pdu, _status(rule.error, "ESME_RBINDFAIL"), codec.text("sandbox"))
                return True
            self.account = account
            self.receives = pdu.command != codec.BIND_TRANSMITTER
            self.transmits = pdu.command != codec.BIND_RECEIVER
            version = codec.tlv(0x0210, b"\x34")
            self.reply(pdu, body=codec.text("sandbox") + version)
            account.bound(self)
        return True

    async def _enquire(self, pdu: Pdu) -> bool:
        self.reply(pdu)
        return True

    async def _unbind(self, pdu: Pdu) -> bool:
        self.reply(pdu)
        await self._writer.drain()
        return False

    async def _query(self, pdu: Pdu) -> bool:
        message_id = codec.Reader(pdu.body).text(65)
        if self.account is None:
            self.reply(pdu, "ESME_RINVBNDSTS")
            return True
        message = self._centre.world.store.by_provider_id(self.account.name, message_id)
        if message is None:
            self.reply(pdu, "ESME_RQUERYFAIL")
            return True
        number, _ = STATES.get(message.status, (1, "000"))
        done = f"{store.now():%y%m%d%H%M%S}000+" if message.receipts else ""
        body = codec.text(message_id) + codec.text(done) + bytes((number, 0))
        self.reply(pdu, body=body)
        return True

    async def _submit(self, pdu: Pdu) -> bool:
        if self.account is None or not self.transmits:
            self.reply(pdu, "ESME_RINVBNDSTS")
            return True
        short = ShortMessage.read(pdu.body)
        await self._slots.acquire()
        task = asyncio.ensure_future(self._answer_submit(self.account, pdu, short))
        self._tasks.add(task)
        task.add_done_callback(self._answered)
        return True

    def _answered(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self._slots.release()

    async def _answer_submit(self, account: "SmppAccount", pdu: Pdu, short: ShortMessage) -> None:
        try:
            text, part = codec.decoded(short.content(), short.data_coding), short.part()
        except Malformed:
            self.reply(pdu, "ESME_RINVMSGLEN")
            return
        problem = _problem_of(short)
        if problem:
            self.reply(pdu, problem)
            return
        phone = phones.normalised(short.destination)
        rule = self._centre.world.rules.decide(account.name, to=phone, text=text)
        if rule.delay_seconds:
            await asyncio.sleep(rule.delay_seconds)
        status = account.refusal(rule)
        if status and rule.answer in {Answer.HANG_BEFORE, Answer.CUT_BEFORE}:
            account.note(phone, text, part, status)
            self._fail(rule)
        elif status:
            account.note(phone, text, part, status)
            self.reply(pdu, status)
        else:
            message_id = account.accept(short, phone, text, part, rule)
            if rule.answer is Answer.ACCEPT:
                self.reply(pdu, body=codec.text(message_id))
            else:
                self._fail(rule)

    def _fail(self, rule: Rule) -> None:
        """Cut the connection, send what is no PDU, or (to hang) do nothing at all."""
        if rule.answer in {Answer.CUT_BEFORE, Answer.CUT_AFTER}:
            self.cut()
        elif rule.answer is Answer.GARBAGE:
            self._writer.write(b"\xff" * 16)


def _problem_of(short: ShortMessage) -> str:
    if not phones.is_e164(phones.normalised(short.destination)):
        return "ESME_RINVDSTADR"
    is_name = short.source_ton == 5
    if not short.source or (is_name and len(short.source) > 11):
        return "ESME_RINVSRCADR"
    if not is_name and not short.source.lstrip("+").isdigit():
        return "ESME_RINVSRCADR"
    return ""


def _status(error: str, usual: str) -> str:
    return error if error in STATUSES else usual


class SmppAccount:
    """One operator's account: what its binds send and get."""

    def __init__(self, world: World, system_id: str, password: str) -> None:
        self._world = world
        self.name = f"smpp.{system_id}"
        self.label = f"SMPP {system_id}"
        self.number = world.settings.short_code
        self.password = password
        self.sessions: list[Session] = []
        self._ids = itertools.count(1)
        self._prefix = f"{int(store.now().timestamp()):x}"
        self._parts: OrderedDict[tuple[str, str, int, int], _Parts] = OrderedDict()
        self._pending: deque[tuple[ShortMessage, Sent]] = deque(maxlen=PENDING_KEPT)

    def routes(self) -> list[BaseRoute]:
        return []

    def statuses(self, outcome: Outcome) -> tuple[str, ...]:
        return _STATUSES[outcome]

    @property
    def incomplete(self) -> int:
        """Long texts of which parts are missing."""
        return len(self._parts)

    def forget(self) -> None:
        self._parts.clear()
        self._pending.clear()

    # --- From the product ------------------------------------------------------

    def refusal(self, rule: Rule) -> str:
        """Return the status that a message is refused with, or ""."""
        if not self._world.limits.allows(self.name):
            return "ESME_RTHROTTLED"
        if rule.answer is Answer.REFUSE:
            return _status(rule.error, "ESME_RSUBMITFAIL")
        if not rule.answer.takes_on:
            return "ESME_RSYSERR"
        if not self._world.balances.take(self.name, 1):
            return "ESME_RSUBMITFAIL"
        return ""

    def note(self, phone: str, text: str, part: object, status: str) -> None:
        """Count a message that was not taken on; a part alone has no text to be found by."""
        outcome = "throttled" if status == "ESME_RTHROTTLED" else "refused"
        counts = self._world.store.counts
        if part:
            counts.tick(self.name, f"part_{outcome}")
        else:
            counts.note(self.name, to=phone, text=text, reference="", outcome=outcome)

    def accept(
        self,
        short: ShortMessage,
        phone: str,
        text: str,
        part: tuple[int, int, int] | None,
        rule: Rule,
    ) -> str:
        """Take a message or a part of one on and return its id."""
        message = Message(
            provider=self.name,
            channel="sms",
            to_phone=True,
            phone=phone,
            peer=short.source,
            text=text,
            provider_id=f"{self._prefix}{next(self._ids):08x}",
            status="ENROUTE",
            details={"data_coding": short.data_coding, "validity": short.validity_period},
        )
        if part is None or part[1] < 2:
            message.segments = gsm.segments(text)
            self._arrived(message)
        else:
            self._arrived_in_parts(message, part)
        self._plan(message, short, rule)
        return message.provider_id

    def _arrived(self, message: Message) -> None:
        self._world.store.counts.note(
            self.name, to=message.phone, text=message.text, reference="", outcome="accepted"
        )
        self._world.store.add(message)

    def _arrived_in_parts(self, message: Message, part: tuple[int, int, int]) -> None:
        reference, total, number = part
        key = (message.peer, message.phone, reference, total)
        parts = self._parts.setdefault(key, _Parts(total))
        repeated = number in parts.texts
        self._world.store.counts.tick(self.name, "part_repeated" if repeated else "part_accepted")
        parts.texts[number], parts.ids[number] = message.text, message.provider_id
        if len(parts.texts) == total:
            del self._parts[key]
            order = sorted(parts.texts)
            whole = Message(
                provider=self.name,
                channel="sms",
                to_phone=True,
                phone=message.phone,
                peer=message.peer,
                text="".join(parts.texts[place] for place in order),
                provider_id=parts.ids[order[-1]],
                segments=total,
                status="ENROUTE",
                details={**message.details, "parts": [parts.ids[place] for place in order]},
            )
            self._arrived(whole)
        elif len(self._parts) > INCOMPLETE_KEPT:
            self._parts.popitem(last=False)

    def _plan(self, message: Message, short: ShortMessage, rule: Rule) -> None:
        wanted = short.registered_delivery & 0x03
        statuses = rule.receipts.statuses or self.statuses(rule.receipts.outcome)
        is_success = "DELIVRD" in statuses
        if wanted == 0 or (wanted == 2 and is_success):
            return
        self._world.plan_receipts(message, rule.receipts)

    # --- To the product --------------------------------------------------------

    def bound(self, session: Session) -> None:
        """Take note of a bind, and deliver what has waited for one."""
        self.sessions.append(session)
        if session.receives:
            self._world.callbacks.start(self._deliver_pending())

    async def _deliver_pending(self) -> None:
        for _ in range(len(self._pending)):
            short, sent = self._pending.popleft()
            await self._deliver(short, sent)

    async def send_receipt(self, message: Message, status: str) -> None:
        number, _ = STATES.get(status, (7, "255"))
        data, coding = codec.encoded(receipt_text(message, status))
        short = ShortMessage(
            source=message.phone.removeprefix("+"),
            destination=message.peer,
            message=data,
            source_ton=1,
            source_npi=1,
            destination_ton=0,
            destination_npi=0,
            esm_class=codec.RECEIPT,
            data_coding=coding,
            tlvs={
                codec.RECEIPTED_MESSAGE_ID: codec.text(message.provider_id),
                codec.MESSAGE_STATE: bytes([number]),
            },
        )
        await self._deliver(short, self._log("receipt", receipt_text(message, status)))

    async def send_inbound(self, *, phone: str, to: str, text: str) -> Sent:
        """Deliver a text that a phone has sent to a bind, now or at the next one."""
        data, coding = codec.encoded(text)
        short = ShortMessage(
            source=phone.removeprefix("+"),
            destination=to,
            message=data,
            source_ton=1,
            source_npi=1,
            destination_ton=0,
            destination_npi=1,
            data_coding=coding,
        )
        sent = self._log("inbound", text)
        await self._deliver(short, sent)
        return sent

    def _log(self, kind: str, body: str) -> Sent:
        sent = Sent(f"{self.name}.{kind}", "deliver_sm", self.name, body)
        self._world.callbacks.sent.append(sent)
        return sent

    async def _deliver(self, short: ShortMessage, sent: Sent) -> None:
        for session in [session for session in self.sessions if session.receives]:
            sent.attempts += 1
            with contextlib.suppress(TimeoutError, ConnectionError):
                sent.status = await session.ask(codec.DELIVER_SM, short.packed())
                sent.problem = "" if sent.status == 0 else f"command_status {sent.status:#x}"
                return
        sent.problem = "no bind has taken it; it waits for the next"
        self._pending.append((short, sent))


class SmppCentre:
    """Listens for binds of all accounts."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.accounts = {
            system_id: SmppAccount(world, system_id, password)
            for system_id, password in world.settings.smpp_accounts.items()
        }
        self.sessions: dict[Session, asyncio.Task[Any]] = {}
        self._server: asyncio.Server | None = None

    async def listen(self) -> int:
        """Start to listen and return the port."""
        settings = self.world.settings
        self._server = await asyncio.start_server(self._serve, settings.host, settings.smpp_port)
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        session = Session(self, reader, writer)
        task = asyncio.current_task()
        assert task is not None  # noqa: S101  # the server runs each connection in a task of its own
        self.sessions[session] = task
        await session.run()

    def left(self, session: Session) -> None:
        self.sessions.pop(session, None)
        if session.account is not None and session in session.account.sessions:
            session.account.sessions.remove(session)

    def cut(self) -> None:
        """Cut every connection, as an operator's restart does."""
        for session in list(self.sessions):
            session.cut()

    async def close(self) -> None:
        if self._server is not None:
            self._server.close()
        tasks = list(self.sessions.values())
        self.cut()
        await asyncio.gather(*tasks, return_exceptions=True)

    def as_json(self) -> dict[str, Any]:
        return {
            system_id: {
                "binds": len(account.sessions),
                "receiving": sum(session.receives for session in account.sessions),
                "incomplete": account.incomplete,
            }
            for system_id, account in self.accounts.items()
        }
