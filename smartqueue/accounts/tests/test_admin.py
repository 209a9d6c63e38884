import pytest
from django.test import Client

from smartqueue.accounts.models import Session, User
from smartqueue.accounts.tests.conftest import Api
from smartqueue.accounts.tests.factories import make_user
from smartqueue.accounts.tests.test_account_access import let_in

pytestmark = pytest.mark.django_db

USERS = "/admin/accounts/user/"


@pytest.fixture
def admin(user: User) -> User:
    """An administrator with access to the person's account."""
    admin = make_user(is_staff=True, is_superuser=True)
    let_in(admin, user)
    return admin


@pytest.fixture
def pages(admin: User) -> Client:
    client = Client()
    client.force_login(admin)
    return client


def test_the_admin_has_no_sign_in_of_its_own() -> None:
    response = Client().get(USERS)
    assert response.headers["Location"].startswith("/admin/login/")
    response = Client().get(response.headers["Location"])
    assert response.headers["Location"] == "/sign-in/?next=%2Fadmin%2Faccounts%2Fuser%2F"
    assert Client().post("/admin/login/", {"username": "x", "password": "y"}).status_code == 302


def test_others_find_nothing_there() -> None:
    client = Client()
    client.force_login(make_user())
    assert client.get(USERS, follow=True).status_code == 404


def test_people_are_listed_found_and_shown(pages: Client, user: User) -> None:
    assert str(user.email) in pages.get(USERS, {"q": user.email}).content.decode()
    assert pages.get(f"{USERS}{user.pk}/change/").status_code == 200
    assert pages.get(f"{USERS}add/").status_code == 403
    assert pages.get(f"{USERS}{user.pk}/delete/").status_code == 403


def test_actions_call_the_operations(pages: Client, api: Api, user: User) -> None:
    api.login(user)
    chosen = {"_selected_action": [str(user.pk)]}
    pages.post(USERS, chosen | {"action": "end_sessions"})
    assert Session.objects.get(user=user).end_reason == "revoked"
    pages.post(USERS, chosen | {"action": "erase"})
    user.refresh_from_db()
    assert user.erased_at is not None
