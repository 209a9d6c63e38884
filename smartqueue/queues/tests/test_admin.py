"""The administration of queues: pages open across organizations, actions call operations."""

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from smartqueue.accounts.models import User
from smartqueue.business import operations as business
from smartqueue.common import clock
from smartqueue.queues import operations
from smartqueue.queues.enums import QueueState, SessionState, TicketState
from smartqueue.queues.models import CounterSession, Queue
from smartqueue.queues.tests.factories import (
    Place,
    join,
    make_actor,
    make_place,
    make_user,
    sit_down,
)

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("entrance")]


@pytest.fixture
def staff() -> User:
    return make_user(is_staff=True, is_superuser=True)


@pytest.fixture
def administrator(staff: User) -> Client:
    client = Client()
    client.force_login(staff)
    return client


@pytest.fixture
def place_let_in(staff: User) -> Callable[[], Place]:
    """Make places whose rows the administrator may see: support access is open there."""

    def make() -> Place:
        place = make_place()
        business.open_support_access(
            actor=make_actor(staff),
            organization_id=place.organization.pk,
            reason="The display shows nobody",
            minutes=60,
            now=clock.now(),
        )
        return place

    return make


def act(client: Client, model: str, action: str, row: Any) -> None:
    response = client.post(
        f"/admin/queues/{model}/", {"action": action, "_selected_action": [str(row.pk)]}
    )
    assert response.status_code == 302, response.content


def fresh(row: Any) -> Any:
    return type(row).objects.with_scopes_disabled().get(pk=row.pk)


@pytest.mark.parametrize("model", ["queue", "ticket", "countersession"])
def test_every_list_and_row_is_shown_and_none_is_edited(
    administrator: Client, place_let_in: Callable[[], Place], model: str
) -> None:
    places = [place_let_in(), place_let_in()]
    rows: dict[str, list[Any]] = {
        "queue": [place.queue for place in places],
        "ticket": [join(place) for place in places],
        "countersession": [sit_down(place) for place in places],
    }
    called = operations.call_next_for_session(
        actor=places[0].agent,
        session_id=rows["countersession"][0].pk,
        now=places[0].queue.created_at,
    )
    assert called is not None

    listed = administrator.get(f"/admin/queues/{model}/").content.decode()

    for row in rows[model]:
        path = f"/admin/queues/{model}/{row.pk}/change/"
        assert path in listed
        assert administrator.get(path).status_code == 200
        assert administrator.post(path, {}).status_code == 403
        assert administrator.get(path.replace("change", "delete")).status_code == 403
    assert administrator.get(f"/admin/queues/{model}/", {"q": "1"}).status_code == 200
    assert administrator.get(f"/admin/queues/{model}/add/").status_code == 403


def test_a_list_of_three_costs_as_much_as_a_list_of_one(
    administrator: Client, place_let_in: Callable[[], Place], django_assert_num_queries: Any
) -> None:
    place = place_let_in()
    for extra in (1, 2):
        for _ in range(extra):
            join(place)
        with django_assert_num_queries(6):
            administrator.get("/admin/queues/ticket/")


@pytest.mark.parametrize(
    ("action", "state"),
    [("open", QueueState.OPEN), ("pause", QueueState.PAUSED), ("close", QueueState.CLOSED)],
)
def test_a_queue_is_opened_paused_and_closed(
    administrator: Client, place_let_in: Callable[[], Place], action: str, state: QueueState
) -> None:
    place = place_let_in()
    other = QueueState.OPEN if state is not QueueState.OPEN else QueueState.PAUSED
    change = operations.pause_queue if other is QueueState.PAUSED else operations.open_queue
    change(actor=place.owner, queue_id=place.queue.pk, now=place.queue.created_at)
    version = fresh(place.queue).version

    act(administrator, "queue", action, place.queue)

    queue: Queue = fresh(place.queue)
    assert (queue.state, queue.version) == (state, version + 1)


def test_a_queue_with_people_is_not_retired_and_the_reason_is_shown(
    administrator: Client, place_let_in: Callable[[], Place]
) -> None:
    place = place_let_in()
    join(place)

    act(administrator, "queue", "retire", place.queue)

    assert fresh(place.queue).retired_at is None
    assert "error" in administrator.get("/admin/queues/queue/").content.decode()


def test_a_ticket_is_cancelled(administrator: Client, place_let_in: Callable[[], Place]) -> None:
    ticket = join(place_let_in())

    act(administrator, "ticket", "cancel", ticket)

    assert fresh(ticket).state == TicketState.CANCELLED


def test_a_forgotten_session_is_ended(
    administrator: Client, place_let_in: Callable[[], Place]
) -> None:
    session = sit_down(place_let_in())

    act(administrator, "countersession", "end", session)

    ended: CounterSession = fresh(session)
    assert ended.state == SessionState.ENDED


def test_others_are_sent_away() -> None:
    client = Client()
    client.force_login(make_user(is_staff=False))

    assert client.get("/admin/queues/ticket/").status_code == 302
