from typing import Any
from uuid import uuid4

import pytest

from smartqueue.accounts.models import User
from smartqueue.accounts.tests.conftest import Api, Mailbox, bearer
from smartqueue.accounts.tests.factories import make_user, new_phone
from smartqueue.accounts.tests.test_account_access import let_in
from smartqueue.common.clock import now

pytestmark = pytest.mark.django_db

PROFILE = {"first_name": "Fatou", "last_name": "Sarr", "language": "en"}


def call(api: Api, method: str, user_id: object, access: str = "", body: Any = None) -> Any:
    return getattr(api.client, method)(
        f"/api/accounts/users/{user_id}/",
        *([body] if body is not None else []),
        headers=bearer(access) if access else {},
        **({"content_type": "application/json"} if body is not None else {}),
    )


METHODS = [("get", None), ("put", PROFILE), ("patch", PROFILE), ("patch", {}), ("delete", None)]


@pytest.mark.parametrize(("method", "body"), METHODS)
@pytest.mark.parametrize("target", ["other", "missing", "pending", "admin"])
def test_somebody_elses_account_does_not_exist(
    api: Api, user: User, method: str, body: Any, target: str
) -> None:
    access = api.login(user)["access"]
    victim = make_user(
        first_name="Ndeye", is_superuser=target == "admin", is_active=target != "pending"
    )
    before = User.objects.filter(pk=victim.pk).values().get()
    user_id = uuid4() if target == "missing" else victim.pk
    response = call(api, method, user_id, access, body)
    assert (response.status_code, response.json()["code"]) == (404, "not_found")
    assert User.objects.filter(pk=victim.pk).values().get() == before


@pytest.mark.parametrize(("method", "body"), METHODS)
def test_nobody_gets_nothing(api: Api, user: User, method: str, body: Any) -> None:
    assert call(api, method, user.pk, body=body).status_code == 401
    assert api.client.get("/api/accounts/users/me/").status_code == 401


def test_a_person_reads_and_changes_their_own(api: Api, user: User) -> None:
    access = api.login(user)["access"]
    assert call(api, "get", user.pk, access).json()["email"] == user.email
    changed = call(api, "put", user.pk, access, PROFILE)
    assert changed.status_code == 200
    assert changed.json() == call(api, "get", user.pk, access).json()
    assert {k: changed.json()[k] for k in PROFILE} == PROFILE
    assert api.me(access).json()["memberships"] == []


def test_a_put_needs_every_field(api: Api, user: User) -> None:
    response = call(api, "put", user.pk, api.login(user)["access"], {"first_name": "X"})
    assert {e["field"] for e in response.json()["errors"]} == {"last_name", "language"}


@pytest.mark.parametrize(
    "field", ["is_superuser", "is_staff", "is_active", "is_platform_admin", "password", "id"]
)
def test_rights_cannot_be_written(api: Api, user: User, field: str) -> None:
    access = api.login(user)["access"]
    before = User.objects.filter(pk=user.pk).values().get()
    assert call(api, "patch", user.pk, access, {field: True}).status_code == 200
    assert User.objects.filter(pk=user.pk).values().get() == before


def test_the_last_identifier_stays(api: Api, user: User, mailbox: Mailbox) -> None:
    access = api.login(user)["access"]
    response = call(api, "patch", user.pk, access, {"email": None})
    assert response.json()["errors"][0]["field"] == "email"
    user.phone, user.phone_verified_at = new_phone(), now()
    user.save()
    removal = call(api, "patch", user.pk, access, {"email": None}).json()
    assert removal["email"] == user.email
    # What is taken out agrees to it first.
    body = {"identifier": user.email, "code": mailbox.code_of(user.email or "")}
    done = api.post("auth/verify/", body, **bearer(access))
    assert done.json()["user"]["email"] is None


def test_a_platform_administrator_sees_and_erases_whom_they_opened_access_to(
    api: Api, user: User
) -> None:
    admin = make_user(is_superuser=True)
    access = api.login(admin)["access"]
    let_in(admin, user)
    assert call(api, "get", user.pk, access).json()["id"] == str(user.pk)
    assert call(api, "patch", user.pk, access, {"first_name": "X"}).status_code == 200
    assert call(api, "delete", user.pk, access).status_code == 204
    assert call(api, "get", user.pk, access).status_code == 404


def test_an_erased_identifier_can_register_again(api: Api, user: User, mailbox: Mailbox) -> None:
    email = user.email or ""
    call(api, "delete", user.pk, api.login(user)["access"])
    api.register(email=email)
    body = {"identifier": email, "code": mailbox.code_of(email)}
    assert api.post("auth/verify/", body).json()["user"]["id"] != str(user.pk)
