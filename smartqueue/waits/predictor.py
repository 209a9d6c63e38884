"""The wait predictor of one queue: what it has learned, and its answers (waits.md 2)."""

import math
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, tzinfo
from typing import Any, Literal, overload

import numpy as np

from smartqueue.waits import stored
from smartqueue.waits.answers import Answers
from smartqueue.waits.capacity import Timeline, timeline
from smartqueue.waits.coverage import CoverageLevels
from smartqueue.waits.drain import FloatArray
from smartqueue.waits.errors import CorruptState, UnknownTicket
from smartqueue.waits.estimate import Basis, Estimate, ShownEstimate
from smartqueue.waits.handling import SHORTEST_HANDLING, HandlingTimes, NoShows
from smartqueue.waits.leaving import LeavingRate
from smartqueue.waits.line import Figures, Line, Overtakers, line_figures, no_figures
from smartqueue.waits.ratios import BUCKET_STARTS, RatioHistory, bucket_of
from smartqueue.waits.situation import Situation, situation
from smartqueue.waits.snapshot import Booking, LineSummary, Pool, Snapshot, WaitingTicket
from smartqueue.waits.usual import UsualCalls

STATE_VERSION = 2
LONGEST_WAIT = 86_400.0

Outcome = Literal["called", "left"]


class Predictor:
    """
    Predicts waits in one queue and learns from each ticket.

    It has no clock: every moment comes with the snapshot or the observation.
    """

    def __init__(self, organization: RatioHistory | None = None, *, zone: tzinfo = UTC) -> None:
        """
        Start without history.

        :param organization: ratios over all queues of the organization, for positions where this
            queue has fewer than 50 of its own
        :param zone: of the clock on the wall, for what is usual at an hour
        """
        self.handling = HandlingTimes()
        self.no_shows = NoShows()
        self.leaving = LeavingRate()
        self.ratios = RatioHistory(organization)
        self.coverage = CoverageLevels()
        self.usual = UsualCalls(zone)

    @property
    def is_cold(self) -> bool:
        """Whether the queue is in its first three days; its ratios are not the organization's."""
        return self.usual.is_cold

    @overload
    def predict(self, snapshot: Snapshot) -> dict[str, Estimate]: ...
    @overload
    def predict(self, snapshot: Snapshot, ticket: str) -> Estimate: ...
    def predict(
        self, snapshot: Snapshot, ticket: str | None = None
    ) -> dict[str, Estimate] | Estimate:
        """
        Estimate the remaining wait of every waiting ticket, by id, or of the named one.

        A ticket that several pools can serve gets the earliest of their figures.

        :raises UnknownTicket: the named ticket does not wait in this snapshot
        """
        waiting = sorted(snapshot.waiting, key=lambda person: person.effective_at)
        answers = Answers(len(waiting))
        factors = self._factors()
        for pool in snapshot.pools:
            self._predict_pool(snapshot, pool, waiting, factors, answers)
        estimates = {
            person.id: estimate
            for person, estimate in zip(waiting, answers.estimates(), strict=True)
        }
        if ticket is None:
            return estimates
        if ticket not in estimates:
            raise UnknownTicket(ticket)
        return estimates[ticket]

    def predict_position(
        self, people_ahead: int, summary: LineSummary, *, effective_at: float | None = None
    ) -> Estimate:
        """
        Estimate the remaining wait behind this many people, at a cost that does not grow with them.

        :param effective_at: order key of the person, epoch seconds, by default joining now
        """
        now = summary.now
        ahead = np.append(BUCKET_STARTS[1:] - 1, people_ahead)
        ahead = ahead[ahead <= people_ahead]
        mean = max(summary.handling, SHORTEST_HANDLING)
        weight = self._weight(mean) / mean
        pool = self._with_usual_plan(summary.pool, now, weight * mean)
        capacity = timeline(pool, now)
        theta = self.leaving.rate if summary.leaving_rate is None else summary.leaving_rate
        key = now if effective_at is None else effective_at
        line = Line(
            ahead=ahead,
            people=np.maximum(ahead - pool.idle, 0) * weight,
            effective=np.full(ahead.size, key - now),
            idle=pool.idle,
            handling=mean,
            leaving_rate=theta,
            overtakers=_overtakers(
                pool, now, summary.bookings, [summary.show_rate] * len(summary.bookings)
            ),
            head_of_line=self._head_of_line(
                capacity,
                max(summary.waiting - pool.idle, 0) * weight,
                summary.head_waited if summary.waiting else None,
            ),
        )
        answers = Answers(ahead.size)
        where = situation(pool, capacity, now, frozen=summary.frozen)
        figures = self._figures(line, capacity, where, self._factors())
        answers.take(np.arange(ahead.size), ahead, where, figures, _basis(pool, line, capacity))
        return answers.estimates()[-1]

    def handling_time(self, service: str, declared: float | None = None) -> float:
        """Return the mean handling time m of a service, seconds; declared is its own duration."""
        return self.handling.mean(service, declared)

    def observe_wait(
        self,
        joined_at: float,
        ended_at: float,
        *,
        outcome: Outcome,
        shown: Sequence[ShownEstimate] = (),
    ) -> None:
        """
        Learn from a wait that has ended; both times in epoch seconds, in order of ending.

        Of the estimates shown during it, the first of each position bucket gives a ratio, the
        first of all counts for coverage. Times that run backwards, are not finite or span more
        than a day are left out.

        :param joined_at: from when the person could have been called
        :param outcome: called to a counter, whether the person came or not; or left before
        """
        waited = ended_at - joined_at
        if not math.isfinite(waited) or not 0 <= waited <= LONGEST_WAIT:
            return
        was_cold = self.is_cold
        self.usual.see(ended_at)
        if was_cold and not self.is_cold:
            # Their bases came from the cold start; from now on bases are of another kind.
            self.ratios.forget()
        self.leaving.observe(waited, left=outcome == "left")
        if outcome == "called":
            self.usual.observe(joined_at, ended_at)
            self._observe_shown(ended_at, shown)

    def observe_service(
        self,
        service: str,
        seconds: float,
        *,
        declared: float | None = None,
        no_show: bool = False,
    ) -> None:
        """
        Learn from a call that has ended; values that are not finite or negative are left out.

        :param seconds: from the call to the counter's next call when somebody was waiting, else to
            the end of the service; for a no-show, the counter time lost
        :param declared: the service's own duration, seconds
        :param no_show: the person did not come
        """
        if not math.isfinite(seconds) or seconds < 0:
            return
        if no_show:
            self.no_shows.observe(seconds)
        else:
            self.no_shows.observe(None)
            self.handling.observe(service, seconds, declared)

    def to_state(self) -> dict[str, Any]:
        """Return everything learned as a JSON-able dict of less than 64 kB."""
        return {
            "version": STATE_VERSION,
            "services": self.handling.to_state(),
            "no_shows": self.no_shows.to_state(),
            "leaving": self.leaving.to_state(),
            "ratios": self.ratios.to_state(),
            "coverage": self.coverage.to_state(),
            "usual": self.usual.to_state(),
        }

    @classmethod
    def from_state(
        cls, state: object, organization: RatioHistory | None = None, *, zone: tzinfo = UTC
    ) -> "Predictor":
        """
        Read a state back; organization and zone are as for a new predictor.

        :raises CorruptState: it was not written by to_state of this version
        """
        values = stored.mapping(state, "state")
        if values.get("version") != STATE_VERSION:
            raise CorruptState("unknown version")
        predictor = cls()
        predictor.handling = HandlingTimes.from_state(values.get("services"))
        predictor.no_shows = NoShows.from_state(values.get("no_shows"))
        predictor.leaving = LeavingRate.from_state(values.get("leaving"))
        predictor.ratios = RatioHistory.from_state(values.get("ratios"), organization)
        predictor.coverage = CoverageLevels.from_state(values.get("coverage"))
        predictor.usual = UsualCalls.from_state(values.get("usual"), zone)
        return predictor

    def _predict_pool(
        self,
        snapshot: Snapshot,
        pool: Pool,
        waiting: list[WaitingTicket],
        factors: FloatArray,
        answers: Answers,
    ) -> None:
        called = pool.called_services()
        places = [i for i, person in enumerate(waiting) if person.service in called]
        if not places:
            return
        if pool.weights:
            places.sort(key=lambda i: _turn(pool, waiting[i], snapshot.now))
        people = [waiting[i] for i in places]
        now, durations = snapshot.now, snapshot.durations
        mean = self.handling.mix_mean(pool.services, durations)
        times = {
            service: self.handling.mean(service, durations.get(service))
            for service in pool.services
        }
        weights = {service: self._weight(time) / mean for service, time in times.items()}
        through = np.cumsum([0.0, *(weights[person.service] for person in people)])
        queued = np.maximum(through - through[min(pool.idle, len(people))], 0.0)
        if len(snapshot.pools) == 1:
            pool = self._with_usual_plan(pool, now, self._weight(mean))
        capacity = timeline(pool, now)
        bookings = [booking for booking in snapshot.bookings if booking.service in pool.services]
        line = Line(
            ahead=np.arange(len(people)),
            people=queued[:-1],
            effective=_order_keys(people) - now,
            idle=pool.idle,
            handling=mean,
            leaving_rate=self.leaving.rate,
            overtakers=_overtakers(
                pool,
                now,
                bookings,
                [snapshot.show_rate * times[booking.service] / mean for booking in bookings],
            ),
            head_of_line=self._head_of_line(
                capacity, float(queued[-1]), _longest_waited(people, now)
            ),
        )
        where = situation(pool, capacity, now, frozen=snapshot.frozen)
        figures = self._figures(line, capacity, where, factors)
        answers.take(np.array(places), line.ahead, where, figures, _basis(pool, line, capacity))

    def _figures(
        self, line: Line, capacity: Timeline, where: Situation, factors: FloatArray
    ) -> Figures:
        if where.has_figure:
            return line_figures(line, capacity, self.ratios, factors)
        return no_figures(line, chance=0.0 if where.state == "closed" else math.nan)

    def _with_usual_plan(self, pool: Pool, now: float, counter_time: float) -> Pool:
        """Let the usual calls of the coming half-hours stand in for a roster that is not there."""
        if not pool.counters or (pool.plan and pool.plan_kind == "roster"):
            return pool
        plan = self.usual.plan(now, counter_time, closed=pool.plan)
        return replace(pool, plan=plan, plan_kind="usual") if plan else pool

    def _factors(self) -> FloatArray:
        return self.ratios.quantiles(self.coverage.levels)

    def _weight(self, handling: float) -> float:
        missed = self.no_shows.rate
        return (1 - missed) * handling + missed * self.no_shows.time

    def _head_of_line(
        self, capacity: Timeline, people: float, waited: float | None
    ) -> tuple[float, float] | None:
        if not self.is_cold or not capacity.is_constant or waited is None:
            return None
        return people, waited

    def _observe_shown(self, ended_at: float, shown: Sequence[ShownEstimate]) -> None:
        scored = [estimate for estimate in shown if estimate.made_at <= ended_at]
        buckets: set[int] = set()
        for estimate in sorted(scored, key=lambda estimate: estimate.made_at):
            remaining = ended_at - estimate.made_at
            drain = estimate.base - estimate.delay
            if not 0 < drain < math.inf or not 0 <= remaining <= LONGEST_WAIT:
                continue
            bucket = int(bucket_of(np.array([estimate.people_ahead]))[0])
            if bucket in buckets:
                continue
            if not buckets:
                self.coverage.observe(
                    below=remaining < estimate.low, above=remaining > estimate.high
                )
            buckets.add(bucket)
            self.ratios.observe(estimate.people_ahead, max(remaining - estimate.delay, 0.0) / drain)


def _turn(pool: Pool, person: WaitingTicket, now: float) -> float:
    return -pool.weighted_wait(person.service, now - person.effective_at)


def _order_keys(people: Sequence[WaitingTicket]) -> FloatArray:
    """Return the order keys in the order of calling; weights may let a later key go first."""
    keys: FloatArray = np.array([person.effective_at for person in people])
    return np.maximum.accumulate(keys)


def _longest_waited(people: Sequence[WaitingTicket], now: float) -> float:
    # Neither a head start nor coming before the slot is time spent in the line.
    since = min(max(person.joined_at, person.effective_at) for person in people)
    return max(now - since, 0.0)


def _overtakers(
    pool: Pool, now: float, bookings: Sequence[Booking], people_each: Sequence[float]
) -> Overtakers:
    arrives_in: FloatArray = np.array([max(booking.slot_at - now, 0.0) for booking in bookings])
    return Overtakers(
        arrives_in=arrives_in,
        booked_effective=arrives_in - np.array([booking.head_start for booking in bookings]),
        booked_people=np.array([booking.count for booking in bookings]) * np.array(people_each),
        priority_rate=pool.priority_rate,
        priority_head_start=pool.priority_head_start,
    )


def _basis(pool: Pool, line: Line, capacity: Timeline) -> Basis:
    if line.head_of_line is not None:
        return "head_of_line"
    if pool.plan and not capacity.is_constant:
        return pool.plan_kind
    return "counters"
