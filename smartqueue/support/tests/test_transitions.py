"""Which state may follow which: every pair against the table, and what each step does from each."""

from datetime import timedelta
from itertools import product
from typing import Any

import pytest

from smartqueue.outbox.models import DomainEvent
from smartqueue.queues.tests.factories import NOW, make_place
from smartqueue.support import operations
from smartqueue.support.enums import TRANSITIONS, UNSETTLED, CaseState
from smartqueue.support.errors import IllegalCaseTransition
from smartqueue.support.models import SupportCase
from smartqueue.support.tests.factories import fresh, open_case, person_of

S = CaseState

ALLOWED = {
    S.OPEN: {S.WAITING_FOR_PERSON, S.RESOLVED, S.CLOSED},
    S.WAITING_FOR_PERSON: {S.WAITING_FOR_STAFF, S.RESOLVED, S.CLOSED},
    S.WAITING_FOR_STAFF: {S.WAITING_FOR_PERSON, S.RESOLVED, S.CLOSED},
    S.RESOLVED: {S.WAITING_FOR_STAFF, S.CLOSED},
    S.CLOSED: {S.WAITING_FOR_STAFF},
}


def test_the_table_is_the_product_s() -> None:
    assert {state: set(targets) for state, targets in TRANSITIONS.items()} == ALLOWED
    assert set(ALLOWED) == set(S)


@pytest.mark.parametrize(("before", "after"), list(product(S, S)))
def test_move_to_allows_what_the_table_allows(before: CaseState, after: CaseState) -> None:
    case = SupportCase(state=before)

    if after in ALLOWED[before]:
        case.move_to(after)
        assert case.state == after
    else:
        with pytest.raises(IllegalCaseTransition) as refused:
            case.move_to(after)
        assert refused.value.extra == {"state": before.value}
        assert case.state == before


# From each state: what comes after each step; None where it is refused.
STEPS: dict[str, dict[CaseState, CaseState | None]] = {
    "person writes": {
        S.OPEN: S.OPEN,
        S.WAITING_FOR_PERSON: S.WAITING_FOR_STAFF,
        S.WAITING_FOR_STAFF: S.WAITING_FOR_STAFF,
        S.RESOLVED: S.WAITING_FOR_STAFF,
        S.CLOSED: S.WAITING_FOR_STAFF,
    },
    "staff writes": {
        S.OPEN: S.WAITING_FOR_PERSON,
        S.WAITING_FOR_PERSON: S.WAITING_FOR_PERSON,
        S.WAITING_FOR_STAFF: S.WAITING_FOR_PERSON,
        S.RESOLVED: S.RESOLVED,
        S.CLOSED: S.CLOSED,
    },
    "staff notes": {state: state for state in S},
    "resolve": {
        S.OPEN: S.RESOLVED,
        S.WAITING_FOR_PERSON: S.RESOLVED,
        S.WAITING_FOR_STAFF: S.RESOLVED,
        S.RESOLVED: None,
        S.CLOSED: None,
    },
    "close": {
        S.OPEN: S.CLOSED,
        S.WAITING_FOR_PERSON: S.CLOSED,
        S.WAITING_FOR_STAFF: S.CLOSED,
        S.RESOLVED: S.CLOSED,
        S.CLOSED: None,
    },
    "reopen": {
        S.OPEN: None,
        S.WAITING_FOR_PERSON: None,
        S.WAITING_FOR_STAFF: None,
        S.RESOLVED: S.WAITING_FOR_STAFF,
        S.CLOSED: S.WAITING_FOR_STAFF,
    },
}


@pytest.mark.django_db
@pytest.mark.parametrize(("step", "before"), list(product(sorted(STEPS), S)))
def test_each_step_from_each_state(step: str, before: CaseState) -> None:
    place = make_place()
    case = open_case(place)
    settled_at = None if before in UNSETTLED else NOW
    SupportCase.objects.with_scopes_disabled().update(state=before, settled_at=settled_at)
    acting: dict[str, Any] = {"case_id": case.pk, "now": NOW + timedelta(hours=1)}
    events_before = DomainEvent.objects.count()

    def carry_out() -> None:
        match step:
            case "person writes":
                operations.write_message(actor=person_of(case_row), body="Word", **acting)
            case "staff writes":
                operations.write_message(actor=place.agent, body="Word", **acting)
            case "staff notes":
                operations.write_message(actor=place.agent, body="Word", is_internal=True, **acting)
            case "resolve":
                operations.resolve_case(actor=place.agent, **acting)
            case "close":
                operations.close_case(actor=person_of(case_row), **acting)
            case "reopen":
                operations.reopen_case(actor=place.agent, **acting)

    case_row = case
    after = STEPS[step][before]
    if after is None:
        with pytest.raises(IllegalCaseTransition):
            carry_out()
        assert (fresh(case).state, fresh(case).version) == (before, case.version)
        assert DomainEvent.objects.count() == events_before
        return
    carry_out()
    found = fresh(case)
    assert (found.state, found.version) == (after, case.version + 1)
    assert (found.settled_at is None) == (after in UNSETTLED)
    assert DomainEvent.objects.count() > events_before
