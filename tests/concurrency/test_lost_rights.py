"""A role or a device that is taken away closes what it had opened, on real sockets, at once."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from websockets.sync.client import connect

from config.topics import register_topics
from smartqueue.accounts import entrance
from smartqueue.accounts import operations as accounts
from smartqueue.accounts.device import Device
from smartqueue.accounts.enums import Role
from smartqueue.accounts.models import User
from smartqueue.business import operations
from smartqueue.business.enums import DeviceKind
from smartqueue.business.models import Membership
from smartqueue.business.operations import _members
from smartqueue.common import clock
from smartqueue.outbox import wake
from smartqueue.queues.tests.factories import Place, make_device, make_member, make_place, make_user
from smartqueue.realtime import consumer, hub
from smartqueue.realtime.routing import websocket
from smartqueue.realtime.tests.conftest import Client, start, stop

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.serial]

Open = Callable[..., Client]


@pytest.fixture
def open_socket(monkeypatch: pytest.MonkeyPatch) -> Iterator[Open]:
    register_topics()
    # What closes within the test is closed by the message, not by the look every minute.
    monkeypatch.setattr(hub.Hub, "review_with", lambda *_given: None)
    monkeypatch.setattr(wake, "_line", wake._Line())
    server, thread, port = start(websocket)
    with ExitStack() as stack:

        def open_(path: str, **headers: str) -> Client:
            line = connect(f"ws://127.0.0.1:{port}{path}", additional_headers=headers)
            client = Client(stack.enter_context(line))
            assert client.get()["type"] == "snapshot"
            return client

        yield open_
    stop(server, thread)


def bearer(user_id: Any) -> dict[str, str]:
    user = User.objects.get(pk=user_id)
    tokens = accounts.sign_in(user=user, device=Device(), now=clock.now())
    return {"Authorization": f"Bearer {tokens.access}"}


def membership_of(place: Place, user_id: Any) -> Membership:
    rows = Membership.objects.with_scopes_disabled()
    found: Membership = rows.get(organization=place.organization, user=user_id)
    return found


def stays_open(client: Client, seconds: float = 0.5) -> bool:
    """Whether a socket is not closed meanwhile; estimates may come."""
    try:
        client.close_code(seconds)
    except TimeoutError:
        return True
    return False


def monitor(place: Place) -> str:
    return f"/ws/org/{place.organization.pk}/monitor/"


def remove(place: Place, user_id: Any) -> None:
    operations.remove_member(
        actor=place.owner, membership_id=membership_of(place, user_id).pk, now=clock.now()
    )


def test_a_removed_member_loses_the_organizations_socket_and_the_others_keep_theirs(open_socket):
    place = make_place()
    viewer = make_member(place.organization, Role.VIEWER)
    gone = open_socket(monitor(place), **bearer(viewer.user_id))
    kept = open_socket(monitor(place), **bearer(place.agent.user_id))

    remove(place, viewer.user_id)

    assert gone.close_code(3) == consumer.NOT_FOUND
    assert stays_open(kept)


def test_control_without_the_message_the_socket_stays_open(open_socket, monkeypatch):
    place = make_place()
    viewer = make_member(place.organization, Role.VIEWER)
    client = open_socket(monitor(place), **bearer(viewer.user_id))
    monkeypatch.setattr(_members.realtime, "review_user_after_commit", lambda user_id: None)

    remove(place, viewer.user_id)

    assert stays_open(client, 2)


def test_support_access_that_is_ended_closes_the_sockets_it_opened(open_socket):
    place = make_place()
    staff = make_user(is_superuser=True)
    actor = entrance.actor_of_user(staff.pk, is_platform_admin=True, language="fr")
    access = operations.open_support_access(
        actor=actor,
        organization_id=place.organization.pk,
        reason="The console does not open",
        minutes=30,
        now=clock.now(),
    )
    client = open_socket(monitor(place), **bearer(staff.pk))

    operations.close_support_access(actor=place.owner, access_id=access.pk, now=clock.now())

    assert client.close_code(3) == consumer.NOT_FOUND


def test_a_revoked_device_is_closed_and_its_neighbour_is_not(open_socket):
    place = make_place()
    tokens = [make_device(place.branch, DeviceKind.DISPLAY) for _device in range(2)]
    path = f"/ws/queue/{place.queue.pk}/"
    gone, kept = (open_socket(path, **{"X-Ticket-Token": token}) for token in tokens)
    device = entrance.actor_of_ticket_token(tokens[0]).device_id
    assert device is not None

    operations.revoke_device(actor=place.owner, credential_id=device, now=clock.now())

    assert gone.close_code(3) == consumer.NOT_SIGNED_IN
    assert stays_open(kept)


def test_a_closed_organization_closes_its_sockets(open_socket):
    place = make_place(agents=1)
    client = open_socket(monitor(place), **bearer(place.agent.user_id))

    operations.close_organization(
        actor=place.owner, organization_id=place.organization.pk, now=clock.now()
    )

    assert client.close_code(3) == consumer.NOT_FOUND
