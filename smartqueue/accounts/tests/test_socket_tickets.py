from datetime import timedelta
from uuid import uuid4

import pytest
import time_machine
from django.utils import timezone

from smartqueue.accounts import entrance
from smartqueue.accounts.actor import ANONYMOUS, SYSTEM, Actor
from smartqueue.accounts.enums import ActorKind
from smartqueue.accounts.models import SocketTicket, User
from smartqueue.accounts.operations import make_socket_ticket, redeem_socket_ticket
from smartqueue.accounts.tests.conftest import Api, bearer
from smartqueue.common.clock import now
from smartqueue.common.errors import NotSignedIn

pytestmark = pytest.mark.django_db


def test_a_ticket_stands_for_the_person_who_asked(api: Api, user: User, redis_away: None) -> None:
    access = api.login(user)["access"]
    response = api.post("auth/socket-ticket/", None, **bearer(access))
    assert response.status_code == 200
    assert response.json()["expires_in"] == 30
    actor = redeem_socket_ticket(response.json()["ticket"])
    assert actor == entrance.actor_of_access_token(access)


def test_a_ticket_works_once(user: User) -> None:
    actor = entrance.actor_of_user(user.pk, is_platform_admin=False, language="fr")
    ticket = make_socket_ticket(actor=actor, now=now())
    assert redeem_socket_ticket(ticket) == actor
    with pytest.raises(NotSignedIn):
        redeem_socket_ticket(ticket)


def test_a_ticket_is_good_for_thirty_seconds(user: User) -> None:
    actor = entrance.actor_of_user(user.pk, is_platform_admin=False, language="fr")
    ticket = make_socket_ticket(actor=actor, now=now())
    with (
        time_machine.travel(timezone.now() + timedelta(seconds=31)),
        pytest.raises(NotSignedIn),
    ):
        redeem_socket_ticket(ticket)


def test_a_ticket_dies_with_its_session(api: Api, user: User) -> None:
    signed_in = api.login(user)
    ticket = api.post("auth/socket-ticket/", None, **bearer(signed_in["access"])).json()["ticket"]
    api.post("auth/logout/", {"refresh": signed_in["refresh"]})
    with pytest.raises(NotSignedIn):
        redeem_socket_ticket(ticket)


def test_a_ticket_dies_with_the_account(user: User) -> None:
    actor = entrance.actor_of_user(user.pk, is_platform_admin=False, language="fr")
    ticket = make_socket_ticket(actor=actor, now=now())
    User.objects.filter(pk=user.pk).update(is_active=False)
    with pytest.raises(NotSignedIn):
        redeem_socket_ticket(ticket)


@pytest.mark.parametrize("kind", [ActorKind.TICKET, ActorKind.KIOSK])
def test_a_holder_without_an_account_gets_one(kind: ActorKind) -> None:
    actor = Actor(kind=kind, ticket_id=uuid4(), branch_id=uuid4(), language="ar")
    redeemed = redeem_socket_ticket(make_socket_ticket(actor=actor, now=now()))
    assert redeemed == actor
    assert redeemed.language == "ar"


def test_nobody_gets_none(api: Api) -> None:
    assert api.post("auth/socket-ticket/", None).status_code == 401
    for actor in (ANONYMOUS, SYSTEM):
        with pytest.raises(NotSignedIn):
            make_socket_ticket(actor=actor, now=now())
    assert not SocketTicket.objects.exists()


def test_rubbish_and_forged_secrets_are_refused(user: User) -> None:
    actor = entrance.actor_of_user(user.pk, is_platform_admin=False, language="fr")
    ticket = make_socket_ticket(actor=actor, now=now())
    forged = ticket[:30] + ("A" if ticket[30] != "A" else "B") + ticket[31:]
    for text in ("", "rubbish", forged):
        with pytest.raises(NotSignedIn):
            redeem_socket_ticket(text)
    assert redeem_socket_ticket(ticket) == actor
