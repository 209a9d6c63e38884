"""What the queue knows, put to the wait estimator, and its answers in the contract's form."""

import functools
import json
import logging
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from typing import Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

from django.utils.formats import date_format
from django.utils.translation import get_language, ngettext
from django.utils.translation import gettext as _

from smartqueue.common import clock, tenancy
from smartqueue.common.db import fetch_all
from smartqueue.queues.enums import QueueState
from smartqueue.queues.models import Queue
from smartqueue.queues.rosters import NO_PLAN, Plan, Planned, epoch
from smartqueue.waits import (
    Booking,
    CorruptState,
    Counter,
    Estimate,
    Explanation,
    LineSummary,
    Pool,
    Predictor,
    RatioHistory,
    Segment,
    count_counters,
    shown,
)

logger = logging.getLogger(__name__)

PROFILE_SECONDS = 10.0
EXACT_UP_TO = 50
MOST_PROFILES = 500
MOST_SENTENCES: Final = 2000
AT_REST_SECONDS = 1.0
LIKELY_SERVED = 0.8
# Who is later than that comes as a walk-in; who is booked for later passes nobody who waits now.
LATE_ARRIVALS = timedelta(minutes=10)
EXPECTED_WITHIN = timedelta(hours=4)
DEFAULT_HANDLING_SECONDS = 600.0
# Beside a plan or a closing time an answer is of its moment.
ANSWER_SECONDS: Final = 10

_PROFILE = """
    SELECT queue.id, learned.state, wider.ratios,
           (SELECT coalesce(json_agg(json_build_array(
                       offered.service_id, service.duration_minutes * 60,
                       (SELECT count(*) FROM queues_ticket AS ticket
                        WHERE ticket.queue_id = queue.id AND ticket.state = 'waiting'
                          AND ticket.service_id = offered.service_id))), '[]'::json)
            FROM queues_queueservice AS offered
            JOIN business_service AS service ON service.id = offered.service_id
            WHERE offered.queue_id = queue.id),
           branch.timezone, learned.usual,
           (SELECT coalesce(json_agg(json_build_array(day.weekday, day.date, day.spans)), '[]'::json)
            FROM queues_rosterday AS day WHERE day.queue_id = queue.id),
           (SELECT extract(epoch FROM greatest(head.joined_at, head.order_key))::float8
            FROM queues_ticket AS head WHERE head.queue_id = queue.id AND head.state = 'waiting'
            ORDER BY head.order_key, head.id LIMIT 1),
           (SELECT coalesce(json_agg(extract(epoch FROM pause.started_at)::float8), '[]'::json)
            FROM queues_countersession AS session
            LEFT JOIN queues_sessionbreak AS pause
                ON pause.session_id = session.id AND pause.ended_at IS NULL
            WHERE session.branch_id = queue.branch_id AND session.state <> 'ended'
              AND queue.id = ANY(session.queue_ids)),
           (SELECT coalesce(json_agg(json_build_array(
                       extract(epoch FROM expected.slot_at), expected.people,
                       expected.head_start_minutes * 60)), '[]'::json)
            FROM queues_queueservice AS offered
            JOIN queues_expectedpeople AS expected
              ON expected.branch_id = queue.branch_id
             AND expected.service_id = offered.service_id
            WHERE offered.queue_id = queue.id
              AND expected.slot_at BETWEEN %s AND %s),
           (SELECT coalesce(json_agg(json_build_array(
                       other.share, other.waiting_count, other.head_since)), '[]'::json)
            FROM (
                SELECT count(*) FILTER (WHERE queue.id = ANY(session.queue_ids))::float8
                           / count(*) AS share,
                       line.waiting_count,
                       (SELECT extract(epoch FROM greatest(head.joined_at, head.order_key))::float8
                        FROM queues_ticket AS head
                        WHERE head.queue_id = line.id AND head.state = 'waiting'
                        ORDER BY head.order_key, head.id LIMIT 1) AS head_since
                FROM queues_countersession AS session
                CROSS JOIN LATERAL unnest(session.queue_ids) AS served(queue_id)
                JOIN queues_queue AS line ON line.id = served.queue_id
                WHERE session.branch_id = queue.branch_id AND session.state = 'open'
                  AND line.id <> queue.id AND line.state <> 'paused' AND line.waiting_count > 0
                GROUP BY line.id
            ) AS other
            WHERE other.share > 0 AND other.head_since IS NOT NULL),
           learned.priority
    FROM queues_queue AS queue
    JOIN business_branch AS branch ON branch.id = queue.branch_id
    LEFT JOIN queues_queuewaits AS learned ON learned.queue_id = queue.id
    LEFT JOIN queues_organizationwaits AS wider ON wider.organization_id = queue.organization_id
    WHERE queue.id = ANY(%s)
"""
_COUNTERS = """
    SELECT queue.id,
           count(session.id) FILTER (WHERE session.state = 'open' AND NOT EXISTS (
               SELECT 1 FROM queues_ticket AS ticket
               WHERE ticket.counter_id = session.counter_id
                 AND ticket.state IN ('called', 'serving'))),
           count(session.id) FILTER (WHERE session.state = 'on_break')
    FROM queues_queue AS queue
    LEFT JOIN queues_countersession AS session
        ON session.branch_id = queue.branch_id AND session.state <> 'ended'
       AND queue.id = ANY(session.queue_ids)
    WHERE queue.id = ANY(%s)
    GROUP BY queue.id
"""

Counters = tuple[int, int]
"""How many counters of a queue are free, and how many are on a break."""


Hours = tuple[datetime | None, datetime | None]
"""The next opening and today's closing of a queue that follows its branch's hours."""


@dataclass(frozen=True, slots=True)
class OtherLine:
    """
    Another queue in front of the same counters.

    share: the part of its counters that serve the first queue too, and so the part of its people whom
    they call. since: from when its first person waits, epoch seconds.
    """

    share: float
    waiting: int
    since: float

    def people_before(self, moment: float, now: float) -> float:
        """Return how many of its people came before a moment, as if they had come evenly."""
        if now <= self.since:
            return 0.0 if moment < self.since else self.share * self.waiting
        part = (moment - self.since) / (now - self.since)
        return self.share * self.waiting * min(max(part, 0.0), 1.0)


@dataclass(frozen=True, slots=True)
class Profile:
    """
    What was learned of a queue, the mean handling time of who waits in it in seconds, the counters
    planned or usual, since when (epoch seconds) the first in line waits and each counter is on a
    break (None for one that serves), the people with appointments soon who have not arrived, the
    other queues of the same counters, how many people with a head start join per second of service
    and the seconds of it, and what was answered from these so far, and its hours once they were
    asked for.
    """

    predictor: Predictor
    handling: float
    planned: Planned = field(default_factory=Planned)
    head_since: float | None = None
    breaks: Sequence[float | None] = ()
    others: Sequence[OtherLine] = ()
    priority: Sequence[float] = (0.0, 0.0)
    answers: dict[tuple[int, Pool, bool, int, int], Estimate] = field(default_factory=dict)
    plans: dict[tuple[int, str], Plan] = field(default_factory=dict)
    hours: list[Hours] = field(default_factory=list)
    at_rest: list[tuple[float, Counters]] = field(default_factory=list)
    bookings: tuple[Booking, ...] = ()

    def counters_at_rest(self, queue_id: UUID) -> Counters:
        """Return the counters of a queue that none serves now, as they were a second ago at most."""
        moment = time.monotonic()
        if not self.at_rest or moment - self.at_rest[0][0] >= AT_REST_SECONDS:
            self.at_rest[:] = [(moment, counters_of([queue_id]).get(queue_id, (0, 0)))]
        return self.at_rest[0][1]


_profiles: dict[UUID, tuple[float, datetime, Profile]] = {}


def profile_of(queue_id: UUID) -> Profile:
    """Return a queue's profile, read again when it is older than PROFILE_SECONDS."""
    read_profiles([queue_id])
    kept = _profiles.get(queue_id)
    return kept[2] if kept else Profile(Predictor(), DEFAULT_HANDLING_SECONDS)


def read_profiles(queue_ids: Iterable[UUID]) -> None:
    """Read the profiles of several queues that are not there or too old, in one query."""
    moment, now = time.monotonic(), clock.now()
    old = [pk for pk in queue_ids if _age(pk, moment, now) >= PROFILE_SECONDS]
    if not old:
        return
    if len(_profiles) + len(old) > MOST_PROFILES:
        _profiles.clear()
    with tenancy.counting("queues_queue", old):
        rows = fetch_all(_PROFILE, [now - LATE_ARRIVALS, now + EXPECTED_WITHIN, old])
    for (
        queue_id,
        state,
        wider,
        services,
        zone,
        *planned,
        head,
        breaks,
        expected,
        others,
        priority,
    ) in rows:
        predictor = _predictor(queue_id, _loaded(state), _loaded(wider), zone)
        profile = _profile(predictor, services, _planned(zone, *planned))
        _profiles[queue_id] = (
            moment,
            now,
            replace(
                profile,
                head_since=head,
                breaks=_loaded(breaks),
                bookings=_bookings(_loaded(expected)),
                others=[OtherLine(*other) for other in _loaded(others)],
                priority=_loaded(priority) or (0.0, 0.0),
            ),
        )


def _age(queue_id: UUID, moment: float, now: datetime) -> float:
    """Return the seconds since a profile was read, those of a demonstration whose clock runs faster."""
    kept = _profiles.get(queue_id)
    if kept is None:
        return PROFILE_SECONDS
    return max(moment - kept[0], (now - kept[1]).total_seconds())


def forget_profiles() -> None:
    """Read every profile again when next asked for."""
    _profiles.clear()


def predictor_from(
    queue_id: UUID, state: Any, zone: str, wider: RatioHistory | None = None
) -> Predictor | None:
    """
    Return a predictor with what was stored, for the clock of this zone, and with what its
    organization knows beyond; None, and a warning, for what cannot be read.
    """
    try:
        return Predictor.from_state(state, wider, zone=ZoneInfo(zone))
    except CorruptState as error:
        logger.warning(
            "learned waits cannot be read", extra={"queue": str(queue_id), "error": str(error)}
        )
        return None


def ratios_from(state: Any) -> RatioHistory | None:
    """Return the ratios of an organization; None, and a warning, for what cannot be read."""
    try:
        return RatioHistory.from_state(state)
    except CorruptState as error:
        logger.warning("ratios of an organization cannot be read", extra={"error": str(error)})
        return None


def _predictor(queue_id: UUID, state: Any, ratios: Any, zone: str) -> Predictor:
    """Return a predictor; what cannot be read is learned anew at the next call or night."""
    wider = ratios_from(ratios) if ratios is not None else None
    known = predictor_from(queue_id, state, zone, wider) if state is not None else None
    return known or Predictor(wider, zone=ZoneInfo(zone))


def _profile(predictor: Predictor, offered: str | list[list[Any]], planned: Planned) -> Profile:
    services = _loaded(offered)
    times = [
        (predictor.handling_time(str(service), float(seconds)), waiting + 1)
        for service, seconds, waiting in services
    ]
    people = sum(weight for _, weight in times)
    mean = sum(seconds * weight for seconds, weight in times) / people if people else None
    return Profile(predictor, mean or DEFAULT_HANDLING_SECONDS, planned)


def _planned(zone: str, usual: Any, days: Any) -> Planned:
    rows = _loaded(days)
    return Planned(
        zone=zone,
        weekdays={weekday: spans for weekday, on, spans in rows if on is None},
        dates={date.fromisoformat(on): spans for _weekday, on, spans in rows if on is not None},
        usual=_loaded(usual) or (),
    )


def _bookings(expected: list[list[Any]]) -> tuple[Booking, ...]:
    return tuple(Booking(float(at), "", float(ahead), float(n)) for at, n, ahead in expected)


def _loaded(value: Any) -> Any:
    return json.loads(value) if isinstance(value, str) else value


def for_place(
    queue: Queue,
    people_ahead: int,
    now: datetime,
    hours: Callable[[], Hours],
    counters: Counters | None = None,
) -> Estimate:
    """
    Estimate the wait behind a number of people, at a cost that does not grow with them.

    `hours` is asked for the next opening and today's closing, once a profile. `counters` saves a
    query where they have been read for many queues at once.
    """
    profile = profile_of(queue.pk)
    if not profile.hours:
        profile.hours.append(hours())
    if counters is None and queue.open_counters == 0:
        counters = profile.counters_at_rest(queue.pk)
    came = _came_before(queue, people_ahead, profile, now)
    elsewhere = _ahead_elsewhere(profile, came, now)
    pool = _pool(queue, people_ahead + elsewhere, profile, now, counters)
    frozen = queue.state == QueueState.PAUSED
    near = _nearby(people_ahead + elsewhere)
    # Who passes whom depends on when both came and on the slots of who is still to come.
    is_of_now = pool.plan or pool.closes_at is not None or profile.bookings
    came_minutes = round(came / 60) if pool.priority_rate or profile.bookings else 0
    key = (
        near,
        pool,
        frozen,
        int(now.timestamp()) // ANSWER_SECONDS if is_of_now else 0,
        came_minutes,
    )
    known = profile.answers.get(key)
    if known is None:
        summary = LineSummary(
            now=now.timestamp(),
            pool=pool,
            waiting=max(queue.waiting_count + elsewhere, near),
            handling=profile.handling,
            head_waited=_waited_by_head(profile, now),
            bookings=profile.bookings,
            frozen=frozen,
        )
        known = profile.answers[key] = profile.predictor.predict_position(
            near, summary, effective_at=now.timestamp() - 60 * came_minutes
        )
    explanation = replace(known.explanation, people_ahead=people_ahead, elsewhere=elsewhere)
    return replace(known, explanation=explanation)


def with_counters(
    queue: Queue, counters: int, now: datetime, hours: Callable[[], Hours]
) -> Estimate:
    """
    Estimate the wait of somebody who joins an open queue now, if so many counters serve it from now
    until it closes, whatever is planned or usual.
    """
    profile = profile_of(queue.pk)
    if not profile.hours:
        profile.hours.append(hours())
    people = queue.waiting_count + _ahead_elsewhere(profile, 0.0, now)
    closes_at = profile.hours[0][1]
    moment = now.timestamp()
    pool = Pool(
        id=str(queue.pk),
        counters=counters,
        plan=(Segment(moment + 1, counters),) if counters else (),
        closes_at=closes_at.timestamp() if closes_at else None,
        priority_rate=profile.priority[0],
        priority_head_start=profile.priority[1],
    )
    summary = LineSummary(
        now=moment,
        pool=pool,
        waiting=people,
        handling=profile.handling,
        head_waited=_waited_by_head(profile, now),
        bookings=profile.bookings,
    )
    return profile.predictor.predict_position(people, summary)


def _came_before(queue: Queue, people_ahead: int, profile: Profile, now: datetime) -> float:
    """
    Return how many seconds ago somebody at this place in line came: between the first in line and
    now, as if people had come evenly.
    """
    waited = _waited_by_head(profile, now)
    if waited is None or people_ahead >= queue.waiting_count:
        return 0.0
    return waited * (1 - people_ahead / queue.waiting_count)


def _ahead_elsewhere(profile: Profile, came: float, now: datetime) -> int:
    """Return how many people of other queues came before, whom the same counters will call first."""
    moment = now.timestamp()
    return round(sum(other.people_before(moment - came, moment) for other in profile.others))


def _waited_by_head(profile: Profile, now: datetime) -> float | None:
    if profile.head_since is None:
        return None
    return max(now.timestamp() - profile.head_since, 0.0)


def _nearby(people_ahead: int) -> int:
    """
    Return the number of people whose estimate stands for this one: itself up to 50, then the next
    that is at most 2 % larger, far below what changes a shown figure. Never falls with more people.
    """
    if people_ahead <= EXACT_UP_TO:
        return people_ahead
    step = max(people_ahead // EXACT_UP_TO, 1)
    step = 1 << (step.bit_length() - 1)
    return -(-people_ahead // step) * step


def _pool(
    queue: Queue, people_ahead: int, profile: Profile, now: datetime, counters: Counters | None
) -> Pool:
    serving = _serving(queue, profile, now)
    kind, plan = _plan(queue, profile, now, is_serving=serving > 0)
    if not serving:
        paused = 0 if queue.state == QueueState.CLOSED else _counters(queue, counters)[1]
        return Pool(
            id=str(queue.pk),
            plan=plan,
            plan_kind=kind,
            paused=paused,
            priority_rate=profile.priority[0],
            priority_head_start=profile.priority[1],
        )
    idle = 0
    if people_ahead == 0 and queue.waiting_count <= 1:
        idle = min(_counters(queue, counters)[0], queue.open_counters)
    closes_at = profile.hours[0][1]
    return Pool(
        id=str(queue.pk),
        counters=serving,
        idle=idle,
        plan=plan,
        plan_kind=kind,
        closes_at=closes_at.timestamp() if closes_at else None,
        priority_rate=profile.priority[0],
        priority_head_start=profile.priority[1],
    )


def _serving(queue: Queue, profile: Profile, now: datetime) -> int:
    """Return the counters that count as open: those that are, and those on a break of minutes."""
    if queue.state == QueueState.CLOSED:
        return 0
    resting = [Counter("paused", since) for since in profile.breaks if since is not None]
    if not resting:
        return queue.open_counters
    soon_back = count_counters(resting, now.timestamp()).counters
    # Who came back a moment ago is among the open ones already.
    return max(queue.open_counters, min(queue.open_counters + soon_back, len(profile.breaks)))


def serving_now(queue: Queue, now: datetime) -> int:
    """Return the counters with which a queue's waits are reckoned now: a break of minutes counts."""
    return _serving(queue, profile_of(queue.pk), now)


def _plan(queue: Queue, profile: Profile, now: datetime, *, is_serving: bool) -> Plan:
    """Return the counters expected later, worked out once a minute of a profile's life."""
    is_closed = queue.state == QueueState.CLOSED
    key = (int(now.timestamp()) // 60, "serving" if is_serving else queue.state)
    found = profile.plans.get(key)
    if found is None:
        if is_serving:
            found = profile.planned.while_serving(now)
        elif queue.state == QueueState.PAUSED:
            found = NO_PLAN
        else:
            opens_at = profile.hours[0][0]
            found = profile.planned.from_opening(now, opens_at, by_hand=is_closed)
        profile.plans[key] = found
    kind, plan = found
    return kind, tuple(segment for segment in plan if segment.start > now.timestamp())


def _counters(queue: Queue, known: Counters | None) -> Counters:
    return known or counters_of([queue.pk]).get(queue.pk, (0, 0))


def counters_of(queue_ids: Iterable[UUID]) -> dict[UUID, Counters]:
    """Return the free and the pausing counters of several queues, in one query."""
    ids = list(queue_ids)
    with tenancy.counting("queues_queue", ids):
        rows = fetch_all(_COUNTERS, [ids])
    return {queue_id: (free, on_break) for queue_id, free, on_break in rows}


def wire(estimate: Estimate) -> dict[str, int | None] | None:
    """Return an estimate as the contract has it: seconds from now to the call, or None."""
    if not estimate.has_figure:
        return None
    return {"low": estimate.low, "median": estimate.median, "high": estimate.high}


def why(
    estimate: Estimate, zone: str, *, counted: bool = True, timed: bool = True
) -> dict[str, Any]:
    """
    Return why an estimate is what it is, with sentences in the active language.

    Not `counted` leaves out how many people stand before, not `timed` what speaks of a figure.
    """
    explanation = estimate.explanation
    starts_at = epoch(explanation.starts_at) if explanation.starts_at is not None else None
    local = starts_at.astimezone(ZoneInfo(zone)) if starts_at else None
    sentences = [_sentence(estimate, local, counted=counted, timed=timed)]
    if counted:
        sentences += [_elsewhere(estimate), _expected(estimate)]
    if timed:
        sentences.append(_plan_sentence(estimate))
    sentences.append(_warning(estimate))
    return {
        "state": explanation.state,
        "people_ahead": explanation.people_ahead if counted else None,
        "counters": explanation.counters,
        "expected_before": round(explanation.overtakers) if counted else None,
        "basis": estimate.basis,
        "starts_at": starts_at.isoformat() if starts_at else None,
        "served_chance": _rounded(estimate.served_chance) if timed else None,
        "text": " ".join(filter(None, sentences)),
    }


def _elsewhere(estimate: Estimate) -> str:
    """Say who waits in other lines of the same counters and came before."""
    people = estimate.explanation.elsewhere
    if not people or not estimate.has_figure:
        return ""
    return ngettext(
        "%(count)d person before you waits in another line of the same counters.",
        "%(count)d people before you wait in other lines of the same counters.",
        people,
    ) % {"count": people}


def _expected(estimate: Estimate) -> str:
    """Say who else is expected to be called before, where that is somebody."""
    people = round(estimate.explanation.overtakers)
    if not people or not estimate.has_figure:
        return ""
    return ngettext(
        "%(count)d more person with an appointment or a priority is expected before you.",
        "%(count)d more people with an appointment or a priority are expected before you.",
        people,
    ) % {"count": people}


def _plan_sentence(estimate: Estimate) -> str:
    """Say where the counters of the hours to come are known from."""
    match estimate.basis:
        case "roster":
            return _("The counters planned for today are counted in.")
        case "usual":
            return _("The counters that are usually open at these hours are counted in.")
    return ""


def _warning(estimate: Estimate) -> str:
    chance = estimate.served_chance
    if chance is None or chance >= LIKELY_SERVED:
        return ""
    return _("You may not be called before closing.")


def _rounded(chance: float | None) -> float | None:
    return None if chance is None else round(chance, 2)


def _sentence(estimate: Estimate, starts_at: datetime | None, *, counted: bool, timed: bool) -> str:
    explanation = estimate.explanation
    match explanation.state:
        case "now":
            text = _("A counter is free for you.")
        case "paused":
            text = _("The queue is paused. Your place is kept.")
        case "closed":
            text = _("The queue is closed.")
        case "opens_at" if starts_at is not None:
            ahead = explanation.people_ahead if counted else None
            text = _opening_sentence(ahead, starts_at)
        case "opens_at" if timed:
            text = _("No counter is open yet. The figure counts from the opening.")
        case "unknown" if timed:
            text = _("No counter is open, so no honest figure can be given.")
        case "opens_at" | "unknown":
            text = _("No counter is open yet.")
        case _:
            ahead = explanation.people_ahead if counted else None
            text = _line(ahead, explanation.counters, get_language())
    return text


@functools.lru_cache(maxsize=MOST_SENTENCES)
def _line(people_ahead: int | None, counters_open: int, _language: str | None) -> str:
    counters = ngettext(
        "%(count)d counter is open", "%(count)d counters are open", counters_open
    ) % {"count": counters_open}
    if people_ahead is None:
        return f"{counters}."
    return _("%(people)s and %(counters)s.") % {
        "people": _people(people_ahead),
        "counters": counters,
    }


def _opening_sentence(people_ahead: int | None, starts_at: datetime) -> str:
    opening = _("No counter is open yet; service begins at %(time)s.") % {
        "time": date_format(starts_at, "TIME_FORMAT")
    }
    return opening if people_ahead is None else f"{opening} {_people(people_ahead)}."


def _people(ahead: int) -> str:
    if not ahead:
        return _("You are next")
    return ngettext("%(count)d person is before you", "%(count)d people are before you", ahead) % {
        "count": ahead
    }


# --- What was shown --------------------------------------------------------------------------------

Noted = dict[str, Any]
"""A shown estimate as it is stored until the call: see `noted`."""


def noted(queue: Queue, estimate: Estimate, now: datetime) -> Noted | None:
    """
    Return what is stored of an estimate that somebody is shown; None where it has no figure to score.

    `at` is in epoch seconds, durations are in seconds. `ahead` counts people before in other queues of
    the same counters too. `by_people` is what others would show: people
    times minutes over counters.
    """
    kept = shown(estimate, now.timestamp())
    if kept is None:
        return None
    explanation = estimate.explanation
    ahead = explanation.people_ahead + explanation.elsewhere
    by_people = None
    if explanation.counters:
        handling = profile_of(queue.pk).handling
        by_people = round(ahead * handling / explanation.counters)
    return {
        "queue": str(queue.pk),
        "at": kept.made_at,
        "state": explanation.state,
        "ahead": ahead,
        "base": round(kept.base, 1),
        "delay": round(kept.delay, 1),
        "low": estimate.low,
        "median": estimate.median,
        "high": estimate.high,
        "basis": estimate.basis,
        "version": estimate.version,
        "by_people": by_people,
    }


def from_noted(kept: Noted) -> Estimate:
    """Return the figures of a shown estimate, to compare a fresh one with."""
    return Estimate(
        low=kept["low"],
        median=kept["median"],
        high=kept["high"],
        basis=kept["basis"],
        explanation=Explanation(kept["state"], kept["ahead"], 0),
        base=kept["base"],
        delay=kept["delay"],
        version=kept["version"],
    )
