import base64
import time
from typing import Any

import httpx2
import jwt
import pytest
import pywebpush
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from py_vapid import Vapid

from sandbox.providers.web_push import Undecryptable, decoded, decrypt, encoded
from sandbox.tests.conftest import Control

PHONE = "+221771234567"
CLAIMS = {"sub": "mailto:ops@example.org"}


@pytest.fixture(scope="module")
def vapid() -> Vapid:
    key = Vapid()
    key.generate_keys()
    return key


def public(vapid: Vapid) -> str:
    return encoded(
        vapid.public_key.public_bytes(
            serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint
        )
    )


@pytest.fixture
def subscription(control: Control, vapid: Vapid) -> dict[str, Any]:
    found: dict[str, Any] = control.call(
        "POST", "web-push/subscriptions", phone=PHONE, application_server_key=public(vapid)
    )
    return found


def push(subscription: dict[str, Any], vapid: Vapid, data: str = "Bonjour", **more: Any) -> Any:
    return pywebpush.webpush(
        {"endpoint": subscription["endpoint"], "keys": subscription["keys"]},
        data=data,
        vapid_private_key=vapid,
        vapid_claims=dict(CLAIMS),
        timeout=10,
        **{"ttl": 60, **more},
    )


def refused(subscription: dict[str, Any], vapid: Vapid, **more: Any) -> int:
    with pytest.raises(pywebpush.WebPushException) as failure:
        push(subscription, vapid, **more)
    return int(failure.value.response.status_code)


def test_the_vector_of_rfc_8291_is_decrypted() -> None:
    private = int.from_bytes(decoded("q1dXpw3UpT5VOmu_cf_v6ih07Aems3njxI-JWgLcM94"), "big")
    body = decoded(
        "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6Tlz"
        "AC8wEqKK6PBru3jl7A_yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN"
    )

    plain = decrypt(
        body,
        private_key=ec.derive_private_key(private, ec.SECP256R1()),
        auth=decoded("BTBZMqHH6r4Tts7J_aSIgg"),
    )

    assert plain == b"When I grow up, I want to be a watermelon"
    with pytest.raises(Undecryptable):
        decrypt(
            body[:-1] + b"x",
            private_key=ec.derive_private_key(private, ec.SECP256R1()),
            auth=decoded("BTBZMqHH6r4Tts7J_aSIgg"),
        )


def test_a_push_is_decrypted_and_shown(
    subscription: dict[str, Any], vapid: Vapid, control: Control
) -> None:
    text = '{"title": "A042", "body": "À vous, guichet 3"}'

    response = push(subscription, vapid, text, headers={"urgency": "high", "topic": "ticket-42"})

    assert response.status_code == 201
    [kept] = control.messages(phone=PHONE)
    assert (kept["peer"], kept["text"], kept["problem"]) == ("A042", text, "")
    assert kept["details"] == {
        "subscription": subscription["id"],
        "ttl": 60,
        "urgency": "high",
        "body": "À vous, guichet 3",
    }
    assert response.headers["location"].endswith(f"/web-push/messages/{kept['provider_id']}")
    assert control.counts(by="reference", keys="1")["keys"] == {"ticket-42": 1}


def test_a_subscription_that_has_gone_is_410_and_one_never_made_404(
    subscription: dict[str, Any], vapid: Vapid, control: Control
) -> None:
    unknown = {**subscription, "endpoint": f"{subscription['endpoint']}x"}
    control.call("DELETE", f"web-push/subscriptions/{subscription['id']}")

    assert refused(subscription, vapid) == 410
    assert refused(unknown, vapid) == 404


def test_another_key_than_at_subscribing_is_forbidden(
    subscription: dict[str, Any], control: Control
) -> None:
    other = Vapid()
    other.generate_keys()

    assert refused(subscription, other) == 403
    assert control.messages() == []


def test_what_the_browser_cannot_open_is_taken_and_marked(
    subscription: dict[str, Any], vapid: Vapid, control: Control
) -> None:
    keys = {**subscription["keys"], "auth": base64.urlsafe_b64encode(b"x" * 16).decode()}

    assert push({**subscription, "keys": keys}, vapid).status_code == 201

    [kept] = control.messages(phone=PHONE)
    assert (kept["text"], kept["problem"][:14]) == ("", "Not decrypted:")


def authorization(subscription: dict[str, Any], vapid: Vapid, **claims: Any) -> str:
    origin = subscription["endpoint"].rpartition("/web-push/")[0]
    payload = {"aud": origin, "exp": int(time.time()) + 3600, **CLAIMS, **claims}
    token = jwt.encode(payload, vapid.private_key, "ES256")
    return f"vapid t={token}, k={public(vapid)}"


@pytest.mark.parametrize(
    ("claims", "status"),
    [
        ({}, 201),
        ({"aud": "https://push.example.org"}, 403),
        ({"exp": 1}, 403),
        ({"exp": 9_999_999_999}, 403),
        ({"sub": "ops@example.org"}, 403),
    ],
)
def test_the_claims_of_vapid_are_checked(
    http: httpx2.Client,
    subscription: dict[str, Any],
    vapid: Vapid,
    claims: dict[str, Any],
    status: int,
) -> None:
    headers = {"authorization": authorization(subscription, vapid, **claims), "ttl": "0"}

    response = http.post(subscription["endpoint"], headers=headers)

    assert response.status_code == status


@pytest.mark.parametrize(
    ("headers", "body", "status"),
    [
        ({"ttl": ""}, b"", 400),
        ({"ttl": "soon"}, b"", 400),
        ({"urgency": "extreme"}, b"", 400),
        ({"topic": "x" * 33}, b"", 400),
        ({"content-encoding": "aesgcm"}, b"x" * 200, 400),
        ({"content-encoding": "aes128gcm"}, b"x" * 4097, 413),
        ({"authorization": "Bearer x"}, b"", 401),
        ({"authorization": "vapid t=x, k=y"}, b"", 401),
    ],
)
def test_a_wrong_request_is_refused(
    http: httpx2.Client,
    subscription: dict[str, Any],
    vapid: Vapid,
    headers: dict[str, str],
    body: bytes,
    status: int,
) -> None:
    usual = {"authorization": authorization(subscription, vapid), "ttl": "60"}

    response = http.post(subscription["endpoint"], content=body, headers={**usual, **headers})

    assert response.status_code == status


def test_too_many_pushes_are_told_when_to_come_back(
    subscription: dict[str, Any], vapid: Vapid, control: Control
) -> None:
    control.rule(provider="web_push", answer="refuse", error="429", retry_after=5, times=1)

    with pytest.raises(pywebpush.WebPushException) as failure:
        push(subscription, vapid)

    assert failure.value.response.headers["retry-after"] == "5"
    assert push(subscription, vapid).status_code == 201
