"""Appointments laid out by the hour: a week's days beside each other, or a day's agents."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time, timedelta
from typing import Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

from django.utils.formats import date_format

from smartqueue.accounts.models import User
from smartqueue.appointments import queries
from smartqueue.appointments.enums import MOVABLE, AppointmentState, ExceptionKind
from smartqueue.appointments.models import (
    AgentAbsence,
    Appointment,
    AppointmentSlot,
    SlotException,
)
from smartqueue.business.models import Branch
from smartqueue.web.bookings import zone_of

ANYBODY: Final = "anybody"
ROWS_SHOWN: Final = 500
WORKING_DAYS: Final = 5


@dataclass(frozen=True, slots=True)
class Away:
    """A time at which an agent is not there, on the branch's clock; `reason` is the staff's own."""

    starts_at: datetime
    ends_at: datetime
    reason: str = ""
    is_elsewhere: bool = False
    is_all_day: bool = False


@dataclass(slots=True)
class Cell:
    """An hour of a column; `key` is what free places name it by. `away` is told in its first hour."""

    key: str
    is_closed: bool = False
    cards: list[Appointment] = field(default_factory=list)
    away: list[Away] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Column:
    """A day, or an agent's part of a day; nobody's own without an agent."""

    key: str
    day: date
    agent: User | None = None


@dataclass(frozen=True, slots=True)
class Grid:
    """Columns, and for each hour of the branch's clock a cell of each column."""

    columns: list[Column]
    rows: list[tuple[time, list[Cell]]]

    @property
    def count(self) -> int:
        """How many appointments are shown."""
        return sum(len(cell.cards) for _hour, cells in self.rows for cell in cells)


def key_of(column: str, at: datetime) -> str:
    """Return what the hour of a moment, on the branch's clock, is known by in a column."""
    return f"{column}.{at.hour}"


def week_grid(branch: Branch, day: date, agent_id: UUID | None = None) -> Grid:
    """Return the week around a date, of one agent where named; needs a scope."""
    monday = day - timedelta(days=day.weekday())
    slots = _slots(branch, agent_id)
    rows = _booked(branch, monday, 7, agent_id)
    zone = zone_of(branch)
    opened = _opened(branch, monday, monday + timedelta(days=6))
    used = {slot.day_of_week for slot in slots} | {row.date.weekday() for row in opened}
    used |= {row.starts_at.astimezone(zone).weekday() for row in rows}
    days = [monday + timedelta(days=n) for n in range(7) if n < WORKING_DAYS or n in used]
    columns = [Column(at.isoformat(), at) for at in days]
    grid = Grid(columns, _empty(columns, _hours(slots, opened, rows, zone)))
    _put(grid, rows, lambda row: row.starts_at.astimezone(zone).date().isoformat(), zone)
    if agent_id is not None:
        for away in _away(branch, [agent_id], monday, 7):
            for at in days:
                _close(grid, at.isoformat(), at, away[1])
    return grid


def agents_grid(branch: Branch, day: date, *, names_reasons: bool) -> Grid:
    """Return a date with a column for each agent who has a calendar there; needs a scope."""
    slots = _slots(branch, None)
    rows = _booked(branch, day, 1, None)
    ids = {s.agent_id for s in slots if s.agent_id} | {r.agent_id for r in rows if r.agent_id}
    agents = sorted(User.objects.filter(pk__in=ids), key=str)
    columns = [Column(ANYBODY, day), *(Column(str(agent.pk), day, agent) for agent in agents)]
    zone = zone_of(branch)
    today = [slot for slot in slots if slot.day_of_week == day.weekday()]
    grid = Grid(columns, _empty(columns, _hours(today, _opened(branch, day, day), rows, zone)))
    _put(grid, rows, lambda row: str(row.agent_id) if row.agent_id else ANYBODY, zone)
    for agent_id, away in _away(branch, ids, day, 1):
        _close(grid, str(agent_id), day, away if names_reasons else _unnamed(away))
    return grid


def _unnamed(away: Away) -> Away:
    return replace(away, reason="")


def _slots(branch: Branch, agent_id: UUID | None) -> list[AppointmentSlot]:
    rows = queries.list_slots().filter(branch=branch)
    return list(rows.filter(agent=agent_id) if agent_id else rows)


def _opened(branch: Branch, since: date, until: date) -> list[SlotException]:
    rows = SlotException.objects.filter(
        branch=branch, kind=ExceptionKind.OPEN, date__gte=since, date__lte=until
    )
    return list(rows)


def _booked(branch: Branch, since: date, days: int, agent_id: UUID | None) -> list[Appointment]:
    zone = zone_of(branch)
    rows = queries.appointments_between(
        branch_id=branch.pk,
        since=datetime.combine(since, time(), zone),
        until=datetime.combine(since + timedelta(days=days), time(), zone),
    ).exclude(state=AppointmentState.HELD)
    if agent_id is not None:
        rows = rows.filter(agent=agent_id)
    return list(rows.select_related("branch", "service", "agent")[:ROWS_SHOWN])


def _hours(
    slots: Iterable[AppointmentSlot],
    opened: Iterable[SlotException],
    rows: Iterable[Appointment],
    zone: ZoneInfo,
) -> range:
    booked = [row.starts_at.astimezone(zone).hour for row in rows]
    times = [(s.start_time, s.end_time) for s in slots]
    times += [(o.start_time, o.end_time) for o in opened if o.start_time and o.end_time]
    first = [begin.hour for begin, _end in times] + booked
    last = [_last_hour(end) for _begin, end in times] + booked
    return range(min(first), max(last) + 1) if first else range(0)


def _last_hour(end: time) -> int:
    minutes = end.hour * 60 + end.minute or 24 * 60
    return (minutes - 1) // 60


def _empty(columns: Sequence[Column], hours: range) -> list[tuple[time, list[Cell]]]:
    return [(time(hour), [Cell(f"{column.key}.{hour}") for column in columns]) for hour in hours]


def _put(grid: Grid, rows: Iterable[Appointment], column_of: Any, zone: ZoneInfo) -> None:
    cells = {cell.key: cell for _hour, line in grid.rows for cell in line}
    for row in rows:
        cell = cells.get(key_of(column_of(row), row.starts_at.astimezone(zone)))
        if cell is not None:
            cell.cards.append(row)


def _away(
    branch: Branch, agents: Iterable[UUID], since: date, days: int
) -> Iterator[tuple[UUID, Away]]:
    """Yield the absences of agents, and when calendars kept elsewhere say that they are busy."""
    ids, zone = list(agents), zone_of(branch)
    begin = datetime.combine(since, time(), zone)
    end = datetime.combine(since + timedelta(days=days), time(), zone)
    if not ids:
        return
    rows = AgentAbsence.objects.filter(agent__in=ids, ends_at__gt=begin, starts_at__lt=end)
    for row in rows.order_by("starts_at", "id")[:ROWS_SHOWN]:
        starts_at, ends_at = row.starts_at.astimezone(zone), row.ends_at.astimezone(zone)
        yield row.agent_id, Away(starts_at, ends_at, row.reason)
    for busy in queries.busy_periods(agents=ids, branches=[], since=begin, until=end):
        if busy.agent is not None:
            times = busy.starts_at.astimezone(zone), busy.ends_at.astimezone(zone)
            yield busy.agent, Away(*times, is_elsewhere=True)


def _close(grid: Grid, column: str, day: date, away: Away) -> None:
    index = next(n for n, one in enumerate(grid.columns) if one.key == column)
    shown = [(hour, cells[index]) for hour, cells in grid.rows]
    begins = [datetime.combine(day, hour, away.starts_at.tzinfo) for hour, _cell in shown]
    hour = timedelta(hours=1)
    closed = [
        cell
        for at, (_hour, cell) in zip(begins, shown, strict=True)
        if away.starts_at < at + hour and away.ends_at > at
    ]
    if not closed:
        return
    is_all_day = away.starts_at <= begins[0] and away.ends_at >= begins[-1] + hour
    closed[0].away.append(replace(away, is_all_day=is_all_day))
    for cell in closed:
        cell.is_closed = True


def free_for(
    appointment: Appointment, since: date, until: date, now: datetime, *, by_agent: bool
) -> list[dict[str, str]]:
    """
    Return where staff can move an appointment to between two dates, as the grid's script reads it:
    the cell, the time that is shown, what the form sends.
    """
    branch = appointment.branch
    bookable = queries.get_bookable(appointment.service, branch, since, until)
    if bookable is None:
        return []
    rows = queries.Openings([bookable], since, until, now, appointment.people, is_public=False)
    found: dict[tuple[str, str], dict[str, str]] = {}
    for row in rows:
        at = row.slot.starts_at.astimezone(zone_of(branch))
        agent = str(row.slot.agent or "")
        column = (agent or ANYBODY) if by_agent else at.date().isoformat()
        key = (column, at.isoformat())
        is_own = row.slot.agent == appointment.agent_id
        if key in found and not is_own:
            continue
        # Without agents in sight whoever has time takes it, the same agent if possible.
        found[key] = {
            "cell": key_of(column, at),
            "time": f"{at:%H:%M}",
            "said": date_format(at, "l j F"),
            "value": at.isoformat(),
            "agent": agent if by_agent or is_own else "",
        }
    return list(found.values())


def is_movable(appointment: Appointment) -> bool:
    """Whether staff may still give an appointment another time."""
    return appointment.state in MOVABLE
