"""The caller's address, as the journal may store it."""

from typing import Any

import pytest
from django.http import HttpRequest

from smartqueue.common.middleware import client_address


@pytest.mark.parametrize(
    ("proxies", "direct", "forwarded", "address"),
    [
        (0, "10.0.0.1", "41.82.1.2", "10.0.0.1"),
        (0, "garbage", "41.82.1.2", None),
        (0, "", "", None),
        (0, "fe80::1%eth0", "", "fe80::1"),
        (1, "10.0.0.1", "1.1.1.1, 41.82.1.2", "41.82.1.2"),
        (1, "10.0.0.1", "1.1.1.1, garbage", "10.0.0.1"),
        (1, "10.0.0.1", "", "10.0.0.1"),
        (2, "10.0.0.1", "1.1.1.1, 41.82.1.2, 10.0.0.2", "41.82.1.2"),
        (2, "10.0.0.1", "41.82.1.2", "10.0.0.1"),
    ],
)
def test_only_an_address_that_a_trusted_proxy_saw_is_believed(
    settings: Any, proxies: int, direct: str, forwarded: str, address: str | None
) -> None:
    settings.TRUSTED_PROXY_COUNT = proxies
    request = HttpRequest()
    request.META = {"REMOTE_ADDR": direct, "HTTP_X_FORWARDED_FOR": forwarded}
    assert client_address(request) == address
