"""Single use under concurrency, on real connections."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
import time_machine
from allauth.mfa.totp.internal.auth import TOTP, format_hotp_value, generate_totp_secret, hotp_value
from django.db import connection

from smartqueue.accounts import entrance
from smartqueue.accounts.actor import ANONYMOUS
from smartqueue.accounts.device import Device
from smartqueue.accounts.enums import CodePurpose
from smartqueue.accounts.errors import CodeExpired, ResetExpired, TokenReused, WrongCode
from smartqueue.accounts.models import MfaChallenge, RefreshToken, Session, User, VerificationCode
from smartqueue.accounts.operations import (
    _passwords,
    _sessions,
    _sign_in_codes,
    ask_code,
    confirm_second_factor,
    make_socket_ticket,
    open_password_reset,
    redeem_socket_ticket,
    refresh_tokens,
    register,
    reset_password,
    sign_in,
    sign_in_with_code,
    verify_code,
)
from smartqueue.accounts.tests.conftest import Mailbox
from smartqueue.accounts.tests.factories import PASSWORD, make_user, new_email
from smartqueue.common.clock import now
from smartqueue.common.errors import NotSignedIn

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.serial]

CALLERS = 8


def at_once(call: Callable[[], object]) -> list[object]:
    """Run `call` on eight connections at the same moment; return what each gave or raised."""
    barrier = Barrier(CALLERS)

    def caller(_: int) -> object:
        try:
            connection.ensure_connection()
            barrier.wait(10)
            return call()
        except (TokenReused, NotSignedIn, WrongCode, ResetExpired, CodeExpired) as problem:
            return problem
        finally:
            connection.close()

    with ThreadPoolExecutor(CALLERS) as pool:
        return list(pool.map(caller, range(CALLERS)))


def refresh_eight_times() -> list[object]:
    device = Device("phone", b"p" * 32)
    started = sign_in(user=make_user(), device=device, now=now())
    return at_once(lambda: refresh_tokens(refresh=started.refresh, device=device, now=now()))


def successors(answers: list[object]) -> list[_sessions.Tokens]:
    return [answer for answer in answers if isinstance(answer, _sessions.Tokens)]


def test_of_eight_concurrent_refreshes_one_gets_a_successor() -> None:
    answers = refresh_eight_times()
    (winner,) = successors(answers)
    assert sum(isinstance(answer, TokenReused) for answer in answers) == CALLERS - 1
    assert RefreshToken.objects.count() == 2
    assert Session.objects.get().ended_at is None
    device = Device("phone", b"p" * 32)
    assert refresh_tokens(refresh=winner.refresh, device=device, now=now())


def test_control_without_the_condition_several_do(monkeypatch: pytest.MonkeyPatch) -> None:
    unconditional = _sessions._SPEND.replace("AND t.used_at IS NULL", "")
    assert unconditional != _sessions._SPEND
    monkeypatch.setattr(_sessions, "_SPEND", unconditional)
    assert len(successors(refresh_eight_times())) > 1


def test_of_eight_sockets_with_one_ticket_one_gets_in() -> None:
    started = sign_in(user=make_user(), device=Device(), now=now())
    actor = entrance.actor_of_access_token(started.access)
    ticket = make_socket_ticket(actor=actor, now=now())
    answers = at_once(lambda: redeem_socket_ticket(ticket))
    assert [a for a in answers if not isinstance(a, NotSignedIn)] == [actor]


def test_of_eight_answers_with_one_code_one_counts(mailbox: Mailbox) -> None:
    email = new_email()
    register(
        email=email,
        phone=None,
        password=PASSWORD,
        first_name="Awa",
        last_name="Diop",
        language="fr",
        now=now(),
    )
    code = mailbox.code_of(email)
    answers = at_once(lambda: verify_code(actor=ANONYMOUS, identifier=email, code=code, now=now()))
    assert [a for a in answers if not isinstance(a, WrongCode)] == [User.objects.get(email=email)]


def test_of_eight_sign_ins_with_one_app_code_one_counts() -> None:
    user = make_user()
    secret = generate_totp_secret()
    TOTP.activate(user, secret)
    challenges = iter([_passwords._open_challenge(user) for _ in range(CALLERS)])
    with time_machine.travel("2030-01-01T12:00:15Z", tick=False):
        MfaChallenge.objects.update(expires_at="2030-01-01T12:05Z")
        code = format_hotp_value(hotp_value(secret, int(time.time()) // 30))
        answers = at_once(
            lambda: confirm_second_factor(
                token=next(challenges), method="totp", code=code, now=now()
            )
        )
    assert [a for a in answers if not isinstance(a, WrongCode)] == [user]


def answer_one_code_eight_times(mailbox: Mailbox) -> list[object]:
    user = make_user()
    asked = ask_code(
        identifier=user.email or "", purpose=CodePurpose.SIGN_IN, language="fr", now=now()
    )
    code = mailbox.code_of(user.email or "")
    return at_once(lambda: sign_in_with_code(token=asked.token, code=code, now=now()))


def test_of_eight_answers_with_one_sign_in_code_one_gets_in(mailbox: Mailbox) -> None:
    answers = answer_one_code_eight_times(mailbox)
    assert [type(a) for a in answers if not isinstance(a, WrongCode)] == [User]


def test_control_without_the_lock_several_get_in(
    mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = VerificationCode.objects
    monkeypatch.setattr(
        type(rows), "select_for_update", lambda itself, **_options: itself.all(), raising=False
    )
    met = Barrier(CALLERS)
    usual = _sign_in_codes.right_one

    def after_all_have_read(*given: Any) -> Any:
        met.wait(10)
        return usual(*given)

    monkeypatch.setattr(_sign_in_codes, "right_one", after_all_have_read)
    answers = answer_one_code_eight_times(mailbox)
    assert sum(isinstance(answer, User) for answer in answers) > 1


def test_of_eight_new_passwords_with_one_leave_one_is_set(mailbox: Mailbox) -> None:
    user = make_user()
    asked = ask_code(
        identifier=user.email or "", purpose=CodePurpose.PASSWORD_RESET, language="fr", now=now()
    )
    code = mailbox.code_of(user.email or "")
    grant = open_password_reset(token=asked.token, code=code, now=now())
    words = iter([f"new sentence number {n}" for n in range(CALLERS)])
    answers = at_once(lambda: reset_password(grant=grant, password=next(words), now=now()))
    assert sum(not isinstance(answer, ResetExpired) for answer in answers) == 1
