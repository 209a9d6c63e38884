"""The pages on which people mind what confirms their sign-ins."""

import re
import time
from datetime import timedelta

import pytest
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value
from django.test import Client
from django.utils import timezone

from smartqueue.accounts.models import FactorReset, Passkey, Session, User
from smartqueue.accounts.tests.factories import (
    PASSWORD,
    give_passkey,
    let_wait_pass,
    make_user,
)
from smartqueue.business.models import Membership
from smartqueue.business.tests.factories import let_join_earlier
from smartqueue.queues.tests import factories
from smartqueue.web.tests.pages import Page

pytestmark = pytest.mark.django_db

SECURITY = "/account/security/"


@pytest.fixture
def user() -> User:
    return make_user(first_name="Awa")


@pytest.fixture
def client(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def secret_on(page: str) -> str:
    found = re.search(r'data-testid="secret">([A-Z2-7 ]+)<', page)
    assert found
    return found[1].replace(" ", "")


def code_of(secret: str) -> str:
    return format_hotp_value(hotp_value(secret, int(time.time()) // 30))


def codes_on(page: str) -> list[str]:
    return re.findall(r"<li><code>(\d{8})</code></li>", page)


def add_app(client: Client) -> list[str]:
    secret = secret_on(client.get(f"{SECURITY}app/").content.decode())
    added = client.post(f"{SECURITY}app/", {"code": code_of(secret)})
    return codes_on(added.content.decode())


@pytest.mark.parametrize("language", ["fr", "en", "ar"])
@pytest.mark.parametrize("path", ["", "app/", "passkeys/"])
def test_the_pages_hold_nothing_inline(client: Client, path: str, language: str) -> None:
    response = client.get(SECURITY + path, headers={"Accept-Language": language})
    page = Page(response.content.decode())
    assert response.status_code == 200
    assert page.lang == language
    assert page.inline == []
    assert len(page.ids) == len(set(page.ids))
    assert "no-store" in response.headers["Cache-Control"]


def test_the_secret_stays_while_the_page_is_loaded_again(client: Client) -> None:
    first = secret_on(client.get(f"{SECURITY}app/").content.decode())
    assert secret_on(client.get(f"{SECURITY}app/").content.decode()) == first
    wrong = client.post(f"{SECURITY}app/", {"code": "000000"})
    assert wrong.status_code == 400
    assert secret_on(wrong.content.decode()) == first


def test_recovery_codes_are_shown_once(client: Client) -> None:
    codes = add_app(client)
    assert len(set(codes)) == 10
    overview = client.get(SECURITY).content.decode()
    assert 'data-testid="app-on"' in overview
    assert not any(code in overview for code in codes)
    made = client.post(f"{SECURITY}codes/")
    assert not set(codes_on(made.content.decode())) & set(codes)
    assert len(codes_on(made.content.decode())) == 10
    assert "no-store" in made.headers["Cache-Control"]


def test_removing_leads_back_and_says_so(client: Client) -> None:
    add_app(client)
    response = client.post(f"{SECURITY}app/remove/", follow=True)
    assert response.redirect_chain == [(SECURITY, 302)]
    text = response.content.decode()
    assert 'role="status"' in text
    assert 'data-testid="add-app"' in text


def test_an_old_sign_in_is_asked_again_and_led_back(client: Client, user: User) -> None:
    long_ago = timezone.now() - timedelta(hours=1)
    Session.objects.filter(user=user).update(authenticated_at=long_ago)
    assert client.get(SECURITY).status_code == 200
    response = client.get(f"{SECURITY}app/")
    assert response.headers["Location"].startswith("/account/confirm/?next=%2Faccount%2Fsecurity")
    assert client.post(f"{SECURITY}codes/").headers["Location"].startswith("/account/confirm/")


def test_passkeys_are_renamed_and_removed_by_their_owner(client: Client, user: User) -> None:
    passkey = Passkey.objects.create(
        user=user, name="<b>", credential_id=b"x", credential=b"", created_at=timezone.now()
    )
    assert "<bdi>&lt;b&gt;</bdi>" in client.get(SECURITY).content.decode()
    path = f"{SECURITY}passkeys/{passkey.pk}/"
    assert client.post(f"{path}rename/", {"name": "Clé"}).headers["Location"] == SECURITY
    assert client.post(f"{path}rename/", {"name": " "}).status_code == 400
    passkey.refresh_from_db()
    assert passkey.name == "Clé"
    stranger = Client()
    stranger.force_login(make_user())
    assert stranger.post(f"{path}remove/").status_code == 404
    assert client.post(f"{path}remove/").headers["Location"] == SECURITY
    assert not Passkey.objects.exists()


@pytest.mark.parametrize("credential", ["", "[]", "{", "{}", '"x"', "[" * 5000])
def test_rubbish_instead_of_a_passkey_is_refused(client: Client, credential: str) -> None:
    body = {"token": "x", "credential": credential, "name": "x"}
    for path in ("/sign-in/passkey/", "/account/confirm/passkey/", f"{SECURITY}passkeys/"):
        response = client.post(path, body)
        assert response.status_code == 400
        assert 'data-code="passkey_refused"' in response.content.decode()


def member_row(person: User) -> Membership:
    found: Membership = Membership.objects.with_scopes_disabled().get(user=person)
    return found


def test_an_owner_vouches_and_the_person_signs_in_by_the_code(place: factories.Place) -> None:
    owner = User.objects.get(pk=place.owner.user_id)
    agent = User.objects.get(pk=place.agent.user_id)
    let_join_earlier()
    give_passkey(owner, agent)
    path = f"/manage/{place.organization.pk}/members/{member_row(agent).pk}/lost-factors/"
    pages = Client()
    pages.force_login(owner)
    assert "lost-factors" in pages.get(f"/manage/{place.organization.pk}/members/").content.decode()
    assert Page(pages.get(path).content.decode()).inline == []
    assert pages.post(path, {"reason": "short"}).status_code == 400

    shown = pages.post(path, {"reason": "I met her at the counter"}).content.decode()

    code = re.search(r'data-testid="reset-code">([^<]+)<', shown)
    assert code
    assert "reset-code" not in pages.get(path).content.decode()
    let_wait_pass(FactorReset.objects.get())
    agent.set_password(PASSWORD)
    agent.save()
    theirs = Client()
    theirs.post("/sign-in/", {"identifier": agent.email, "password": PASSWORD})
    assert 'value="reset_code"' in theirs.get("/sign-in/confirm/").content.decode()
    entered = theirs.post("/sign-in/confirm/", {"method": "reset_code", "code": code[1]})
    assert entered.headers["Location"] == SECURITY
    assert not Passkey.objects.filter(user=agent).exists()


def test_the_person_and_the_owner_withdraw_it(place: factories.Place) -> None:
    owner = User.objects.get(pk=place.owner.user_id)
    agent = User.objects.get(pk=place.agent.user_id)
    let_join_earlier()
    give_passkey(owner, agent)
    path = f"/manage/{place.organization.pk}/members/{member_row(agent).pk}/lost-factors/"
    pages, theirs = Client(), Client()
    pages.force_login(owner)
    theirs.force_login(agent)
    pages.post(path, {"reason": "I met her at the counter"})
    page = theirs.get(SECURITY).content.decode()
    assert "I met her at the counter" in page
    action = re.search(rf'action="({SECURITY}withdraw/[^"]+)"', page)
    assert action
    assert Client().post(action[1]).status_code == 302
    assert FactorReset.objects.get().cancelled_at is None

    assert theirs.post(action[1]).headers["Location"] == SECURITY

    assert FactorReset.objects.get().cancelled_at is not None
    pages.post(path, {"reason": "I met her at the counter"})
    assert pages.post(path, {"withdraw": "1"}).headers["Location"] == path
    assert not FactorReset.objects.filter(cancelled_at=None).exists()
    assert theirs.get(path).status_code == 404
