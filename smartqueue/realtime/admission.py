"""Who may open a socket at all, and from where."""

from collections.abc import Iterable
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.http.request import split_domain_port, validate_host

Headers = Iterable[tuple[bytes, bytes]]

DEFAULT_PORTS = {"http": 80, "https": 443}


def header(headers: Headers, name: bytes) -> str:
    """Return a header's values, joined as HTTP joins them; "" when it is absent."""
    return ",".join(value.decode("latin-1") for key, value in headers if key == name)


def client_address(scope: dict[str, Any]) -> str:
    """Return the caller's address, as the outermost trusted proxy saw it."""
    client = scope.get("client")
    direct: str = client[0] if client else ""
    count: int = settings.TRUSTED_PROXY_COUNT
    if count == 0:
        return direct
    forwarded = [p.strip() for p in header(scope["headers"], b"x-forwarded-for").split(",")]
    return forwarded[-count] if len(forwarded) >= count and forwarded[-count] else direct


def is_origin_allowed(headers: Headers) -> bool:
    """
    Whether the page that opens the socket is one of ours; programs send no origin and no cookie.

    A browser sends both, so a cookie without an origin is a browser that hides where it is.
    """
    origin = header(headers, b"origin")
    if not origin:
        return not header(headers, b"cookie")
    if origin in {*settings.CORS_ALLOWED_ORIGINS, settings.PUBLIC_URL.rstrip("/")}:
        return True
    try:
        parts = urlsplit(origin)
        place = (parts.hostname, parts.port or DEFAULT_PORTS.get(parts.scheme))
        host = header(headers, b"host").lower()
        domain, port = split_domain_port(host)
        ours = (domain, int(port) if port else DEFAULT_PORTS.get(parts.scheme))
    except ValueError:
        return False
    return bool(domain) and place == ours and validate_host(domain, settings.ALLOWED_HOSTS)
