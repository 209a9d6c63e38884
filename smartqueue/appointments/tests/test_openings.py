"""What is free is counted by days that are alike, and must be what looking at every start gives."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st

from smartqueue.appointments.availability import Calendar, Pattern, Special
from smartqueue.appointments.models import BookingRules
from smartqueue.appointments.queries import Bookable, Openings
from smartqueue.appointments.queries._free import Spans, Taken
from smartqueue.business.hours import Schedule
from smartqueue.business.models import Branch, Service

AGENT = UUID(int=7)
MONDAY = date(2026, 10, 19)
ZONE = "Europe/Paris"
DAYS = 14


def calendar(draw: Any) -> Calendar:
    patterns = [
        Pattern(
            draw(st.integers(0, 6)),
            time(draw(st.integers(0, 20))),
            time(draw(st.sampled_from([21, 23, 0]))),
            draw(st.sampled_from([30, 60, 480])),
            capacity,
            draw(st.integers(0, capacity)),
            draw(st.sampled_from([None, None, None, AGENT])),
        )
        for capacity in draw(st.lists(st.integers(1, 3), min_size=1, max_size=5))
    ]
    specials = {}
    if draw(st.booleans()):
        specials[MONDAY + timedelta(days=1)] = (Special("open", time(9), time(12), 30, 2, 1),)
    return Calendar(Schedule(ZONE, "FR"), tuple(patterns), specials)


@st.composite
def diaries(draw: Any) -> Openings:
    """Return calendars, some of them alike, with what is taken of them on and off their starts."""
    calendars = [calendar(draw) for _ in range(2)]
    branch, rules = Branch(timezone=ZONE), BookingRules(lead_minutes=120, window_days=10)
    chosen = draw(st.lists(st.sampled_from(calendars), min_size=1, max_size=4))
    found = [Bookable(Service(), branch, rules, one) for one in chosen]
    now = datetime(2026, 10, 19, draw(st.integers(0, 20)), 10, tzinfo=UTC)
    openings = Openings([], MONDAY, MONDAY + timedelta(days=DAYS - 1), now, draw(st.integers(1, 2)))
    openings.found = found
    openings.is_public = draw(st.booleans())
    midnight = int(datetime.combine(MONDAY, time(0), ZoneInfo(ZONE)).timestamp())
    for bookable in found:
        for _ in range(draw(st.integers(0, 4))):
            at = midnight + 1800 * draw(st.integers(-20, 48 * (DAYS + 1)))
            lasts = draw(st.sampled_from([1800, 3600, 28800]))
            agent = draw(st.sampled_from([None, None, AGENT]))
            row = Taken(at + lasts, draw(st.integers(0, 2)), draw(st.integers(0, 1)), 1)
            openings.taken[bookable.key][at, agent] = row
    if draw(st.booleans()):
        closes = midnight + 3600 * draw(st.integers(0, 200))
        openings.closed[found[0].key] = spans = Spans()
        spans.add(closes, closes + 7200, None)
    if draw(st.booleans()):
        leaves = midnight + 3600 * draw(st.integers(0, 200))
        openings.busy[AGENT].add(leaves, leaves + 3 * 86400, (-1, (AGENT, AGENT)))
    return openings


@settings(max_examples=60, deadline=None)
@given(diaries())
def test_what_is_counted_by_alike_days_is_what_every_start_says(openings):
    every = [len(openings.of_day(day)) for day, _ in openings.days()]

    assert [count for _, count in openings.days()] == every
    assert len(openings) == sum(every)
    assert openings[:7] == list(openings)[:7]
    middle = len(openings) // 2
    assert openings[middle : middle + 5] == list(openings)[middle : middle + 5]
