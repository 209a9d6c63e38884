"""The table of a real day, and what is made of it."""

from smartqueue.queues.management.commands._real_day import (
    STEP_MINUTES,
    FiveMinutes,
    part_of,
    read_day,
    steps_of,
)


def test_the_table_is_a_whole_working_day() -> None:
    day = read_day()

    minutes = [row.minute for row in day]
    assert minutes == list(range(minutes[0], minutes[-1] + 1, STEP_MINUTES))
    assert minutes[0] <= 8 * 60
    assert minutes[-1] >= 17 * 60
    assert sum(row.arrivals for row in day) == 169
    assert sum(row.calls for row in day) == 169
    assert max(row.counters for row in day) == 3
    assert all(0 <= row.calls <= 15 and row.arrivals >= 0 for row in day)
    assert all(row.counters > 0 for row in day if row.calls)


def test_nobody_is_called_before_coming() -> None:
    waiting, longest = 0, 0
    for row in read_day():
        waiting += row.arrivals - row.calls
        assert waiting >= 0
        longest = max(longest, waiting)

    assert longest == 15


def test_steps_hold_every_person_and_call_in_order() -> None:
    day = read_day()

    steps = steps_of(day)

    assert [step.at for step in steps] == sorted(step.at for step in steps)
    assert steps == steps_of(day)
    waiting, counters = 0, 0
    for step in steps:
        match step.kind:
            case "join":
                waiting += 1
            case "call":
                waiting -= 1
                assert counters > 0
            case "counters":
                counters = step.counters
        assert waiting >= 0
    kinds = [step.kind for step in steps]
    assert kinds.count("join") == kinds.count("call") == 169


def test_a_part_begins_with_who_was_in_line() -> None:
    day = [FiveMinutes(485, 4, 1, 1), FiveMinutes(490, 2, 2, 2), FiveMinutes(495, 1, 1, 1)]

    assert part_of(day, 485, 490) == [FiveMinutes(490, 5, 2, 2)]
    assert part_of(day, 0, 1440) == day
    assert part_of(day, 495, 1440) == []
