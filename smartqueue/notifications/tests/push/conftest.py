"""The sandbox as phones' and browsers' push services."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from smartqueue.notifications.providers import register_all
from smartqueue.notifications.providers.base import forget_providers
from smartqueue.notifications.tests.sms.conftest import Control, _calls, _running, control

__all__ = ["_calls", "_running", "control"]


@pytest.fixture
def push(control: Control, settings: Any, tmp_path: Any) -> Iterator[Control]:
    """Point both adapters at the sandbox."""
    account = control.call("GET", "fcm/service-account")
    settings.FCM_ACCOUNT = {"url": f"{control.url}/fcm", "service_account": json.dumps(account)}
    settings.WEB_PUSH_ACCOUNT = settings.WEB_PUSH_ACCOUNT | {
        "private_key": "",
        "key_file": tmp_path / "vapid.pem",
    }
    register_all()
    forget_providers()
    yield control
    forget_providers()
