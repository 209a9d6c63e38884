"""Signing in by a code, and a code before a new password: what they let through and what not."""

import re
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from allauth.mfa.totp.internal.auth import TOTP, format_hotp_value, generate_totp_secret, hotp_value
from django.contrib.auth import hashers
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from smartqueue.accounts import entrance, policies
from smartqueue.accounts.enums import Channel, Template
from smartqueue.accounts.identifiers import Identifier
from smartqueue.accounts.models import Session, User, VerificationCode
from smartqueue.accounts.operations import Verification, _sign_in_codes
from smartqueue.accounts.tests.conftest import Api, Mailbox, bearer
from smartqueue.accounts.tests.factories import PASSWORD, make_user, new_email, new_phone
from smartqueue.common.clock import now
from smartqueue.outbox.models import DomainEvent

pytestmark = pytest.mark.django_db

NEW = "quite another sentence"
ASKING = ["auth/code/", "auth/password/reset/"]
CONFIRMING = {
    "auth/code/": "auth/code/confirm/",
    "auth/password/reset/": "auth/password/reset/confirm/",
}


def ask(api: Api, identifier: str | None, path: str = "auth/code/") -> str:
    response = api.post(path, {"identifier": identifier})
    assert response.status_code == 202, response.json()
    return str(response.json()["token"])


def confirm(api: Api, token: str, code: str, path: str = "auth/code/") -> Any:
    return api.post(CONFIRMING[path], {"token": token, "code": code})


def wrong(code: str) -> str:
    return "000000" if code != "000000" else "111111"


@pytest.mark.parametrize("by", ["email", "phone"])
def test_a_code_signs_in(api: Api, mailbox: Mailbox, by: str) -> None:
    identifier = new_email() if by == "email" else new_phone()
    user = make_user(**{"email": None, by: identifier})
    token = ask(api, identifier)
    response = confirm(api, token, mailbox.code_of(identifier))
    assert response.status_code == 200
    assert response.json()["user"]["id"] == str(user.pk)
    assert api.me(response.json()["access"]).status_code == 200
    policies.require_recent_sign_in(
        entrance.actor_of_access_token(response.json()["access"]), now()
    )


def test_a_senegalese_number_needs_no_country(api: Api, mailbox: Mailbox) -> None:
    phone = new_phone()
    make_user(email=None, phone=phone)
    token = ask(api, phone.removeprefix("+221"))
    assert confirm(api, token, mailbox.code_of(phone)).status_code == 200


@pytest.mark.parametrize("path", ASKING)
def test_an_unknown_identifier_gets_the_same_answer(
    api: Api, user: User, mailbox: Mailbox, path: str
) -> None:
    unknown = new_email()
    known_answer = api.post(path, {"identifier": user.email})
    unknown_answer = api.post(path, {"identifier": unknown})
    assert known_answer.status_code == unknown_answer.status_code == 202

    def shape(answer: Any) -> list[str]:
        return [re.sub(r"[\w-]", "x", str(value)) for value in answer.json().values()]

    assert shape(known_answer) == shape(unknown_answer)
    assert [m.template for m in mailbox.of(unknown)] == [Template.NO_ACCOUNT]
    assert [m.code for m in mailbox.of(unknown)] == [""]
    for answer in (known_answer, unknown_answer):
        guessed = confirm(api, answer.json()["token"], "000000", path)
        assert (guessed.status_code, guessed.json()["code"]) == (400, "wrong_code")


class Work:
    """What one request cost: statements by kind, password hashes, messages."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, mailbox: Mailbox) -> None:
        self.mailbox = mailbox
        self.hashes = 0
        hasher = type(hashers.get_hasher())
        encode = hasher.encode

        def counted(itself: Any, *args: Any, **kwargs: Any) -> Any:
            self.hashes += 1
            return encode(itself, *args, **kwargs)

        monkeypatch.setattr(hasher, "encode", counted)

    def of(self, call: Callable[[], Any]) -> tuple[int, int, list[str]]:
        hashes, messages = self.hashes, len(self.mailbox.messages)
        with CaptureQueriesContext(connection) as queries:
            call()
        statements = [re.sub(r"'[^']*'|[\d.]+", "?", q["sql"])[:60] for q in queries]
        return self.hashes - hashes, len(self.mailbox.messages) - messages, statements


@pytest.fixture
def work(monkeypatch: pytest.MonkeyPatch, mailbox: Mailbox) -> Work:
    return Work(monkeypatch, mailbox)


@pytest.mark.parametrize("path", ASKING)
def test_asking_for_an_unknown_identifier_takes_the_same_work(
    api: Api, user: User, work: Work, path: str
) -> None:
    known = work.of(lambda: ask(api, user.email, path))
    unknown = work.of(lambda: ask(api, new_email(), path))
    assert known == unknown
    assert known[1] == 1


@pytest.mark.parametrize("path", ASKING)
def test_guessing_for_an_unknown_identifier_takes_the_same_work(
    api: Api, user: User, work: Work, mailbox: Mailbox, path: str
) -> None:
    known, unknown = ask(api, user.email, path), ask(api, new_email(), path)
    guess = wrong(mailbox.code_of(user.email or ""))
    assert work.of(lambda: confirm(api, known, guess, path)) == work.of(
        lambda: confirm(api, unknown, guess, path)
    )


@pytest.mark.parametrize("who", ["unknown", "closed", "wrong"])
def test_a_password_costs_one_hash_whoever_it_is_tried_on(
    api: Api, user: User, work: Work, who: str
) -> None:
    body = {"identifier": user.email, "password": "wrong"}
    if who == "unknown":
        body["identifier"] = new_email()
    if who == "closed":
        User.objects.filter(pk=user.pk).update(is_active=False)
        body["password"] = PASSWORD
    hashes, messages, _ = work.of(lambda: api.post("auth/login/", body))
    assert (hashes, messages) == (1, 0)


@pytest.mark.parametrize("who", ["new", "known"])
def test_registering_costs_one_hash_and_one_message_whoever_it_is(
    api: Api, user: User, work: Work, who: str
) -> None:
    email = user.email if who == "known" else new_email()
    hashes, messages, _ = work.of(lambda: api.register(email=email))
    assert (hashes, messages) == (1, 1)


def test_control_a_shortcut_for_unknown_identifiers_is_seen(
    api: Api, user: User, work: Work, monkeypatch: pytest.MonkeyPatch
) -> None:
    usual = _sign_in_codes.issue_code

    def careless(identifier: Identifier, **options: Any) -> Any:
        if options["user_id"]:
            return usual(identifier, **options)
        return Verification(identifier.channel, timezone.now())

    monkeypatch.setattr(_sign_in_codes, "issue_code", careless)
    assert work.of(lambda: ask(api, user.email)) != work.of(lambda: ask(api, new_email()))


@pytest.mark.parametrize("path", ASKING)
def test_a_code_works_once(api: Api, user: User, mailbox: Mailbox, path: str) -> None:
    token = ask(api, user.email, path)
    code = mailbox.code_of(user.email or "")
    assert confirm(api, token, code, path).status_code == 200
    again = confirm(api, token, code, path)
    assert (again.status_code, again.json()["code"]) == (400, "wrong_code")


def test_a_right_code_closes_the_others(api: Api, user: User, mailbox: Mailbox) -> None:
    first = ask(api, user.email)
    code = mailbox.code_of(user.email or "")
    second = ask(api, user.email)
    assert confirm(api, second, mailbox.code_of(user.email or "")).status_code == 200
    assert confirm(api, first, code).json()["code"] == "wrong_code"


def test_a_code_is_bound_to_what_asked_for_it(api: Api, user: User, mailbox: Mailbox) -> None:
    mine = ask(api, user.email)
    code = mailbox.code_of(user.email or "")
    strangers = ask(api, user.email)
    if mailbox.code_of(user.email or "") != code:
        assert confirm(api, strangers, code).status_code == 400
    for forged in (mine[:-2] + ("AA" if mine[-2:] != "AA" else "BB"), "rubbish", ""):
        assert confirm(api, forged, code).status_code == 400
    assert confirm(api, mine, code).status_code == 200


@pytest.mark.parametrize("asked", ASKING)
def test_a_code_serves_its_purpose_only(api: Api, user: User, mailbox: Mailbox, asked: str) -> None:
    token = ask(api, user.email, asked)
    code = mailbox.code_of(user.email or "")
    other = next(path for path in ASKING if path != asked)
    crossed = confirm(api, token, code, other)
    assert (crossed.status_code, crossed.json()["code"]) == (400, "code_expired")
    # Nor does it prove an identifier, as a registration's does.
    assert api.post("auth/verify/", {"identifier": user.email, "code": code}).status_code == 400
    access = api.login(user)["access"]
    crossed = api.post("auth/reauthenticate/", {"token": token, "code": code}, **bearer(access))
    assert crossed.status_code == 400
    assert confirm(api, token, code, asked).status_code == 200


def test_five_wrong_answers_kill_a_code(api: Api, user: User, mailbox: Mailbox) -> None:
    token = ask(api, user.email)
    code = mailbox.code_of(user.email or "")
    guesses = [confirm(api, token, wrong(code)).json()["code"] for _ in range(5)]
    assert guesses == ["wrong_code"] * 5
    assert confirm(api, token, code).json()["code"] == "too_many_tries"


def test_asking_again_does_not_give_more_guesses(api: Api, user: User, mailbox: Mailbox) -> None:
    answers = []
    for _ in range(3):
        token = ask(api, user.email)
        guess = wrong(mailbox.code_of(user.email or ""))
        answers += [confirm(api, token, guess).status_code for _ in range(5)]
    assert answers == [400] * 10 + [429] * 5


def test_asking_is_limited_for_known_and_unknown_alike(api: Api, user: User) -> None:
    for identifier in (user.email, new_email()):
        answers = [api.post("auth/code/", {"identifier": identifier}).status_code for _ in range(6)]
        assert answers == [202] * 5 + [429]
    # Of one count: a code for a new password is a message too.
    assert api.post("auth/password/reset/", {"identifier": user.email}).status_code == 429


def test_asking_is_limited_while_redis_is_away(api: Api, user: User, redis_away: None) -> None:
    answers = [api.post("auth/code/", {"identifier": user.email}).status_code for _ in range(6)]
    assert answers == [202] * 5 + [429]


def test_a_code_expires(api: Api, user: User, mailbox: Mailbox) -> None:
    token = ask(api, user.email)
    with time_machine.travel(timezone.now() + timedelta(minutes=10, seconds=1)):
        late = confirm(api, token, mailbox.code_of(user.email or ""))
    assert late.json()["code"] == "code_expired"


def test_codes_and_tokens_are_not_stored(api: Api, user: User, mailbox: Mailbox) -> None:
    token = ask(api, user.email)
    row = VerificationCode.objects.get()
    assert mailbox.code_of(user.email or "").encode() not in bytes(row.digest)
    VerificationCode.objects.update(asker=b"0" * 32)
    assert confirm(api, token, mailbox.code_of(user.email or "")).status_code == 400


@pytest.mark.parametrize("how", ["closed", "moved"])
def test_who_lost_the_account_or_the_address_is_not_let_in(
    api: Api, user: User, mailbox: Mailbox, how: str
) -> None:
    email = user.email or ""
    token = ask(api, email)
    if how == "closed":
        User.objects.filter(pk=user.pk).update(is_active=False)
    else:
        User.objects.filter(pk=user.pk).update(email=new_email())
    assert confirm(api, token, mailbox.code_of(email)).json()["code"] == "wrong_code"
    assert not Session.objects.exists()


def test_a_demonstration_account_gets_no_code(
    api: Api, mailbox: Mailbox, settings: Any, db: None
) -> None:
    settings.ALLOW_DEMO_ACCOUNTS = False
    make_user(email="owner@demo.smartqueue.test")
    ask(api, "owner@demo.smartqueue.test")
    assert [m.code for m in mailbox.messages] == [""]


def test_nothing_is_promised_where_nothing_can_be_sent(
    api: Api, user: User, mailbox: Mailbox
) -> None:
    mailbox.channels = {Channel.EMAIL}
    for phone in (new_phone(), new_phone()):
        response = api.post("auth/code/", {"identifier": phone})
        assert (response.status_code, response.json()["code"]) == (503, "channel_unavailable")


# --- The second factor gates --------------------------------------------------------------------


@pytest.fixture
def secret(user: User) -> str:
    made = generate_totp_secret()
    TOTP.activate(user, made)
    return made


def code_of(secret: str) -> str:
    return format_hotp_value(hotp_value(secret, int(time.time()) // 30))


def test_a_code_alone_does_not_pass_the_second_factor(
    api: Api, user: User, mailbox: Mailbox, secret: str
) -> None:
    asked = confirm(api, ask(api, user.email), mailbox.code_of(user.email or ""))
    assert (asked.status_code, asked.json()["code"]) == (401, "mfa_required")
    assert not Session.objects.exists()
    body = {"token": asked.json()["mfa"]["token"], "method": "totp", "code": code_of(secret)}
    assert api.post("auth/mfa/", body).status_code == 200


def test_a_new_password_needs_the_second_factor(
    api: Api, user: User, mailbox: Mailbox, secret: str
) -> None:
    path = "auth/password/reset/"
    asked = confirm(api, ask(api, user.email, path), mailbox.code_of(user.email or ""), path)
    assert (asked.status_code, asked.json()["code"]) == (401, "mfa_required")
    assert "grant" not in asked.json()
    body = {"token": asked.json()["mfa"]["token"], "method": "totp"}
    # What was begun for a new password signs nobody in.
    crossed = api.post("auth/mfa/", body | {"code": code_of(secret)})
    assert crossed.json()["code"] == "mfa_expired"
    assert api.post(f"{path}mfa/", body | {"code": "000000"}).json()["code"] == "wrong_code"
    grant = api.post(f"{path}mfa/", body | {"code": code_of(secret)}).json()["grant"]
    done = api.post(f"{path}complete/", {"grant": grant, "password": NEW})
    assert done.status_code == 204
    login = api.post("auth/login/", {"identifier": user.email, "password": NEW})
    assert login.json()["code"] == "mfa_required"


# --- A new password -----------------------------------------------------------------------------


def grant_of(api: Api, user: User, mailbox: Mailbox) -> str:
    path = "auth/password/reset/"
    token = ask(api, user.email, path)
    response = confirm(api, token, mailbox.code_of(user.email or ""), path)
    return str(response.json()["grant"])


def complete(api: Api, grant: str, password: str = NEW) -> Any:
    return api.post("auth/password/reset/complete/", {"grant": grant, "password": password})


def can_sign_in(api: Api, user: User, password: str) -> bool:
    body = {"identifier": user.email, "password": password}
    return bool(api.post("auth/login/", body).status_code == 200)


def test_a_reset_sets_the_password_and_ends_every_session(
    api: Api, user: User, mailbox: Mailbox
) -> None:
    signed_in = api.login(user)
    grant = grant_of(api, user, mailbox)
    assert complete(api, grant).status_code == 204
    assert api.me(signed_in["access"]).status_code == 401
    assert [s.end_reason for s in Session.objects.all()] == ["password"]
    assert can_sign_in(api, user, NEW)
    assert not can_sign_in(api, user, PASSWORD)
    event = DomainEvent.objects.get(type="accounts.user.password_changed.v1")
    assert event.payload == {"user_id": str(user.pk), "is_reset": True}


def test_a_grant_works_once(api: Api, user: User, mailbox: Mailbox) -> None:
    grant = grant_of(api, user, mailbox)
    assert complete(api, grant).status_code == 204
    again = complete(api, grant, "yet another sentence")
    assert (again.status_code, again.json()["code"]) == (400, "reset_expired")
    assert can_sign_in(api, user, NEW)


def test_a_weak_password_leaves_the_grant(api: Api, user: User, mailbox: Mailbox) -> None:
    grant = grant_of(api, user, mailbox)
    weak = complete(api, grant, "12345678")
    assert weak.json()["errors"][0]["field"] == "password"
    assert complete(api, grant).status_code == 204


def test_signing_in_closes_a_grant(api: Api, user: User, mailbox: Mailbox) -> None:
    grant = grant_of(api, user, mailbox)
    assert can_sign_in(api, user, PASSWORD)
    assert complete(api, grant).json()["code"] == "reset_expired"


def test_a_grant_is_for_ten_minutes_and_its_own_person(
    api: Api, user: User, mailbox: Mailbox
) -> None:
    grant = grant_of(api, user, mailbox)
    other = make_user()
    _, _, rest = grant.partition(".")
    for forged in (f"{other.pk}.{rest}", f"{user.pk}.x-y", "rubbish", ".", f"{user.pk}"):
        assert complete(api, forged).json()["code"] == "reset_expired"
    with time_machine.travel(timezone.now() + timedelta(minutes=10, seconds=2)):
        assert complete(api, grant).json()["code"] == "reset_expired"
    assert can_sign_in(api, user, PASSWORD)


def test_a_reset_closes_what_was_open(api: Api, user: User, mailbox: Mailbox) -> None:
    sign_in_token = ask(api, user.email)
    code = mailbox.code_of(user.email or "")
    assert complete(api, grant_of(api, user, mailbox)).status_code == 204
    assert confirm(api, sign_in_token, code).json()["code"] == "code_expired"


# --- Changing it while signed in ----------------------------------------------------------------


def change(api: Api, access: str, old: str = PASSWORD, password: str = NEW) -> Any:
    body = {"old_password": old, "password": password}
    return api.post("auth/password/change/", body, **bearer(access))


def test_the_old_password_changes_it_and_other_sessions_end(api: Api, user: User) -> None:
    here, there = api.login(user), api.login(user)
    assert change(api, here["access"]).status_code == 204
    assert api.me(here["access"]).status_code == 200
    assert api.me(there["access"]).status_code == 401
    assert can_sign_in(api, user, NEW)


def test_a_wrong_old_or_weak_new_password_changes_nothing(api: Api, user: User) -> None:
    here, there = api.login(user), api.login(user)
    assert change(api, here["access"], old="wrong").json()["code"] == "wrong_password"
    assert change(api, here["access"], password="12345678").json()["code"] == "invalid_input"
    assert can_sign_in(api, user, PASSWORD)
    assert api.me(there["access"]).status_code == 200


def test_changing_it_needs_a_recent_sign_in(api: Api, user: User) -> None:
    access = api.login(user)["access"]
    Session.objects.update(authenticated_at=timezone.now() - timedelta(minutes=11))
    response = change(api, access)
    assert (response.status_code, response.json()["code"]) == (403, "reauthentication_needed")
    assert can_sign_in(api, user, PASSWORD)


def test_a_code_stands_for_the_password_in_proving_who_one_is(
    api: Api, user: User, mailbox: Mailbox
) -> None:
    access = api.login(user)["access"]
    Session.objects.update(authenticated_at=timezone.now() - timedelta(minutes=11))
    asked = api.post("auth/reauthenticate/code/", {"channel": "email"}, **bearer(access))
    body = {"token": asked.json()["token"], "code": mailbox.code_of(user.email or "")}
    stranger = api.login(make_user())["access"]
    half = {"token": body["token"]}
    assert api.post("auth/reauthenticate/", half, **bearer(access)).status_code == 400
    assert api.post("auth/reauthenticate/", body, **bearer(access)).status_code == 204
    assert change(api, access).status_code == 204
    assert api.post("auth/reauthenticate/", body, **bearer(stranger)).status_code == 400


def test_a_code_goes_to_ones_own_identifiers_only(api: Api, user: User, mailbox: Mailbox) -> None:
    access = api.login(user)["access"]
    asked = api.post("auth/reauthenticate/code/", {"channel": "sms"}, **bearer(access))
    assert asked.json()["errors"][0]["field"] == "channel"
    assert mailbox.messages == []
