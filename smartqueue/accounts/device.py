"""What is known of the device that signs in."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

MAX_NAME = 200


@dataclass(frozen=True, slots=True)
class Device:
    """A name for the list of sessions, and a fingerprint that tells one device from another."""

    name: str = ""
    fingerprint: bytes = b""

    @classmethod
    def of_headers(cls, headers: Mapping[str, str]) -> "Device":
        """Return the device that `User-Agent`, and `X-Device-ID` where an app sends one, describe."""
        agent = headers.get("User-Agent", "")
        told = f"{agent}\0{headers.get('X-Device-ID', '')}"
        return cls(agent[:MAX_NAME], hashlib.sha256(told.encode()).digest())
