"""The nightly check finds rows that point at another organization's, on every path."""

from typing import Any
from uuid import UUID

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from prometheus_client import generate_latest

from smartqueue.business.models import Membership
from smartqueue.common import agreement, tasks
from smartqueue.common.health import SHARED_FIGURES
from smartqueue.common.jobs import job_named
from smartqueue.common.redis import client
from smartqueue.queues.models import CounterSession, Queue, Ticket
from smartqueue.queues.tests.factories import NOW, Place, join, make_place, sit_down
from smartqueue.support.models import CaseMessage
from smartqueue.support.tests.factories import open_case
from tests.contracts.test_walls import relations

pytestmark = pytest.mark.django_db


def astray() -> dict[str, int]:
    return {path: count for path, count in agreement.count_astray().items() if count}


def figure(path: str) -> str:
    """Return the line of the metrics that tells of one path."""
    lines = generate_latest(SHARED_FIGURES).decode().splitlines()
    return next(
        line for line in lines if line.startswith(f'smartqueue_rows_astray{{path="{path}"}}')
    )


@pytest.fixture
def places() -> tuple[Place, Place]:
    return make_place(), make_place()


def without_key(table: str, column: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute(f"ALTER TABLE {table} DROP CONSTRAINT {table}_{column}_in_wall")


def point(model: Any, row: UUID, **changes: Any) -> None:
    model.objects.with_scopes_disabled().filter(pk=row).update(**changes)


def test_every_relation_is_looked_at():
    looked_at = {path.name for path in agreement.paths()}
    keys = {f"{model._meta.label}.{field.name}" for model, field in relations()}

    assert keys < looked_at
    assert looked_at - keys == {
        "business.Invitation_branches.invitation-branch",
        "business.Membership_branches.membership-branch",
        "notifications.OutgoingMessage.fallback_of",
        "queues.CounterSession.queue_ids",
        "queues.VehicleCategory_lanes.vehiclecategory-counter",
        "support.SupportCase.holder_ticket_id",
    }


def test_nothing_is_astray_after_ordinary_work(places: tuple[Place, Place]):
    for place in places:
        join(place)
        sit_down(place)

    assert astray() == {}


@pytest.mark.owner
def test_a_row_that_the_key_would_have_refused_is_found(places: tuple[Place, Place]):
    ticket = join(places[0])
    without_key("queues_ticket", "queue_id")
    point(Ticket, ticket.pk, queue=places[1].queue)

    assert astray() == {"queues.Ticket.queue": 1}


def test_an_id_in_an_array_is_found(places: tuple[Place, Place]):
    session = sit_down(places[0])
    point(CounterSession, session.pk, queue_ids=[places[0].queue.pk, places[1].queue.pk])

    assert astray() == {"queues.CounterSession.queue_ids": 1}


def test_a_row_of_a_join_table_is_found(places: tuple[Place, Place]):
    member = Membership.objects.with_scopes_disabled().get(user_id=places[0].owner.user_id)
    Membership.branches.through.objects.create(membership=member, branch=places[1].branch)

    assert astray() == {"business.Membership_branches.membership-branch": 1}


def test_a_row_of_none_that_points_at_an_organizations_is_found(places: tuple[Place, Place]):
    case = open_case(places[0])
    CaseMessage.objects.with_scopes_disabled().create(
        case=case, position=9, side="person", written_at=NOW
    )

    assert astray() == {"support.CaseMessage.case": 1}


@pytest.mark.owner
def test_the_job_leaves_its_figures_and_an_error(
    places: tuple[Place, Place], caplog: pytest.LogCaptureFixture
):
    without_key("queues_queue", "branch_id")
    point(Queue, places[0].queue.pk, branch=places[1].branch, prefix="Z")

    tasks.check_agreement_task()

    assert figure("queues.Queue.branch").endswith(" 1.0")
    assert figure("queues.Ticket.queue").endswith(" 0.0")
    assert [record.getMessage() for record in caplog.records if record.levelname == "ERROR"] == [
        "rows point at another organization's"
    ]


def test_there_are_no_figures_before_the_first_check():
    client().delete("agreement")

    assert b"rows_astray" not in generate_latest(SHARED_FIGURES)


def test_it_runs_every_night():
    job = job_named("common.check_agreement_task")

    assert (job.every_seconds, job.work) == (86_400, tasks.check_agreement_task)


def test_the_command_shows_what_it_found(
    places: tuple[Place, Place], capsys: pytest.CaptureFixture[str]
):
    call_command("check_walls")
    quiet = capsys.readouterr().out
    session = sit_down(places[0])
    point(CounterSession, session.pk, queue_ids=[places[1].queue.pk])

    with pytest.raises(CommandError, match="1 rows"):
        call_command("check_walls")

    assert "0  queues.CounterSession.queue_ids" in quiet
    assert "1  queues.CounterSession.queue_ids" in capsys.readouterr().out
