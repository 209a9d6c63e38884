"""Single use under concurrency, on real connections."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from django.db import connection

from smartqueue.accounts import entrance
from smartqueue.accounts.device import Device
from smartqueue.accounts.errors import TokenReused
from smartqueue.accounts.models import RefreshToken, Session
from smartqueue.accounts.operations import (
    _sessions,
    make_socket_ticket,
    redeem_socket_ticket,
    refresh_tokens,
    sign_in,
)
from smartqueue.accounts.tests.factories import make_user
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
        except (TokenReused, NotSignedIn) as problem:
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
