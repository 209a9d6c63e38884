"""A mailbox for everybody: takes every e-mail over SMTP and shows it."""

import asyncio
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Final
from weakref import WeakKeyDictionary, WeakSet

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from sandbox.rules import Answer, Rule
from sandbox.store import Mail
from sandbox.world import World

NAME: Final = "smtp"
SIZE_MAX: Final = 10_000_000


class _Handler:
    def __init__(self, world: World) -> None:
        self._world = world
        # Several commands of one exchange: what was decided for a recipient is needed after the text.
        self._rules: WeakKeyDictionary[Envelope, list[Rule]] = WeakKeyDictionary()

    async def handle_RCPT(  # noqa: N802  # the name that aiosmtpd looks for
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        rule = self._world.rules.decide(NAME, to=address)
        if rule.answer is Answer.REFUSE or not self._world.limits.allows(NAME):
            self._world.store.counts.note(
                NAME, to=address, text="", reference="", outcome="refused"
            )
            if rule.answer is not Answer.REFUSE:
                return "452 4.5.3 Too many messages"
            return rule.error or "550 5.1.1 The mailbox does not exist"
        self._rules.setdefault(envelope, []).append(rule)
        envelope.rcpt_tos.append(address)
        envelope.rcpt_options.extend(options)
        return "250 OK"

    async def handle_DATA(  # noqa: N802  # the name that aiosmtpd looks for
        self, server: SMTP, session: Session, envelope: Envelope
    ) -> str:
        rules = self._rules.pop(envelope, [])
        rule = next((found for found in rules if found.answer is not Answer.ACCEPT), Rule())
        delay = max((found.delay_seconds for found in rules), default=0.0)
        if delay:
            await asyncio.sleep(delay)
        mail = _parsed(envelope)
        outcome = "accepted" if rule.answer.takes_on else rule.answer.value
        for recipient in mail.recipients:
            self._world.store.counts.note(
                NAME,
                to=recipient,
                text=mail.subject,
                reference=str(mail.message.get("Message-ID", "")).strip(),
                outcome=outcome,
            )
        if rule.answer.takes_on:
            self._world.store.add_mail(mail)
        return await _answer(server, rule)


def _parsed(envelope: Envelope) -> Mail:
    raw = envelope.content if isinstance(envelope.content, bytes) else b""
    message = message_from_bytes(raw, EmailMessage, policy=policy.default)
    return Mail(str(envelope.mail_from), list(envelope.rcpt_tos), raw, message)


async def _answer(server: SMTP, rule: Rule) -> str:
    if rule.answer is Answer.SERVER_ERROR:
        return rule.error or "451 4.3.0 Try again later"
    if rule.answer is Answer.GARBAGE:
        return "it works"
    if rule.answer is not Answer.ACCEPT:
        if rule.answer in {Answer.HANG_BEFORE, Answer.HANG_AFTER}:
            await asyncio.sleep(rule.hang_seconds)
        _cut(server)
        # The end of the connection cancels this.
        await asyncio.sleep(rule.hang_seconds)
    return "250 OK"


def _cut(connection: SMTP) -> None:
    if isinstance(connection.transport, asyncio.WriteTransport):
        connection.transport.abort()


class SmtpSink:
    """Listens for e-mail."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._server: asyncio.Server | None = None
        self._connections: WeakSet[SMTP] = WeakSet()

    async def listen(self) -> int:
        """Start to listen and return the port."""
        settings, loop = self._world.settings, asyncio.get_running_loop()
        self._server = await loop.create_server(self._connection, settings.host, settings.smtp_port)
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    def _connection(self) -> SMTP:
        connection = SMTP(
            _Handler(self._world),
            hostname="sandbox.invalid",
            ident="SmartQueue sandbox",
            data_size_limit=SIZE_MAX,
            enable_SMTPUTF8=True,
            authenticator=_anybody,
            auth_require_tls=False,
            loop=asyncio.get_running_loop(),
        )
        self._connections.add(connection)
        return connection

    async def close(self) -> None:
        if self._server is not None:
            self._server.close()
        for connection in list(self._connections):
            _cut(connection)


def _anybody(
    server: SMTP, session: Session, envelope: Envelope, mechanism: str, given: object
) -> AuthResult:
    """Let everybody in who gives a name and a password."""
    return AuthResult(success=isinstance(given, LoginPassword), handled=True, auth_data=given)
