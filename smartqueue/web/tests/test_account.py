"""A person's own pages, and signing in without a password."""

import re
import time
from datetime import timedelta
from typing import Any

import pytest
from allauth.mfa.totp.internal.auth import TOTP, format_hotp_value, generate_totp_secret, hotp_value
from django.test import Client
from django.utils import timezone

from smartqueue.accounts.entrance import COOKIE_SEEN, COOKIE_SESSION
from smartqueue.accounts.models import Session, User
from smartqueue.accounts.tests.factories import (
    PASSWORD,
    make_signed_in,
    make_user,
    new_email,
    new_phone,
)
from smartqueue.web.tests.pages import Page

pytestmark = pytest.mark.django_db
NEW = "une tout autre phrase"


@pytest.fixture
def user() -> User:
    return make_user(phone=new_phone(), phone_verified_at=timezone.now())


@pytest.fixture
def client(user: User) -> Client:
    browser = Client()
    browser.force_login(user)
    return browser


def codes(count: int = 1) -> list[str]:
    """Return the newest codes of the development mailbox, newest first."""
    found = re.findall(r"\b\d{6}\b", Client().get("/dev/mailbox/").content.decode())
    return found[:count]


def grow_old() -> None:
    Session.objects.update(authenticated_at=timezone.now() - timedelta(minutes=11))


def app_code(secret: str) -> str:
    return format_hotp_value(hotp_value(secret, int(time.time()) // 30))


PAGES = ["", "profile/", "contact/", "password/", "sessions/"]


@pytest.mark.parametrize("path", PAGES)
def test_nobody_is_led_to_sign_in(path: str) -> None:
    response = Client().get(f"/account/{path}")
    assert response.headers["Location"].startswith("/sign-in/?next=%2Faccount%2F")


@pytest.mark.parametrize("path", PAGES)
def test_each_page_is_whole_and_has_nothing_inline(client: Client, path: str) -> None:
    response = client.get(f"/account/{path}")
    page = Page(response.content.decode())
    assert response.status_code == 200
    assert page.inline == []
    assert len(page.ids) == len(set(page.ids))


def test_the_menu_leads_to_what_there_is(client: Client) -> None:
    text = client.get("/account/").content.decode()
    links = set(re.findall(r'href="(/account/[^"]+)"', text))
    assert {f"/account/{path}" for path in PAGES if path} <= links
    for link in links:
        assert client.get(link).status_code == 200, link


@pytest.mark.parametrize("path", ["contact/", "password/"])
def test_a_dangerous_page_asks_who_one_is_first(client: Client, path: str) -> None:
    grow_old()
    response = client.get(f"/account/{path}")
    assert response.headers["Location"] == f"/account/confirm/?next=%2Faccount%2F{path[:-1]}%2F"


def test_the_profile_is_changed_with_the_language_of_the_pages(client: Client, user: User) -> None:
    typed = {"first_name": "Fatou", "last_name": "Sarr", "language": "en"}
    response = client.post("/account/profile/", typed)
    assert response.headers["Location"] == "/account/"
    user.refresh_from_db()
    assert (user.first_name, user.last_name, user.language) == ("Fatou", "Sarr", "en")
    assert Page(client.get("/account/").content.decode()).lang == "en"
    assert client.post("/account/profile/", typed | {"language": "xx"}).status_code == 400


def test_the_password_is_changed_and_this_device_stays(client: Client, user: User) -> None:
    there = Client()
    there.force_login(user)
    form = {"old_password": "wrong", "password": NEW}
    assert client.post("/account/password/", form).status_code == 400
    form["old_password"] = PASSWORD
    assert client.post("/account/password/", form).headers["Location"] == "/account/"
    assert client.get("/account/").status_code == 200
    assert there.get("/account/").status_code == 302
    user.refresh_from_db()
    assert user.check_password(NEW)


def test_other_devices_are_signed_out_one_by_one_and_together(client: Client, user: User) -> None:
    make_signed_in(user)
    others = [Client() for _ in range(2)]
    for browser in others:
        browser.force_login(user)
    text = client.get("/account/sessions/").content.decode()
    ends = re.findall(r'action="(/account/sessions/[^"]+/end/)"', text)
    assert len(ends) == 3
    mine = client.session[COOKIE_SESSION]
    assert mine not in text
    other = others[0].session[COOKIE_SESSION]
    assert client.post(f"/account/sessions/{other}/end/").status_code == 302
    assert others[0].get("/account/").status_code == 302
    assert others[1].get("/account/").status_code == 200
    client.post("/account/sessions/end-others/")
    assert others[1].get("/account/").status_code == 302
    assert client.get("/account/").status_code == 200
    assert Session.objects.filter(ended_at=None).count() == 1


def test_signing_others_out_asks_who_one_is_and_leads_back(client: Client, user: User) -> None:
    make_signed_in(user)
    grow_old()
    page = {"Referer": "http://testserver/account/sessions/"}
    response = client.post("/account/sessions/end-others/", headers=page)
    assert response.headers["Location"] == "/account/confirm/?next=%2Faccount%2Fsessions%2F"
    assert Session.objects.filter(ended_at=None).count() == 2


def test_somebody_elses_session_and_change_do_not_exist(client: Client) -> None:
    stranger = make_signed_in(make_user())
    assert client.post(f"/account/sessions/{stranger.session_id}/end/").status_code == 404
    assert client.get(f"/account/contact/{stranger.session_id}/").status_code == 404
    assert Session.objects.filter(ended_at=None).count() == 2


def test_use_of_the_pages_is_noted_once_an_hour(client: Client) -> None:
    before = timezone.now() - timedelta(hours=3)
    Session.objects.update(last_used_at=before)
    client.get("/account/")
    assert Session.objects.get().last_used_at == before
    session = client.session
    session[COOKIE_SEEN] = int(time.time()) - 3600
    session.save()
    client.get("/account/")
    assert Session.objects.get().last_used_at > before


# --- Contact ------------------------------------------------------------------------------------


def test_the_contact_is_changed_with_both_codes(client: Client, user: User) -> None:
    new = new_email()
    started = client.post("/account/contact/", {"channel": "email", "value": new})
    there = started.headers["Location"]
    page = Page(client.get(there).content.decode())
    assert {"new_code", "old_code"} <= page.fields.keys()
    # The one to the old address was sent last.
    of_old, of_new = codes(2)
    wrong = next(c for c in ("000000", "111111", "222222") if c not in (of_old, of_new))
    half = client.post(there, {"new_code": of_new, "old_code": wrong})
    assert half.status_code == 400
    assert "new_code" not in Page(half.content.decode()).fields
    done = client.post(there, {"old_code": of_old})
    assert done.headers["Location"] == "/account/"
    user.refresh_from_db()
    assert user.email == new
    assert client.get(there).headers["Location"] == "/account/"


def test_who_lost_the_phone_confirms_by_mail_and_an_empty_field_removes_nothing(
    client: Client, user: User
) -> None:
    assert client.post("/account/contact/", {"channel": "sms", "value": ""}).status_code == 400
    form = {"channel": "sms", "value": "", "remove": "1", "voucher": "other"}
    there = client.post("/account/contact/", form).headers["Location"]
    text = client.get(there).content.decode()
    assert user.email is not None
    assert user.email in text
    assert client.post(there, {"old_code": codes()[0]}).headers["Location"] == "/account/"
    user.refresh_from_db()
    assert user.phone is None


def test_a_wrong_number_is_said_and_kept(client: Client) -> None:
    response = client.post("/account/contact/", {"channel": "sms", "value": "12"})
    page = Page(response.content.decode())
    assert response.status_code == 400
    assert 'data-code="invalid_input"' in page.text
    assert "<details open>" in page.text


def test_a_code_at_the_page_of_registrations_does_not_make_the_sign_in_recent(
    client: Client,
) -> None:
    new = new_email()
    client.post("/account/contact/", {"channel": "email", "value": new})
    grow_old()
    done = client.post("/verify/", {"identifier": new, "code": codes(2)[1]})
    assert done.status_code == 302
    assert Session.objects.count() == 1
    assert client.get("/account/password/").headers["Location"].startswith("/account/confirm/")


def test_signing_in_again_replaces_the_session(client: Client, user: User) -> None:
    first = client.session[COOKIE_SESSION]
    client.post("/sign-in/", {"identifier": user.email, "password": PASSWORD})
    assert client.session[COOKIE_SESSION] != first
    assert [str(s.pk) for s in Session.objects.filter(ended_at=None)] == [
        client.session[COOKIE_SESSION]
    ]


# --- Without a password -------------------------------------------------------------------------


def test_a_code_signs_in_and_leads_back(user: User) -> None:
    browser = Client()
    form = {"identifier": user.email, "next": "/manage/"}
    assert browser.post("/sign-in/code/", form).headers["Location"] == "/sign-in/code/enter/"
    wrong = next(c for c in ("000000", "111111") if c != codes()[0])
    assert browser.post("/sign-in/code/enter/", {"code": wrong}).status_code == 400
    done = browser.post("/sign-in/code/enter/", {"code": codes()[0]})
    assert done.headers["Location"] == "/manage/"
    assert browser.get("/account/").status_code == 200


def test_a_code_that_nobody_asked_for_leads_back() -> None:
    browser = Client()
    assert browser.get("/sign-in/code/enter/").headers["Location"] == "/sign-in/code/"
    assert browser.get("/password/new/").headers["Location"] == "/password/forgotten/"


@pytest.mark.parametrize("path", ["/sign-in/code/", "/password/forgotten/"])
def test_the_pages_do_not_tell_who_has_an_account(user: User, path: str) -> None:
    texts = []
    for identifier in (user.email or "", new_email()):
        browser = Client()
        answer = browser.post(path, {"identifier": identifier})
        shown = browser.get(answer.headers["Location"]).content.decode()
        texts.append(re.sub(r'value="[\w-]{64}"|nonce="[^"]*"', "", shown.replace(identifier, "")))
    assert texts[0] == texts[1]


def test_the_second_factor_is_asked_after_a_code(user: User) -> None:
    secret = generate_totp_secret()
    TOTP.activate(user, secret)
    browser = Client()
    browser.post("/sign-in/code/", {"identifier": user.email, "next": "/account/"})
    asked = browser.post("/sign-in/code/enter/", {"code": codes()[0]})
    assert asked.headers["Location"] == "/sign-in/confirm/"
    assert browser.get("/account/").status_code == 302
    done = browser.post("/sign-in/confirm/", {"code": app_code(secret)})
    assert done.headers["Location"] == "/account/"


@pytest.mark.parametrize("has_factor", [False, True])
def test_a_forgotten_password_is_set_anew(user: User, has_factor: bool) -> None:
    secret = generate_totp_secret()
    if has_factor:
        TOTP.activate(user, secret)
    browser, there = Client(), Client()
    there.force_login(user)
    browser.post("/password/forgotten/", {"identifier": user.phone})
    answer = browser.post("/sign-in/code/enter/", {"code": codes()[0]})
    if has_factor:
        assert answer.headers["Location"] == "/sign-in/confirm/"
        assert browser.get("/password/new/").headers["Location"] == "/password/forgotten/"
        answer = browser.post("/sign-in/confirm/", {"code": app_code(secret)})
    assert answer.headers["Location"] == "/password/new/"
    assert browser.post("/password/new/", {"password": "123"}).status_code == 400
    done = browser.post("/password/new/", {"password": NEW})
    assert done.headers["Location"] == "/sign-in/"
    assert browser.get("/account/").status_code == 302
    assert there.get("/account/").status_code == 302
    user.refresh_from_db()
    assert user.check_password(NEW)


def test_a_code_confirms_who_one_is(client: Client) -> None:
    grow_old()
    form: dict[str, Any] = {"channel": "sms", "next": "/account/password/"}
    asked = client.post("/account/confirm/", form)
    assert asked.headers["Location"] == "/sign-in/code/enter/"
    done = client.post("/sign-in/code/enter/", {"code": codes()[0]})
    assert done.headers["Location"] == "/account/password/"
    assert client.get("/account/password/").status_code == 200
