"""
What is free of what is offered: counted by the days that are alike, made where it is looked at.

Days of calendars that are alike have as many free starts until somebody books there; so they are
counted once, and corrected by the starts of which anything is taken.
"""

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final, Generic, NamedTuple, TypeVar, overload
from uuid import UUID
from zoneinfo import ZoneInfo

from smartqueue.appointments.availability import (
    Slot,
    Start,
    Template,
    days_between,
    slot_of,
)
from smartqueue.appointments.queries._offered import Bookable, Key
from smartqueue.common import clock, tenancy
from smartqueue.common.db import fetch_all

T = TypeVar("T")
At = tuple[int, UUID | None]
"""A start in seconds of Unix time, and the agent whose it is."""
DAY_SECONDS: Final = 86_400
LONGEST_DAY: Final = 26 * 3600
ALWAYS: Final = 10**6
"""An offset after every start of a day."""

# What is taken of starts, by calendar; when agents are away; when calendars kept elsewhere close
# branches. Holds that are over are counted still, and free: whoever books gives them back on the way.
_TAKEN = """
    SELECT 'taken' AS about, places.service_id, places.branch_id, places.agent_id,
           array_agg(extract(epoch FROM places.starts_at)::bigint),
           array_agg(extract(epoch FROM places.ends_at)::bigint),
           array_agg(extract(epoch FROM places.busy_from)::bigint)
               FILTER (WHERE places.agent_id IS NOT NULL),
           array_agg(extract(epoch FROM places.busy_until)::bigint)
               FILTER (WHERE places.agent_id IS NOT NULL),
           array_agg(places.taken - coalesce(due.people, 0)::int),
           array_agg(places.public_taken - coalesce(due.public, 0)::int),
           array_agg(CASE WHEN places.cooling_until > %(now)s THEN places.cooling ELSE 0 END),
           array_agg(coalesce(due.people, 0)::int)
    FROM appointments_slotplaces AS places
    LEFT JOIN (
        SELECT places_id, sum(counted) AS people, sum(counted) FILTER (WHERE is_public) AS public
        FROM appointments_appointment
        WHERE free_at <= %(now)s AND counted > 0
        GROUP BY places_id
    ) AS due ON due.places_id = places.id
    WHERE (places.taken > 0 OR places.cooling > 0) AND places.starts_at < %(until)s AND (
        (places.service_id = ANY(%(services)s) AND places.branch_id = ANY(%(branches)s)
         AND places.starts_at >= %(since)s)
        OR (places.agent_id = ANY(%(agents)s) AND places.busy_until > %(since)s))
    GROUP BY places.service_id, places.branch_id, places.agent_id
    UNION ALL
    SELECT 'away', NULL, NULL, agent_id, array_agg(extract(epoch FROM starts_at)::bigint),
           array_agg(extract(epoch FROM ends_at)::bigint), NULL, NULL, NULL, NULL, NULL, NULL
    FROM (
        SELECT agent_id, starts_at, ends_at FROM appointments_agentabsence
        UNION ALL
        SELECT agent_id, starts_at, ends_at FROM appointments_busytime
    ) AS away
    WHERE agent_id = ANY(%(agents)s) AND ends_at > %(since)s AND starts_at < %(until)s
    GROUP BY agent_id
    UNION ALL
    SELECT 'closed', service_id, branch_id, NULL,
           array_agg(extract(epoch FROM starts_at)::bigint),
           array_agg(extract(epoch FROM ends_at)::bigint), NULL, NULL, NULL, NULL, NULL, NULL
    FROM appointments_busytime
    WHERE branch_id = ANY(%(branches)s) AND ends_at > %(since)s AND starts_at < %(until)s
    GROUP BY service_id, branch_id
"""


class Taken(NamedTuple):
    """What is taken of one start; `due` are the people of holds that are over, counted no more."""

    ends: int
    people: int
    public: int
    cooling: int
    due: int = 0


class Spans(Generic[T]):
    """Times with what they are about, found by day."""

    __slots__ = ("_by_day",)

    def __init__(self) -> None:
        self._by_day: defaultdict[int, list[tuple[int, int, T]]] = defaultdict(list)

    def add(self, begins: int, ends: int, about: T) -> None:
        """Keep a time in seconds of Unix time, half-open."""
        for day in range(begins // DAY_SECONDS, (ends - 1) // DAY_SECONDS + 1):
            self._by_day[day].append((begins, ends, about))

    def meeting(self, begins: int, ends: int) -> Iterator[T]:
        """Yield what the times that meet another are about, some perhaps twice."""
        for day in range(begins // DAY_SECONDS, (ends - 1) // DAY_SECONDS + 1):
            for a, b, about in self._by_day.get(day, ()):
                if a < ends and begins < b:
                    yield about


@dataclass(frozen=True, slots=True)
class FreeSlot:
    """A start with the places that are free now, of all and of the public's."""

    bookable: Bookable
    slot: Slot
    free: int

    def view(self) -> dict[str, Any]:
        """Return it as the contract has it."""
        zone = ZoneInfo(self.bookable.branch.timezone)
        return {
            "service": str(self.bookable.service.pk),
            "branch": str(self.bookable.branch.pk),
            "agent": str(self.slot.agent) if self.slot.agent else None,
            "starts_at": self.slot.starts_at.astimezone(zone).isoformat(),
            "ends_at": self.slot.ends_at.astimezone(zone).isoformat(),
            "free": self.free,
        }


@dataclass(slots=True)
class Openings(Sequence[FreeSlot]):
    """
    The free starts of several calendars between two dates, by time: counted without making any, and
    made where they are looked at.

    `is_public` leaves out what only staff may give: their places, times too soon or too far;
    `is_waitlist` brings in what was given up lately.
    """

    found: list[Bookable]
    since: date
    until: date
    now: datetime
    people: int = 1
    is_public: bool = True
    is_waitlist: bool = False
    taken: dict[Key, dict[At, Taken]] = field(init=False)
    busy: dict[UUID, Spans[tuple[int, Key]]] = field(init=False)
    closed: dict[Key, Spans[None]] = field(init=False, default_factory=dict)
    _days: list[tuple[date, int]] | None = field(init=False, default=None)
    _in_order: dict[Key, list[int]] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        self.taken, self.busy = defaultdict(dict), defaultdict(Spans)
        calendars = {id(b.calendar): b.calendar for b in self.found}.values()
        agents = {p.agent for calendar in calendars for p in calendar.patterns if p.agent}
        asked: dict[str, Any] = {
            "services": list({b.service.pk for b in self.found}),
            "branches": list({b.branch.pk for b in self.found}),
            "agents": list(agents),
            "since": datetime.combine(self.since, datetime.min.time(), UTC) - timedelta(days=1),
            "until": datetime.combine(self.until, datetime.min.time(), UTC) + timedelta(days=2),
            "now": self.now,
        }
        if not self.found:
            return
        # Whose holds and absences they are is told to nobody; that they take time is public.
        with tenancy.counting("business_branch", asked["branches"]):
            self._read(asked)

    def _read(self, asked: dict[str, Any]) -> None:
        closed: defaultdict[UUID, list[tuple[UUID | None, int, int]]] = defaultdict(list)
        first, last = (int(asked[name].timestamp()) for name in ("since", "until"))
        for about, service, branch, agent, starts, ends, *figures in fetch_all(
            _TAKEN, asked, planned=True
        ):
            if about == "closed":
                closed[branch] += [(service, *span) for span in zip(starts, ends, strict=True)]
            elif about == "away":
                for begins, over in zip(starts, ends, strict=True):
                    self.busy[agent].add(max(begins, first), min(over, last), (-1, (agent, agent)))
            else:
                self._take((service, branch), agent, starts, ends, figures)
        self._close(closed)

    def _take(
        self,
        key: Key,
        agent: UUID | None,
        starts: list[int],
        ends: list[int],
        figures: list[list[int]],
    ) -> None:
        """Take in what is taken of a calendar, of one agent's if it has them."""
        busy, until, *counts = figures
        rows = {
            (at, agent): Taken(*row)
            for at, *row in zip(starts, ends, *counts, strict=True)
            if row[1] > 0 or row[3] > 0 or row[4] > 0
        }
        self.taken[key].update(rows)
        if agent is None:
            return
        for at, begins, over in zip(starts, busy, until, strict=True):
            row_ = rows.get((at, agent))
            if row_ is not None and row_.people > 0:
                self.busy[agent].add(begins, over, (at, key))

    def _close(self, closed: Mapping[UUID, list[tuple[UUID | None, int, int]]]) -> None:
        """Take in when calendars kept elsewhere close branches, for one service or all."""
        for bookable in self.found:
            here = closed.get(bookable.branch.pk, ())
            for service, starts, ends in here:
                if service in {None, bookable.service.pk}:
                    self.closed.setdefault(bookable.key, Spans()).add(starts, ends, None)

    def __len__(self) -> int:
        return sum(count for _, count in self.days())

    @overload
    def __getitem__(self, index: int) -> FreeSlot: ...
    @overload
    def __getitem__(self, index: slice) -> list[FreeSlot]: ...
    def __getitem__(self, index: int | slice) -> FreeSlot | list[FreeSlot]:
        if isinstance(index, int):
            return self[index : index + 1][0]
        start, stop, _ = index.indices(len(self))
        rows: list[FreeSlot] = []
        passed = 0
        for day, count in self.days():
            if passed + count > start and passed < stop:
                rows += self.of_day(day, max(start - passed, 0), stop - passed)
            passed += count
        return rows

    def __iter__(self) -> Iterator[FreeSlot]:
        for day in days_between(self.since, self.until):
            yield from self.of_day(day)

    def days(self) -> list[tuple[date, int]]:
        """Return how many starts are free on each date of the branches."""
        if self._days is None:
            days = list(days_between(self.since, self.until))
            counts = [0] * len(days)
            for alike in self._alike():
                self._count(alike, days, counts)
            self._days = list(zip(days, counts, strict=True))
        return self._days

    def forget_days(self) -> None:
        """Count again, when the calendars have been narrowed."""
        self._days = None

    def of_day(self, day: date, first: int = 0, last: int | None = None) -> list[FreeSlot]:
        """Return the free starts of a date, by time; those between two of them only, if told."""
        rows = [
            (base + start.offset, number, str(start.agent), base, start, free)
            for number, bookable in enumerate(self.found)
            for base, start, free in self._free(bookable, day)
        ]
        rows.sort(key=lambda row: row[:3])
        return [
            FreeSlot(self.found[number], slot_of(base, start), free)
            for _, number, _, base, start, free in rows[first:last]
        ]

    def left_at(self, bookable: Bookable, slot: Slot) -> int:
        """Return the places that are left at a start of these dates, whenever it may be booked."""
        day = clock.service_date(slot.starts_at, bookable.branch.timezone)
        base, template = bookable.calendar.day(day)
        at = int(slot.starts_at.timestamp())
        for start in template.starts:
            if (base + start.offset, start.agent) == (at, slot.agent):
                return self._places(bookable, at, start, self._strays(bookable, base, template))
        return 0

    def is_empty_at(self, slot: Slot) -> bool:
        """Whether nobody is booked at a start, of the one calendar there is."""
        taken = self.taken.get(self.found[0].key, {})
        row = taken.get((int(slot.starts_at.timestamp()), slot.agent))
        return row is None or row.people == 0

    def has_due(self, slot: Slot) -> bool:
        """Whether holds that are over still stand at a start, of the one calendar there is."""
        row = self.taken.get(self.found[0].key, {}).get(
            (int(slot.starts_at.timestamp()), slot.agent)
        )
        return row is not None and row.due > 0

    # --- Counting -----------------------------------------------------------------------------

    def _alike(self) -> list[list[Bookable]]:
        """Return the calendars in groups whose days are alike while nobody is booked."""
        groups: defaultdict[Any, list[Bookable]] = defaultdict(list)
        for bookable in self.found:
            rules = bookable.rules
            alone = bookable.key if bookable.key in self.closed else None
            groups[id(bookable.calendar), rules.lead_minutes, rules.window_days, alone].append(
                bookable
            )
        return list(groups.values())

    def _count(self, alike: list[Bookable], days: list[date], counts: list[int]) -> None:
        """Add what is free of calendars that are alike, by day."""
        first = alike[0]
        calendar = first.calendar
        if first.key in self.closed or any(pattern.agent for pattern in calendar.patterns):
            for number, day in enumerate(days):
                counts[number] += sum(1 for one in alike for _ in self._free(one, day))
            return
        bounds, templates, bases = [], [], []
        for number, day in enumerate(days):
            base, template = calendar.day(day)
            since, until = self._bounds(first, day, base)
            counts[number] += len(alike) * self._fitting(template, since, until)
            bounds.append((since, until))
            templates.append(template)
            bases.append(base)
        found = _Days(days, bases, templates, bounds)
        for one in alike:
            if taken := self.taken.get(one.key):
                self._correct(one, taken, found, counts)

    def _fitting(self, template: Template, since: int, until: int) -> int:
        """Count the starts of a day between two offsets that fit while nobody is booked."""
        starts = template.starts
        if not starts or until == 0:
            return 0
        if since <= starts[0].offset:
            return template.count(self.people, is_public=self.is_public)
        return sum(
            self._room(start.capacity, start.public_capacity) >= self.people
            for start in template.within(since, until)
        )

    def _room(self, total: int, public: int) -> int:
        return min(total, public) if self.is_public else total

    def _correct(
        self,
        bookable: Bookable,
        taken: dict[At, Taken],
        found: "_Days",
        counts: list[int],
    ) -> None:
        """Take off what is taken: start by start, and the day anew where it is no start of today's."""
        anew = _unlike(taken, found)
        for number in anew:
            if 0 <= number < len(found.days):
                since, until = found.bounds[number]
                counts[number] -= self._fitting(found.templates[number], since, until)
                counts[number] += sum(1 for _ in self._free(bookable, found.days[number]))
        for (at, _), row in taken.items():
            number = bisect_right(found.bases, at) - 1
            if number < 0 or number in anew:
                continue
            start = found.templates[number].at(at - found.bases[number])
            since, until = found.bounds[number]
            if start is None or not since <= start.offset < until:
                continue
            total, public = start.capacity, start.public_capacity
            if self._room(total, public) >= self.people:
                counts[number] -= self._left(total, public, row) < self.people

    # --- One start ----------------------------------------------------------------------------

    def _bounds(self, bookable: Bookable, day: date, base: int) -> tuple[int, int]:
        """Return the offsets between which a start of a date may be booked."""
        now = int(self.now.timestamp())
        if not self.is_public:
            return now - base, ALWAYS
        if day > bookable.last_day(self.now):
            return 0, 0
        return now + bookable.rules.lead_minutes * 60 - base, ALWAYS

    def _free(self, bookable: Bookable, day: date) -> Iterator[tuple[int, Start, int]]:
        base, template = bookable.calendar.day(day)
        since, until = self._bounds(bookable, day, base)
        strays = self._strays(bookable, base, template)
        for start in template.within(since, until):
            free = self._places(bookable, base + start.offset, start, strays)
            if free >= self.people:
                yield base, start, free

    def _places(
        self,
        bookable: Bookable,
        at: int,
        start: Start,
        strays: Iterable[tuple[int, UUID | None, Taken]],
    ) -> int:
        total, public = start.capacity, start.public_capacity
        for begins, agent, other in strays:
            if agent == start.agent and begins < at + start.length and at < other.ends:
                total, public = total - other.people, public - other.public
        if start.agent is not None and self._is_busy(bookable, at, start):
            return 0
        closed = self.closed.get(bookable.key)
        if closed is not None and any(True for _ in closed.meeting(at, at + start.length)):
            return 0
        taken = self.taken.get(bookable.key)
        here = taken.get((at, start.agent)) if taken else None
        return self._room(total, public) if here is None else self._left(total, public, here)

    def _left(self, total: int, public: int, here: Taken) -> int:
        total, public = total - here.people, public - here.public
        if not self.is_public:
            return total
        return min(total, public) - (0 if self.is_waitlist else here.cooling)

    def _strays(
        self, bookable: Bookable, base: int, template: Template
    ) -> list[tuple[int, UUID | None, Taken]]:
        """Return what was booked at times that the pattern does not have any more."""
        taken = self.taken.get(bookable.key)
        if not taken:
            return []
        order = self._in_order.get(bookable.key)
        if order is None:
            order = self._in_order[bookable.key] = sorted({at for at, _ in taken})
        near = order[
            bisect_right(order, base - 2 * DAY_SECONDS) : bisect_left(order, base + 2 * DAY_SECONDS)
        ]
        if not near:
            return []
        offered = {(base + start.offset, start.agent) for start in template.starts}
        agents = {start.agent for start in template.starts}
        return [
            (at, agent, taken[at, agent])
            for at in near
            for agent in agents
            if (at, agent) in taken and (at, agent) not in offered
        ]

    def _is_busy(self, bookable: Bookable, at: int, start: Start) -> bool:
        begins = at - bookable.calendar.before * 60
        ends = at + start.length + bookable.calendar.after * 60
        assert start.agent is not None  # noqa: S101  # asked of agents only
        spans = self.busy.get(start.agent)
        own = (at, bookable.key)
        return spans is not None and any(about != own for about in spans.meeting(begins, ends))


class _Days(NamedTuple):
    """The dates of calendars that are alike: where each begins, its starts, what of it may be booked."""

    days: list[date]
    bases: list[int]
    templates: list[Template]
    bounds: list[tuple[int, int]]


def _unlike(taken: dict[At, Taken], found: _Days) -> set[int]:
    """Return by number the days on which something is taken that is no start of today's pattern."""
    anew: set[int] = set()
    for (at, agent), row in taken.items():
        number = bisect_right(found.bases, at) - 1
        if number < 0:
            anew |= {0} if row.ends > found.bases[0] else set()
            continue
        base = found.bases[number]
        if at - base > LONGEST_DAY:
            continue
        start = found.templates[number].at(at - base)
        # What runs past its start's own end may meet others, on the next day as well.
        if agent is not None or start is None or at + start.length < row.ends:
            anew |= {number - 1, number, number + 1}
    return anew
