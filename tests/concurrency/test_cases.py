"""Two people act on one support case at the same moment: one of them is told of the other."""

from typing import Any

import pytest

from smartqueue.outbox.models import DomainEvent
from smartqueue.queues.tests.factories import NOW, Place, make_actor, make_place
from smartqueue.support import operations, policies
from smartqueue.support.enums import MOST_UNSETTLED_OF_PERSON, CaseState
from smartqueue.support.models import CaseMessage, SupportCase
from smartqueue.support.tests.factories import fresh, messages_of, open_about_branch, open_case
from tests.concurrency.races import (
    Outcome,
    errors_of,
    meeting,
    together,
    without_constraint,
)

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.serial]

AGENTS = 6


@pytest.fixture
def place() -> Place:
    return make_place(agents=AGENTS)


def take(place: Place, case: SupportCase, index: int) -> SupportCase:
    agent = place.agents[index]
    return operations.assign_case(
        actor=agent, case_id=case.pk, assignee_id=agent.user_id, version=case.version, now=NOW
    )


def answer(place: Place, case: SupportCase, index: int) -> CaseMessage:
    return operations.write_message(
        actor=place.agents[index],
        case_id=case.pk,
        body=f"Answer {index}",
        version=case.version,
        now=NOW,
    )


def race(step: Any, place: Place, case: SupportCase, parties: int) -> list[Outcome]:
    return together([lambda i=i: step(place, case, i) for i in range(parties)])


def versions_published(case: SupportCase) -> list[int]:
    rows = DomainEvent.objects.filter(subject_id=case.pk, type__startswith="support.")
    return sorted(row.subject_version for row in rows)


def without_lock(monkeypatch: pytest.MonkeyPatch, parties: int) -> None:
    access = policies.access_case
    unlocked = meeting(lambda actor, pk, lock=False: access(actor, pk), parties=parties)
    monkeypatch.setattr(policies, "access_case", unlocked)


def test_one_of_six_agents_takes_a_case(place: Place) -> None:
    case = open_case(place)

    outcomes = race(take, place, case, AGENTS)

    assert errors_of(outcomes) == ["CaseMoved"] * (AGENTS - 1)
    assert fresh(case).version == 2
    assert versions_published(case) == [1, 2]


def test_control_without_the_lock_two_agents_take_it(place: Place, monkeypatch: Any) -> None:
    case = open_case(place)
    without_lock(monkeypatch, 2)

    outcomes = race(take, place, case, 2)

    assert errors_of(outcomes) == []
    assert versions_published(case) == [1, 2, 2]


def test_one_of_two_agents_answers(place: Place) -> None:
    case = open_case(place)

    outcomes = race(answer, place, case, 2)

    assert errors_of(outcomes) == ["CaseMoved"]
    assert len(messages_of(case)) == fresh(case).message_count == 2


def test_control_without_the_lock_the_position_s_constraint_decides(
    place: Place, monkeypatch: Any
) -> None:
    case = open_case(place)
    without_lock(monkeypatch, 2)

    outcomes = race(answer, place, case, 2)

    assert errors_of(outcomes) == ["IntegrityError"]


@pytest.mark.owner
def test_control_without_lock_and_constraint_both_answer_and_one_is_not_counted(
    place: Place, monkeypatch: Any
) -> None:
    with without_constraint(CaseMessage, "message_position_once"):
        case = open_case(place)
        without_lock(monkeypatch, 2)

        outcomes = race(answer, place, case, 2)

        assert errors_of(outcomes) == []
        assert (len(messages_of(case)), fresh(case).message_count) == (3, 2)


def test_an_answer_and_a_resolution_keep_the_case_whole(place: Place) -> None:
    agent, other = place.agents[:2]
    for _ in range(5):
        case = open_case(place)

        outcomes = together(
            [
                lambda c=case: operations.resolve_case(actor=agent, case_id=c.pk, now=NOW),
                lambda c=case: operations.write_message(
                    actor=other, case_id=c.pk, body="Answer", now=NOW
                ),
            ]
        )

        found = fresh(case)
        assert errors_of(outcomes) == []
        assert (found.state, found.version) == (CaseState.RESOLVED, 3)
        assert versions_published(case) == [1, 2, 3]


def open_at_once(place: Place) -> tuple[list[Outcome], int]:
    person = make_actor()
    for _ in range(MOST_UNSETTLED_OF_PERSON - 1):
        open_about_branch(place, person)

    outcomes = together([lambda: open_about_branch(place, person) for _ in range(4)])

    rows = SupportCase.objects.with_scopes_disabled().filter(person=person.user_id)
    return outcomes, rows.count()


def test_the_number_of_cases_is_kept_to_when_they_are_opened_at_once(place: Place) -> None:
    outcomes, count = open_at_once(place)

    assert errors_of(outcomes) == ["TooManyCases"] * 3
    assert count == MOST_UNSETTLED_OF_PERSON


def test_control_without_the_lock_more_cases_are_opened(place: Place, monkeypatch: Any) -> None:
    monkeypatch.setattr(operations, "hold_names", lambda name: None)
    person_cases = MOST_UNSETTLED_OF_PERSON - 1
    real = operations.queries.count_unsettled
    counted = meeting(real, parties=4)
    calls = iter(range(10_000))

    def count(**whose: Any) -> int:
        # Those that are opened one after another do not wait for each other.
        return real(**whose) if next(calls) < person_cases else counted(**whose)

    monkeypatch.setattr(operations.queries, "count_unsettled", count)

    outcomes, count_of_cases = open_at_once(place)

    assert errors_of(outcomes) == []
    assert count_of_cases == MOST_UNSETTLED_OF_PERSON + 3
