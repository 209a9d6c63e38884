"""What managers see and do about a line that has grown long."""

from datetime import timedelta

import pytest

from smartqueue.accounts.enums import Role
from smartqueue.business.tests import factories as businesses
from smartqueue.common import tenancy
from smartqueue.common.errors import NotFound
from smartqueue.notifications.errors import TextTooLong
from smartqueue.notifications.models import Notification, SmsAccount
from smartqueue.queues import estimates, operations, staffing
from smartqueue.queues.errors import QueueFull
from smartqueue.queues.models import Queue
from smartqueue.queues.tests.factories import (
    NOW,
    Place,
    join,
    make_actor,
    make_member,
    make_place,
    sit_down,
)
from smartqueue.queues.tests.test_notices import hear

pytestmark = pytest.mark.django_db


@pytest.fixture
def place() -> Place:
    estimates.forget_profiles()
    return make_place(agents=4)


def queue_of(place: Place) -> Queue:
    queue: Queue = (
        Queue.objects.with_scopes_disabled().select_related("branch").get(pk=place.queue.pk)
    )
    return queue


def test_managers_are_led_to_the_line_that_grew(place: Place) -> None:
    operations.set_long_line(actor=place.owner, queue_id=place.queue.pk, people=1)
    join(place)
    operations.watch_long_lines(now=NOW)
    hear()
    (told,) = Notification.objects.filter(code="queue_long")
    path = f"/manage/branches/{place.branch.pk}/?queue={place.queue.pk}#long-line"
    assert told.data["link"].endswith(path)


def test_a_hint_says_what_more_counters_would_change(place: Place) -> None:
    sit_down(place)
    for minute in range(30):
        join(place, now=NOW + timedelta(minutes=minute))
    now = NOW + timedelta(minutes=40)
    with tenancy.organizations([place.organization.pk]):
        found = staffing.hints_of([queue_of(place)], more=3, now=now)
        (only,) = staffing.hints_of([queue_of(place)], more=0, now=now).values()
    hint = found[place.queue.pk]
    assert [option.counters for option in hint.options] == [1, 2, 3]
    assert len(only.options) == 1
    # Thirty people of ten minutes each within an hour keep five counters busy.
    assert hint.came == 30
    assert hint.needed >= 6
    medians = [option.wait["median"] for option in hint.options if option.wait]
    assert medians == sorted(medians, reverse=True)
    assert 1.7 < medians[0] / medians[1] < 2.3
    operations.close_queue(actor=place.owner, queue_id=place.queue.pk, now=now)
    with tenancy.organizations([place.organization.pk]):
        assert staffing.hints_of([queue_of(place)], more=3, now=now) == {}


def test_no_more_tickets_are_given_until_the_day_ends_or_staff_give_them_again(
    place: Place,
) -> None:
    first = join(place)
    acting = {"actor": place.agent, "queue_id": place.queue.pk}
    with pytest.raises(NotFound):
        operations.stop_tickets(actor=make_actor(), queue_id=place.queue.pk, now=NOW)
    viewer = make_member(place.organization, Role.VIEWER)
    with pytest.raises(NotFound):
        operations.stop_tickets(actor=viewer, queue_id=place.queue.pk, now=NOW)
    operations.stop_tickets(**acting, now=NOW)
    with pytest.raises(QueueFull):
        join(place)
    # Who waits is served.
    session = sit_down(place)
    called = operations.call_next_for_session(actor=place.agent, session_id=session.pk, now=NOW)
    assert called is not None
    assert called.pk == first.pk
    operations.give_tickets(**acting)
    second = join(place)
    assert second.sequence == 2
    operations.stop_tickets(**acting, now=NOW)
    assert join(place, now=NOW + timedelta(days=1)).sequence == 1


def test_a_text_to_the_line_is_priced_before_it_is_sent(place: Place) -> None:
    for number in range(3):
        join(place, phone=f"+22177555012{number}")
    asked = {"actor": place.owner, "queue_id": place.queue.pk, "now": NOW}
    plain = operations.preview_to_waiting(**asked, text="a" * 161)
    assert (plain.people, plain.length.segments, plain.left_minor) == (3, 2, None)
    assert plain.cost_minor > 0
    assert operations.preview_to_waiting(**asked, text="ê").length.widening == "ê"
    one = operations.preview_to_waiting(**asked, text="a")
    assert plain.cost_minor == 2 * one.cost_minor
    SmsAccount.objects.with_scopes_disabled().create(
        organization_id=place.organization.pk, monthly_budget_minor=500, changed_at=NOW
    )
    assert operations.preview_to_waiting(**asked, text="a").left_minor == 500
    with pytest.raises(TextTooLong):
        operations.preview_to_waiting(**asked, text="a" * 700)
    with pytest.raises(NotFound):
        operations.preview_to_waiting(**asked | {"actor": place.agent}, text="a")


def test_the_doors_of_rest(place: Place) -> None:
    join(place, phone="+221775550125")
    owner = businesses.User.objects.get(pk=place.owner.user_id)
    client = businesses.signed_in(owner)
    base = f"/api/queues/queues/{place.queue.pk}/"
    json = {"content_type": "application/json"}
    looked = client.post(f"{base}message/preview/", {"text": "Bonjour"}, **json).json()
    assert (looked["people"], looked["segments"], looked["alphabet"]) == (1, 1, "gsm_7")
    assert client.put(f"{base}tickets/", {"are_given": False}, **json).json() == {
        "are_given": False
    }
    assert queue_of(place).tickets_stopped_on is not None
    client.put(f"{base}tickets/", {"are_given": True}, **json)
    assert queue_of(place).tickets_stopped_on is None
