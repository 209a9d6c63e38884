"""Registering, proving an address, signing in and out."""

import ipaddress
import re
import time
import uuid
from datetime import timedelta

import pytest
from allauth.mfa.totp.internal.auth import TOTP, format_hotp_value, generate_totp_secret, hotp_value
from django.test import Client
from django.utils import timezone

from smartqueue.accounts.models import Session, User
from smartqueue.web.tests.pages import Page

pytestmark = pytest.mark.django_db(transaction=True)
PASSWORD = "une phrase bien longue"
Form = dict[str, str]


@pytest.fixture
def form() -> Form:
    """A registration; attempts are counted by address of person and machine, so both are new."""
    return {
        "identifier": f"{uuid.uuid4().hex}@example.test",
        "first_name": "Awa",
        "last_name": "Ndiaye",
        "password": PASSWORD,
        "next": "/agent/",
    }


@pytest.fixture
def client() -> Client:
    """A browser on a machine of its own."""
    return Client(REMOTE_ADDR=str(ipaddress.IPv6Address(uuid.uuid4().int)))


def _code(client: Client) -> str:
    found = re.search(r"\b\d{6}\b", client.get("/dev/mailbox/").content.decode())
    assert found
    return found[0]


def test_a_person_registers_with_the_code_of_the_mailbox(client: Client, form: Form) -> None:
    assert client.post("/register/", form).headers["Location"] == "/verify/"
    response = client.post("/verify/", {"identifier": form["identifier"], "code": _code(client)})
    assert response.headers["Location"] == "/agent/"
    assert User.objects.get(email=form["identifier"]).is_active
    assert 'data-testid="sign-out"' in client.get("/").content.decode()


def test_a_weak_password_is_said_at_its_field_and_the_rest_is_kept(
    client: Client, form: Form
) -> None:
    response = client.post("/register/", form | {"password": "123"})
    page = Page(response.content.decode())
    assert response.status_code == 400
    assert 'id="password-wrong"' in page.text
    assert page.fields["identifier"] == form["identifier"]
    assert page.fields["first_name"] == "Awa"
    assert "123" not in (page.fields["password"] or "")


def test_a_wrong_code_is_refused(client: Client, form: Form) -> None:
    client.post("/register/", form)
    wrong = "000000" if _code(client) != "000000" else "111111"
    response = client.post("/verify/", {"identifier": form["identifier"], "code": wrong})
    assert response.status_code == 400
    assert 'data-code="wrong_code"' in response.content.decode()


def test_signing_in_and_out(client: Client, form: Form) -> None:
    client.post("/register/", form)
    client.post("/verify/", {"identifier": form["identifier"], "code": _code(client)})
    assert client.post("/sign-out/").headers["Clear-Site-Data"] == '"cache"'
    assert 'data-testid="sign-in-link"' in client.get("/").content.decode()
    login = {"identifier": form["identifier"], "password": PASSWORD}
    wrong = client.post("/sign-in/", login | {"password": "x"})
    assert wrong.status_code == 401
    assert Page(wrong.content.decode()).fields["identifier"] == form["identifier"]
    right = client.post("/sign-in/", login | {"next": "https://elsewhere.test/"})
    assert right.headers["Location"] == "/"


def test_a_second_factor_that_nobody_asked_for_leads_back(client: Client) -> None:
    assert client.get("/sign-in/confirm/").headers["Location"] == "/sign-in/"


def _enter(client: Client, form: Form) -> User:
    client.post("/register/", form)
    client.post("/verify/", {"identifier": form["identifier"], "code": _code(client)})
    return User.objects.get(email=form["identifier"])


def _is_recent(user: User) -> bool:
    return Session.objects.get(user=user).authenticated_at > timezone.now() - timedelta(minutes=10)


def _grow_old(user: User) -> None:
    Session.objects.filter(user=user).update(authenticated_at=timezone.now() - timedelta(hours=1))


def test_the_password_is_asked_again_and_leads_back(client: Client, form: Form) -> None:
    user = _enter(client, form)
    _grow_old(user)
    wrong = client.post("/account/confirm/", {"password": "x", "next": "/manage/"})
    assert 'data-code="wrong_password"' in wrong.content.decode()
    assert Page(wrong.content.decode()).fields["next"] == "/manage/"
    assert not _is_recent(user)
    right = client.post("/account/confirm/", {"password": PASSWORD, "next": "/manage/"})
    assert right.headers["Location"] == "/manage/"
    assert _is_recent(user)
    away = client.post(
        "/account/confirm/", {"password": PASSWORD, "next": "https://elsewhere.test/"}
    )
    assert away.headers["Location"] == "/"


def test_a_second_factor_is_asked_again_too(client: Client, form: Form) -> None:
    user = _enter(client, form)
    secret = generate_totp_secret()
    TOTP.activate(user, secret)
    _grow_old(user)
    asked = client.post("/account/confirm/", {"password": PASSWORD, "next": "/manage/"})
    assert asked.headers["Location"] == "/sign-in/confirm/"
    assert client.post("/sign-in/confirm/", {"code": "000000"}).status_code == 400
    assert not _is_recent(user)
    code = format_hotp_value(hotp_value(secret, int(time.time()) // 30))
    response = client.post("/sign-in/confirm/", {"code": code})
    assert response.headers["Location"] == "/manage/"
    assert _is_recent(user)
