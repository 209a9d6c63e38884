"""Platform staff with somebody's account: with a reason, for an hour, in that person's sight."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.test import Client

from smartqueue.accounts import entrance, operations, policies
from smartqueue.accounts.actor import Actor
from smartqueue.accounts.errors import AccountAccessNeeded, AccountAccessOpen
from smartqueue.accounts.models import AccountAccess, User
from smartqueue.accounts.tests.conftest import Api, bearer
from smartqueue.accounts.tests.factories import make_user, new_phone
from smartqueue.common import clock
from smartqueue.common.errors import InvalidInput, NotFound
from smartqueue.outbox.models import DomainEvent

pytestmark = pytest.mark.django_db

REASON = "They lost their phone and cannot sign in"
PATH = "account-accesses/"


@pytest.fixture
def admin(db: None) -> User:
    return make_user(is_superuser=True, is_staff=True)


def actor_of(user: User) -> Actor:
    return entrance.actor_of_user(
        user.pk, is_platform_admin=user.is_superuser, language=user.language
    )


def let_in(admin: User, user: User, **more: Any) -> AccountAccess:
    """Return an access that an administrator has opened."""
    return operations.open_account_access(
        **{
            "actor": actor_of(admin),
            "whose": user.pk,
            "reason": REASON,
            "now": clock.now(),
            **more,
        }
    )


def end(user: User, access: AccountAccess) -> AccountAccess:
    return operations.close_account_access(
        actor=actor_of(user), access_id=access.pk, now=clock.now()
    )


def pass_time(access: AccountAccess, minutes: int) -> None:
    earlier = timedelta(minutes=minutes)
    AccountAccess.objects.filter(pk=access.pk).update(
        opened_at=access.opened_at - earlier, expires_at=access.expires_at - earlier
    )


def reaches(admin: User, user: User) -> bool:
    try:
        return policies.access_user(actor_of(admin), user.pk) == user
    except AccountAccessNeeded:
        return False


def test_an_administrator_reaches_one_account_for_an_hour(admin: User, user: User) -> None:
    assert not reaches(admin, user)

    access = let_in(admin, user)

    assert reaches(admin, user)
    assert not reaches(admin, make_user())
    assert not reaches(make_user(is_superuser=True), user)
    pass_time(access, 59)
    assert reaches(admin, user)
    pass_time(access, 60)
    assert not reaches(admin, user)


def test_who_is_no_administrator_any_more_reaches_nobody(admin: User, user: User) -> None:
    let_in(admin, user)
    admin.is_superuser = False
    with pytest.raises(NotFound):
        policies.access_user(actor_of(admin), user.pk)


def test_without_access_nothing_of_an_account_is_read_changed_or_erased(
    api: Api, admin: User, user: User
) -> None:
    access = bearer(api.login(admin)["access"])
    path = f"/api/accounts/users/{user.pk}/"
    before = User.objects.filter(pk=user.pk).values().get()

    answers = [
        api.client.get(path, headers=access),
        api.client.patch(path, {"first_name": "X"}, "application/json", headers=access),
        api.client.delete(path, headers=access),
    ]

    assert {(a.status_code, a.json()["code"]) for a in answers} == {(403, "account_access_needed")}
    assert User.objects.filter(pk=user.pk).values().get() == before


def test_its_own_account_takes_no_reason(admin: User) -> None:
    assert reaches(admin, admin)
    with pytest.raises(NotFound):
        let_in(admin, admin)


@pytest.mark.parametrize("reason", ["", "  because  ", "x" * 301])
def test_it_takes_a_reason(admin: User, user: User, reason: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        let_in(admin, user, reason=reason)

    assert refused.value.errors[0].field == "reason"
    assert not AccountAccess.objects.exists()


def test_nobody_but_staff_opens_it_and_not_twice(admin: User, user: User) -> None:
    with pytest.raises(NotFound):
        let_in(user, admin)
    with pytest.raises(NotFound):
        let_in(admin, make_user(is_active=False))
    access = let_in(admin, user)
    with pytest.raises(AccountAccessOpen):
        let_in(admin, user)
    pass_time(access, 60)
    let_in(admin, user)


def test_an_account_is_found_by_what_it_is_known_by(admin: User) -> None:
    user = make_user(phone=new_phone())
    local = f" {(user.phone or '').removeprefix('+221')}"
    for known in (str(user.email).upper(), user.phone, local):
        assert let_in(make_user(is_superuser=True), user, whose=known).user_id == user.pk
    with pytest.raises(NotFound):
        let_in(admin, user, whose="nobody@example.test")
    with pytest.raises(InvalidInput):
        let_in(admin, user, whose="")


def test_the_database_takes_no_longer_access_either(admin: User, user: User) -> None:
    access = let_in(admin, user)
    access.expires_at += timedelta(seconds=1)
    with pytest.raises(IntegrityError), transaction.atomic():
        access.save()


@pytest.mark.parametrize("closer", ["admin", "person"])
def test_the_administrator_and_the_person_end_it(admin: User, user: User, closer: str) -> None:
    access = let_in(admin, user)
    for other in (make_user(), make_user(is_superuser=True)):
        with pytest.raises(NotFound):
            end(other, access)
    assert reaches(admin, user)

    end(admin if closer == "admin" else user, access)

    assert not reaches(admin, user)
    with pytest.raises(NotFound):
        end(user, access)
    (event,) = DomainEvent.objects.filter(type="accounts.account_access.closed.v1")
    assert event.subject_id == user.pk


def test_the_journal_says_that_it_was_opened_and_the_row_why(admin: User, user: User) -> None:
    access = let_in(admin, user, reason=f"  {REASON} ")

    (event,) = DomainEvent.objects.filter(type="accounts.account_access.opened.v1")
    assert (event.actor, event.subject_id) == (f"user:{admin.pk}", user.pk)
    assert event.payload["admin_id"] == str(admin.pk)
    assert REASON not in str(event.payload)
    assert access.reason == REASON


def test_both_see_it_over_rest_and_nobody_else(api: Api, admin: User, user: User) -> None:
    own, theirs, strange = (bearer(api.login(who)["access"]) for who in (admin, user, make_user()))
    body = {"identifier": user.email, "reason": REASON}

    made = api.post(PATH, body, **own)

    assert made.status_code == 201
    assert api.post(PATH, body, **own).json()["code"] == "account_access_already_open"
    lists = [
        api.client.get(f"/api/accounts/{PATH}", headers=who).json()["results"]
        for who in (own, theirs, strange)
    ]
    assert lists == [[made.json()], [made.json()], []]
    assert (made.json()["admin"], made.json()["reason"]) == (str(admin.pk), REASON)
    path = f"{PATH}{made.json()['id']}/close/"
    assert api.post(path, None, **strange).status_code == 404
    assert api.post(path, None, **theirs).json()["closed_at"] is not None
    assert api.post(PATH, {"reason": REASON}, **own).status_code == 400
    assert api.post(PATH, {"reason": REASON}, **theirs).status_code == 404


@pytest.mark.parametrize("count", [1, 3])
def test_the_list_asks_as_often_for_three_as_for_one(
    api: Api, admin: User, user: User, count: int, django_assert_num_queries: Any
) -> None:
    for _ in range(count):
        let_in(make_user(is_superuser=True), user)
    headers = bearer(api.login(user)["access"])
    with django_assert_num_queries(3):
        found = api.client.get(f"/api/accounts/{PATH}", headers=headers).json()
    assert found["count"] == count


ACCESSES, USERS = "/admin/accounts/accountaccess/", "/admin/accounts/user/"


@pytest.fixture
def pages(admin: User) -> Client:
    client = Client()
    client.force_login(admin)
    return client


def test_the_administration_shows_people_only_while_access_is_open(
    pages: Client, admin: User, user: User
) -> None:
    page, link = f"{USERS}{user.pk}/change/", f'href="{USERS}{user.pk}/change/'
    assert link not in pages.get(USERS, {"q": user.email}).content.decode()
    assert pages.get(page).status_code == 302

    pages.post(f"{ACCESSES}add/", {"identifier": user.email, "reason": REASON})

    (access,) = AccountAccess.objects.all()
    assert (access.user_id, access.admin_id, access.reason) == (user.pk, admin.pk, REASON)
    assert link in pages.get(USERS, {"q": user.email}).content.decode()
    assert pages.get(page).status_code == 200
    assert REASON in pages.get(ACCESSES).content.decode()
    pages.post(ACCESSES, {"_selected_action": [str(access.pk)], "action": "end"})
    assert pages.get(page).status_code == 302


def test_the_administration_says_why_it_does_not_open(pages: Client, user: User) -> None:
    for body in ({"identifier": "nobody@example.test", "reason": REASON},
                 {"identifier": user.email, "reason": "because"}):  # fmt: skip
        answer = pages.post(f"{ACCESSES}add/", body, follow=True)
        assert "messagelist" in answer.content.decode()
    assert not AccountAccess.objects.exists()
