"""Identity and messages together: a code's whole way, and an erasure that leaves nothing."""

import json
import re
import time
from typing import Any
from uuid import uuid4

import pytest
from allauth.mfa.totp.internal.auth import TOTP, format_hotp_value, generate_totp_secret, hotp_value
from django.apps import apps
from django.core import mail, serializers
from django.test import Client
from django.utils import timezone

from smartqueue.accounts.models import Passkey, User
from smartqueue.accounts.tests.conftest import Api, bearer
from smartqueue.accounts.tests.factories import PASSWORD, make_user, new_email, new_phone
from smartqueue.notifications import queries
from smartqueue.notifications.models import Notification, OutgoingMessage
from smartqueue.outbox import relay
from smartqueue.outbox.enums import HandlerMode
from smartqueue.outbox.models import Delivery

pytestmark = pytest.mark.django_db


@pytest.fixture
def api() -> Api:
    return Api()


def code_of(recipient: str) -> str:
    return next(m.code for m in queries.list_mailbox(recipient) if m.code)


def verify(api: Api, identifier: str, **headers: str) -> Any:
    body = {"identifier": identifier, "code": code_of(identifier)}
    return api.post("auth/verify/", body, **headers)


@pytest.mark.parametrize("field", ["email", "phone"])
def test_a_code_is_read_in_the_mailbox(api: Api, field: str) -> None:
    identifier = new_email() if field == "email" else new_phone()
    assert api.register(**{field: identifier}).status_code == 201
    (message,) = queries.list_mailbox(identifier)
    assert message.channel == ("email" if field == "email" else "sms")
    assert message.code in message.body
    assert verify(api, identifier).status_code == 200


def test_the_owner_of_an_account_is_told(api: Api) -> None:
    owner = make_user()
    api.register(email=owner.email)
    (message,) = queries.list_mailbox(owner.email)
    assert message.code == ""


def test_without_a_provider_phones_are_refused(api: Api, settings: Any) -> None:
    settings.DEVELOPMENT_MAILBOX = False
    response = api.register(phone=new_phone())
    assert (response.status_code, response.json()["code"]) == (503, "channel_unavailable")
    assert api.register(email=new_email()).status_code == 201


def everything_stored() -> str:
    """Every row of every table, as text."""
    rows = [
        row
        for model in apps.get_models()
        for row in serializers.serialize("python", model._base_manager.all())
    ]
    return json.dumps(rows, default=str)


def test_erasure_leaves_no_personal_data(api: Api) -> None:
    email, phone = new_email(), new_phone()
    first, last, device = (f"marker{uuid4().hex}" for _ in range(3))
    api.register(email=email, phone=phone, first_name=first, last_name=last)
    signed_in = verify(api, email, **{"User-Agent": device}).json()
    verify(api, phone)
    api.register(email=email)
    user = User.objects.get(email=email)
    TOTP.activate(user, generate_totp_secret())
    key_name = f"marker{uuid4().hex}"
    key = {"credential_id": uuid4().bytes, "credential": b"", "created_at": timezone.now()}
    Passkey.objects.create(user=user, name=key_name, **key)
    pages = Client(headers={"User-Agent": device})
    pages.force_login(user)
    markers = (email, phone, first, last, device, key_name)
    stored = everything_stored()
    assert [m for m in markers if m not in stored] == []

    access = signed_in["access"]
    assert (
        api.client.delete(f"/api/accounts/users/{user.pk}/", headers=bearer(access)).status_code
        == 204
    )
    assert relay.carry_due(HandlerMode.DATABASE) > 0

    stored = everything_stored()
    assert [m for m in markers if m in stored] == []
    user.refresh_from_db()
    assert (user.is_active, user.has_usable_password()) == (False, False)
    assert user.erased_at is not None
    assert api.me(access).status_code == 401
    assert pages.get("/api/accounts/users/me/").status_code == 401
    again = api.post("auth/login/", {"identifier": email, "password": PASSWORD})
    assert again.json()["code"] == "invalid_credentials"


def test_a_stolen_token_reaches_its_owners_screen(api: Api) -> None:
    user = make_user()
    refresh = {"refresh": api.login(user)["refresh"]}
    for device in ("phone", "thief"):
        api.post("auth/refresh/", refresh, **{"User-Agent": device})
    relay.carry_due(HandlerMode.DATABASE)
    _, shown = queries.snapshot(user.pk) or (0, {})
    assert [n["code"] for n in shown["notifications"]] == ["session_reused"]


def test_a_code_leaves_by_e_mail_where_there_is_no_mailbox(api: Api, settings: Any) -> None:
    settings.DEVELOPMENT_MAILBOX = False
    email = new_email()
    api.register(email=email)
    assert not mail.outbox
    relay.carry_due(HandlerMode.OUTSIDE)
    (sent,) = mail.outbox
    assert sent.to == [email]
    (code,) = re.findall(r"\b\d{6}\b", sent.body)
    body = {"identifier": email, "code": code}
    assert api.post("auth/verify/", body).status_code == 200
    assert not OutgoingMessage.objects.exclude(sealed_body="").exists()


@pytest.mark.parametrize("field", ["email", "phone"])
def test_a_person_is_told_of_their_second_factors(api: Api, field: str) -> None:
    identifier = new_email() if field == "email" else new_phone()
    fields: dict[str, Any] = {"email": None, "phone_verified_at": timezone.now()}
    user = make_user(**fields | {field: identifier})
    access = bearer(api.login(user)["access"])
    secret = api.post("factors/totp/", {}, **access).json()["secret"]
    code = format_hotp_value(hotp_value(secret, int(time.time()) // 30))
    assert api.post("factors/totp/confirm/", {"code": code}, **access).status_code == 200
    path = "/api/accounts/factors/totp/"
    assert api.client.delete(path, headers=access).status_code == 204
    assert relay.carry_due(HandlerMode.DATABASE) > 0
    # A handler that runs again tells nothing again.
    Delivery.objects.update(state="pending", done_at=None)
    assert relay.carry_due(HandlerMode.DATABASE) > 0
    told = ["recovery_codes_made", "second_factor_added", "second_factor_removed"]
    assert (
        sorted(Notification.objects.filter(user_id=user.pk).values_list("code", flat=True)) == told
    )
    sent = OutgoingMessage.objects.filter(recipient=identifier)
    assert sorted(sent.values_list("template", flat=True)) == told
