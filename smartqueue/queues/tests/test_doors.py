"""What an organization's switches, its devices and a lost role do to lines and counters."""

from datetime import timedelta
from typing import Any

import pytest

from smartqueue.accounts import entrance
from smartqueue.accounts.actor import Actor
from smartqueue.accounts.enums import ActorKind, Role
from smartqueue.business import operations as business
from smartqueue.business.enums import DeviceKind
from smartqueue.business.events import MemberRemoved
from smartqueue.business.models import Membership
from smartqueue.common.errors import NotFound
from smartqueue.queues import errors, handlers, operations
from smartqueue.queues.interfaces.realtime import OrganizationTopic, QueueTopic, TicketTopic
from smartqueue.queues.models import CounterSession, Queue, Ticket
from smartqueue.queues.tests.factories import (
    NOW,
    Place,
    join,
    make_actor,
    make_branch,
    make_device,
    make_member,
    make_place,
    make_queue,
    sit_down,
)
from tests.checks import check_queue_truth

pytestmark = pytest.mark.django_db

LATER = NOW + timedelta(minutes=5)


@pytest.fixture
def place() -> Place:
    return make_place()


def switch(place: Place, **switches: bool) -> None:
    business.update_settings(
        actor=place.owner,
        organization_id=place.organization.pk,
        changes={"switches": switches},
        now=NOW,
    )


def device(place: Place, kind: DeviceKind = DeviceKind.KIOSK) -> Actor:
    return entrance.actor_of_ticket_token(make_device(place.branch, kind))


def test_without_joining_by_web_kiosk_and_staff_still_give_tickets(place):
    switch(place, joining_by_web=False)

    for actor in (None, make_actor(), make_member(place.organization, Role.VIEWER)):
        with pytest.raises(errors.JoiningByWebOff):
            join(place, actor=actor)
    assert not Ticket.objects.with_scopes_disabled().exists()
    assert join(place, actor=device(place)).channel == "kiosk"
    assert join(place, actor=place.agent).channel == "agent"


def test_where_an_account_is_asked_for_somebody_signed_in_joins(place):
    switch(place, joining_without_account=False)

    with pytest.raises(errors.AccountRequired):
        join(place)
    assert join(place, actor=make_actor()).number == "A001"
    assert join(place, actor=device(place)).number == "A002"


def test_another_organizations_switches_do_not_count_here(place):
    switch(make_place(), joining_by_web=False)

    assert join(place).number == "A001"


def test_switches_cost_the_hot_path_no_query(place, django_assert_num_queries):
    join(place)
    for _turn in range(2):
        # Queue with its switches, savepoint or not as before, writes in one statement.
        with django_assert_num_queries(4):
            join(place)
        switch(place, kiosk_names=True)


def test_a_kiosk_issues_at_its_branch_and_nowhere_else(place):
    kiosk = device(place)
    elsewhere = make_place()

    assert join(place, actor=kiosk).channel == "kiosk"
    with pytest.raises(NotFound):
        join(elsewhere, actor=kiosk)
    assert Ticket.objects.with_scopes_disabled().count() == 1


def test_a_display_issues_nothing(place):
    with pytest.raises(NotFound):
        join(place, actor=device(place, DeviceKind.DISPLAY))
    assert not Ticket.objects.with_scopes_disabled().exists()


@pytest.mark.parametrize("kind", list(DeviceKind))
def test_a_device_follows_the_queues_of_its_branch_and_nothing_else(place, kind):
    ticket = join(place)
    other = make_branch(place.organization)
    actor = entrance.actor_of_ticket_token(make_device(other, kind))
    own = device(place, kind)

    QueueTopic().authorize(own, str(place.queue.pk))
    with pytest.raises(NotFound):
        QueueTopic().authorize(actor, str(place.queue.pk))
    for topic, pk in ((TicketTopic(), ticket.pk), (OrganizationTopic(), place.organization.pk)):
        with pytest.raises(Exception, match=r"not_found|not_signed_in"):
            topic.authorize(own, str(pk))


# --- A lost role -----------------------------------------------------------------------------


def removed(place: Place, actor: Actor) -> MemberRemoved:
    rows = Membership.objects.with_scopes_disabled()
    membership = rows.get(organization=place.organization, user=actor.user_id)
    business.remove_member(actor=place.owner, membership_id=membership.pk, now=LATER)
    return MemberRemoved(
        organization_id=place.organization.pk,
        membership_id=membership.pk,
        user_id=actor.user_id,
        subject_version=2,
        occurred_at=LATER,
        actor=place.owner.label,
    )


def session_of(actor: Actor) -> CounterSession:
    found: CounterSession = CounterSession.objects.with_scopes_disabled().get(agent=actor.user_id)
    return found


def test_the_counter_of_a_removed_agent_is_free_again(place):
    sit_down(place)
    event = removed(place, place.agent)

    handlers.on_role_lost_end_sessions(event)
    handlers.on_role_lost_end_sessions(event)

    assert (session_of(place.agent).state, session_of(place.agent).ended_at) == ("ended", LATER)
    check_queue_truth(place.queue.pk)
    assert Queue.objects.with_scopes_disabled().get().open_counters == 0


@pytest.mark.parametrize("state", ["called", "serving"])
def test_whoever_stands_there_is_the_next_to_be_called_elsewhere(place, state):
    session = sit_down(place)
    second = sit_down(place, 1)
    first, waiting = join(place), join(place)
    acting: dict[str, Any] = {"actor": place.agent, "ticket_id": first.pk, "now": NOW}
    operations.call_ticket(session_id=session.pk, **acting)
    if state == "serving":
        operations.start_ticket(**acting)

    handlers.on_role_lost_end_sessions(removed(place, place.agent))

    stored = Ticket.objects.with_scopes_disabled().get(pk=first.pk)
    assert (stored.state, stored.counter_id) == ("waiting", None)
    assert session_of(place.agent).state == "ended"
    check_queue_truth(place.queue.pk)
    called = operations.call_next_for_session(
        actor=place.agents[1], session_id=second.pk, now=LATER
    )
    assert called is not None
    assert called.pk == first.pk
    assert waiting.pk != first.pk


def test_somebody_called_from_a_queue_that_the_session_does_not_serve_goes_back_too(place):
    other = make_queue(place, "B")
    session = sit_down(place, queue_ids=[place.queue.pk])
    ticket = join(place, queue_id=other.pk)
    operations.call_ticket(actor=place.agent, ticket_id=ticket.pk, session_id=session.pk, now=NOW)

    handlers.on_role_lost_end_sessions(removed(place, place.agent))

    assert Ticket.objects.with_scopes_disabled().get().state == "waiting"
    assert session_of(place.agent).state == "ended"
    check_queue_truth(place.queue.pk, other.pk)


def test_a_role_that_still_reaches_the_counter_ends_nothing(place):
    sit_down(place)
    sit_down(place, 1)
    elsewhere = make_branch(place.organization)
    memberships = {
        row.user_id: row
        for row in Membership.objects.with_scopes_disabled().filter(role=Role.AGENT)
    }
    for actor, branch in zip(place.agents, (place.branch, elsewhere), strict=True):
        changed = business.change_member(
            actor=place.owner,
            membership_id=memberships[actor.user_id].pk,
            branches=[branch.pk],
            now=LATER,
        )
        operations.end_sessions_without_right(
            user_id=changed.user_id, organization_id=place.organization.pk, now=LATER
        )

    assert session_of(place.agents[0]).state == "open"
    assert session_of(place.agents[1]).state == "ended"


def test_somebody_removed_can_do_nothing_more_at_the_counter(place):
    session = sit_down(place)
    ticket = join(place)
    removed(place, place.agent)
    fresh = Actor(kind=ActorKind.USER, user_id=place.agent.user_id)

    for act, given in (
        (operations.call_ticket, {"ticket_id": ticket.pk, "session_id": session.pk}),
        (operations.call_next_for_session, {"session_id": session.pk}),
        (operations.end_session, {"session_id": session.pk}),
    ):
        with pytest.raises(NotFound):
            act(actor=fresh, now=LATER, **given)
    assert Ticket.objects.with_scopes_disabled().get().state == "waiting"
