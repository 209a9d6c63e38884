"""What an organization does not show the public: on REST and sockets, for whom, and from when."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from websockets.sync.client import connect

from config.topics import register_topics
from smartqueue.accounts.enums import Role
from smartqueue.business import operations as business
from smartqueue.business.models import Membership
from smartqueue.common import tenancy
from smartqueue.outbox.models import DomainEvent
from smartqueue.queues import live, operations, queries
from smartqueue.queues.interfaces.realtime import DashboardTopic, QueueTopic, TicketTopic
from smartqueue.queues.models import Queue
from smartqueue.queues.tests.conftest import Api, forget_status
from smartqueue.queues.tests.factories import (
    NOW,
    Place,
    join,
    make_actor,
    make_device,
    make_member,
    make_place,
    make_queue,
    make_user,
    sit_down,
)
from smartqueue.queues.tokens import token_of
from smartqueue.realtime.models import TopicEvent
from smartqueue.realtime.tests.conftest import Client, start, stop

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("entrance")]

LATER = NOW + timedelta(minutes=1)
STATUS = "queues/queues/{}/status/"


@pytest.fixture
def place() -> Place:
    place = make_place()
    sit_down(place)
    return place


def decide(place: Place, **changes: bool) -> None:
    business.update_settings(
        actor=place.owner, organization_id=place.organization.pk, changes=changes, now=NOW
    )


def status(place: Place, api: Api) -> dict[str, Any]:
    forget_status(place.queue.pk)
    answer: dict[str, Any] = api.get(STATUS.format(place.queue.pk)).json()
    return answer


# --- REST ------------------------------------------------------------------------------------


def test_the_public_status_leaves_out_what_is_hidden_and_staff_still_see_it(place: Place) -> None:
    for _ in range(2):
        join(place)
    anybody, agent = Api(), Api(place.agent)
    customer, stranger = Api(make_actor()), Api(make_place().owner)
    shown = status(place, anybody)
    assert shown["waiting_count"] == 2
    assert shown["estimate"]["median"] > 0

    decide(place, shows_waiting_count=False)

    for api in (anybody, customer, stranger):
        seen = status(place, api)
        assert seen["waiting_count"] is None
        assert seen["estimate"] is not None

    decide(place, shows_estimate=False)

    for api in (anybody, customer, stranger):
        seen = status(place, api)
        assert (seen["waiting_count"], seen["estimate"]) == (None, None)
    inside = status(place, agent)
    assert inside["waiting_count"] == 2
    assert inside["estimate"] is not None


def test_kept_bytes_of_the_public_are_not_given_to_staff_nor_theirs_to_the_public(
    place: Place,
) -> None:
    join(place)
    decide(place, shows_waiting_count=False, shows_estimate=False)
    path = STATUS.format(place.queue.pk)
    anybody, agent = Api(), Api(place.agent)
    forget_status(place.queue.pk)
    asked = [(anybody, None), (agent, 1), (anybody, None), (agent, 1), (anybody, None)]
    assert [api.get(path).json()["waiting_count"] for api, _ in asked] == [n for _, n in asked]
    tags = {api.get(path).headers["ETag"] for api in (anybody, agent)}
    assert len(tags) == 2
    for tag in tags:
        assert anybody.get(path, If_None_Match=tag).status_code in {200, 304}
    (public,) = {anybody.get(path).headers["ETag"]}
    assert agent.get(path, If_None_Match=public).status_code == 200


def test_kept_bytes_end_with_the_decision(place: Place) -> None:
    """The version rises, so that what is kept of the one before is not given any more."""
    join(place)
    queue = Queue.objects.with_scopes_disabled().get(pk=place.queue.pk)

    decide(place, shows_estimate=False)

    now = Queue.objects.with_scopes_disabled().get(pk=place.queue.pk)
    assert now.version == queue.version + 1
    decide(place, shows_estimate=False)
    decide(place, display_detail="numbers")
    assert Queue.objects.with_scopes_disabled().get(pk=place.queue.pk).version == now.version


def test_a_queue_read_or_listed_leaves_out_the_count(place: Place) -> None:
    join(place)
    decide(place, shows_waiting_count=False)
    path, every = f"queues/queues/{place.queue.pk}/", f"queues/queues/?branch={place.branch.pk}"
    for api, count in ((Api(), None), (Api(make_actor()), None), (Api(place.agent), 1)):
        assert api.get(path).json()["waiting_count"] == count
        assert [row["waiting_count"] for row in api.get(every).json()["results"]] == [count]
    changed = Api(place.owner).call("patch", path, {"max_calls": 2})
    assert changed.json()["waiting_count"] == 1


def test_the_order_of_a_list_does_not_tell_what_is_hidden() -> None:
    place = make_place()
    second = make_queue(place, "B")
    for _ in range(2):
        join(place)
    join(place, queue_id=second.pk)
    path = f"queues/queues/?branch={place.branch.pk}&ordering="

    def order(text: str) -> list[str]:
        return [row["prefix"] for row in Api().get(path + text).json()["results"]]

    assert (order("waiting_count"), order("-waiting_count")) == (["B", "A"], ["A", "B"])
    decide(place, shows_waiting_count=False)
    assert order("waiting_count") == order("-waiting_count")


def test_a_ticket_tells_its_holder_no_more_than_is_shown(place: Place) -> None:
    join(place)
    customer = make_actor()
    ticket = join(place, actor=customer)
    path = f"queues/tickets/{ticket.pk}/"
    holder, agent = Api(token=token_of(ticket.pk)), Api(place.agent)
    before = holder.get(path).json()
    assert (before["position"], before["people_ahead"]) == (2, 1)
    assert "1 person is before you" in holder.get(path, Accept_Language="en").json()["why"]["text"]

    decide(place, shows_waiting_count=False)

    seen = holder.get(path, Accept_Language="en").json()
    assert (seen["position"], seen["people_ahead"], seen["why"]["people_ahead"]) == (None,) * 3
    assert "before you" not in seen["why"]["text"]
    assert seen["estimate"] is not None

    decide(place, shows_estimate=False)

    seen = holder.get(path).json()
    assert (seen["estimate"], seen["why"]["served_chance"]) == (None, None)
    (mine,) = Api(customer).get("queues/tickets/my/").json()["results"]
    assert (mine["position"], mine["people_ahead"], mine["estimate"]) == (None,) * 3
    inside = agent.get(path).json()
    assert (inside["position"], inside["people_ahead"]) == (2, 1)
    assert inside["estimate"] is not None


def test_joining_tells_no_more_than_is_shown_and_the_desk_everything(place: Place) -> None:
    decide(place, shows_waiting_count=False, shows_estimate=False)
    body = {"queue": str(place.queue.pk)}
    kiosk = Api(token=make_device(place.branch))
    for api, position in ((Api(), None), (kiosk, None), (Api(place.agent), 3)):
        answer = api.ok("queues/tickets/", body, 201)
        assert answer["position"] == position
        assert (answer["estimate"] is None) is (position is None)


def test_why_speaks_of_no_figure_where_none_is_shown() -> None:
    place = make_place()
    ticket = join(place)
    holder = Api(token=token_of(ticket.pk))
    path = f"queues/tickets/{ticket.pk}/"
    text = holder.get(path, Accept_Language="en").json()["why"]["text"]
    assert text == "No counter is open, so no honest figure can be given."
    decide(place, shows_estimate=False)
    text = holder.get(path, Accept_Language="en").json()["why"]["text"]
    assert text == "No counter is open yet."


def test_a_new_queue_hides_what_its_organization_hides(place: Place) -> None:
    decide(place, shows_waiting_count=False)
    queue = make_queue(place, "N")
    assert (queue.hides_waiting_count, queue.hides_estimate) == (True, False)
    business.restore_settings(
        actor=place.owner, organization_id=place.organization.pk, version=1, now=NOW
    )
    decide(place, shows_waiting_count=True, shows_estimate=False)
    queue.refresh_from_db()
    assert (queue.hides_waiting_count, queue.hides_estimate) == (False, True)


def test_another_organization_is_left_alone(place: Place) -> None:
    other = make_place()
    decide(place, shows_waiting_count=False)
    queue = Queue.objects.with_scopes_disabled().get(pk=other.queue.pk)
    assert not queue.hides_waiting_count


# --- The stream of versions --------------------------------------------------------------------


def messages(queue: Queue, after: int, *, inside: bool) -> list[dict[str, Any]]:
    rows = TopicEvent.objects.filter(topic=f"queue:{queue.pk}", version__gt=after)
    return [
        {
            "version": row.version,
            "event": row.type,
            "data": row.data | (row.inside or {}) if inside else row.data,
        }
        for row in rows.order_by("version")
    ]


@pytest.mark.parametrize("inside", [False, True], ids=["public", "staff"])
def test_a_snapshot_and_the_events_since_equal_a_fresh_one_across_decisions(
    place: Place, inside: bool
) -> None:
    actor = place.agent if inside else make_actor()
    topic, pk = QueueTopic(), str(place.queue.pk)
    _, state = topic.snapshot(actor, pk)
    join(place)
    decide(place, shows_waiting_count=False)
    join(place)
    operations.call_next_ticket(
        actor=place.agent, queue_id=place.queue.pk, session_id=session_of(place), now=LATER
    )
    for decision in ({"shows_estimate": False}, {"shows_waiting_count": True}):
        check_equal(topic, actor, pk, state, inside=inside)
        decide(place, **decision)
        check_equal(topic, actor, pk, state, inside=inside)


def session_of(place: Place) -> UUID:
    with tenancy.organizations([place.organization.pk]):
        (session,) = queries.live_sessions([place.branch.pk])
    return UUID(session["id"])


def check_equal(
    topic: QueueTopic, actor: Any, pk: str, state: dict[str, Any], *, inside: bool
) -> None:
    queue = queries.get_queue(UUID(pk))
    shown = dict(state)
    for message in messages(queue, state["version"], inside=inside):
        shown = live.apply_to_status(shown, message)
    _, fresh = topic.snapshot(actor, pk)
    unversioned = {"estimate", "updated_at"}
    assert {k: v for k, v in shown.items() if k not in unversioned} == {
        k: v for k, v in fresh.items() if k not in unversioned
    }
    hides = queue.hides_waiting_count and not inside
    assert (fresh["waiting_count"] is None) is hides


def test_every_version_of_a_decision_has_its_event(place: Place) -> None:
    decide(place, shows_waiting_count=False)
    queue = queries.get_queue(place.queue.pk)
    event = DomainEvent.objects.get(type="queues.queue.visibility_changed.v1")
    assert (event.subject_id, event.subject_version) == (queue.pk, queue.version)
    assert event.actor == place.owner.label


def test_estimates_are_told_apart(place: Place) -> None:
    join(place)
    ticket = join(place)
    decide(place, shows_waiting_count=False, shows_estimate=False)
    told = QueueTopic().estimates([str(place.queue.pk)])[str(place.queue.pk)]
    assert told.public == {"estimate": None}
    assert told.inside["estimate"] is not None
    told = TicketTopic().estimates([str(ticket.pk)])[str(ticket.pk)]
    assert (told.public["people_ahead"], told.inside["people_ahead"]) == (None, 1)
    assert (told.public["estimate"], told.inside["estimate"] is None) == (None, False)


def test_who_is_inside(place: Place) -> None:
    customer, viewer = make_actor(), make_member(place.organization, Role.VIEWER)
    ticket = join(place, actor=customer)
    queue, own = str(place.queue.pk), str(ticket.pk)
    admin = make_actor(make_user(is_superuser=True))
    inside = [QueueTopic().is_inside(a, queue) for a in (place.agent, viewer, customer, admin)]
    assert inside == [True, True, False, False]
    assert [TicketTopic().is_inside(a, own) for a in (place.agent, customer)] == [True, False]
    assert not DashboardTopic().is_inside(admin, "platform")


# --- Sockets -----------------------------------------------------------------------------------


@pytest.fixture
def port() -> Iterator[int]:
    register_topics()
    server, thread, port = start()
    yield port
    stop(server, thread)


@contextmanager
def follow(port: int, topic: str, api: Api) -> Iterator[Client]:
    with connect(f"ws://127.0.0.1:{port}/ws/", additional_headers=api.headers) as line:
        client = Client(line)
        client.subscribe(topic)
        yield client


def next_event(client: Client) -> dict[str, Any]:
    while (message := client.get())["type"] != "event":
        pass
    return message


@pytest.mark.serial
@pytest.mark.django_db(transaction=True)
def test_sockets_of_the_public_and_of_staff_are_told_apart(port: int, place: Place) -> None:
    decide(place, shows_waiting_count=False, shows_estimate=False)
    queue, organization = f"queue:{place.queue.pk}", f"org:{place.organization.pk}"
    customer = Api(make_actor())
    with (
        follow(port, queue, Api()) as anybody,
        follow(port, queue, customer) as person,
        follow(port, queue, Api(place.agent)) as agent,
        follow(port, organization, Api(place.owner)) as owner,
    ):
        first = [client.get()["data"] for client in (anybody, person, agent)]
        assert [data["waiting_count"] for data in first] == [None, None, 0]
        assert [data["estimate"] is None for data in first] == [True, True, False]
        assert owner.get()["data"]["queues"][0]["waiting_count"] == 0

        join(place)

        told = [next_event(client) for client in (anybody, person, agent, owner)]
        assert [m["data"]["waiting_count"] for m in told] == [None, None, 1, 1]
        assert {m["version"] for m in told} == {told[0]["version"]}

        decide(place, shows_waiting_count=True)
        told = [next_event(client) for client in (anybody, person, agent, owner)]
        assert [m["data"]["waiting_count"] for m in told] == [1, 1, 1, 1]
        assert {m["event"] for m in told} == {"queue.visibility_changed"}


@pytest.mark.serial
@pytest.mark.django_db(transaction=True)
def test_a_lost_role_is_a_lost_count_on_an_open_socket(port: int, place: Place) -> None:
    decide(place, shows_waiting_count=False)
    viewer = make_member(place.organization, Role.VIEWER)
    membership = business_membership(place, viewer.require_user())
    with follow(port, f"queue:{place.queue.pk}", Api(viewer)) as client:
        assert client.get()["data"]["waiting_count"] == 0
        join(place)
        assert next_event(client)["data"]["waiting_count"] == 1

        business.remove_member(actor=place.owner, membership_id=membership, now=LATER)

        while (message := client.get())["type"] != "snapshot":
            pass
        assert message["data"]["waiting_count"] is None
        join(place)
        assert next_event(client)["data"]["waiting_count"] is None


def business_membership(place: Place, user_id: UUID) -> UUID:
    rows = Membership.objects.with_scopes_disabled()
    found: UUID = rows.get(organization=place.organization, user=user_id).pk
    return found
