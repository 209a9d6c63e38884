"""A change of contact is confirmed on both ends; who lost one has another way, a thief has none."""

import time
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import TOTP, format_hotp_value, generate_totp_secret, hotp_value
from django.utils import timezone

from smartqueue.accounts.enums import Template
from smartqueue.accounts.models import ContactChange, Session, User
from smartqueue.accounts.tests.conftest import Api, Mailbox, bearer
from smartqueue.accounts.tests.factories import make_user, new_email, new_phone
from smartqueue.outbox.models import DomainEvent

pytestmark = pytest.mark.django_db

DAY = timedelta(hours=24, minutes=1)


@pytest.fixture
def user(db: None) -> User:
    return make_user(phone=new_phone(), phone_verified_at=timezone.now())


@pytest.fixture
def access(api: Api, user: User) -> str:
    return str(api.login(user)["access"])


def start(api: Api, access: str, channel: str, value: str, **more: str) -> Any:
    body = {"channel": channel, "value": value} | more
    return api.post("auth/contact-changes/", body, **bearer(access))


def confirm(api: Api, access: str, change_id: str, *codes: str) -> Any:
    return api.post(
        f"auth/contact-changes/{change_id}/confirm/", {"codes": list(codes)}, **bearer(access)
    )


def changed() -> list[dict[str, Any]]:
    events = DomainEvent.objects.filter(type="accounts.user.contact_changed.v1").order_by("id")
    return [event.payload for event in events]


@pytest.mark.parametrize("new_first", [True, False], ids=["new-first", "old-first"])
def test_both_ends_confirm(
    api: Api, user: User, access: str, mailbox: Mailbox, new_first: bool
) -> None:
    old, new = user.email or "", new_email()
    started = start(api, access, "email", new)
    assert started.status_code == 202
    assert not started.json()["is_new_confirmed"]
    assert not started.json()["is_old_confirmed"]
    change_id = started.json()["id"]
    codes = [mailbox.code_of(new), mailbox.code_of(old)]
    first, second = codes if new_first else reversed(codes)

    half = confirm(api, access, change_id, first)

    assert (half.status_code, half.json()["is_done"]) == (200, False)
    user.refresh_from_db()
    assert user.email == old
    assert confirm(api, access, change_id, second).json()["is_done"]
    user.refresh_from_db()
    assert user.email == new
    assert list(EmailAddress.objects.filter(user=user).values_list("email", flat=True)) == [new]
    assert changed() == [{"user_id": str(user.pk), "change_id": change_id, "channel": "email"}]
    # The one that was taken out hears of it, and so may object.
    assert mailbox.of(old)[0].template == Template.CONTACT_REPLACED


def test_both_codes_may_come_at_once(api: Api, user: User, access: str, mailbox: Mailbox) -> None:
    new = new_phone()
    change_id = start(api, access, "sms", new.removeprefix("+221")).json()["id"]
    codes = mailbox.code_of(new), mailbox.code_of(user.phone or "")
    assert confirm(api, access, change_id, *codes).json()["is_done"]
    user.refresh_from_db()
    assert user.phone == new


def test_one_end_alone_changes_nothing(api: Api, user: User, access: str, mailbox: Mailbox) -> None:
    old, new = user.email or "", new_email()
    change_id = start(api, access, "email", new).json()["id"]
    code = mailbox.code_of(new)
    assert confirm(api, access, change_id, code).status_code == 200
    assert confirm(api, access, change_id, code).json()["code"] == "wrong_code"
    user.refresh_from_db()
    assert user.email == old
    assert changed() == []


def test_the_first_identifier_of_its_kind_replaces_nothing(
    api: Api, mailbox: Mailbox, db: None
) -> None:
    user = make_user()
    access, phone = api.login(user)["access"], new_phone()
    change_id = start(api, access, "sms", phone).json()["id"]
    assert confirm(api, access, change_id, mailbox.code_of(phone)).json()["is_done"]
    user.refresh_from_db()
    assert (user.phone, user.phone_verified_at is not None) == (phone, True)


def test_an_identifier_is_taken_out_by_its_own_code(
    api: Api, user: User, access: str, mailbox: Mailbox
) -> None:
    change_id = start(api, access, "sms", "").json()["id"]
    code = mailbox.code_of(user.phone or "")
    assert confirm(api, access, change_id, code).json()["is_done"]
    user.refresh_from_db()
    assert (user.phone, user.phone_verified_at) == (None, None)


def test_the_last_one_stays(api: Api, db: None) -> None:
    access = api.login(make_user())["access"]
    for channel in ("email", "sms"):
        assert start(api, access, channel, "").json()["code"] == "invalid_input"


def test_ones_own_and_wrong_identifiers_are_refused(api: Api, user: User, access: str) -> None:
    for channel, value in (
        ("email", (user.email or "").upper()),
        ("sms", user.phone or ""),
        ("email", "nobody"),
        ("sms", "12"),
        ("sms", "a@b.sn"),
    ):
        response = start(api, access, channel, value)
        assert (response.status_code, response.json()["code"]) == (400, "invalid_input")
    assert not ContactChange.objects.exists()


def test_it_needs_a_recent_sign_in(api: Api, user: User, access: str, mailbox: Mailbox) -> None:
    Session.objects.update(authenticated_at=timezone.now() - timedelta(minutes=11))
    response = start(api, access, "email", new_email())
    assert (response.status_code, response.json()["code"]) == (403, "reauthentication_needed")
    profile = api.client.patch(
        f"/api/accounts/users/{user.pk}/",
        {"email": new_email(), "first_name": "X"},
        content_type="application/json",
        headers=bearer(access),
    )
    assert profile.json()["code"] == "reauthentication_needed"
    user.refresh_from_db()
    assert (user.first_name, mailbox.messages) == ("", [])


def test_an_identifier_that_has_an_owner_gets_the_same_answer(
    api: Api, user: User, access: str, mailbox: Mailbox
) -> None:
    other = make_user()
    response = start(api, access, "email", other.email or "")
    assert response.status_code == 202
    assert mailbox.of(other.email or "")[0].template == Template.ALREADY_REGISTERED
    old_code = mailbox.code_of(user.email or "")
    assert not confirm(api, access, response.json()["id"], old_code).json()["is_done"]


def test_an_identifier_that_was_taken_meanwhile_is_refused(
    api: Api, user: User, access: str, mailbox: Mailbox
) -> None:
    new = new_email()
    change_id = start(api, access, "email", new).json()["id"]
    make_user(email=new)
    codes = mailbox.code_of(user.email or ""), mailbox.code_of(new)
    assert confirm(api, access, change_id, *codes).json()["code"] == "wrong_code"
    old = user.email
    user.refresh_from_db()
    assert user.email == old


def test_a_second_wish_replaces_the_first(
    api: Api, user: User, access: str, mailbox: Mailbox
) -> None:
    first, second = new_email(), new_email()
    old_id = start(api, access, "email", first).json()["id"]
    start(api, access, "email", second)
    assert confirm(api, access, old_id, mailbox.code_of(first)).status_code == 404


def test_somebody_else_neither_sees_nor_confirms_it(
    api: Api, user: User, access: str, mailbox: Mailbox
) -> None:
    new = new_email()
    change_id = start(api, access, "email", new).json()["id"]
    stranger = api.login(make_user())["access"]
    assert confirm(api, stranger, change_id, mailbox.code_of(new)).status_code == 404
    path = f"/api/accounts/auth/contact-changes/{change_id}/"
    assert api.client.get(path, headers=bearer(stranger)).status_code == 404
    assert api.client.get(path, headers=bearer(access)).json()["new_value"] == new
    # With its codes it signs nobody in.
    body = {"identifier": new, "code": mailbox.code_of(new)}
    assert api.post("auth/verify/", body).status_code == 400


def test_guessing_and_waiting_end_it(api: Api, user: User, access: str, mailbox: Mailbox) -> None:
    new = new_email()
    change_id = start(api, access, "email", new).json()["id"]
    codes = {mailbox.code_of(new), mailbox.code_of(user.email or "")}
    guess = next(c for c in ("000000", "111111", "222222") if c not in codes)
    for _ in range(5):
        assert confirm(api, access, change_id, guess).json()["code"] == "wrong_code"
    assert confirm(api, access, change_id, *codes).json()["code"] == "too_many_tries"
    with time_machine.travel(timezone.now() + timedelta(minutes=10, seconds=1)):
        later = api.login(user)["access"]
        assert confirm(api, later, change_id, *codes).json()["code"] == "code_expired"


def test_codes_to_others_are_limited_by_person(api: Api, user: User, access: str) -> None:
    answers = [start(api, access, "sms", new_phone(), voucher="other") for _ in range(11)]
    assert answers[-1].status_code == 429


def test_a_code_of_a_change_does_not_make_the_sign_in_recent(
    api: Api, user: User, access: str, mailbox: Mailbox
) -> None:
    """Or a thief could stay recent for ever by the codes that come to an address of their own."""
    new = new_email()
    start(api, access, "email", new)
    Session.objects.update(authenticated_at=timezone.now() - timedelta(minutes=11))
    body = {"identifier": new, "code": mailbox.code_of(new)}
    proven = api.post("auth/verify/", body, **bearer(access))
    assert proven.status_code == 200
    again = start(api, proven.json()["access"], "email", new_email())
    assert again.json()["code"] == "reauthentication_needed"


# --- Somebody who lost the old one --------------------------------------------------------------


def test_the_other_identifier_vouches(api: Api, user: User, access: str, mailbox: Mailbox) -> None:
    old, new = user.phone or "", new_phone()
    started = start(api, access, "sms", new, voucher="other").json()
    assert not started["is_old_confirmed"]
    codes = mailbox.code_of(new), mailbox.code_of(user.email or "")
    assert confirm(api, access, started["id"], *codes).json()["is_done"]
    user.refresh_from_db()
    assert user.phone == new
    assert [m.template for m in mailbox.of(old)] == [Template.CONTACT_REPLACED]


def test_an_other_identifier_of_today_does_not(api: Api, mailbox: Mailbox, db: None) -> None:
    """A thief of an open session would bring a number of their own, then replace the address."""
    user = make_user()
    access, own = api.login(user)["access"], new_phone()
    change_id = start(api, access, "sms", own).json()["id"]
    assert confirm(api, access, change_id, mailbox.code_of(own)).json()["is_done"]
    refused = start(api, access, "email", new_email(), voucher="other")
    assert (refused.status_code, refused.json()["code"]) == (400, "voucher_unavailable")
    with time_machine.travel(timezone.now() + DAY):
        later = api.login(user)["access"]
        assert start(api, later, "email", new_email(), voucher="other").status_code == 202


def test_what_is_not_there_cannot_vouch(api: Api, db: None) -> None:
    access = api.login(make_user())["access"]
    for voucher in ("other", "second_factor"):
        refused = start(api, access, "email", new_email(), voucher=voucher)
        assert refused.json()["code"] == "voucher_unavailable"


def test_a_second_factor_of_yesterday_vouches_and_one_of_today_does_not(
    api: Api, user: User, access: str, mailbox: Mailbox
) -> None:
    old, new, secret = user.phone or "", new_phone(), generate_totp_secret()
    TOTP.activate(user, secret)
    refused = start(api, access, "sms", new, voucher="second_factor")
    assert refused.json()["code"] == "voucher_unavailable"
    Authenticator.objects.update(created_at=timezone.now() - DAY)
    # The sign-in is recent by password alone, from before the factor: it has to be given now.
    Session.objects.update(authenticated_at=timezone.now() - timedelta(minutes=11))
    assert start(api, access, "sms", new, voucher="second_factor").status_code == 403
    asked = api.post(
        "auth/reauthenticate/", {"password": "correct horse battery"}, **bearer(access)
    )
    body = {
        "token": asked.json()["mfa"]["token"],
        "method": "totp",
        "code": format_hotp_value(hotp_value(secret, int(time.time()) // 30)),
    }
    assert api.post("auth/reauthenticate/mfa/", body, **bearer(access)).status_code == 204
    started = start(api, access, "sms", new, voucher="second_factor").json()
    assert started["is_old_confirmed"]
    assert [m.template for m in mailbox.of(old)] == []
    assert confirm(api, access, started["id"], mailbox.code_of(new)).json()["is_done"]
    assert [m.template for m in mailbox.of(old)] == [Template.CONTACT_REPLACED]


def test_recovery_codes_alone_vouch_for_nothing(api: Api, user: User, access: str) -> None:
    Authenticator.objects.create(user=user, type="recovery_codes", data={})
    Authenticator.objects.update(created_at=timezone.now() - DAY)
    refused = start(api, access, "sms", new_phone(), voucher="second_factor")
    assert refused.json()["code"] == "voucher_unavailable"
