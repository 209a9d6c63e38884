from dataclasses import replace

from smartqueue.waits.display import has_moved, settle
from smartqueue.waits.estimate import Estimate, Explanation

SHOWN = Estimate(600, 1000, 2000, "counters", Explanation("ok", 5, 2), base=1000.0)


def test_small_moves_do_not_show():
    assert not has_moved(600, 720)
    assert has_moved(600, 721)
    assert not has_moved(2000, 1700)
    assert has_moved(2000, 1699)


def test_figures_hold_and_the_explanation_follows():
    fresh = Estimate(610, 1100, 2200, "counters", Explanation("ok", 4, 2), base=1050.0)
    settled = settle(SHOWN, fresh)

    assert (settled.low, settled.median, settled.high) == (600, 1000, 2000)
    assert settled.explanation.people_ahead == 4


def test_a_move_of_any_figure_shows_all():
    fresh = replace(SHOWN, low=650, high=2400)

    assert settle(SHOWN, fresh) == fresh


def test_first_figure_and_lost_figure_show():
    lost = Estimate(None, None, None, "none", Explanation("unknown", 5, 0))

    assert settle(None, SHOWN) == SHOWN
    assert settle(SHOWN, lost) == lost
    assert settle(lost, SHOWN) == SHOWN


def test_change_of_state_shows():
    fresh = replace(SHOWN, median=1010, explanation=Explanation("opens_at", 5, 0))

    assert settle(SHOWN, fresh) == fresh
