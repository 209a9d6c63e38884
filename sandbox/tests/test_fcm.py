import time
from typing import Any

import httpx2
import jwt
import pytest
from google.auth.transport.requests import Request
from google.oauth2 import service_account

from sandbox.tests.conftest import Control

PATH = "/fcm/v1/projects/sandbox-project/messages:send"
PHONE = "+221771234567"
SCOPE = "https://www.googleapis.com/auth/firebase.messaging"
FCM_ERROR = "type.googleapis.com/google.firebase.fcm.v1.FcmError"


@pytest.fixture
def account(control: Control) -> dict[str, str]:
    found: dict[str, str] = control.call("GET", "fcm/service-account")
    return found


@pytest.fixture
def headers(account: dict[str, str]) -> dict[str, str]:
    """Sign in as google-auth does."""
    credentials = service_account.Credentials.from_service_account_info(account, scopes=[SCOPE])
    credentials.refresh(Request())
    return {"authorization": f"Bearer {credentials.token}"}


@pytest.fixture
def device(control: Control) -> str:
    return str(control.call("POST", "fcm/tokens", phone=PHONE)["token"])


def send(
    http: httpx2.Client, headers: dict[str, str], message: dict[str, Any], **more: Any
) -> httpx2.Response:
    return http.post(PATH, json={"message": message, **more}, headers=headers)


def full(device: str) -> dict[str, Any]:
    return {
        "token": device,
        "notification": {"title": "A042", "body": "C'est à vous"},
        "data": {"id": "attempt-1", "ticket": "42"},
        "android": {"priority": "high", "ttl": "300s", "notification": {"channel_id": "calls"}},
        "apns": {
            "headers": {"apns-priority": "10"},
            "payload": {"aps": {"sound": "default", "content-available": 1}},
        },
        "webpush": {"headers": {"TTL": "300"}, "fcm_options": {"link": "https://example.org/"}},
        "fcm_options": {"analytics_label": "called"},
    }


def test_a_message_is_named_and_reaches_the_phone(
    http: httpx2.Client, headers: dict[str, str], device: str, control: Control
) -> None:
    response = send(http, headers, full(device))

    assert response.status_code == 200
    [kept] = control.messages(phone=PHONE)
    assert response.json() == {"name": kept["provider_id"]}
    assert kept["provider_id"].startswith("projects/sandbox-project/messages/")
    assert (kept["channel"], kept["peer"], kept["text"]) == ("push", "A042", "C'est à vous")
    assert control.counts(by="reference", keys="1")["keys"] == {"attempt-1": 1}


def test_a_dry_run_is_checked_and_not_delivered(
    http: httpx2.Client, headers: dict[str, str], device: str, control: Control
) -> None:
    assert send(http, headers, {"token": device}, validate_only=True).status_code == 200
    assert control.messages() == []


def test_a_removed_app_is_unregistered(
    http: httpx2.Client, headers: dict[str, str], device: str, control: Control
) -> None:
    control.call("DELETE", f"fcm/tokens/{device}")

    response = send(http, headers, {"token": device})

    assert response.status_code == 404
    error = response.json()["error"]
    assert (error["code"], error["status"]) == (404, "NOT_FOUND")
    assert error["details"] == [{"@type": FCM_ERROR, "errorCode": "UNREGISTERED"}]


def test_an_unknown_token_is_an_invalid_argument_about_the_token(
    http: httpx2.Client, headers: dict[str, str]
) -> None:
    error = send(http, headers, {"token": "made-up"}).json()["error"]

    assert (error["code"], error["status"]) == (400, "INVALID_ARGUMENT")
    assert error["details"] == [{"@type": FCM_ERROR, "errorCode": "INVALID_ARGUMENT"}]


@pytest.mark.parametrize(
    ("code", "answer"),
    [
        ("QUOTA_EXCEEDED", (429, "RESOURCE_EXHAUSTED")),
        ("UNAVAILABLE", (503, "UNAVAILABLE")),
        ("INTERNAL", (500, "INTERNAL")),
        ("SENDER_ID_MISMATCH", (403, "PERMISSION_DENIED")),
        ("THIRD_PARTY_AUTH_ERROR", (401, "UNAUTHENTICATED")),
    ],
)
def test_errors_come_on_command_with_retry_after(
    http: httpx2.Client,
    headers: dict[str, str],
    device: str,
    code: str,
    answer: tuple[int, str],
) -> None:
    control, (http_status, status) = Control(http), answer
    control.rule(provider="fcm", to=PHONE, answer="refuse", error=code, retry_after=30)

    response = send(http, headers, {"token": device})

    assert (response.status_code, response.headers["retry-after"]) == (http_status, "30")
    error = response.json()["error"]
    assert error["status"] == status
    assert error["details"][0] == {"@type": FCM_ERROR, "errorCode": code}


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"topic": "all"}, "message"),
        ({"token": ""}, "message"),
        ({"data": {"count": 1}}, "message.data"),
        ({"data": {"from": "me"}}, "message.data"),
        ({"data": {"google.x": "me"}}, "message.data"),
        ({"data": {"x": "y" * 4097}}, "message"),
        ({"colour": "red"}, "message"),
        ({"notification": {"title": 5}}, "message.notification.title"),
        ({"notification": "hello"}, "message.notification"),
        ({"android": {"ttl": "5m"}}, "message.android.ttl"),
        ({"android": {"priority": "urgent"}}, "message.android.priority"),
        ({"android": {"notification": {"tint": "x"}}}, "message.android.notification"),
        ({"apns": {"headers": {"apns-priority": 10}}}, "message.apns.headers"),
    ],
)
def test_a_body_outside_the_schema_is_refused_by_field(
    http: httpx2.Client,
    headers: dict[str, str],
    device: str,
    control: Control,
    change: dict[str, Any],
    field: str,
) -> None:
    response = send(http, headers, {"token": device, **change})

    assert response.status_code == 400
    [detail] = response.json()["error"]["details"]
    assert detail["@type"] == "type.googleapis.com/google.rpc.BadRequest"
    assert [one["field"] for one in detail["fieldViolations"]] == [field]
    assert control.messages() == []


def test_the_camel_case_of_a_field_is_the_same_field(
    http: httpx2.Client, headers: dict[str, str], device: str
) -> None:
    message = {"token": device, "android": {"collapseKey": "a", "restrictedPackageName": "b"}}

    assert send(http, headers, message).status_code == 200


def test_a_token_that_is_missing_or_expired_is_unauthenticated(
    http: httpx2.Client, headers: dict[str, str], device: str, control: Control
) -> None:
    control.call("POST", "tokens/expire", provider="fcm")

    answers = [send(http, given, {"token": device}) for given in ({}, headers)]

    assert [answer.status_code for answer in answers] == [401, 401]
    assert answers[0].json()["error"]["status"] == "UNAUTHENTICATED"


def test_another_project_is_not_permitted(
    http: httpx2.Client, headers: dict[str, str], device: str
) -> None:
    path = PATH.replace("sandbox-project", "other")

    response = http.post(path, json={"message": {"token": device}}, headers=headers)

    assert (response.status_code, response.json()["error"]["status"]) == (403, "PERMISSION_DENIED")


@pytest.mark.parametrize(
    ("claims", "description"),
    [
        ({}, ""),
        ({"aud": "https://oauth2.googleapis.com/token"}, ""),
        ({"aud": "https://example.org/token"}, "Audience"),
        ({"iss": "somebody@else"}, "issuer"),
        ({"scope": "https://www.googleapis.com/auth/drive"}, "scope"),
        ({"exp": 7300}, "short-lived"),
        ({"iat": -4000, "exp": -400}, "expired"),
    ],
)
def test_the_assertion_is_checked(
    http: httpx2.Client, account: dict[str, str], claims: dict[str, Any], description: str
) -> None:
    now = int(time.time())
    payload = {
        "iss": account["client_email"],
        "aud": account["token_uri"],
        "scope": SCOPE,
        **claims,
        "iat": now + claims.get("iat", 0),
        "exp": now + claims.get("exp", 3600),
    }
    assertion = jwt.encode(payload, account["private_key"], "RS256")

    response = http.post(
        "/fcm/token",
        data={
            "grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer",
            "assertion": assertion,
        },
    )

    if description:
        assert (response.status_code, response.json()["error"]) == (400, "invalid_grant")
        assert description.lower() in response.json()["error_description"].lower()
    else:
        assert response.json()["expires_in"] == 3599
        assert response.json()["token_type"] == "Bearer"


def test_another_key_signs_nothing(http: httpx2.Client, account: dict[str, str]) -> None:
    assertion = jwt.encode({"iss": account["client_email"]}, "x" * 32, "HS256")

    response = http.post(
        "/fcm/token",
        data={
            "grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer",
            "assertion": assertion,
        },
    )

    assert response.json()["error"] == "invalid_grant"
