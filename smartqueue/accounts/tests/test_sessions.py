from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
import time_machine
from django.test import Client
from django.utils import timezone

from smartqueue.accounts.entrance import COOKIE_SESSION
from smartqueue.accounts.enums import EndReason
from smartqueue.accounts.models import RefreshToken, Session, User
from smartqueue.accounts.operations import end_sessions_of
from smartqueue.accounts.tests.conftest import Api
from smartqueue.accounts.tests.factories import PASSWORD, make_user, new_email
from smartqueue.common.clock import now
from smartqueue.outbox.models import DomainEvent

pytestmark = pytest.mark.django_db


def refresh(api: Api, token: str, **headers: str) -> Any:
    return api.post("auth/refresh/", {"refresh": token}, **headers)


def revoked() -> list[str]:
    events = DomainEvent.objects.filter(type="accounts.session.revoked.v1").order_by("id")
    return [event.payload["reason"] for event in events]


def test_login_answers_the_contract(api: Api, user: User) -> None:
    body = api.login(user)
    assert body.keys() == {"access", "refresh", "user"}
    assert body["user"]["id"] == str(user.pk)
    user.refresh_from_db()
    assert user.last_login is not None


@pytest.mark.parametrize("how", ["wrong", "unknown", "closed"])
def test_wrong_credentials_all_look_the_same(api: Api, user: User, how: str) -> None:
    body = {"identifier": user.email, "password": PASSWORD}
    match how:
        case "wrong":
            body["password"] = "wrong"
        case "unknown":
            body["identifier"] = new_email()
        case "closed":
            User.objects.filter(pk=user.pk).update(is_active=False)
    response = api.post("auth/login/", body)
    assert response.status_code == 401
    assert response.json()["code"] == "invalid_credentials"
    assert not Session.objects.exists()


def test_the_case_of_an_address_does_not_count(api: Api, user: User) -> None:
    assert user.email
    body = {"identifier": user.email.upper(), "password": PASSWORD}
    assert api.post("auth/login/", body).status_code == 200


@pytest.mark.parametrize("allowed", [True, False])
def test_demonstration_accounts_need_leave(api: Api, settings: Any, allowed: bool) -> None:
    settings.ALLOW_DEMO_ACCOUNTS = allowed
    make_user(email="owner@demo.smartqueue.test")
    body = {"identifier": "owner@demo.smartqueue.test", "password": PASSWORD}
    assert api.post("auth/login/", body).status_code == (200 if allowed else 401)
    assert Client().login(email="owner@demo.smartqueue.test", password=PASSWORD) is allowed


def test_refresh_gives_one_successor_that_works(api: Api, user: User) -> None:
    first = api.login(user)
    second = refresh(api, first["refresh"]).json()
    assert second.keys() == {"access", "refresh"}
    assert second["refresh"] != first["refresh"]
    assert api.me(second["access"]).status_code == 200
    assert refresh(api, second["refresh"]).status_code == 200


def test_a_lost_answer_does_not_kill_the_family(api: Api, user: User) -> None:
    first = api.login(user)
    second = refresh(api, first["refresh"]).json()
    again = refresh(api, first["refresh"])
    assert (again.status_code, again.json()["code"]) == (401, "token_reused")
    assert api.me(second["access"]).status_code == 200
    assert refresh(api, second["refresh"]).status_code == 200
    assert revoked() == []


def test_a_later_use_kills_the_family(api: Api, user: User) -> None:
    first = api.login(user)
    second = refresh(api, first["refresh"]).json()
    with time_machine.travel(timezone.now() + timedelta(seconds=11)):
        again = refresh(api, first["refresh"])
        assert (again.status_code, again.json()["code"]) == (401, "token_reused")
        assert api.me(second["access"]).status_code == 401
        assert refresh(api, second["refresh"]).json()["code"] == "session_ended"
    assert revoked() == ["token_reused"]


@pytest.mark.parametrize("header", ["User-Agent", "X-Device-ID"])
def test_another_device_kills_the_family(api: Api, user: User, header: str) -> None:
    first = api.login(user, **{header: "phone"})
    second = refresh(api, first["refresh"], **{header: "phone"}).json()
    again = refresh(api, first["refresh"], **{header: "thief"})
    assert again.json()["code"] == "token_reused"
    assert refresh(api, second["refresh"], **{header: "phone"}).json()["code"] == "session_ended"
    assert revoked() == ["token_reused"]


def test_other_families_live_on(api: Api, user: User) -> None:
    stolen, other = api.login(user), api.login(user)
    refresh(api, stolen["refresh"], **{"User-Agent": "phone"})
    refresh(api, stolen["refresh"], **{"User-Agent": "thief"})
    assert api.me(stolen["access"]).status_code == 401
    assert api.me(other["access"]).status_code == 200


def test_an_expired_or_unknown_refresh_token_is_refused(api: Api, user: User) -> None:
    token = api.login(user)["refresh"]
    with time_machine.travel(timezone.now() + timedelta(days=30, seconds=1)):
        assert refresh(api, token).json()["code"] == "invalid_token"
    RefreshToken.objects.all().delete()
    assert refresh(api, token).json()["code"] == "invalid_token"
    assert refresh(api, "rubbish").json()["code"] == "invalid_token"


def test_a_session_ends_after_half_a_year_however_often_it_is_used(api: Api, user: User) -> None:
    token = api.login(user)["refresh"]
    Session.objects.update(expires_at=timezone.now())
    assert refresh(api, token).status_code == 401


def test_logout_counts_at_once(api: Api, user: User) -> None:
    signed_in = api.login(user)
    assert api.me(signed_in["access"]).status_code == 200
    response = api.post("auth/logout/", {"refresh": signed_in["refresh"]})
    assert (response.status_code, response.content) == (204, b"")
    assert api.me(signed_in["access"]).status_code == 401
    assert refresh(api, signed_in["refresh"]).json()["code"] == "session_ended"
    event = DomainEvent.objects.get(type="accounts.session.revoked.v1")
    session = Session.objects.get()
    assert event.payload == {
        "user_id": str(user.pk),
        "session_id": str(session.pk),
        "reason": "signed_out",
    }
    assert api.post("auth/logout/", {"refresh": signed_in["refresh"]}).status_code == 204
    assert api.post("auth/logout/", {"refresh": "rubbish"}).status_code == 204
    assert revoked() == ["signed_out"]


def test_a_used_token_signs_its_family_out(api: Api, user: User) -> None:
    first = api.login(user)
    second = refresh(api, first["refresh"]).json()
    api.post("auth/logout/", {"refresh": first["refresh"]})
    assert api.me(second["access"]).status_code == 401


def test_ending_every_session_reaches_tokens_and_cookies(api: Api, user: User) -> None:
    signed_in = api.login(user)
    pages = Client()
    pages.force_login(user)
    assert pages.get("/api/accounts/users/me/").status_code == 200
    ended = end_sessions_of(user_id=user.pk, reason=EndReason.REVOKED, ended_by="system", now=now())
    assert ended == 2
    assert api.me(signed_in["access"]).status_code == 401
    assert pages.get("/api/accounts/users/me/").status_code == 401


def test_the_pages_session_is_ours_too(user: User) -> None:
    pages = Client()
    pages.force_login(user)
    session = Session.objects.get(pk=UUID(pages.session[COOKIE_SESSION]))
    assert (session.user_id, session.kind) == (user.pk, "cookie")
    pages.logout()
    session.refresh_from_db()
    assert session.end_reason == "signed_out"


@pytest.mark.parametrize(
    "headers",
    [{}, {"X-Ticket-Token": ""}, {"Authorization": ""}, {"Authorization": " "}],
    ids=["nothing", "empty-ticket-token", "empty-authorization", "blank-authorization"],
)
def test_a_cookie_alone_changes_nothing(user: User, headers: dict[str, str]) -> None:
    pages = Client(enforce_csrf_checks=True)
    pages.force_login(user)
    response = pages.delete(f"/api/accounts/users/{user.pk}/", headers=headers)
    assert response.status_code == 404
    user.refresh_from_db()
    assert user.erased_at is None


def test_secrets_are_not_stored(api: Api, user: User) -> None:
    token = api.login(user)["refresh"]
    row = RefreshToken.objects.get()
    assert token.encode() not in bytes(row.digest)
    RefreshToken.objects.update(digest=b"0" * 32)
    assert refresh(api, token).json()["code"] == "invalid_token"


def test_a_client_without_cookies_needs_no_csrf_token(user: User) -> None:
    client = Client(enforce_csrf_checks=True)
    body = {"identifier": user.email, "password": PASSWORD}
    response = client.post("/api/accounts/auth/login/", body, content_type="application/json")
    assert response.status_code == 200
