"""Where calls go and how long they take, against servers on this machine."""

import dataclasses
import ipaddress
import os
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from smartqueue.common import http

LOOPBACK = ipaddress.ip_address("127.0.0.1")
# As for strangers, but this machine's own servers count as the open Internet.
NEAR = dataclasses.replace(http.STRANGERS, ports=frozenset(), allows=lambda ip: ip == LOOPBACK)

Answer = Callable[[BaseHTTPRequestHandler], None]


class Server:
    """A server on this machine; `seen` has the paths and headers of what came."""

    def __init__(self, answers: dict[str, Answer], tls: ssl.SSLContext | None = None) -> None:
        self.seen: list[tuple[str, dict[str, str]]] = []
        seen = self.seen

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                named = {name.lower(): text for name, text in self.headers.items()}
                seen.append((self.path, named))
                answers[self.path](self)

            do_POST = do_GET  # noqa: N815  # the library's name

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._server.handle_error = lambda *_: None  # type: ignore[method-assign]
        if tls is not None:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        self.port: int = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def at(self, path: str = "/", name: str = "calendar.example") -> str:
        return f"http://{name}:{self.port}{path}"


def says(body: bytes = b"well", status: int = 200, **headers: str) -> Answer:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        for name, text in ({"content_length": str(len(body))} | headers).items():
            handler.send_header(name.replace("_", "-"), text)
        handler.end_headers()
        handler.wfile.write(body)

    return answer


def leads_to(address: str, status: int = 302) -> Answer:
    return says(b"", status, location=address)


def drips(piece: bytes, every: float) -> Answer:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        for byte in piece:
            handler.wfile.write(bytes([byte]))
            handler.wfile.flush()
            time.sleep(every)

    return answer


def here(host: str, port: int) -> list[str]:
    """Know every name as this machine."""
    return ["127.0.0.1"]


def nowhere(host: str, port: int) -> list[str]:
    raise AssertionError(f"somebody asked for {host}")


@contextmanager
def raw_server(answer: bytes) -> Iterator[int]:
    """Answer anybody with these bytes."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        with closing(listener):
            connection, _ = listener.accept()
            with closing(connection):
                connection.recv(4096)
                connection.sendall(answer)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        thread.join()


# --- What comes back ----------------------------------------------------------------------------


def test_an_answer_comes_with_its_status_headers_and_body():
    with Server({"/a": says(b"BEGIN", 404, etag='"1"')}) as server:
        answer = http.call("GET", server.at("/a"), reach=NEAR, resolver=here)

    assert (answer.status, answer.headers["etag"], answer.body) == (404, '"1"', b"BEGIN")
    assert answer.url == server.at("/a")
    [(_, sent)] = server.seen
    assert sent["host"] == f"calendar.example:{server.port}"
    assert sent["accept-encoding"] == "identity"
    assert sent["user-agent"] == "SmartQueue"


def test_a_body_is_sent_with_the_callers_headers():
    got = []

    def keep(handler: BaseHTTPRequestHandler) -> None:
        got.append(handler.rfile.read(int(handler.headers["Content-Length"])))
        says(b"", 204)(handler)

    with Server({"/": keep}) as server:
        answer = http.call(
            "POST", server.at(), reach=NEAR, resolver=here, body=b"{}", headers={"X-Mine": "1"}
        )

    assert (answer.status, got) == (204, [b"{}"])
    assert server.seen[0][1]["x-mine"] == "1"


@pytest.mark.parametrize("is_announced", [True, False])
def test_an_answer_over_the_limit_is_given_up(is_announced):
    def pour(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Transfer-Encoding", "chunked")
        handler.end_headers()
        while True:
            handler.wfile.write(b"400\r\n" + b"x" * 1024 + b"\r\n")

    answer = says(b"x" * 1001) if is_announced else pour
    with Server({"/": answer}) as server, pytest.raises(http.TooLarge):
        http.call("GET", server.at(), reach=NEAR, resolver=here, most_bytes=1000)


def test_an_answer_of_just_the_limit_is_read():
    with Server({"/": says(b"x" * 1000)}) as server:
        answer = http.call("GET", server.at(), reach=NEAR, resolver=here, most_bytes=1000)

    assert len(answer.body) == 1000


@pytest.mark.parametrize(
    "piece",
    [b"HTTP/1.1 200 OK\r\nX-A: " + b"a" * 500, b"HTTP/1.1 200 OK\r\n\r\n" + b"a" * 500],
    ids=["in its headers", "in its body"],
)
def test_a_server_that_drips_is_left_at_the_deadline(piece):
    started = time.monotonic()

    with Server({"/": drips(piece, 0.05)}) as server, pytest.raises(http.TimedOut):
        http.call("GET", server.at(), reach=NEAR, resolver=here, seconds=0.5)

    assert time.monotonic() - started < 5


def test_a_name_server_that_says_nothing_is_left_at_the_deadline():
    def slow(host: str, port: int) -> list[str]:
        time.sleep(2)
        return ["127.0.0.1"]

    started = time.monotonic()

    with pytest.raises(http.TimedOut):
        http.call("GET", "http://calendar.example/", reach=NEAR, resolver=slow, seconds=0.2)

    assert time.monotonic() - started < 1.5


def test_an_encoded_answer_is_refused():
    with (
        Server({"/": says(b"\x1f\x8b", content_encoding="gzip")}) as server,
        pytest.raises(http.BadAnswer),
    ):
        http.call("GET", server.at(), reach=NEAR, resolver=here)


@pytest.mark.parametrize("text", [b"SSH-2.0-OpenSSH\r\n", b"", b"HTTP/1.1 200 OK\r\nContent-Le"])
def test_what_is_not_http_is_a_bad_answer(text):
    with raw_server(text) as port, pytest.raises(http.BadAnswer):
        http.call("GET", f"http://calendar.example:{port}/", reach=NEAR, resolver=here)


def test_nobody_listening_and_no_such_name_are_unreachable():
    with closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]

    def unknown(host: str, _port: int) -> list[str]:
        raise socket.gaierror(socket.EAI_NONAME, "no such name")

    with pytest.raises(http.Unreachable):
        http.call("GET", f"http://calendar.example:{port}/", reach=NEAR, resolver=here)
    with pytest.raises(http.Unreachable):
        http.call("GET", "http://calendar.example/", reach=NEAR, resolver=unknown)
    with pytest.raises(http.Unreachable):
        http.call("GET", "http://calendar.example/", reach=NEAR, resolver=lambda *_: [])


# --- Where it goes ------------------------------------------------------------------------------


def test_a_name_is_resolved_once_and_nothing_else_is_connected_to():
    asked = []

    def rebinding(host: str, port: int) -> list[str]:
        asked.append(host)
        return ["127.0.0.1"] if len(asked) == 1 else ["127.0.0.2"]

    with Server({"/": says()}) as server:
        answer = http.call("GET", server.at(), reach=NEAR, resolver=rebinding)

    assert answer.body == b"well"
    assert asked == ["calendar.example"]


def test_a_name_that_now_points_inside_is_refused_at_the_next_call():
    answers = iter([["127.0.0.1"], ["127.0.0.2"]])
    with Server({"/": says()}) as server:
        http.call("GET", server.at(), reach=NEAR, resolver=lambda *_: next(answers))

        with pytest.raises(http.AddressRefused):
            http.call("GET", server.at(), reach=NEAR, resolver=lambda *_: next(answers))

    assert len(server.seen) == 1


def test_one_address_inside_spoils_the_name():
    with Server({"/": says()}) as server, pytest.raises(http.AddressRefused):
        http.call(
            "GET", server.at(), reach=NEAR, resolver=lambda *_: ["127.0.0.1", "169.254.169.254"]
        )

    assert server.seen == []


INSIDE = [
    "0.0.0.0",  # noqa: S104  # nothing listens there
    "0.1.2.3",
    "10.0.0.1",
    "100.64.0.1",
    "100.100.100.200",
    "127.0.0.1",
    "127.255.255.254",
    "168.63.129.16",
    "169.254.169.254",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.1",
    "192.0.0.192",
    "192.0.2.1",
    "192.88.99.1",
    "192.168.1.1",
    "198.18.0.1",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "239.255.255.255",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::127.0.0.1",
    "::ffff:127.0.0.1",
    "::ffff:8.8.8.8",
    "::ffff:0:127.0.0.1",
    "64:ff9b::7f00:1",
    "64:ff9b::808:808",
    "64:ff9b:1::1",
    "100::1",
    "2001::1",
    "2001:0:7f00:1::",
    "2001:db8::1",
    "2002:7f00:1::",
    "2002:808:808::1",
    "3fff::1",
    "fc00::1",
    "fd00:ec2::254",
    "fe80::1",
    "fe80::1%eth0",
    "fec0::1",
    "ff02::1",
    "5f00::1",
]


@pytest.mark.parametrize("address", INSIDE)
def test_an_address_inside_is_refused_written_out_and_behind_a_name(address):
    written = f"[{address}]" if ":" in address else address

    with pytest.raises(http.AddressRefused):
        http.call("GET", f"http://{written}/", resolver=nowhere)
    with pytest.raises(http.AddressRefused):
        http.call("GET", "http://calendar.example/", resolver=lambda *_: [address])


@pytest.mark.parametrize(
    "address",
    ["8.8.8.8", "1.1.1.1", "41.82.0.1", "196.1.95.1", "2001:4860:4860::8888", "2a00:1450::1"],
)
def test_an_address_of_the_open_internet_is_public(address):
    assert http.is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize(
    "address",
    [
        "http://2130706433/",
        "http://0x7f000001/",
        "http://017700000001/",
        "http://127.1/",
        "http://127.0.1/",
        "http://0177.0.0.1/",
        "http://0x7f.0.0.1/",
        "http://127.0.0.0x1/",
        "http://127.000.000.001/",
        "http://1.1.1.08/",
        "http://127.0.0.1./",
        "http://①②⑦.⓪.⓪.①/",
        "http://\uff11\uff12\uff17.\uff10.\uff10.\uff11/",
        "http://127。0。0。1/",
        "http://[::ffff:7f00:1]/",
        "http://[::1]/",
        "http://[fe80::1%25eth0]/",
        "http://localhost/",
        "http://LOCALHOST./",
        "http://app.localhost/",
        "http://printer.local/",
        "http://metadata.google.internal/",
        "http://router.lan/",
        "http://nas.home.arpa/",
        "http://redis/",
        "http://postgres./",
        "http:///path",
        "http://",
        "//calendar.example/",
        "calendar.example/feed.ics",
        "",
        "ftp://calendar.example/",
        "file:///etc/passwd",
        "gopher://calendar.example/_x",
        "data:text/calendar,BEGIN",
        "javascript:alert(1)",
        "webcal://calendar.example/",
        "http://user@calendar.example/",
        "http://user:secret@calendar.example/",
        "http://:@calendar.example/",
        "http://calendar.example@127.0.0.1/",
        "http://calendar.example:22/",
        "http://calendar.example:6379/",
        "http://calendar.example:443/",
        "https://calendar.example:80/",
        "http://calendar.example:0/",
        "http://calendar.example:99999/",
        "http://calendar.example:x/",
        "http://calendar.example\\@127.0.0.1/",
        "http://calendar.example/a b",
        "http://calendar.example/\r\nHost: inside",
        "http://calendar.example/\x00",
        " http://calendar.example/",
        "http://calendar..example/",
        "http://-calendar.example/",
        "http://[::1",
        "http://exa_mple..com/",
        "http://" + "a" * 64 + ".example/",
        "http://calendar.example/" + "a" * 2000,
    ],
)
def test_an_address_that_no_stranger_may_give_is_refused_before_anybody_is_asked(address):
    with pytest.raises(http.AddressRefused):
        http.check_address(address)
    with pytest.raises(http.AddressRefused):
        http.call("GET", address, resolver=nowhere)


@pytest.mark.parametrize(
    "address",
    [
        "https://calendar.google.com/calendar/ical/x%40group.calendar.google.com/basic.ics",
        "https://outlook.office365.com:443/owa/calendar/a/b/calendar.ics",
        "http://8.8.8.8/",
        "http://8.8.8.8:80/?q=1#part",
        "https://[2001:4860:4860::8888]/",
        "https://xn--caf-dma.example/",
        "https://café.example/agenda.ics",
        "https://p12-caldav.icloud.com./published/2/x",
    ],
)
def test_a_usual_address_is_taken(address):
    http.check_address(address)


def test_what_the_operator_wrote_goes_anywhere():
    with Server({"/": says()}) as server:
        answer = http.call("GET", f"http://127.0.0.1:{server.port}/", reach=http.PARTNERS)

    assert answer.body == b"well"
    http.check_address("http://sandbox:8100/", http.PARTNERS)
    with pytest.raises(http.AddressRefused):
        http.check_address("file:///etc/passwd", http.PARTNERS)


@pytest.fixture
def certified(tmp_path: Path) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """Return how "calendar.example" proves itself, and how to trust it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "calendar.example")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.DNSName("calendar.example")]), critical=False
        )
        .sign(key, hashes.SHA256())
    )
    path = tmp_path / "server.pem"
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(path)
    return server, ssl.create_default_context(cafile=str(path))


def test_the_certificate_is_held_against_the_name_and_not_the_address(certified):
    own, trusting = certified
    names = []
    own.sni_callback = lambda _socket, name, _context: names.append(name)
    with Server({"/": says()}, own) as server:
        address = f"https://calendar.example:{server.port}/"
        answer = http.call("GET", address, reach=NEAR, resolver=here, tls=trusting)
        for wrong in (
            {"address": f"https://other.example:{server.port}/", "tls": trusting},
            {"address": address},
        ):
            with pytest.raises(http.Unreachable):
                http.call("GET", reach=NEAR, resolver=here, **wrong)

    assert answer.body == b"well"
    assert names[0] == "calendar.example"


# --- Redirects ----------------------------------------------------------------------------------


def test_a_redirect_is_the_answer_unless_the_caller_lets_it_be_followed():
    with Server({"/": leads_to("/b"), "/b": says(b"there")}) as server:
        left = http.call("GET", server.at(), reach=NEAR, resolver=here)
        followed = http.call("GET", server.at(), reach=NEAR, resolver=here, redirects=1)
        posted = http.call("POST", server.at(), reach=NEAR, resolver=here, redirects=1)

    assert (left.status, left.body) == (302, b"")
    assert (followed.status, followed.body, followed.url) == (200, b"there", server.at("/b"))
    assert posted.status == 302


@pytest.mark.parametrize(
    "address",
    [
        "http://127.0.0.2/",
        "http://169.254.169.254/latest/meta-data/",
        "http://localhost/",
        "http://2130706433/",
        "file:///etc/passwd",
        "http://user:secret@calendar.example/",
        "http://[::1",
        "//10.0.0.1/x",
    ],
)
def test_a_redirect_out_of_reach_is_refused(address):
    with Server({"/": leads_to(address)}) as server, pytest.raises(http.AddressRefused):
        http.call("GET", server.at(), reach=NEAR, resolver=here, redirects=3)


def test_a_redirect_to_a_name_that_points_inside_is_refused():
    def resolver(host: str, port: int) -> list[str]:
        return ["127.0.0.1"] if host == "calendar.example" else ["10.0.0.1"]

    with (
        Server({"/": leads_to("http://inside.example/")}) as server,
        pytest.raises(http.AddressRefused),
    ):
        http.call("GET", server.at(), reach=NEAR, resolver=resolver, redirects=3)


def test_redirects_in_a_circle_end():
    with (
        Server({"/": leads_to("/b"), "/b": leads_to("/")}) as server,
        pytest.raises(http.TooManyRedirects),
    ):
        http.call("GET", server.at(), reach=NEAR, resolver=here, redirects=3)

    assert [path for path, _ in server.seen] == ["/", "/b", "/", "/b"]


def test_another_server_gets_none_of_the_callers_secrets():
    sent = {"Authorization": "Bearer x", "Cookie": "a=b", "If-None-Match": '"1"'}
    with Server({"/": says(), "/same": leads_to("/")}) as other:
        with Server({"/": leads_to(other.at("/", "other.example"))}) as server:
            http.call("GET", server.at(), reach=NEAR, resolver=here, redirects=1, headers=sent)
        http.call("GET", other.at("/same"), reach=NEAR, resolver=here, redirects=1, headers=sent)

    elsewhere, _, same = (headers for _, headers in other.seen)
    assert (elsewhere.get("authorization"), elsewhere.get("cookie")) == (None, None)
    assert elsewhere["if-none-match"] == '"1"'
    assert same["authorization"] == "Bearer x"


def test_https_is_never_left_for_http():
    with pytest.raises(http.AddressRefused):
        http._further(
            http._target("https://calendar.example/", http.STRANGERS),
            "http://calendar.example/",
            http.STRANGERS,
        )


def test_a_failure_says_whether_the_other_side_may_have_seen_the_request():
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        port = nobody.getsockname()[1]
        with pytest.raises(http.Unreachable) as refused:
            http.call("POST", f"http://127.0.0.1:{port}/", reach=http.PARTNERS, body=b"x")
    assert not refused.value.has_left
    with raw_server(b"") as silent, pytest.raises(http.CallFailed) as cut:
        http.call("POST", f"http://127.0.0.1:{silent}/", reach=http.PARTNERS, body=b"x")
    assert cut.value.has_left


# --- Connections that are kept ------------------------------------------------------------------


class Counting:
    """Takes connections one after the other and answers so many requests on each."""

    def __init__(self, *answers: int) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}/"
        self.requests: list[int] = []
        self.ended = threading.Semaphore(0)
        self._thread = threading.Thread(target=self._serve, args=(answers,))

    def _serve(self, answers: tuple[int, ...]) -> None:
        for number, most in enumerate(answers):
            connection, _ = self._listener.accept()
            with closing(connection):
                for _ in range(most):
                    if not connection.recv(4096):
                        break
                    self.requests.append(number)
                    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
            self.ended.release()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.join()
        self._listener.close()


@pytest.fixture
def kept_long(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Leave connections open for longer than a slow machine takes."""
    monkeypatch.setattr(http, "KEPT_SECONDS", 600.0)
    end_kept()
    yield
    end_kept()


def end_kept() -> None:
    """Close what this process leaves open, and open anew from now on."""
    http._kept(os.getpid()).close()
    http._kept.cache_clear()


def test_a_partner_is_called_on_one_connection_until_it_ends_it(kept_long: None):
    with Counting(2, 1) as server:
        for _ in range(2):
            assert http.call("GET", server.url, reach=http.PARTNERS).body == b"ok"
        assert server.requests == [0, 0]
        # Nothing is written to what was closed meanwhile.
        assert server.ended.acquire(timeout=10)
        assert http.call("GET", server.url, reach=http.PARTNERS).body == b"ok"
        assert server.requests == [0, 0, 1]


def test_a_stranger_gets_a_new_connection_each_time(kept_long: None):
    with Counting(2, 1) as server:
        for _ in range(2):
            assert http.call("GET", server.url, reach=NEAR).body == b"ok"
        assert server.requests == [0, 1]
