"""Which state may follow which: every pair against the table, and every operation's own pairs."""

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smartqueue.queues.enums import (
    ACTIVE,
    AT_COUNTER,
    TRANSITIONS,
    UNDO_TRANSITIONS,
    TicketState,
)
from smartqueue.queues.errors import IllegalTransition
from smartqueue.queues.models import Ticket

S = TicketState

# As in the product's table of states; an unserved person at a counter ends with the day.
ALLOWED = {
    S.AWAITING_PAYMENT: {S.WAITING, S.CANCELLED, S.EXPIRED},
    S.WAITING: {S.CALLED, S.PARKED, S.CANCELLED, S.EXPIRED},
    S.CALLED: {S.SERVING, S.WAITING, S.NO_SHOW, S.PARKED, S.CANCELLED, S.EXPIRED},
    S.SERVING: {S.COMPLETED, S.WAITING, S.PARKED, S.EXPIRED},
    S.PARKED: {S.WAITING, S.CALLED, S.CANCELLED, S.EXPIRED},
    S.NO_SHOW: {S.WAITING},
    S.COMPLETED: set(),
    S.CANCELLED: set(),
    S.EXPIRED: set(),
}
TAKEN_BACK = {
    (S.COMPLETED, S.SERVING),
    (S.SERVING, S.CALLED),
    (S.CALLED, S.WAITING),
    (S.NO_SHOW, S.CALLED),
}


def test_the_tables_are_the_product_s():
    assert {state: set(targets) for state, targets in TRANSITIONS.items()} == ALLOWED
    assert set(UNDO_TRANSITIONS) == TAKEN_BACK
    assert set(ALLOWED) == set(S)


@pytest.mark.parametrize("undo", [False, True])
@pytest.mark.parametrize(("before", "after"), list(product(S, S)))
def test_move_to_allows_what_the_tables_allow(before, after, undo):
    ticket = Ticket(state=before)
    allowed = after in ALLOWED[before] or (undo and (before, after) in TAKEN_BACK)

    if allowed:
        ticket.move_to(after, undo=undo)
        assert ticket.state == after
    else:
        with pytest.raises(IllegalTransition) as refused:
            ticket.move_to(after, undo=undo)
        assert refused.value.extra == {"state": before.value}
        assert ticket.state == before


@given(st.lists(st.sampled_from(S), max_size=30))
def test_no_walk_leaves_a_final_state(targets):
    ticket = Ticket(state=S.WAITING)
    for target in targets:
        before = TicketState(ticket.state)
        try:
            ticket.move_to(target)
        except IllegalTransition:
            assert ticket.state == before
        else:
            assert before not in {S.COMPLETED, S.CANCELLED, S.EXPIRED}


def test_every_active_state_can_still_end():
    for state in ACTIVE:
        assert S.EXPIRED in TRANSITIONS[state]
    assert set(AT_COUNTER) <= set(ACTIVE)
