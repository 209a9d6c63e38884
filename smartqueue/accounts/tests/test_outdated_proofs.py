"""What was proven with a password that is being changed lets nobody in."""

import pytest

from smartqueue.accounts import operations
from smartqueue.accounts.device import Device
from smartqueue.accounts.errors import InvalidCredentials
from smartqueue.accounts.models import MfaChallenge, Session, User
from smartqueue.accounts.operations import _new_password, _passwords
from smartqueue.accounts.tests.factories import PASSWORD, make_signed_in, make_user
from smartqueue.common.clock import now
from tests.concurrency.races import before_commit

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.serial]


@pytest.fixture
def proven() -> User:
    """Somebody who has just given the password that they had until now."""
    user = make_user()
    return operations.authenticate(identifier=user.email or "", password=PASSWORD, now=now())


def reset_of(user: User) -> None:
    grant = _new_password._grant(User.objects.get(pk=user.pk))
    operations.reset_password(grant=grant, password="another horse battery", now=now())


def test_no_session_outlives_the_password_that_it_began_with(proven: User) -> None:
    _, started = before_commit(
        lambda: reset_of(proven),
        lambda: operations.sign_in(user=proven, device=Device(), now=now()),
    )
    assert isinstance(started.error, InvalidCredentials)
    assert not Session.objects.filter(user=proven, ended_at=None).exists()


def test_no_second_factor_is_awaited_after_the_password_before(proven: User) -> None:
    _, asked = before_commit(lambda: reset_of(proven), lambda: _passwords._open_challenge(proven))
    assert isinstance(asked.error, InvalidCredentials)

    again = User.objects.get(pk=proven.pk)
    _, reset = before_commit(lambda: _passwords._open_challenge(again), lambda: reset_of(again))
    reset.get()
    assert not MfaChallenge.objects.filter(user=again).exists()


def test_nobody_is_signed_in_to_an_account_that_is_being_erased(proven: User) -> None:
    actor = make_signed_in(User.objects.get(pk=proven.pk))
    _, started = before_commit(
        lambda: operations.erase_user(actor=actor, user_id=proven.pk, now=now()),
        lambda: operations.sign_in(user=proven, device=Device(name="Telephone of Awa"), now=now()),
    )
    assert isinstance(started.error, InvalidCredentials)
    assert not Session.objects.filter(device_name="Telephone of Awa").exists()
