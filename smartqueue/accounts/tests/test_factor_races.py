"""Single use of second factors on real connections, each with a control that goes red."""

from collections.abc import Callable
from typing import Any

import pytest
from allauth.mfa.models import Authenticator, AuthenticatorManager
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP, generate_totp_secret
from django.db.models import QuerySet

from smartqueue.accounts import entrance
from smartqueue.accounts.actor import Actor
from smartqueue.accounts.device import Device
from smartqueue.accounts.enums import KeyKind
from smartqueue.accounts.models import Passkey, User
from smartqueue.accounts.operations import (
    _ceremonies,
    _factor_resets,
    _passwords,
    add_passkey,
    begin_passkey,
    begin_passkey_sign_in,
    confirm_second_factor,
    issue_factor_reset,
    sign_in,
    sign_in_with_passkey,
)
from smartqueue.accounts.tests.factories import give_passkey, let_wait_pass, make_user
from smartqueue.accounts.tests.security_key import SecurityKey
from smartqueue.common.clock import now
from tests.concurrency.races import errors_of, meeting, together, values_of, without_constraint

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.serial]

CALLERS = 8


def signed_in(user: User) -> Actor:
    started = sign_in(user=user, device=Device(), now=now())
    return entrance.actor_of_access_token(started.access)


def answer_with_one_recovery_code() -> list[Any]:
    user = make_user()
    TOTP.activate(user, generate_totp_secret())
    code = RecoveryCodes.activate(user).generate_codes()[0]
    tokens = [_passwords._open_challenge(user) for _ in range(CALLERS)]

    def answering(token: str) -> Callable[[], User]:
        return lambda: confirm_second_factor(
            token=token, method="recovery_codes", code=code, now=now()
        )

    return together([answering(token) for token in tokens])


def test_of_eight_sign_ins_with_one_recovery_code_one_counts() -> None:
    outcomes = answer_with_one_recovery_code()
    assert len(values_of(outcomes)) == 1
    assert errors_of(outcomes) == ["WrongCode"] * (CALLERS - 1)
    assert Authenticator.objects.get(type="recovery_codes").data["used_mask"] == 1


def test_control_without_the_lock_a_recovery_code_lets_all_in(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def unlocked(manager: Any, **_options: Any) -> Any:
        return manager.get_queryset()

    monkeypatch.setattr(AuthenticatorManager, "select_for_update", unlocked, raising=False)
    read = meeting(RecoveryCodes._is_code_used, CALLERS)
    monkeypatch.setattr(RecoveryCodes, "_is_code_used", read)
    assert len(values_of(answer_with_one_recovery_code())) == CALLERS


def answer_with_one_reset_code() -> list[Any]:
    admin, user = make_user(is_superuser=True), make_user()
    give_passkey(admin, user)
    given = issue_factor_reset(
        actor=signed_in(admin), whose=user.pk, reason="I called her number", now=now()
    )
    let_wait_pass(given.reset)
    tokens = [_passwords._open_challenge(user) for _ in range(CALLERS)]

    def answering(token: str) -> Callable[[], User]:
        return lambda: confirm_second_factor(
            token=token, method="reset_code", code=given.code, now=now()
        )

    return together([answering(token) for token in tokens])


def test_of_eight_sign_ins_with_one_reset_code_one_counts() -> None:
    outcomes = answer_with_one_reset_code()
    assert len(values_of(outcomes)) == 1
    assert errors_of(outcomes) == ["WrongCode"] * (CALLERS - 1)


def test_control_without_the_locks_a_reset_code_lets_several_in(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def unlocked(rows: Any, **_options: Any) -> Any:
        return rows

    # The challenges are each answerer's own; what is left to lock is the person and the code.
    monkeypatch.setattr(QuerySet, "select_for_update", unlocked)
    compare = meeting(_factor_resets._is_vouched, CALLERS)
    monkeypatch.setattr(_factor_resets, "_is_vouched", compare)
    assert len(values_of(answer_with_one_reset_code())) > 1


def answer_one_challenge() -> list[Any]:
    actor, key = signed_in(make_user()), SecurityKey()
    # A device that does not count: nothing but the challenge tells a replay.
    key.counts = False
    begun = begin_passkey(actor=actor, kind=KeyKind.PASSKEY, now=now())
    made = key.make(begun.options)
    add_passkey(actor=actor, token=begun.token, credential=made, name="x", now=now())
    asked = begin_passkey_sign_in(now=now())
    signed = key.sign(asked.options)
    return together(
        [lambda: sign_in_with_passkey(token=asked.token, credential=signed, now=now())] * CALLERS
    )


def test_of_eight_answers_to_one_challenge_one_signs_in() -> None:
    outcomes = answer_one_challenge()
    assert len(values_of(outcomes)) == 1
    assert errors_of(outcomes) == ["PasskeyRefused"] * (CALLERS - 1)


def test_control_a_challenge_that_stays_is_answered_again(monkeypatch: pytest.MonkeyPatch) -> None:
    columns = "challenge, user_id, session_id, must_verify, expires_at"
    kept = _ceremonies._TAKE.replace("DELETE", f"SELECT {columns}").partition("RETURNING")[0]
    monkeypatch.setattr(_ceremonies, "_TAKE", kept)
    assert len(values_of(answer_one_challenge())) == CALLERS


def add_one_credential_to_two_people() -> list[Any]:
    key = SecurityKey()

    def adding() -> Callable[[], Any]:
        actor = signed_in(make_user())
        begun = begin_passkey(actor=actor, kind=KeyKind.PASSKEY, now=now())
        made = key.make(begun.options)
        return lambda: add_passkey(
            actor=actor, token=begun.token, credential=made, name="x", now=now()
        )

    return together([adding(), adding()])


def test_of_two_people_one_gets_a_credential() -> None:
    outcomes = add_one_credential_to_two_people()
    assert errors_of(outcomes) == ["PasskeyKnown"]
    assert Passkey.objects.count() == 1


@pytest.mark.owner
def test_control_without_the_constraint_both_do() -> None:
    with without_constraint(Passkey, "passkey_once"):
        assert len(values_of(add_one_credential_to_two_people())) == 2
