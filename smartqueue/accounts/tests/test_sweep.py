from datetime import timedelta

import pytest
import time_machine
from django.utils import timezone

from smartqueue.accounts import tasks
from smartqueue.accounts.models import (
    RefreshToken,
    Session,
    SocketTicket,
    User,
    VerificationCode,
)
from smartqueue.accounts.tests.conftest import Api, bearer
from smartqueue.accounts.tests.factories import make_user, new_email

pytestmark = pytest.mark.django_db


def counts() -> list[int]:
    models = (User, VerificationCode, Session, RefreshToken, SocketTicket)
    return [model._default_manager.count() for model in models]


def test_what_is_needed_stays_and_what_is_over_goes(api: Api) -> None:
    signed_in = api.login(make_user())
    api.post("auth/socket-ticket/", None, **bearer(signed_in["access"]))
    api.register(email=new_email())
    tasks.remove_expired_task()
    assert counts() == [2, 1, 1, 1, 1]
    with time_machine.travel(timezone.now() + timedelta(hours=25)):
        tasks.remove_expired_task()
    assert counts() == [1, 0, 1, 1, 0]
    with time_machine.travel(timezone.now() + timedelta(days=181)):
        tasks.remove_expired_task()
    assert counts() == [1, 0, 0, 0, 0]


def test_an_ended_session_is_remembered_for_ninety_days(api: Api, user: User) -> None:
    api.post("auth/logout/", {"refresh": api.login(user)["refresh"]})
    with time_machine.travel(timezone.now() + timedelta(days=89)):
        tasks.remove_expired_task()
    assert Session.objects.count() == 1
    with time_machine.travel(timezone.now() + timedelta(days=91)):
        tasks.remove_expired_task()
    assert Session.objects.count() == 0


def test_erased_accounts_keep_their_row(user: User) -> None:
    User.objects.filter(pk=user.pk).update(
        is_active=False, email=None, erased_at=timezone.now(), date_joined="2020-01-01T00:00Z"
    )
    tasks.remove_expired_task()
    assert User.objects.filter(pk=user.pk).exists()
