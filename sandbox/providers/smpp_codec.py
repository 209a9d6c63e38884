"""SMPP 3.4 on the wire (section 2.2): the PDUs that a short message centre reads and writes."""

import struct
from dataclasses import dataclass, field
from typing import Final

from sandbox import gsm

HEADER: Final = struct.Struct(">IIII")
PDU_MAX: Final = 70_000

BIND_RECEIVER, BIND_TRANSMITTER, BIND_TRANSCEIVER = 0x01, 0x02, 0x09
QUERY_SM, SUBMIT_SM, DELIVER_SM = 0x03, 0x04, 0x05
UNBIND, ENQUIRE_LINK = 0x06, 0x15
RESPONSE: Final = 0x80000000
GENERIC_NACK: Final = RESPONSE

STATUSES: Final = {
    "ESME_ROK": 0x00,
    "ESME_RINVMSGLEN": 0x01,
    "ESME_RINVCMDLEN": 0x02,
    "ESME_RINVCMDID": 0x03,
    "ESME_RINVBNDSTS": 0x04,
    "ESME_RALYBND": 0x05,
    "ESME_RSYSERR": 0x08,
    "ESME_RINVSRCADR": 0x0A,
    "ESME_RINVDSTADR": 0x0B,
    "ESME_RINVMSGID": 0x0C,
    "ESME_RBINDFAIL": 0x0D,
    "ESME_RINVPASWD": 0x0E,
    "ESME_RINVSYSID": 0x0F,
    "ESME_RMSGQFUL": 0x14,
    "ESME_RINVESMCLASS": 0x43,
    "ESME_RSUBMITFAIL": 0x45,
    "ESME_RINVSYSTYP": 0x53,
    "ESME_RTHROTTLED": 0x58,
    "ESME_RQUERYFAIL": 0x67,
    "ESME_RUNKNOWNERR": 0xFF,
}

RECEIPTED_MESSAGE_ID, MESSAGE_PAYLOAD, MESSAGE_STATE = 0x001E, 0x0424, 0x0427
SAR_REFERENCE, SAR_TOTAL, SAR_NUMBER = 0x020C, 0x020E, 0x020F

UDHI: Final = 0x40
RECEIPT: Final = 0x04
GSM7, LATIN1, UCS2 = 0, 3, 8


class Malformed(ValueError):
    """A PDU that does not hold what its command needs."""


@dataclass(frozen=True, slots=True)
class Pdu:
    """One protocol data unit; `body` is what follows the header of 16 bytes."""

    command: int
    sequence: int
    status: int = 0
    body: bytes = b""

    def packed(self) -> bytes:
        return (
            HEADER.pack(16 + len(self.body), self.command, self.status, self.sequence) + self.body
        )


class Reader:
    """Reads the fields of a body in their order."""

    def __init__(self, data: bytes) -> None:
        self._data, self._at = data, 0

    def byte(self) -> int:
        return self.octets(1)[0]

    def octets(self, count: int) -> bytes:
        found = self._data[self._at : self._at + count]
        if len(found) != count:
            raise Malformed("the body is too short")
        self._at += count
        return found

    def text(self, most: int) -> str:
        """Read a text that ends with a null octet, of at most so many octets with it."""
        end = self._data.find(b"\0", self._at, self._at + most)
        if end < 0:
            raise Malformed("a text does not end")
        found = self._data[self._at : end]
        self._at = end + 1
        return found.decode("latin-1")

    def tlvs(self) -> dict[int, bytes]:
        found = {}
        while self._at < len(self._data):
            tag, length = struct.unpack(">HH", self.octets(4))
            found[tag] = self.octets(length)
        return found


def text(value: str) -> bytes:
    return value.encode("latin-1", "replace") + b"\0"


def tlv(tag: int, value: bytes) -> bytes:
    return struct.pack(">HH", tag, len(value)) + value


@dataclass(frozen=True, slots=True)
class Bind:
    system_id: str
    password: str
    system_type: str
    interface_version: int

    @classmethod
    def read(cls, body: bytes) -> "Bind":
        reader = Reader(body)
        return cls(reader.text(16), reader.text(9), reader.text(13), reader.byte())


@dataclass(frozen=True, slots=True)
class ShortMessage:
    """The body of submit_sm and deliver_sm. `message` is what the coding made of the text."""

    source: str
    destination: str
    message: bytes
    source_ton: int = 0
    source_npi: int = 0
    destination_ton: int = 1
    destination_npi: int = 1
    esm_class: int = 0
    registered_delivery: int = 0
    data_coding: int = 0
    validity_period: str = ""
    tlvs: dict[int, bytes] = field(default_factory=dict)

    @classmethod
    def read(cls, body: bytes) -> "ShortMessage":
        """
        Read a body.

        :raises Malformed: fields are missing or do not end
        """
        reader = Reader(body)
        reader.text(6)
        source_ton, source_npi, source = reader.byte(), reader.byte(), reader.text(21)
        destination_ton, destination_npi = reader.byte(), reader.byte()
        destination, esm_class = reader.text(21), reader.byte()
        reader.octets(2)
        reader.text(17)
        validity, registered = reader.text(17), reader.byte()
        reader.byte()
        coding = reader.byte()
        reader.byte()
        message = reader.octets(reader.byte())
        tlvs = reader.tlvs()
        return cls(
            source=source,
            destination=destination,
            message=message or tlvs.get(MESSAGE_PAYLOAD, b""),
            source_ton=source_ton,
            source_npi=source_npi,
            destination_ton=destination_ton,
            destination_npi=destination_npi,
            esm_class=esm_class,
            registered_delivery=registered,
            data_coding=coding,
            validity_period=validity,
            tlvs=tlvs,
        )

    def packed(self) -> bytes:
        short = self.message if len(self.message) <= 254 else b""
        tlvs = dict(self.tlvs)
        if not short and self.message:
            tlvs[MESSAGE_PAYLOAD] = self.message
        return b"".join(
            (
                b"\0",
                bytes((self.source_ton, self.source_npi)),
                text(self.source),
                bytes((self.destination_ton, self.destination_npi)),
                text(self.destination),
                bytes((self.esm_class, 0, 0)),
                b"\0",
                text(self.validity_period),
                bytes((self.registered_delivery, 0, self.data_coding, 0, len(short))),
                short,
                *(tlv(tag, value) for tag, value in tlvs.items()),
            )
        )

    def part(self) -> tuple[int, int, int] | None:
        """
        Return reference, number of parts and number of this one, or None for a whole message.

        :raises Malformed: the user data header does not end inside the message
        """
        if self.esm_class & UDHI:
            header = self._header()
            while len(header) >= 2:
                kind, length = header[0], header[1]
                data, header = header[2 : 2 + length], header[2 + length :]
                if kind == 0x00 and len(data) == 3:
                    return data[0], data[1], data[2]
                if kind == 0x08 and len(data) == 4:
                    return int.from_bytes(data[:2], "big"), data[2], data[3]
            return None
        if SAR_REFERENCE in self.tlvs:
            numbers = [
                int.from_bytes(self.tlvs.get(tag, b""), "big")
                for tag in (SAR_REFERENCE, SAR_TOTAL, SAR_NUMBER)
            ]
            return numbers[0], numbers[1], numbers[2]
        return None

    def _header(self) -> bytes:
        if not self.message or len(self.message) < 1 + self.message[0]:
            raise Malformed("the user data header does not end")
        return self.message[1 : 1 + self.message[0]]

    def content(self) -> bytes:
        """Return the message without its user data header."""
        if self.esm_class & UDHI:
            return self.message[1 + len(self._header()) :]
        return self.message


def decoded(data: bytes, coding: int) -> str:
    """
    Return the text of a message.

    :raises Malformed: the coding is not one of 0, 1, 3 and 8, or the octets do not fit it
    """
    if coding == UCS2:
        try:
            return data.decode("utf-16-be")
        except UnicodeDecodeError as error:
            raise Malformed("not UCS-2") from error
    if coding == LATIN1:
        return data.decode("latin-1")
    if coding not in {GSM7, 1}:
        raise Malformed(f"data_coding {coding}")
    try:
        return gsm.decoded(data)
    except ValueError as error:
        raise Malformed("an octet above 7F in the default alphabet") from error


def encoded(value: str) -> tuple[bytes, int]:
    """Return the octets of a text and their data_coding: the default alphabet where it suffices."""
    if gsm.fits(value):
        return gsm.encoded(value), GSM7
    return value.encode("utf-16-be"), UCS2
