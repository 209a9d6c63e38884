"""What people are shown, when it changes, and how it is scored once the call comes."""

import logging
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.utils import translation
from redis.exceptions import RedisError

from smartqueue.common import tenancy
from smartqueue.common.redis import client as redis_client
from smartqueue.outbox.enums import HandlerMode
from smartqueue.outbox.relay import carry_due as carry
from smartqueue.queues import estimates, operations, queries, shown, tasks
from smartqueue.queues.models import (
    OrganizationWaits,
    Queue,
    QueueWaits,
    ShownEstimate,
    Ticket,
)
from smartqueue.queues.operations import learning
from smartqueue.queues.tests.factories import (
    NOW,
    Place,
    join,
    make_place,
    make_queue,
    sit_down,
)
from smartqueue.waits import Estimate, Explanation, Predictor

pytestmark = pytest.mark.django_db


@pytest.fixture
def place() -> Iterator[Place]:
    estimates.forget_profiles()
    made = make_place()
    sit_down(made)
    # Known for more than three days, so that the head of the line says nothing.
    learn(made, Predictor())
    yield made
    estimates.forget_profiles()


def carry_due(mode: HandlerMode) -> None:
    """Carry events, and learn from what they noted as if hours had passed."""
    carry(mode)
    later = minutes(24 * 60)
    for queue_id in queries.queues_with_lessons(later):
        while (over := operations.learn_lessons(queue_id=queue_id, now=later)) is not None:
            shown.forget(over)


def minutes(count: float) -> datetime:
    return NOW + timedelta(minutes=count)


def learn(place: Place, predictor: Predictor) -> None:
    """Store what is known of the place's queue, for a week."""
    for days in (7, 6, 5, 4, 3):
        ended = (NOW - timedelta(days=days)).timestamp()
        predictor.observe_wait(ended - 60, ended, outcome="left")
    QueueWaits.objects.update_or_create(
        queue=place.queue, defaults={"state": predictor.to_state(), "updated_at": NOW}
    )


def seen(ticket: Ticket, at: datetime) -> dict[str, Any]:
    """Return what the holder sees at a moment."""
    with tenancy.organizations([ticket.organization_id]):
        row = queries.list_tickets().get(pk=ticket.pk)
        return queries.ticket_view(row, at)


def call(place: Place, ticket: Ticket, at: datetime, index: int = 0) -> Ticket:
    session = queries.live_session_of(place.agents[index].user_id)
    assert session is not None
    return operations.call_ticket(
        actor=place.agents[index], ticket_id=ticket.pk, session_id=session.pk, now=at
    )


def serve(place: Place, ticket: Ticket, at: datetime, seconds: float = 60) -> None:
    call(place, ticket, at)
    for step in ("start_ticket", "complete_ticket"):
        getattr(operations, step)(
            actor=place.agent, ticket_id=ticket.pk, now=at + timedelta(seconds=seconds)
        )


def scores() -> Any:
    return ShownEstimate.objects.with_scopes_disabled().order_by("made_at")


def test_a_ticket_carries_what_was_told_on_joining_at_no_statement_more(
    place, django_assert_num_queries
):
    join(place)
    with django_assert_num_queries(4):
        ticket = join(place)

    view = queries.ticket_view(ticket, NOW)
    note = ticket.first_estimate
    assert {name: note[name] for name in ("low", "median", "high")} == view["estimate"]
    assert (note["ahead"], note["basis"], note["at"]) == (1, "counters", NOW.timestamp())
    assert note["by_people"] == 600
    stored = Ticket.objects.with_scopes_disabled().get(pk=ticket.pk)
    assert stored.first_estimate == note


def test_a_priority_is_told_by_whom_it_passes(place):
    for _ in range(4):
        join(place)

    ticket = join(place, actor=place.agent, priority="elderly")

    assert ticket.first_estimate["ahead"] == 0


def test_a_closed_door_has_nothing_to_score():
    place = make_place()

    assert join(place).first_estimate is None


def test_the_shown_figure_stays_until_it_moves_by_more_than_the_threshold(place):
    for _ in range(3):
        join(place)
    ticket = join(place)
    first = seen(ticket, NOW)["estimate"]

    # One of three ahead leaves: about ten minutes less, far more than 15 %.
    operations.cancel_ticket(
        actor=place.agent, ticket_id=Ticket.objects.with_scopes_disabled().first().pk, now=NOW
    )
    moved = seen(ticket, minutes(1))["estimate"]
    place.queue.refresh_from_db()
    fresh = queries._estimate(place.queue, 2, minutes(1))
    assert moved == estimates.wire(fresh) != first

    # Handling times a little shorter: 4 % is not shown.
    predictor = Predictor()
    for _ in range(20):
        predictor.observe_service(str(place.service.pk), 550.0, declared=600.0)
    learn(place, predictor)
    estimates.forget_profiles()
    assert estimates.wire(queries._estimate(place.queue, 2, minutes(2))) != moved
    assert seen(ticket, minutes(2))["estimate"] == moved


def test_what_a_queue_shows_to_whoever_joins_stays_likewise(place):
    for _ in range(4):
        join(place)
    before = queries.queue_status(place.queue.pk, NOW)["estimate"]
    predictor = Predictor()
    for _ in range(20):
        predictor.observe_service(str(place.service.pk), 550.0, declared=600.0)
    learn(place, predictor)
    estimates.forget_profiles()

    with tenancy.public():
        queue = queries.get_queue(place.queue.pk)
    assert estimates.wire(queries._estimate(queue, 4, NOW)) != before
    assert queries.queue_status(place.queue.pk, NOW)["estimate"] == before
    assert queries.wait_on_joining(queue, NOW)["estimate"] == before
    join(place)
    assert queries.queue_status(place.queue.pk, NOW)["estimate"] != before


def test_a_call_scores_everything_that_was_shown_once(place):
    ahead, ticket = join(place), join(place)
    seen(ticket, minutes(1))
    call(place, ahead, minutes(5))
    seen(ticket, minutes(6))
    operations.mark_no_show(actor=place.agent, ticket_id=ahead.pk, now=minutes(8))
    call(place, ticket, minutes(9))

    carry_due(HandlerMode.DATABASE)
    carry_due(HandlerMode.DATABASE)

    rows = list(scores().filter(ticket=ticket))
    assert [(row.at_joining, row.people_ahead, row.waited) for row in rows] == [
        (True, 1, 9 * 60),
        (False, 0, 3 * 60),
    ]
    first = rows[0]
    assert (first.low, first.median, first.high) == tuple(
        ticket.first_estimate[name] for name in ("low", "median", "high")
    )
    assert first.organization_id == place.organization.pk
    assert first.called_at == minutes(9)
    # Nobody had been called when it was made.
    assert (first.by_last, first.by_mean_of_ten, first.by_median) == (None, None, None)
    assert redis_client().exists(f"shown:ticket:{ticket.pk}") == 0


def test_simpler_methods_speak_from_what_had_ended_by_then(place):
    for wait in (4, 10):
        ticket = join(place, now=minutes(0))
        serve(place, ticket, minutes(wait))
    carry_due(HandlerMode.DATABASE)
    join(place, now=minutes(7))
    early = join(place, now=minutes(8))
    late = join(place, now=minutes(12))
    seen(late, minutes(15))
    call(place, early, minutes(20))
    operations.cancel_ticket(actor=place.agent, ticket_id=early.pk, now=minutes(20))
    call(place, late, minutes(21))

    carry_due(HandlerMode.DATABASE)

    (row,) = scores().filter(ticket=early)
    assert (row.by_last, row.by_mean_of_ten, row.by_median) == (240, 240, 240)
    first, *_ = scores().filter(ticket=late)
    assert (first.by_last, first.by_mean_of_ten, first.by_median) == (600, 420, 420)
    assert first.by_people == first.people_ahead * 600


def test_the_estimator_learns_from_what_was_shown(place):
    ahead, ticket = join(place), join(place)
    serve(place, ahead, minutes(5))
    call(place, ticket, minutes(9))

    carry_due(HandlerMode.DATABASE)

    state = QueueWaits.objects.get(queue=place.queue).state
    ratio = 9 * 60 / ticket.first_estimate["base"]
    assert state["ratios"]["buckets"][1] == [round(ratio * 1000)]


def not_straight(place: Place, ticket: Ticket, how: str) -> None:
    """Let somebody not wait straight from joining to the call."""
    actor = {"actor": place.agent, "ticket_id": ticket.pk}
    match how:
        case "set aside":
            operations.park_ticket(**actor, now=minutes(1))
            operations.resume_ticket(**actor, now=minutes(2))
        case "called before":
            call(place, ticket, minutes(1))
            operations.return_ticket(**actor, now=minutes(2))
        case "more time":
            operations.give_more_time(**actor, now=minutes(1))
        case "transferred":
            other = make_queue(place, "B")
            operations.transfer_ticket(**actor, target_queue_id=other.pk, now=minutes(1))


@pytest.mark.parametrize(
    ("how", "count"), [("set aside", 0), ("called before", 1), ("more time", 0), ("transferred", 0)]
)
def test_who_does_not_wait_straight_is_not_scored(place, how, count):
    join(place)
    ticket = join(place)
    not_straight(place, ticket, how)
    call(place, ticket, minutes(9))

    carry_due(HandlerMode.DATABASE)

    assert scores().filter(ticket=ticket).count() == count


def test_who_leaves_is_not_scored(place):
    ticket = join(place)
    operations.cancel_ticket(actor=place.agent, ticket_id=ticket.pk, now=minutes(3))

    carry_due(HandlerMode.DATABASE)

    assert not scores().exists()


class Away:
    """A Redis that does not answer."""

    def __getattr__(self, name: str) -> Any:
        raise RedisError


class AwayPipeline(Away):
    def pipeline(self, **_options: Any) -> Any:
        return _Silent()


class _Silent:
    def __getattr__(self, name: str) -> Any:
        return lambda *_a, **_o: None

    def execute(self) -> Any:
        raise RedisError


def test_without_redis_the_fresh_figure_is_shown_and_the_first_is_scored(place, monkeypatch):
    monkeypatch.setattr(shown, "client", AwayPipeline)
    ahead, ticket = join(place), join(place)
    serve(place, ahead, minutes(5))

    assert seen(ticket, minutes(6))["estimate"] is not None
    assert queries.queue_status(place.queue.pk, NOW)["estimate"] is not None
    call(place, ticket, minutes(9))
    carry_due(HandlerMode.DATABASE)

    assert [row.at_joining for row in scores().filter(ticket=ticket)] == [True]


def test_a_state_that_cannot_be_read_is_learned_anew_from_history(place, caplog):
    for number in range(6):
        ticket = join(place, now=minutes(20 * number))
        serve(place, ticket, minutes(20 * number + 5), seconds=300)
    carry_due(HandlerMode.DATABASE)
    learned = QueueWaits.objects.get(queue=place.queue).state
    broken = {**learned, "ratios": "gone"}
    QueueWaits.objects.filter(queue=place.queue).update(state=broken)
    estimates.forget_profiles()

    # Meanwhile everybody is served with the figures of a new queue.
    with caplog.at_level(logging.WARNING, logger="smartqueue.queues"):
        last = join(place, now=minutes(200))
        assert seen(last, minutes(200))["estimate"] is not None
    assert "cannot be read" in caplog.text
    call(place, last, minutes(203))
    with caplog.at_level(logging.WARNING, logger=learning.__name__):
        carry_due(HandlerMode.DATABASE)

    assert "anew from history" in caplog.text
    again = QueueWaits.objects.get(queue=place.queue).state
    assert again["services"] == learned["services"]
    assert again["leaving"]["tickets"] == 7
    assert [len(b) for b in again["ratios"]["buckets"]] == [
        len(b) for b in learned["ratios"]["buckets"]
    ]


def test_the_night_repairs_what_nobody_calls_in(place, caplog):
    QueueWaits.objects.filter(queue=place.queue).update(state={"version": 99})
    other = make_queue(place, "B")

    tasks.learn_habits_task()

    Predictor.from_state(QueueWaits.objects.get(queue=place.queue).state)
    assert Queue.objects.with_scopes_disabled().filter(pk=other.pk).exists()
    assert caplog.text.count("anew from history") == 1


def test_a_new_queue_learns_from_its_organization(place):
    predictor = Predictor()
    learn(place, predictor)
    for number in range(120):
        predictor.ratios.observe(3, 2.0 + number / 1000)
    QueueWaits.objects.filter(queue=place.queue).update(state=predictor.to_state())
    new = make_queue(place, "B")
    stranger = make_place()
    QueueWaits.objects.create(queue=stranger.queue, state=Predictor().to_state(), updated_at=NOW)
    before = estimates.profile_of(new.pk).predictor.ratios.quantiles((0.5,))[3][0]

    tasks.learn_habits_task()
    estimates.forget_profiles()

    assert estimates.profile_of(new.pk).predictor.ratios.quantiles((0.5,))[3][0] > 2.0 > before
    assert (
        estimates.profile_of(stranger.queue.pk).predictor.ratios.quantiles((0.5,))[3][0] == before
    )


def test_ratios_of_an_organization_that_cannot_be_read_are_left_out(place, caplog):
    OrganizationWaits.objects.with_scopes_disabled().create(
        organization=place.organization, ratios={"buckets": "gone"}, updated_at=NOW
    )

    join(place)
    assert join(place).first_estimate is not None
    assert "ratios of an organization" in caplog.text


def test_why_a_wait_is_as_it_is_is_told_in_three_languages():
    explanation = Explanation("ok", 3, counters=2, overtakers=1.2, elsewhere=2)
    estimate = Estimate(600, 900, 1500, "roster", explanation, base=900.0)
    texts = {
        "en": "3 people are before you and 2 counters are open."
        " 2 people before you wait in other lines of the same counters."
        " 1 more person with an appointment or a priority is expected before you."
        " The counters planned for today are counted in.",
        "fr": "3 personnes sont avant vous et 2 guichets sont ouverts."
        " 2 personnes avant vous attendent dans d\u2019autres files des mêmes guichets."
        " 1 autre personne avec un rendez-vous ou une priorité est attendue avant vous."
        " Les guichets prévus pour aujourd\u2019hui sont pris en compte.",
        "ar": "قبلك 3 أشخاص، ويعمل شباكان. شخصان قبلك ينتظران في طوابير أخرى للشبابيك نفسها."
        " يُتوقع أن يسبقك شخص آخر له موعد أو أولوية. حُسبت الشبابيك المخطط لها اليوم.",
    }

    for language, text in texts.items():
        with translation.override(language):
            assert estimates.why(estimate, "Africa/Dakar")["text"] == text
