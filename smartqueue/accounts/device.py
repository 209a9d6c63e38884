"""What is known of the device that signs in."""

import hashlib
import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass

from smartqueue.accounts.enums import DeviceKind

MAX_NAME = 200
IPV4_BITS = 24
IPV6_BITS = 48
_VERSIONS = re.compile(r"[\d._]+")


@dataclass(frozen=True, slots=True)
class Device:
    """
    A name for the list of sessions, and a fingerprint that tells one device from another.

    `kind` is a fingerprint that stays the same when the device's software is updated.
    """

    name: str = ""
    fingerprint: bytes = b""
    kind: bytes = b""

    @classmethod
    def of_headers(cls, headers: Mapping[str, str]) -> "Device":
        """Return the device that `User-Agent`, and `X-Device-ID` where an app sends one, describe."""
        agent = headers.get("User-Agent", "")
        device_id = headers.get("X-Device-ID", "")
        return cls(
            agent[:MAX_NAME],
            _digest(agent, device_id),
            _digest(_VERSIONS.sub("", agent), device_id),
        )


def _digest(agent: str, device_id: str) -> bytes:
    return hashlib.sha256(f"{agent}\0{device_id}".encode()).digest()


@dataclass(frozen=True, slots=True)
class Description:
    """A device as a person knows it."""

    kind: DeviceKind
    name: str


# In order: Edge and Opera call themselves Chrome too, and Chrome calls itself Safari.
_BROWSERS = (
    ("Edg", "Edge"),
    ("OPR/", "Opera"),
    ("SamsungBrowser", "Samsung Internet"),
    ("Firefox", "Firefox"),
    ("FxiOS", "Firefox"),
    ("Chrome", "Chrome"),
    ("CriOS", "Chrome"),
    ("Safari", "Safari"),
)
_SYSTEMS = (
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Android", "Android"),
    ("CrOS", "ChromeOS"),
    ("Windows", "Windows"),
    ("Mac OS X", "macOS"),
    ("Linux", "Linux"),
)


def describe(agent: str) -> Description:
    """Return what a `User-Agent` says: "Chrome, Android"; an application's own name as it is."""
    browser = next((name for sign, name in _BROWSERS if sign in agent), "")
    system = next((name for sign, name in _SYSTEMS if sign in agent), "")
    if not browser:
        return Description(DeviceKind.OTHER, agent.partition("/")[0][:60].strip())
    name = f"{browser}, {system}" if system else browser
    if system == "iPad" or (system == "Android" and "Mobile" not in agent):
        return Description(DeviceKind.TABLET, name)
    if system in {"iPhone", "Android"}:
        return Description(DeviceKind.PHONE, name)
    return Description(DeviceKind.COMPUTER, name)


def network_of(address: str | None) -> str:
    """Return the network of an address: the first 24 bits of IPv4, 48 of IPv6; "" where unknown."""
    try:
        parsed = ipaddress.ip_address(address or "")
    except ValueError:
        return ""
    mapped = parsed.ipv4_mapped if isinstance(parsed, ipaddress.IPv6Address) else None
    whole = mapped or parsed
    bits = IPV4_BITS if whole.version == 4 else IPV6_BITS
    return str(ipaddress.ip_interface(f"{whole}/{bits}").network)
