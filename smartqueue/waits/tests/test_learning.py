import pytest

from smartqueue.waits.errors import CorruptState
from smartqueue.waits.handling import KEPT_SERVICES, HandlingTimes, NoShows
from smartqueue.waits.leaving import LeavingRate


def test_declared_duration_counts_as_twenty_services():
    times = HandlingTimes()
    assert times.mean("s", 300) == 300
    for _ in range(20):
        times.observe("s", 600, declared=300)

    assert times.mean("s", 300) == pytest.approx((18 * 300 + 20 * 600) / 38)


def test_declared_duration_fades_out():
    times = HandlingTimes()
    for _ in range(200):
        times.observe("s", 600, declared=300)

    assert times.mean("s", 300) == pytest.approx(600)


def test_old_services_are_forgotten():
    times = HandlingTimes()
    for _ in range(400):
        times.observe("s", 300)
    for _ in range(1500):
        times.observe("s", 600)

    assert times.mean("s") == pytest.approx(600, rel=0.01)


def test_a_counter_left_open_counts_as_an_outlier():
    times = HandlingTimes()
    for seconds in (*[300.0] * 99, 80_000.0):
        times.observe("s", seconds, declared=300)

    assert times.mean("s", 300) < 330


@pytest.mark.parametrize("seconds", [float("nan"), float("inf"), -1.0, 100_000.0])
def test_senseless_handling_times_are_left_out(seconds):
    times = HandlingTimes()
    times.observe("s", seconds, declared=300)

    assert times.mean("s", 300) == 300


def test_only_the_last_used_services_are_kept():
    times = HandlingTimes()
    for number in range(KEPT_SERVICES + 5):
        times.observe(f"s{number}", 60)

    assert len(times.to_state()) == KEPT_SERVICES
    assert "s0" not in times.to_state()


def test_mix_mean_weighs_services_by_use():
    times = HandlingTimes()
    for _ in range(980):
        times.observe("often", 100, declared=100)

    assert times.mix_mean({"often", "rare"}, {"often": 100, "rare": 1120}) == pytest.approx(120)
    assert times.mix_mean(frozenset(), {}) == 600


def test_no_show_starts_from_the_prior():
    assert (NoShows().rate, NoShows().time) == (0.08, 60.0)


def test_no_show_follows_what_happens():
    shows = NoShows()
    for number in range(3000):
        shows.observe(30.0 if number % 4 == 0 else None)

    assert shows.rate == pytest.approx(0.25, abs=0.02)
    assert shows.time == pytest.approx(30, abs=1)


def test_no_show_of_senseless_length_is_left_out():
    shows = NoShows()
    shows.observe(float("nan"))

    assert shows.rate == 0.08


def test_leaving_is_zero_before_fifty_tickets():
    leaving = LeavingRate()
    for _ in range(49):
        leaving.observe(600, left=True)
    assert leaving.rate == 0
    leaving.observe(600, left=True)

    assert leaving.rate == pytest.approx(1 / 600)


def test_leaving_is_leavers_by_waiting_second():
    leaving = LeavingRate()
    for number in range(2000):
        leaving.observe(600, left=number % 5 == 0)

    assert leaving.rate == pytest.approx(0.2 / 600, rel=0.02)


def test_leaving_without_any_wait_stays_bounded():
    leaving = LeavingRate()
    for _ in range(100):
        leaving.observe(0, left=True)

    assert leaving.rate == 1 / 60


@pytest.mark.parametrize(
    ("kind", "state"),
    [
        (HandlingTimes, None),
        (HandlingTimes, {"s": [300]}),
        (HandlingTimes, {"s": [300, -1]}),
        (HandlingTimes, {"s": [300, 1.5]}),
        (HandlingTimes, {"s": [float("inf"), 1]}),
        (HandlingTimes, {"s": [10**400, 1]}),
        (HandlingTimes, {1: [300, 1]}),
        (HandlingTimes, {f"s{i}": [300, 1] for i in range(KEPT_SERVICES + 1)}),
        (NoShows, {"calls": 1, "missed": 2, "missed_time": 0}),
        (NoShows, {"calls": -1, "missed": 0, "missed_time": 0}),
        (NoShows, {"calls": 1, "missed": 0}),
        (LeavingRate, {"tickets": True, "left": 0, "waited": 0}),
        (LeavingRate, {"tickets": 1, "left": float("nan"), "waited": 0}),
        (LeavingRate, []),
    ],
)
def test_corrupt_state_is_rejected(kind, state):
    with pytest.raises(CorruptState):
        kind.from_state(state)
