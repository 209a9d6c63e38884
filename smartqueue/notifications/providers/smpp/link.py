"""
One connection to a message centre. smpplib writes and reads the units of the protocol; the socket is
ours, because its client tears a unit apart when the time is over in the middle of one.
"""

import contextlib
import select
import socket
import ssl
import struct
import time
from collections.abc import Mapping
from typing import Any, Final

from smpplib import consts, exceptions, smpp

SECONDS: Final = 10.0
LONGEST_UNIT: Final = 70_000
_NO_NUMBER: Final = struct.error, IndexError, ValueError, TypeError, exceptions.UnknownCommandError


class LinkDown(Exception):
    """The connection is gone, or what comes on it is not SMPP."""


class BindRefused(Exception):
    """The centre does not let us in; `status` is its command status."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


class NoUnit(Exception):
    """Nothing has come in the time that there was."""


class Link:
    """A connection to a centre, used by one thread at a time. Each wait is in seconds."""

    def __init__(self, account: Mapping[str, Any]) -> None:
        self._account = account
        self._socket: socket.socket | None = None
        self.sequence = 0
        self.used_at = 0.0

    def next_sequence(self) -> int:
        """Return the number of the next request; smpplib asks for it."""
        self.sequence = self.sequence % 0x7FFFFFFF + 1
        return self.sequence

    # --- Opening and closing ---------------------------------------------------

    def open(self, bind: str) -> None:
        """
        Connect and bind, as `bind_transmitter` or `bind_receiver`.

        :raises LinkDown: nobody answers
        :raises BindRefused: it is not let in
        """
        account = self._account
        try:
            plain = socket.create_connection((account["host"], account["port"]), timeout=SECONDS)
            self._socket = plain
            if account["is_secured"]:
                context = ssl.create_default_context()
                self._socket = context.wrap_socket(plain, server_hostname=account["host"])
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        except OSError as error:
            self.close()
            raise LinkDown("connect") from error
        try:
            number = self.write(
                bind,
                system_id=account["system_id"],
                password=account["password"],
                system_type=account["system_type"],
                addr_ton=0,
                addr_npi=0,
                address_range="",
            )
            answer = self.response_to(number, SECONDS)
        except (LinkDown, NoUnit) as error:
            self.close()
            raise LinkDown("bind") from error
        if answer.status:
            self.close()
            raise BindRefused(int(answer.status))

    def close(self, *, says_goodbye: bool = False) -> None:
        """End the connection; `says_goodbye` unbinds first, without waiting for an answer."""
        if says_goodbye:
            with contextlib.suppress(LinkDown):
                self.write("unbind")
        if self._socket is not None:
            with contextlib.suppress(OSError):
                self._socket.close()
        self._socket = None

    # --- Units -------------------------------------------------------------------

    def write(self, command: str, **fields: Any) -> int:
        """
        Send a request and return its number. What fails here was not received as a whole.

        :raises LinkDown: the connection is gone
        """
        unit = smpp.make_pdu(command, client=self, **fields)
        self._send(unit)
        return int(unit.sequence)

    def answer(self, request: Any, status: int = consts.SMPP_ESME_ROK) -> None:
        """
        Answer a request of the centre.

        :raises LinkDown: the connection is gone
        """
        unit = smpp.make_pdu(f"{request.command}_resp", client=self, status=status)
        unit.sequence = request.sequence
        if hasattr(unit, "message_id"):
            unit.message_id = ""
        self._send(unit)

    def _send(self, unit: Any) -> None:
        if self._socket is None:
            raise LinkDown("closed")
        try:
            self._socket.sendall(unit.generate())
        except OSError as error:
            raise LinkDown("write") from error
        self.used_at = time.monotonic()

    def read(self, seconds: float) -> Any:
        """
        Return the next unit.

        :raises NoUnit: none has begun in this time
        :raises LinkDown: the connection is gone, a unit does not end, or what came is none
        """
        if self._socket is None:
            raise LinkDown("closed")
        pending = isinstance(self._socket, ssl.SSLSocket) and self._socket.pending()
        if not pending and not select.select([self._socket], [], [], max(seconds, 0.0))[0]:
            raise NoUnit
        head = self._exactly(4)
        (length,) = struct.unpack(">L", head)
        if not 16 <= length <= LONGEST_UNIT:
            raise LinkDown("not a unit")
        try:
            unit = smpp.parse_pdu(
                head + self._exactly(length - 4), client=self, allow_unknown_opt_params=True
            )
        except _NO_NUMBER as error:
            raise LinkDown("not a unit") from error
        return unit

    def _exactly(self, count: int) -> bytes:
        assert self._socket is not None  # noqa: S101  # read() has looked
        parts = b""
        while len(parts) < count:
            try:
                part = self._socket.recv(count - len(parts))
            except OSError as error:
                raise LinkDown("read") from error
            if not part:
                raise LinkDown("closed by the centre")
            parts += part
        return parts

    def response_to(self, number: int, seconds: float) -> Any:
        """
        Return the response to a request; what the centre asks meanwhile is answered.

        :raises NoUnit: it has not come in this time
        :raises LinkDown: the connection is gone, or the centre ends it
        """
        end = time.monotonic() + seconds
        while True:
            unit = self.read(end - time.monotonic())
            if unit.is_response() and unit.sequence == number:
                return unit
            if not unit.is_response():
                self.serve(unit)

    def serve(self, request: Any) -> None:
        """
        Answer a request that brings no message.

        :raises LinkDown: the centre ends the connection
        """
        if request.command == "enquire_link":
            self.answer(request)
        elif request.command == "unbind":
            self.answer(request)
            raise LinkDown("unbound by the centre")
        elif request.command == "deliver_sm":
            # Only receivers take messages; the centre keeps this one for them.
            self.answer(request, consts.SMPP_ESME_RX_T_APPN)

    def is_alive(self, *, idle_seconds: float) -> bool:
        """
        Whether the connection can be used: nothing on it says that it ended, and after so many idle
        seconds the centre answers an enquiry.
        """
        try:
            while True:
                self.serve(self.read(0))
        except NoUnit:
            pass
        except LinkDown:
            return False
        if time.monotonic() - self.used_at < idle_seconds:
            return True
        try:
            return not self.response_to(self.write("enquire_link"), SECONDS).status
        except (LinkDown, NoUnit):
            return False
