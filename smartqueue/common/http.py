"""
Calls to other servers: the only place that makes any; docs/patterns/http.md.

A call has one deadline for all of it, reads so many bytes and no more, takes no proxy from the
environment, and follows a redirect only where its caller lets it, looking at each address anew. Its
`Reach` says where it may go. A name is resolved once, every address found has to be allowed, and
the connection goes to one of those and nowhere else, whatever the name says a moment later.

Never call inside an operation: nobody waits for another server while rows are locked.
"""

import functools
import ipaddress
import os
import re
import socket
import ssl
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as NotInTime
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, ClassVar, Final, TypeAlias

import httpcore2
import httpx2

Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address
Resolver: TypeAlias = Callable[[str, int], Iterable[str]]

DEFAULT_PORTS: Final = {"http": 80, "https": 443}
MOST_BYTES: Final = 64 * 1024
SECONDS: Final = 5.0
MOST_ADDRESS: Final = 2000
TRIED_ADDRESSES: Final = 3
KEPT_CONNECTIONS: Final = 8
KEPT_SECONDS: Final = 1.0
"""For so long an idle connection may be used again: shorter than servers wait before they close it, so
that no request is written to one that is just being closed, which would leave open whether it arrived."""
FOLLOWED: Final = frozenset({301, 302, 303, 307, 308})
USER_AGENT: Final = "SmartQueue"


class CallFailed(Exception):
    """
    A call that brought no answer. `code` is stable, for rows and logs; the text names no secret.

    `has_left`: at least a part of the request had been written, so the other side may have acted on
    it; false, and it knows of nothing.
    """

    code: ClassVar[str] = "call_failed"
    has_left: bool = False


class AddressRefused(CallFailed):
    """The address, or what its name stands for, is not one that this call may go to."""

    code = "address_refused"


class Unreachable(CallFailed):
    """No such name, nobody listening, or no trust in the certificate."""

    code = "unreachable"


class TimedOut(CallFailed):
    code = "timed_out"


class TooLarge(CallFailed):
    code = "too_large"


class BadAnswer(CallFailed):
    """What came is not HTTP, or in an encoding that was not asked for."""

    code = "bad_answer"


class TooManyRedirects(CallFailed):
    code = "too_many_redirects"


@dataclass(frozen=True, slots=True)
class Response:
    """An answer with any status; header names are in lower case, `url` is where it came from."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    url: str


# --- Where a call may go ------------------------------------------------------------------------

# IANA's special-purpose registries, save what is public; Python's own list has gaps that differ by
# version. 168.63.129.16 answers to machines of one cloud only.
_CLOSED_V4: Final = tuple(
    ipaddress.IPv4Network(text)
    for text in (
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "168.63.129.16/32",
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.31.196.0/24",
        "192.52.193.0/24",
        "192.88.99.0/24",
        "192.168.0.0/16",
        "192.175.48.0/24",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/3",
    )
)
# Everything outside of it is local, mapped (::ffff:0:0/96), translated (64:ff9b::/96) or nobody's.
_OPEN_V6: Final = ipaddress.IPv6Network("2000::/3")
# Among them what carries an IPv4 address inside: Teredo (2001::/32) and 6to4 (2002::/16).
_CLOSED_V6: Final = tuple(
    ipaddress.IPv6Network(text)
    for text in ("2001::/23", "2001:db8::/32", "2002::/16", "2620:4f:8000::/48", "3fff::/20")
)
_LOCAL_NAMES: Final = (
    "localhost",
    "localdomain",
    "local",
    "internal",
    "intranet",
    "lan",
    "home",
    "corp",
    "private",
    "arpa",
    "onion",
)
_NAME: Final = re.compile(
    r"(?=.{1,253}\Z)([a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9])?\.)+[a-z0-9-]{2,63}", re.ASCII
)
_NUMBER: Final = re.compile(r"[0-9]+|0x[0-9a-f]*", re.ASCII)


def is_public(address: Address) -> bool:
    """Whether an address belongs to the open Internet and carries no other address inside."""
    if isinstance(address, ipaddress.IPv4Address):
        return address.is_global and not any(address in net for net in _CLOSED_V4)
    if address.scope_id is not None or address not in _OPEN_V6:
        return False
    return address.is_global and not any(address in net for net in _CLOSED_V6)


def any_address(address: Address) -> bool:
    """Let a call go anywhere: only where the operator, and no user, wrote the address."""
    return True


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """
    Where a call may go. `ports` None means those of the schemes, an empty set any port.

    `takes_local_names` lets in names without a dot and those of local networks. `keeps` leaves
    connections open for the next call, so that the address behind a name counts for as long.
    """

    schemes: frozenset[str] = frozenset({"https", "http"})
    ports: frozenset[int] | None = None
    takes_local_names: bool = False
    allows: Callable[[Address], bool] = is_public
    keeps: bool = False


STRANGERS: Final = Reach()
"""For addresses that users gave: the open Internet, at the usual ports."""
PARTNERS: Final = Reach(ports=frozenset(), takes_local_names=True, allows=any_address, keeps=True)
"""For addresses that the operator wrote in the settings: providers, and their stand-ins."""


@dataclass(frozen=True, slots=True)
class _Target:
    url: httpx2.URL
    host: str
    port: int

    @property
    def origin(self) -> tuple[str, str, int]:
        return self.url.scheme, self.host, self.port


def check_address(address: str, reach: Reach = STRANGERS) -> None:
    """
    Look at an address as it is written, without asking anybody for its name: for a form.

    :raises AddressRefused: a call would refuse it whatever its name stands for
    """
    _target(address, reach)


def _target(address: str, reach: Reach) -> _Target:
    if len(address) > MOST_ADDRESS or re.search(r"[\s\\\x00-\x1f\x7f]", address):
        raise AddressRefused("unreadable")
    try:
        url = httpx2.URL(address)
        host = url.raw_host.decode("ascii").lower().rstrip(".")
        port = DEFAULT_PORTS.get(url.scheme, 0) if url.port is None else url.port
    except (httpx2.InvalidURL, ValueError) as error:
        raise AddressRefused("unreadable") from error
    if url.scheme not in reach.schemes or not host:
        raise AddressRefused("scheme")
    if url.userinfo or "@" in url.netloc.decode("ascii", "replace"):
        raise AddressRefused("credentials")
    if reach.ports is None:
        is_usual = port == DEFAULT_PORTS[url.scheme]
    else:
        is_usual = not reach.ports or port in reach.ports
    if not is_usual:
        raise AddressRefused("port")
    _check_host(host, reach)
    return _Target(url, host, port)


def _literal(host: str) -> Address | None:
    """Return the address that a host is, in its one canonical form; None for a name."""
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def _check_host(host: str, reach: Reach) -> None:
    literal = _literal(host)
    if literal is not None:
        if not reach.allows(literal):
            raise AddressRefused("address")
        return
    labels = host.split(".")
    # 2130706433, 0177.1 and 0x7f.0.0.1 are addresses to some resolvers and names to others.
    if ":" in host or _NUMBER.fullmatch(labels[-1]):
        raise AddressRefused("form of the address")
    if reach.takes_local_names:
        return
    if labels[-1] in _LOCAL_NAMES or not _NAME.fullmatch(host):
        raise AddressRefused("name")


# --- Names --------------------------------------------------------------------------------------

# getaddrinfo takes no timeout; whoever waits for it in vain leaves it behind in here.
_resolving: Final = ThreadPoolExecutor(max_workers=8, thread_name_prefix="resolve")


def resolve(host: str, port: int) -> list[str]:
    """Return the addresses of a name as the machine's resolver gives them."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def _addresses(target: _Target, reach: Reach, resolver: Resolver, left: float) -> list[str]:
    """Return what a host stands for, all of it allowed."""
    host = target.host
    if _literal(host) is not None:
        return [host]
    try:
        found = [*_resolving.submit(resolver, host, target.port).result(timeout=max(left, 0))]
    except NotInTime as error:
        raise TimedOut("name") from error
    except (OSError, UnicodeError) as error:
        raise Unreachable("name") from error
    if not found:
        raise Unreachable("name")
    # One that is not allowed spoils the rest: whose name points inside means no good.
    if not all((ip := _literal(text)) is not None and reach.allows(ip) for text in found):
        raise AddressRefused("what the name stands for")
    return found


# --- Connections --------------------------------------------------------------------------------


class _Deadline:
    """The end of a call by the steady clock."""

    def __init__(self, seconds: float) -> None:
        self._ends = time.monotonic() + seconds
        self.has_left = False
        """Whether something of a request was written; what secures the connection does not count."""

    def left(self) -> float:
        """
        Return how many seconds are left.

        :raises TimedOut: none are
        """
        left = self._ends - time.monotonic()
        if left <= 0:
            raise TimedOut("deadline")
        return left


_now: ContextVar["_Step"] = ContextVar("step_of_a_call")
"""What is being asked by this thread: connections outlive the call that opened them."""


class _Stream(httpcore2.NetworkStream):
    """A connection on which no single byte may take longer than the whole call has left."""

    def __init__(self, inner: httpcore2.NetworkStream) -> None:
        self._inner = inner

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._inner.read(max_bytes, _now.get().call.deadline.left())

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        deadline = _now.get().call.deadline
        left = deadline.left()
        deadline.has_left = True
        self._inner.write(buffer, left)

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore2.NetworkStream:
        left = _now.get().call.deadline.left()
        return _Stream(self._inner.start_tls(ssl_context, server_hostname, left))

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)


class _Backend(httpcore2.NetworkBackend):
    """Connects to the addresses that were looked at; the name serves for TLS and the Host header."""

    def __init__(self) -> None:
        self._inner = httpcore2.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Any = None,
    ) -> httpcore2.NetworkStream:
        call, target = _now.get().call, _now.get().target
        found = _addresses(target, call.reach, call.resolver, call.deadline.left())
        failure: Exception = Unreachable("nobody listens")
        share = call.deadline.left() / len(found[:TRIED_ADDRESSES])
        for address in found[:TRIED_ADDRESSES]:
            try:
                return _Stream(self._inner.connect_tcp(address, port, share))
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout) as error:
                failure = error
        raise failure


@functools.cache
def _trust() -> ssl.SSLContext:
    return httpx2.create_ssl_context(trust_env=False)


@functools.cache
def _kept(_process: int) -> httpcore2.ConnectionPool:
    """Return the connections that this process leaves open; one that was forked has its own."""
    return httpcore2.ConnectionPool(
        ssl_context=_trust(),
        max_connections=None,
        max_keepalive_connections=KEPT_CONNECTIONS,
        keepalive_expiry=KEPT_SECONDS,
        network_backend=_Backend(),
    )


@contextmanager
def _connections(asked: "_Call") -> Iterator[httpcore2.ConnectionPool]:
    if asked.keeps:
        yield _kept(os.getpid())
        return
    with httpcore2.ConnectionPool(ssl_context=asked.tls, network_backend=_Backend()) as pool:
        yield pool


# --- Calls --------------------------------------------------------------------------------------


def call(
    method: str,
    address: str,
    *,
    reach: Reach = STRANGERS,
    headers: Mapping[str, str] | None = None,
    body: bytes = b"",
    seconds: float = SECONDS,
    most_bytes: int = MOST_BYTES,
    redirects: int = 0,
    resolver: Resolver | None = None,
    tls: ssl.SSLContext | None = None,
) -> Response:
    """
    Ask another server and return its answer, whatever its status.

    `seconds` are for the whole call with its redirects, `most_bytes` for the body of the answer.
    A redirect is followed up to `redirects` times, for GET and HEAD only, never from https to http,
    and other servers get none of the caller's headers but Accept and the conditional ones; without
    any, or when it may not be followed, the redirect itself is the answer. `tls` is for servers
    whose certificate the machine does not know.

    :raises AddressRefused: the address, a redirect's or what a name stands for is out of reach
    :raises Unreachable: no such name, nobody listening, or no trust in the certificate
    :raises TimedOut: the time was over
    :raises TooLarge: the answer has more bytes
    :raises BadAnswer: the answer is not HTTP, or encoded although that was not asked for
    :raises TooManyRedirects: more redirects than were let
    """
    asked = _Call(
        method=method,
        body=body,
        reach=reach,
        deadline=_Deadline(seconds),
        most_bytes=most_bytes,
        resolver=resolver or resolve,
        tls=tls or _trust(),
        keeps=reach.keeps and resolver is None and tls is None,
    )
    try:
        return _answer_to(asked, _target(address, reach), dict(headers or {}), redirects)
    except CallFailed as failure:
        failure.has_left = asked.deadline.has_left
        raise


def _answer_to(asked: "_Call", target: _Target, sent: dict[str, str], redirects: int) -> Response:
    for followed in range(redirects + 1):
        answer = _ask(asked, target, sent)
        location = answer.headers.get("location", "")
        is_followed = redirects and location and asked.method in {"GET", "HEAD"}
        if answer.status not in FOLLOWED or not is_followed:
            return answer
        if followed < redirects:
            further = _further(target, location, asked.reach)
            if further.origin != target.origin:
                sent = {name: text for name, text in sent.items() if name.lower() in _HARMLESS}
            target = further
    raise TooManyRedirects


_HARMLESS: Final = frozenset({"accept", "if-none-match", "if-modified-since"})


def _further(target: _Target, location: str, reach: Reach) -> _Target:
    try:
        url = str(target.url.join(location))
    except (httpx2.InvalidURL, ValueError) as error:
        raise AddressRefused("unreadable") from error
    further = _target(url, reach)
    if target.url.scheme == "https" and further.url.scheme != "https":
        raise AddressRefused("scheme")
    return further


@dataclass(frozen=True, slots=True, kw_only=True)
class _Call:
    """What stays the same from one redirect to the next."""

    method: str
    body: bytes
    reach: Reach
    deadline: _Deadline
    most_bytes: int
    resolver: Resolver
    tls: ssl.SSLContext
    keeps: bool


@dataclass(frozen=True, slots=True)
class _Step:
    """A call on its way to one of its addresses."""

    call: _Call
    target: _Target


def _ask(asked: _Call, target: _Target, headers: Mapping[str, str]) -> Response:
    # An encoded answer grows in the reading, past every limit.
    own = {"Accept-Encoding": "identity"} | ({} if asked.keeps else {"Connection": "close"})
    request = httpx2.Request(
        asked.method,
        target.url,
        headers={"User-Agent": USER_AGENT, "Accept": "*/*", **headers} | own,
        content=asked.body or None,
    )
    where = httpcore2.URL(
        scheme=target.url.raw_scheme,
        host=target.url.raw_host,
        port=target.url.port,
        target=target.url.raw_path,
    )
    token = _now.set(_Step(asked, target))
    try:
        with (
            _connections(asked) as pool,
            pool.stream(
                asked.method, where, headers=request.headers.raw, content=asked.body or None
            ) as answer,
        ):
            told = _headers_of(answer.headers)
            content = _read(answer, told, asked.most_bytes)
            return Response(answer.status, told, content, str(target.url))
    except httpcore2.TimeoutException as error:
        raise TimedOut("no answer in time") from error
    except (httpcore2.RemoteProtocolError, httpcore2.LocalProtocolError) as error:
        raise BadAnswer("not HTTP") from error
    except (httpcore2.NetworkError, OSError) as error:
        raise Unreachable("no connection") from error
    finally:
        _now.reset(token)


def _headers_of(raw: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    return {name.decode("latin-1").lower(): text.decode("latin-1") for name, text in raw}


def _read(answer: httpcore2.Response, told: Mapping[str, str], most_bytes: int) -> bytes:
    if told.get("content-encoding", "identity").strip().lower() not in {"", "identity"}:
        raise BadAnswer("encoded")
    length = told.get("content-length", "")
    if length.isdecimal() and int(length) > most_bytes:
        raise TooLarge("as announced")
    parts, size = [], 0
    for part in answer.iter_stream():
        size += len(part)
        if size > most_bytes:
            raise TooLarge("while reading")
        parts.append(part)
    return b"".join(parts)
