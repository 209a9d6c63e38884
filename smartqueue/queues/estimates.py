"""What the queue knows, put to the wait estimator, and its answers in the contract's form."""

import json
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from smartqueue.common import clock, tenancy
from smartqueue.common.db import fetch_all
from smartqueue.queues.enums import QueueState
from smartqueue.queues.models import Queue
from smartqueue.waits import Booking, CorruptState, Estimate, LineSummary, Pool, Predictor, Segment

PROFILE_SECONDS = 10.0
EXACT_UP_TO = 50
MOST_PROFILES = 500
AT_REST_SECONDS = 1.0
LIKELY_SERVED = 0.8
# Who is later than that comes as a walk-in; who is booked for later passes nobody who waits now.
LATE_ARRIVALS = timedelta(minutes=10)
EXPECTED_WITHIN = timedelta(hours=4)
DEFAULT_HANDLING_SECONDS = 600.0

_PROFILE = """
    SELECT queue.id, learned.state,
           (SELECT coalesce(json_agg(json_build_array(
                       offered.service_id, service.duration_minutes * 60,
                       (SELECT count(*) FROM queues_ticket AS ticket
                        WHERE ticket.queue_id = queue.id AND ticket.state = 'waiting'
                          AND ticket.service_id = offered.service_id))), '[]'::json)
            FROM queues_queueservice AS offered
            JOIN business_service AS service ON service.id = offered.service_id
            WHERE offered.queue_id = queue.id),
           (SELECT coalesce(json_agg(json_build_array(
                       extract(epoch FROM expected.slot_at), expected.people,
                       expected.head_start_minutes * 60)), '[]'::json)
            FROM queues_queueservice AS offered
            JOIN queues_expectedpeople AS expected
              ON expected.branch_id = queue.branch_id
             AND expected.service_id = offered.service_id
            WHERE offered.queue_id = queue.id
              AND expected.slot_at BETWEEN %s AND %s)
    FROM queues_queue AS queue
    LEFT JOIN queues_queuewaits AS learned ON learned.queue_id = queue.id
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
class Profile:
    """
    What was learned of a queue, the mean handling time of who waits in it in seconds, and what was
    answered from these so far, and its hours once they were asked for. `bookings` are the people
    with appointments soon who have not arrived.
    """

    predictor: Predictor
    handling: float
    answers: dict[tuple[int, Pool, bool], Estimate] = field(default_factory=dict)
    hours: list[Hours] = field(default_factory=list)
    at_rest: list[tuple[float, Counters]] = field(default_factory=list)
    bookings: tuple[Booking, ...] = ()

    def counters_at_rest(self, queue_id: UUID) -> Counters:
        """Return the counters of a queue that none serves now, as they were a second ago at most."""
        moment = time.monotonic()
        if not self.at_rest or moment - self.at_rest[0][0] >= AT_REST_SECONDS:
            self.at_rest[:] = [(moment, counters_of([queue_id]).get(queue_id, (0, 0)))]
        return self.at_rest[0][1]


_profiles: dict[UUID, tuple[float, Profile]] = {}


def profile_of(queue_id: UUID) -> Profile:
    """Return a queue's profile, read again when it is older than PROFILE_SECONDS."""
    kept = _profiles.get(queue_id)
    if kept is None or time.monotonic() - kept[0] >= PROFILE_SECONDS:
        read_profiles([queue_id])
        kept = _profiles.get(queue_id)
    return kept[1] if kept else Profile(Predictor(), DEFAULT_HANDLING_SECONDS)


def read_profiles(queue_ids: Iterable[UUID]) -> None:
    """Read the profiles of several queues that are not there or too old, in one query."""
    moment = time.monotonic()
    old = [pk for pk in queue_ids if _age(pk, moment) >= PROFILE_SECONDS]
    if not old:
        return
    if len(_profiles) + len(old) > MOST_PROFILES:
        _profiles.clear()
    now = clock.now()
    with tenancy.counting("queues_queue", old):
        rows = fetch_all(_PROFILE, [now - LATE_ARRIVALS, now + EXPECTED_WITHIN, old])
    for queue_id, state, services, expected in rows:
        _profiles[queue_id] = (moment, _profile(state, services, expected))


def _age(queue_id: UUID, moment: float) -> float:
    kept = _profiles.get(queue_id)
    return moment - kept[0] if kept else PROFILE_SECONDS


def forget_profiles() -> None:
    """Read every profile again when next asked for."""
    _profiles.clear()


def predictor_from(state: dict[str, Any] | None) -> Predictor:
    """Return a predictor with what was stored; a state that cannot be read starts anew."""
    if state is None:
        return Predictor()
    try:
        return Predictor.from_state(state)
    except CorruptState:
        return Predictor()


def _profile(
    stored: str | None, offered: str | list[list[Any]], expected: str | list[list[Any]]
) -> Profile:
    predictor = predictor_from(json.loads(stored) if stored else None)
    services = json.loads(offered) if isinstance(offered, str) else offered
    times = [
        (predictor.handling_time(str(service), float(seconds)), waiting + 1)
        for service, seconds, waiting in services
    ]
    people = sum(weight for _, weight in times)
    mean = sum(seconds * weight for seconds, weight in times) / people if people else None
    soon = json.loads(expected) if isinstance(expected, str) else expected
    bookings = tuple(Booking(float(at), "", float(ahead), float(n)) for at, n, ahead in soon)
    return Profile(predictor, mean or DEFAULT_HANDLING_SECONDS, bookings=bookings)


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
    pool = _pool(queue, people_ahead, profile.hours[0], counters)
    frozen = queue.state == QueueState.PAUSED
    near = _nearby(people_ahead)
    key = (near, pool, frozen)
    known = None if pool.plan else profile.answers.get(key)
    if known is None:
        summary = LineSummary(
            now=now.timestamp(),
            pool=pool,
            waiting=max(queue.waiting_count, near),
            handling=profile.handling,
            bookings=profile.bookings,
            frozen=frozen,
        )
        known = profile.answers[key] = profile.predictor.predict_position(near, summary)
    explanation = replace(known.explanation, people_ahead=people_ahead)
    return replace(known, explanation=explanation)


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
    queue: Queue,
    people_ahead: int,
    hours: Hours,
    counters: Counters | None,
) -> Pool:
    opens_at, closes_at = hours
    if queue.state == QueueState.CLOSED or queue.open_counters == 0:
        plan = (Segment(start=opens_at.timestamp(), counters=1.0),) if opens_at else ()
        paused = 0 if queue.state == QueueState.CLOSED else _counters(queue, counters)[1]
        return Pool(id=str(queue.pk), plan=plan, paused=paused)
    idle = 0
    if people_ahead == 0 and queue.waiting_count <= 1:
        idle = min(_counters(queue, counters)[0], queue.open_counters)
    return Pool(
        id=str(queue.pk),
        counters=queue.open_counters,
        idle=idle,
        closes_at=closes_at.timestamp() if closes_at else None,
    )


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


def why(estimate: Estimate, *, counted: bool = True, timed: bool = True) -> dict[str, Any]:
    """
    Return why an estimate is what it is, with a sentence in the active language.

    Not `counted` leaves out how many people stand before, not `timed` what speaks of a figure.
    """
    explanation = estimate.explanation
    sentence = _sentence(estimate, counted=counted, timed=timed)
    return {
        "state": explanation.state,
        "people_ahead": explanation.people_ahead if counted else None,
        "counters": explanation.counters,
        "served_chance": _rounded(estimate.served_chance) if timed else None,
        "text": " ".join(filter(None, (sentence, _warning(estimate)))),
    }


def _warning(estimate: Estimate) -> str:
    chance = estimate.served_chance
    if chance is None or chance >= LIKELY_SERVED:
        return ""
    return _("You may not be called before closing.")


def _rounded(chance: float | None) -> float | None:
    return None if chance is None else round(chance, 2)


def _sentence(estimate: Estimate, *, counted: bool, timed: bool) -> str:
    explanation = estimate.explanation
    match explanation.state:
        case "now":
            text = _("A counter is free for you.")
        case "paused":
            text = _("The queue is paused. Your place is kept.")
        case "closed":
            text = _("The queue is closed.")
        case "opens_at" if timed:
            text = _("No counter is open yet. The figure counts from the opening.")
        case "unknown" if timed:
            text = _("No counter is open, so no honest figure can be given.")
        case "opens_at" | "unknown":
            text = _("No counter is open yet.")
        case _:
            ahead = explanation.people_ahead if counted else None
            text = _line(ahead, explanation.counters)
    return text


def _line(people_ahead: int | None, counters_open: int) -> str:
    counters = ngettext(
        "%(count)d counter is open", "%(count)d counters are open", counters_open
    ) % {"count": counters_open}
    if people_ahead is None:
        return f"{counters}."
    people = _("You are next")
    if people_ahead:
        people = ngettext(
            "%(count)d person is before you",
            "%(count)d people are before you",
            people_ahead,
        ) % {"count": people_ahead}
    return _("%(people)s and %(counters)s.") % {"people": people, "counters": counters}
