import base64
import json
import uuid
from typing import Any

import jwt
import pytest
import time_machine
from django.conf import settings as django_settings
from django.db import connection
from django.test.utils import CaptureQueriesContext

from smartqueue.accounts import entrance, tokens
from smartqueue.accounts.device import Device
from smartqueue.accounts.models import User
from smartqueue.accounts.operations import sign_in
from smartqueue.accounts.tests.conftest import Api
from smartqueue.common.clock import now
from smartqueue.common.errors import NotSignedIn

pytestmark = pytest.mark.django_db

# Not made afresh: parallel runs have to find tests of the same names.
NOBODY = "7c9e6679-7425-40de-944b-e07fc1f90ae7"


@pytest.fixture
def claims(user: User) -> dict[str, Any]:
    started = sign_in(user=user, device=Device(), now=now())
    return dict(jwt.decode(started.access, options={"verify_signature": False}))


def signed(claims: dict[str, Any], key: str | None = None, **options: Any) -> str:
    key_id = tokens._keyring(tokens._current_keys())[0]
    options = {"algorithm": "HS256", "headers": {"kid": key_id}} | options
    return jwt.encode(claims, key or django_settings.TOKEN_KEY, **options)


def refused(token: str) -> bool:
    try:
        entrance.actor_of_access_token(token)
    except NotSignedIn:
        return True
    return False


def test_a_valid_token_names_person_and_session(user: User, claims: dict[str, Any]) -> None:
    with CaptureQueriesContext(connection) as queries:
        actor = entrance.actor_of_access_token(signed(claims))
    assert len(queries) == 1
    assert (actor.user_id, str(actor.session_id)) == (user.pk, claims["sid"])
    assert not actor.is_platform_admin
    assert actor.language == "fr"


def test_a_token_lives_ten_minutes_at_most(claims: dict[str, Any]) -> None:
    assert claims["exp"] - claims["iat"] == 600
    assert {"aud", "type", "jti", "sid"} <= claims.keys()


@pytest.mark.parametrize(
    "change",
    [
        {"exp": 1_700_000_000},
        {"aud": "another-service"},
        {"aud": None},
        {"iss": "another-issuer"},
        {"type": "refresh"},
        {"type": None},
        {"jti": None},
        {"sub": None},
        {"sid": None},
        {"exp": None},
        {"sub": "not-a-uuid"},
        {"sid": 7},
        {"sub": NOBODY},
        {"sid": NOBODY},
    ],
    ids=str,
)
def test_a_token_that_says_something_else_is_refused(
    claims: dict[str, Any], change: dict[str, Any]
) -> None:
    assert not refused(signed(claims))
    changed = {k: v for k, v in (claims | change).items() if v is not None}
    assert refused(signed(changed))


def test_an_unsigned_token_is_refused(claims: dict[str, Any]) -> None:
    key_id = tokens._keyring(tokens._current_keys())[0]
    parts = [{"alg": "none", "typ": "JWT", "kid": key_id}, claims]
    encoded = [base64.urlsafe_b64encode(json.dumps(p).encode()).rstrip(b"=") for p in parts]
    assert refused((b".".join(encoded) + b".").decode())


def test_another_algorithm_is_refused(claims: dict[str, Any]) -> None:
    key = django_settings.TOKEN_KEY * 2
    assert refused(signed(claims, key, algorithm="HS512"))


def test_another_key_is_refused(claims: dict[str, Any]) -> None:
    assert refused(signed(claims, "k" * 64))
    assert refused(signed(claims, headers={"kid": "00000000"}))
    assert refused(signed(claims, headers={}))


def test_a_token_that_was_good_expires(user: User) -> None:
    with time_machine.travel("2030-01-01T12:00Z", tick=False) as clock:
        token = sign_in(user=user, device=Device(), now=now()).access
        clock.shift(599)
        assert not refused(token)
        clock.shift(1)
        assert refused(token)


@pytest.mark.parametrize("text", ["", "x", "a.b.c", "....", "é.é.é", "\udcff", "e30.e30.e30"])
def test_rubbish_is_refused(text: str) -> None:
    assert refused(text)


def test_a_refresh_token_opens_nothing(api: Api, user: User) -> None:
    signed_in = api.login(user)
    assert api.me(signed_in["refresh"]).status_code == 401
    assert api.me(signed_in["access"]).status_code == 200
    as_refresh = api.post("auth/refresh/", {"refresh": signed_in["access"]})
    assert as_refresh.json()["code"] in {"invalid_token", "invalid_input"}


def test_a_retired_key_still_opens_and_no_longer_signs(
    user: User, settings: Any, claims: dict[str, Any]
) -> None:
    old = signed(claims)
    settings.TOKEN_KEY, settings.TOKEN_KEY_FALLBACKS = "n" * 64, [settings.TOKEN_KEY]
    assert not refused(old)
    new = tokens.make_access_token(user.pk, uuid.UUID(claims["sid"]))
    assert jwt.get_unverified_header(new)["kid"] != jwt.get_unverified_header(old)["kid"]
    settings.TOKEN_KEY_FALLBACKS = []
    assert refused(old)
    assert not refused(new)


def test_a_closed_account_is_refused_at_once(user: User, claims: dict[str, Any]) -> None:
    User.objects.filter(pk=user.pk).update(is_active=False)
    assert refused(signed(claims))


def test_rights_are_read_again(user: User, claims: dict[str, Any]) -> None:
    actor = entrance.actor_of_access_token(signed(claims))
    User.objects.filter(pk=user.pk).update(is_superuser=True)
    assert entrance.renewed(actor).is_platform_admin
    User.objects.filter(pk=user.pk).update(is_active=False)
    with pytest.raises(NotSignedIn):
        entrance.renewed(actor)


@pytest.mark.parametrize("header", ["Basic abc", "Bearer", "Bearer x y", "Token abc"])
def test_another_header_is_refused(api: Api, header: str) -> None:
    response = api.client.get("/api/accounts/users/me/", headers={"Authorization": header})
    assert response.status_code == 401
    assert response.headers["WWW-Authenticate"] == "Bearer"


def test_opaque_tokens_have_one_text() -> None:
    token = tokens.make_opaque_token()
    assert tokens.read_opaque_token(token.text) == token
    for changed in (token.text + "=", token.text[:-1], " " + token.text, "é", ""):
        assert tokens.read_opaque_token(changed) is None
