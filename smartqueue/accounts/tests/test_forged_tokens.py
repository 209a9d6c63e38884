"""Tokens made to be taken for others: another algorithm, key, kind, time or person."""

import base64
import hashlib
import hmac
import json
import time
import uuid
from typing import Any

import jwt
import pytest
from allauth.mfa.totp.internal.auth import TOTP, generate_totp_secret
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from django.conf import settings as django_settings

from smartqueue.accounts import entrance, tokens
from smartqueue.accounts.device import Device
from smartqueue.accounts.models import Session, User
from smartqueue.accounts.operations import erase_user, sign_in
from smartqueue.accounts.tests.conftest import Api, Mailbox, bearer
from smartqueue.accounts.tests.factories import PASSWORD, make_signed_in, make_user
from smartqueue.common.clock import now
from smartqueue.common.errors import NotSignedIn

pytestmark = pytest.mark.django_db

# Made here for the tests, and known to nobody else.
RSA = rsa.generate_private_key(public_exponent=65537, key_size=2048)
EC = ec.generate_private_key(ec.SECP256R1())
PUBLIC = RSA.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


@pytest.fixture
def claims(user: User) -> dict[str, Any]:
    started = sign_in(user=user, device=Device(), now=now())
    return dict(jwt.decode(started.access, options={"verify_signature": False}))


def key_id() -> str:
    return tokens._keyring(tokens._current_keys())[0]


def part(content: Any) -> bytes:
    return base64.urlsafe_b64encode(json.dumps(content).encode()).rstrip(b"=")


def by_hand(header: dict[str, Any], claims: dict[str, Any], key: bytes | None) -> str:
    """Sign as a forger does, whom no library warns; without a key the signature is empty."""
    signed = part(header) + b"." + part(claims)
    mac = hmac.new(key, signed, hashlib.sha256).digest() if key is not None else b""
    return (signed + b"." + base64.urlsafe_b64encode(mac).rstrip(b"=")).decode()


def own(claims: dict[str, Any], header: dict[str, Any] | None = None) -> str:
    """Sign with our own key and the given header: only what is under test is wrong."""
    usual = {"alg": "HS256", "typ": "JWT", "kid": key_id()}
    return by_hand(usual | (header or {}), claims, django_settings.TOKEN_KEY.encode())


def refused(token: str) -> bool:
    try:
        entrance.actor_of_access_token(token)
    except NotSignedIn:
        return True
    return False


def test_control_what_is_made_here_is_taken_when_nothing_is_wrong(claims: dict[str, Any]) -> None:
    assert not refused(own(claims))


@pytest.mark.parametrize("algorithm", ["none", "None", "NONE", "nOnE", "", "HS384", "HS512"])
@pytest.mark.parametrize("signature", [False, True], ids=["unsigned", "signed"])
def test_only_one_algorithm_is_taken(
    claims: dict[str, Any], algorithm: str, signature: bool
) -> None:
    key = django_settings.TOKEN_KEY.encode() if signature else None
    assert refused(by_hand({"alg": algorithm, "typ": "JWT", "kid": key_id()}, claims, key))


@pytest.mark.parametrize("algorithm", ["RS256", "PS256", "ES256"])
def test_a_key_pair_signs_nothing(claims: dict[str, Any], algorithm: str) -> None:
    key: Any = EC if algorithm == "ES256" else RSA
    assert refused(jwt.encode(claims, key, algorithm=algorithm, headers={"kid": key_id()}))


def test_a_public_key_taken_for_the_secret_signs_nothing(claims: dict[str, Any]) -> None:
    for algorithm in ("HS256", "RS256"):
        header = {"alg": algorithm, "typ": "JWT", "kid": key_id()}
        assert refused(by_hand(header, claims, PUBLIC))


@pytest.mark.parametrize(
    ("kid", "key"),
    [
        ("../../../../dev/null", b""),
        ("/dev/null", b""),
        ("/proc/sys/kernel/randomize_va_space", b"2\n"),
        ("' UNION SELECT 'forged' -- ", b"forged"),
        ("x'; DROP TABLE accounts_user; --", b"x"),
        ("http://127.0.0.1/key", b"x"),
        ("0", b""),
        ("", b""),
    ],
    ids=["path", "null", "proc", "union", "drop", "address", "zero", "empty"],
)
def test_a_key_id_is_looked_up_and_nothing_else(
    claims: dict[str, Any], kid: str, key: bytes
) -> None:
    assert refused(by_hand({"alg": "HS256", "typ": "JWT", "kid": kid}, claims, key))
    assert User.objects.exists()


@pytest.mark.parametrize("kid", [0, None, [], {}, ["a"], True, 1.5], ids=repr)
def test_a_key_id_that_is_no_text_is_refused(claims: dict[str, Any], kid: Any) -> None:
    assert refused(own(claims, {"kid": kid}))


def test_a_key_that_the_token_brings_is_not_used(claims: dict[str, Any]) -> None:
    brought = base64.urlsafe_b64encode(b"k" * 32).rstrip(b"=").decode()
    for header in (
        {"jwk": {"kty": "oct", "k": brought, "alg": "HS256"}},
        {"jku": "http://127.0.0.1/keys"},
        {"x5u": "http://127.0.0.1/chain"},
        {"x5c": [brought]},
    ):
        whole = {"alg": "HS256", "typ": "JWT", "kid": key_id()} | header
        assert refused(by_hand(whole, claims, b"k" * 32))


@pytest.mark.parametrize(
    "header",
    [
        {"crit": ["x-unknown"], "x-unknown": True},
        {"crit": ["exp"]},
        {"crit": []},
        {"crit": "x"},
    ],
    ids=["unknown", "claim", "empty", "text"],
)
def test_what_a_token_calls_critical_and_we_do_not_know_is_refused(
    claims: dict[str, Any], header: dict[str, Any]
) -> None:
    assert refused(own(claims, header))


@pytest.mark.parametrize(
    "change",
    [
        {"nbf": "in a minute"},
        {"iat": "in a minute"},
        {"exp": "a second ago"},
        {"exp": 1e400},
        {"exp": "tomorrow"},
        {"nbf": "x"},
        {"aud": ["another-service"]},
        {"aud": "smartqueue "},
        {"aud": "SMARTQUEUE"},
        {"iss": ["smartqueue"]},
        {"type": "ACCESS"},
        {"type": ["access"]},
        {"type": "socket"},
        {"sub": ["x"]},
        {"sid": None},
    ],
    ids=str,
)
def test_a_claim_that_is_not_as_ours_are_is_refused(
    claims: dict[str, Any], change: dict[str, Any]
) -> None:
    times = {"in a minute": int(time.time()) + 60, "a second ago": int(time.time()) - 1}
    real = {
        name: times.get(value, value) if isinstance(value, str) else value
        for name, value in change.items()
    }
    assert refused(own(claims | real))


def test_a_session_and_a_person_that_do_not_belong_together_are_refused(
    claims: dict[str, Any],
) -> None:
    other = make_user()
    assert refused(own(claims | {"sub": str(other.pk)}))
    assert refused(own(claims | {"sid": str(make_signed_in(other).session_id)}))


def test_a_changed_letter_anywhere_is_refused(claims: dict[str, Any]) -> None:
    token = own(claims)
    # The last letter has bits that say nothing.
    for place in range(0, len(token) - 1, 7):
        changed = token[:place] + ("A" if token[place] != "A" else "B") + token[place + 1 :]
        if changed != token and token[place] != ".":
            assert refused(changed), place


def test_an_erased_person_is_refused_at_once(user: User, claims: dict[str, Any]) -> None:
    token = own(claims)
    assert not refused(token)
    erase_user(actor=make_signed_in(user), user_id=user.pk, now=now())
    assert refused(token)


def test_a_person_whose_row_is_gone_is_refused(user: User, claims: dict[str, Any]) -> None:
    token = own(claims)
    user.delete()
    assert refused(token)
    assert refused(own(claims | {"sub": str(uuid.uuid4())}))


def test_a_session_that_is_gone_or_over_is_refused(claims: dict[str, Any]) -> None:
    token = own(claims)
    Session.objects.update(ended_at=now())
    assert refused(token)
    Session.objects.all().delete()
    assert refused(token)


def test_each_token_opens_its_own_door_only(api: Api, user: User, mailbox: Mailbox) -> None:
    signed_in = api.login(user)
    access = signed_in["access"]
    asked = api.post("auth/code/", {"identifier": user.email}).json()["token"]
    ticket = api.post("auth/socket-ticket/", None, **bearer(access)).json()["ticket"]
    TOTP.activate(user, generate_totp_secret())
    login = {"identifier": user.email, "password": PASSWORD}
    challenge = api.post("auth/login/", login).json()["mfa"]["token"]
    all_ = {
        "access": access,
        "refresh": signed_in["refresh"],
        "code": asked,
        "ticket": ticket,
        "challenge": challenge,
    }
    code = {"code": mailbox.code_of(user.email or "")}
    doors = {
        "access": api.me,
        "refresh": lambda token: api.post("auth/refresh/", {"refresh": token}),
        "code": lambda token: api.post("auth/code/confirm/", {"token": token} | code),
        "challenge": lambda token: api.post(
            "auth/mfa/", {"token": token, "method": "totp", "code": "000000"}
        ),
        "grant": lambda token: api.post(
            "auth/password/reset/complete/", {"grant": token, "password": "another sentence"}
        ),
    }
    for door, open_ in doors.items():
        for name, token in all_.items():
            if name != door:
                response = open_(token)
                assert response.status_code in {400, 401}, (door, name)
                assert response.json()["code"] not in {"wrong_code", "mfa_required"}, (door, name)
    for name, token in all_.items():
        if name != "ticket":
            with pytest.raises(NotSignedIn):
                entrance.actor_of_ticket_token(token)
