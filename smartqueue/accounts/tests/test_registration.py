from datetime import timedelta

import pytest
import time_machine
from allauth.account.models import EmailAddress
from django.db import OperationalError
from django.utils import timezone
from psycopg.errors import DeadlockDetected

from smartqueue.accounts import ports
from smartqueue.accounts.enums import Channel
from smartqueue.accounts.models import User, VerificationCode
from smartqueue.accounts.tests.conftest import Api, Mailbox, bearer
from smartqueue.accounts.tests.factories import PASSWORD, make_user, new_email, new_phone
from smartqueue.outbox import operations as outbox
from smartqueue.outbox.events import Event
from smartqueue.outbox.models import DomainEvent

pytestmark = pytest.mark.django_db


def verify(api: Api, identifier: str, code: str) -> object:
    return api.post("auth/verify/", {"identifier": identifier, "code": code})


def wrong(code: str) -> str:
    return f"{(int(code) + 1) % 1_000_000:06}"


def test_register_answers_the_contract(api: Api) -> None:
    email = new_email()
    response = api.register(email=email.upper(), language="ar")
    assert response.status_code == 201
    body = response.json()
    expires_at = body["verification"].pop("expires_at")
    assert body["verification"] == {"channel": "email"}
    assert expires_at > timezone.now().isoformat()[:19]
    body["user"].pop("id")
    assert body["user"] == {
        "email": email,
        "phone": None,
        "first_name": "Awa",
        "last_name": "Diop",
        "language": "ar",
    }


def test_the_language_is_the_requests_where_none_is_given(api: Api) -> None:
    fields = {"password": PASSWORD, "first_name": "A", "last_name": "B", "email": new_email()}
    response = api.post("auth/register/", fields, **{"Accept-Language": "en"})
    assert response.json()["user"]["language"] == "en"


def test_an_account_opens_with_its_code(api: Api, mailbox: Mailbox) -> None:
    email = new_email()
    registered = api.register(email=email).json()["user"]
    refused = api.post("auth/login/", {"identifier": email, "password": PASSWORD})
    assert refused.status_code == 401
    response = verify(api, email, mailbox.code_of(email))
    assert response.status_code == 200
    body = response.json()
    assert body["user"]["id"] == registered["id"]
    assert body["user"]["email"] == email
    assert api.me(body["access"]).status_code == 200
    assert EmailAddress.objects.get(user_id=registered["id"]).verified
    api.login(User.objects.get(email=email))


def test_a_senegalese_number_needs_no_country(api: Api, mailbox: Mailbox) -> None:
    phone = new_phone()
    response = api.register(phone=phone.removeprefix("+221"))
    assert response.json()["user"]["phone"] == phone
    assert response.json()["verification"]["channel"] == "sms"
    assert verify(api, phone, mailbox.code_of(phone)).status_code == 200
    user = User.objects.get(phone=phone)
    assert user.phone_verified_at is not None
    assert (
        api.post(
            "auth/login/", {"identifier": phone.removeprefix("+221"), "password": PASSWORD}
        ).status_code
        == 200
    )


def test_both_identifiers_are_proven_one_by_one(api: Api, mailbox: Mailbox) -> None:
    email, phone = new_email(), new_phone()
    api.register(email=email, phone=phone)
    assert verify(api, email, mailbox.code_of(email)).json()["user"]["phone"] is None
    assert verify(api, phone, mailbox.code_of(phone)).json()["user"]["phone"] == phone
    assert User.objects.get(email=email).phone == phone


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({}, "email"),
        ({"email": "nobody"}, "email"),
        ({"phone": "12"}, "phone"),
        ({"phone": "+221 10 000 00 00"}, "phone"),
        ({"email": "a@example.test", "password": "12345678"}, "password"),
        ({"email": "a@example.test", "first_name": ""}, "first_name"),
        ({"email": "a@example.test", "first_name": "A\u0000"}, "first_name"),
        ({"email": "a@example.test", "language": "de"}, "language"),
        ({"email": "a\u0000@example.test"}, "email"),
        ({"email": "ro\u017ft@example.test"}, "email"),
        ({"email": "root@localhost"}, "email"),
        ({"email": "root@[127.0.0.1]"}, "email"),
        ({"email": "a@example..test"}, "email"),
    ],
)
def test_what_is_wrong_is_named(api: Api, fields: dict[str, str], field: str) -> None:
    if fields.get("email") == "a@example.test":
        fields = fields | {"email": new_email()}
    response = api.register(**fields)
    assert response.status_code == 400
    assert response.json()["code"] == "invalid_input"
    assert {error["field"] for error in response.json()["errors"]} == {field}
    assert not VerificationCode.objects.exists()


def test_a_password_like_the_name_is_refused(api: Api) -> None:
    email = new_email()
    response = api.register(email=email, password=email.partition("@")[0])
    assert response.json()["errors"][0]["code"] == "password_too_similar"


def test_registering_tells_nobody_who_has_an_account(api: Api, mailbox: Mailbox) -> None:
    owner = make_user()
    assert owner.email
    known, unknown = api.register(email=owner.email), api.register(email=new_email())
    assert known.status_code == unknown.status_code == 201
    assert known.json().keys() == unknown.json().keys()
    assert known.json()["user"]["id"] != str(owner.pk)
    assert User.objects.filter(email=owner.email).count() == 1
    (message,) = mailbox.of(owner.email)
    assert (message.code, message.user_id) == ("", owner.pk)
    # The answers to wrong codes are the same as well.
    for _ in range(6):
        answers = [
            verify(api, r.json()["user"]["email"], "000000").json()["code"]  # type: ignore[attr-defined]
            for r in (known, unknown)
        ]
        assert answers[0] == answers[1]


def test_the_password_of_another_registration_is_never_confirmed(
    api: Api, mailbox: Mailbox
) -> None:
    email = new_email()
    api.register(email=email, password="the attacker's own words")
    api.register(email=email)
    newest = mailbox.code_of(email)
    assert verify(api, email, newest).status_code == 200
    attack = {"identifier": email, "password": "the attacker's own words"}
    assert api.post("auth/login/", attack).status_code == 401
    api.login(User.objects.get(email=email))


def test_a_code_works_once(api: Api, mailbox: Mailbox) -> None:
    email = new_email()
    api.register(email=email)
    code = mailbox.code_of(email)
    assert verify(api, email, code).status_code == 200
    again = verify(api, email, code)
    assert (again.status_code, again.json()["code"]) == (400, "wrong_code")


def test_a_code_expires_after_ten_minutes(api: Api, mailbox: Mailbox) -> None:
    email = new_email()
    api.register(email=email)
    code = mailbox.code_of(email)
    with time_machine.travel(timezone.now() + timedelta(minutes=10, seconds=1)):
        late = verify(api, email, code)
    assert (late.status_code, late.json()["code"]) == (400, "code_expired")
    assert not User.objects.filter(email=email).exists()


def test_guessing_kills_the_code(api: Api, mailbox: Mailbox) -> None:
    email = new_email()
    api.register(email=email)
    code = mailbox.code_of(email)
    guesses = [verify(api, email, wrong(code)) for _ in range(5)]
    assert {g.json()["code"] for g in guesses} == {"wrong_code"}
    right = verify(api, email, code)
    assert (right.status_code, right.json()["code"]) == (400, "too_many_tries")
    assert not User.objects.filter(email=email).exists()


def test_a_code_is_for_its_own_identifier(api: Api, mailbox: Mailbox) -> None:
    mine, other = new_email(), new_email()
    api.register(email=mine)
    api.register(email=other)
    assert verify(api, other, mailbox.code_of(mine)).status_code == 400


def test_codes_are_not_stored_as_they_are(api: Api, mailbox: Mailbox) -> None:
    email = new_email()
    api.register(email=email)
    code = mailbox.code_of(email)
    row = VerificationCode.objects.get(recipient=email)
    assert code.encode() not in bytes(row.digest)
    events = DomainEvent.objects.filter(type="accounts.user.registered.v1")
    assert [e.payload for e in events] == [{"user_id": str(row.user_id), "channel": "email"}]


def test_a_phone_is_refused_where_no_text_message_can_be_sent(api: Api, mailbox: Mailbox) -> None:
    mailbox.channels = {Channel.EMAIL}
    response = api.register(phone=new_phone())
    assert (response.status_code, response.json()["code"]) == (503, "channel_unavailable")
    assert not User.objects.exists()


def test_nothing_is_promised_before_a_channel_is_there() -> None:
    assert not ports._Nobody().can_reach(Channel.EMAIL)


def test_a_new_address_counts_once_it_is_proven(api: Api, mailbox: Mailbox) -> None:
    user = make_user()
    access = api.login(user)["access"]
    old, new = user.email, new_email()
    changed = api.client.patch(
        f"/api/accounts/users/{user.pk}/",
        {"email": new, "first_name": "Fatou"},
        content_type="application/json",
        headers=bearer(access),
    )
    assert changed.status_code == 200
    assert (changed.json()["email"], changed.json()["first_name"]) == (old, "Fatou")
    assert changed.json()["verification"]["channel"] == "email"
    code = mailbox.code_of(new)
    # The new mailbox's owner must not be let in to somebody else's account.
    assert verify(api, new, code).status_code == 400
    half = api.post("auth/verify/", {"identifier": new, "code": code}, **bearer(access))
    assert half.json()["user"]["email"] == old
    of_old = {"identifier": old, "code": mailbox.code_of(old or "")}
    proven = api.post("auth/verify/", of_old, **bearer(access))
    assert proven.json()["user"]["email"] == new
    assert list(EmailAddress.objects.filter(user=user).values_list("email", flat=True)) == [new]


def test_an_address_that_was_taken_meanwhile_is_refused(api: Api, mailbox: Mailbox) -> None:
    user = make_user()
    access = api.login(user)["access"]
    wanted = new_email()
    api.client.patch(
        f"/api/accounts/users/{user.pk}/",
        {"email": wanted},
        content_type="application/json",
        headers=bearer(access),
    )
    of_old = {"identifier": user.email, "code": mailbox.code_of(user.email or "")}
    assert api.post("auth/verify/", of_old, **bearer(access)).status_code == 200
    make_user(email=wanted)
    body = {"identifier": wanted, "code": mailbox.code_of(wanted)}
    assert api.post("auth/verify/", body, **bearer(access)).json()["code"] == "wrong_code"
    user.refresh_from_db()
    assert user.email == of_old["identifier"]


def test_a_registration_that_is_tried_twice_answers_the_same(
    api: Api, mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A lost race for a lock runs the operation once more, with the same arguments."""
    publish = outbox.publish
    lost = iter([True])

    def lose_once(*events: Event) -> None:
        publish(*events)
        if next(lost, False):
            raise OperationalError from DeadlockDetected()

    monkeypatch.setattr(outbox, "publish", lose_once)
    email = new_email()
    response = api.register(email=email)
    assert response.status_code == 201
    assert response.json()["user"]["email"] == email
    assert User.objects.count() == 1
    assert verify(api, email, mailbox.code_of(email)).status_code == 200  # type: ignore[attr-defined]
