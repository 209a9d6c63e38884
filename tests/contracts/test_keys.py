"""What PostgreSQL is told of the scope, when, and that nobody runs with what was another's."""

import re
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import pytest
from django.db import connection, transaction

from smartqueue.business.models import Membership
from smartqueue.common import tenancy
from smartqueue.common.ids import new_id
from smartqueue.common.tenancy import EVERY_KEY, NO_KEYS, KeysOf
from smartqueue.queues import policies
from smartqueue.queues.models import CounterSession, Ticket
from smartqueue.queues.tests.conftest import Api
from smartqueue.queues.tests.factories import Place, join, make_actor, make_place, sit_down
from smartqueue.queues.tokens import token_of

# Rows are prepared as their owner; what is looked at asks as the role that serves.
pytestmark = pytest.mark.owner

AsWeb = Callable[[], AbstractContextManager[None]]

_KEYS_TOLD = re.compile(r'F\t\d+\tQuery\t "((?:SET|SELECT set_config)[^"]*smartqueue\.keys)')


def count_tickets() -> int:
    """Count with a statement that no manager has seen."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM queues_ticket")
        (count,) = cursor.fetchone()
    return count


@contextmanager
def messages() -> Iterator[list[str]]:
    """Collect the messages to and from PostgreSQL."""
    found: list[str] = []
    connection.ensure_connection()
    with tempfile.TemporaryFile() as file:
        connection.connection.pgconn.trace(file.fileno())
        yield found
        connection.connection.pgconn.untrace()
        file.seek(0)
        found += file.read().decode(errors="replace").splitlines()


def keys_told_apart(lines: list[str]) -> int:
    """Count the messages that do nothing but tell keys."""
    return sum(bool(_KEYS_TOLD.search(line)) for line in lines)


@pytest.fixture
def place(transactional_db: None) -> Place:
    tenancy.state.set(None)
    made = make_place()
    for _ in range(3):
        join(made)
    tenancy.state.set(None)
    return made


def test_the_keys_end_with_the_scope(place: Place, as_web: AsWeb):
    with as_web():
        before = count_tickets()
        with tenancy.organizations([place.organization.pk]):
            within = count_tickets()
        after = count_tickets()

    assert (before, within, after) == (0, 3, 0)


def test_the_keys_end_with_the_transaction(place: Place, as_web: AsWeb):
    with as_web():
        with tenancy.organizations([place.organization.pk]), transaction.atomic():
            within = count_tickets()
        with connection.cursor() as cursor:
            cursor.execute("SELECT current_setting('smartqueue.keys', true)")
            (left,) = cursor.fetchone()

    assert within == 3
    assert left in {"", None, NO_KEYS}


def test_a_savepoint_that_is_taken_back_takes_no_keys_along(place: Place, as_web: AsWeb):
    with as_web(), transaction.atomic():
        assert count_tickets() == 0
        with tenancy.organizations([place.organization.pk]):
            savepoint = transaction.savepoint()
            within = count_tickets()
            transaction.savepoint_rollback(savepoint)
            again = count_tickets()

    assert (within, again) == (3, 3)


def test_a_policy_s_fetch_that_is_refused_leaves_no_keys(place: Place, as_web: AsWeb):
    ticket = join(place)
    tenancy.state.set(None)
    stranger = make_actor()
    with as_web():
        with pytest.raises(policies.NotFound):
            policies.access_ticket(stranger, ticket.pk)
        tenancy.identify(None)
        assert count_tickets() == 0


def test_a_policy_s_fetch_of_what_is_not_there_leaves_no_keys(place: Place, as_web: AsWeb):
    with as_web():
        with tenancy.organizations([place.organization.pk]):
            count_tickets()
        with pytest.raises(policies.NotFound):
            policies.access_ticket(place.agent, new_id())
        tenancy.identify(None)
        assert count_tickets() == 0


def test_a_fetch_by_id_opens_the_organization_of_that_row_and_no_more(place: Place, as_web: AsWeb):
    ticket, other = join(place), join(make_place())
    tenancy.state.set(None)
    with as_web():
        found = Ticket.objects.with_scopes_disabled().filter(pk=ticket.pk)
        assert found.get().pk == ticket.pk
        assert not found.filter(pk=other.pk).exists()
        assert count_tickets() == 0


def test_the_keys_of_a_query_are_the_least_that_it_lets_see():
    key = new_id()
    tickets = Ticket.objects.with_scopes_disabled()
    sessions = CounterSession.objects.with_scopes_disabled()

    def keys(rows: Any) -> Any:
        return rows.query.keys()

    assert keys(tickets.filter(pk=key)) == KeysOf("queues_ticket", (key,))
    assert keys(tickets.filter(pk__in=[key])) == KeysOf("queues_ticket", (key,))
    assert keys(tickets.filter(organization=key)) == f"{{{key}}}"
    assert keys(tickets.filter(customer=key)) == f"{{{key}}}"
    assert keys(sessions.exclude(state="ended").filter(agent_id=key)) == f"{{{key}}}"
    assert keys(tickets.filter(branch=key)) == EVERY_KEY
    assert keys(tickets.exclude(pk=key)) == EVERY_KEY
    assert keys(tickets.filter(queue__organization=key)) == EVERY_KEY
    assert keys(Membership.objects.with_scope(organization=key).all()) == f"{{{key}}}"


def test_a_request_is_not_trusted_in_a_trusted_process(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(tenancy, "_trusted", True)
    with tenancy.restored():
        tenancy.state.set(None)
        assert tenancy.keys_now() == EVERY_KEY
        with tenancy.serving():
            assert tenancy.keys_now() == NO_KEYS


def test_issuing_tells_no_keys_apart(place: Place, as_web: AsWeb):
    api = Api()
    body = {"queue": str(place.queue.pk)}
    with as_web():
        api.ok("queues/tickets/", body, 201)
        with messages() as sent:
            response = api.post("queues/tickets/", body, Idempotency_Key=str(new_id()))

    assert response.status_code == 201
    assert keys_told_apart(sent) == 0


def test_calling_and_serving_tell_no_keys_apart(place: Place, as_web: AsWeb):
    session = sit_down(place)
    tenancy.state.set(None)
    api = Api(place.agent)
    with as_web():
        with messages() as sent:
            ticket = api.ok(f"agents/sessions/{session.pk}/call-next/")
            api.ok(f"queues/tickets/{ticket['id']}/start/")
            api.ok(f"queues/tickets/{ticket['id']}/complete/")
        assert count_tickets() == 0

    assert keys_told_apart(sent) == 0


def test_a_holder_who_looks_again_tells_no_keys_apart(place: Place, as_web: AsWeb):
    ticket = join(place)
    api = Api(token=token_of(ticket.pk))
    path = f"queues/tickets/{ticket.pk}/"
    with as_web():
        api.get(path)
        with messages() as sent:
            assert api.get(path).json()["people_ahead"] == 3

    assert keys_told_apart(sent) == 0


def test_control_keys_told_apart_are_counted(place: Place, as_web: AsWeb):
    with as_web(), messages() as sent:
        with tenancy.organizations([place.organization.pk]):
            count_tickets()
        count_tickets()

    assert keys_told_apart(sent) == 2


def test_a_write_that_waits_is_sent_with_the_keys_of_its_own_scope(place: Place, as_web: AsWeb):
    """The view reads for its answer under the public scope before the transaction ends."""
    api = Api(place.owner)
    with as_web():
        response = api.post(f"queues/queues/{place.queue.pk}/pause/", Idempotency_Key=str(new_id()))

    assert (response.status_code, response.json()["state"]) == (200, "paused")
