"""Each operation on a real database: what it does, and what it leaves alone when it refuses."""

from datetime import date, datetime, time, timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import IntegrityError, connection, transaction

from smartqueue.accounts.actor import ANONYMOUS, Actor
from smartqueue.accounts.enums import ActorKind, Role
from smartqueue.appointments import errors, operations, queries
from smartqueue.appointments.enums import AppointmentState
from smartqueue.appointments.models import Appointment, AppointmentStep, SlotPlaces, WaitlistEntry
from smartqueue.appointments.operations import Person
from smartqueue.appointments.tests.factories import (
    ELEVEN,
    NINE,
    TEN,
    TOMORROW,
    book,
    hold,
    make_slot,
    set_rules,
    wait_for_place,
    wish,
)
from smartqueue.common.errors import NotFound, NotSignedIn
from smartqueue.outbox.models import DomainEvent
from smartqueue.queues import operations as queue_operations
from smartqueue.queues.tests.factories import (
    NOW,
    Place,
    join,
    make_actor,
    make_member,
    make_place,
    make_service,
    sit_down,
)

pytestmark = pytest.mark.django_db

MINUTE = timedelta(minutes=1)


@pytest.fixture
def place() -> Place:
    made = make_place()
    make_slot(made)
    return made


def fresh(appointment: Appointment) -> Appointment:
    found: Appointment = (
        Appointment.objects.with_scopes_disabled()
        .select_related("branch", "service", "ticket")
        .get(pk=appointment.pk)
    )
    return found


def told(name: str) -> int:
    return DomainEvent.objects.filter(type=f"appointments.{name}.v1").count()


def free(place: Place, starts_at: datetime = NINE, **values: Any) -> int:
    """Return how many places people see as free at a time."""
    day = starts_at.date()
    found = queries.bookables([place.service], [place.branch], day, day)
    values.setdefault("now", NOW)
    openings = queries.Openings(found, day, day, **values)
    return sum(row.free for row in openings if row.slot.starts_at == starts_at)


def follow(arrived: Appointment) -> bool:
    return operations.follow_ticket(
        organization_id=arrived.organization_id, ticket_id=arrived.ticket_id, now=NINE
    )


def a_phone() -> str:
    """Return a phone of its own, since messages to one are counted."""
    return f"+22177{uuid4().int % 10**7:07}"


def counts(appointment: Appointment) -> tuple[int, int]:
    places = SlotPlaces.objects.with_scopes_disabled().get(pk=appointment.places_id)
    return places.taken, places.public_taken


# --- Holding and booking ----------------------------------------------------------------------


def test_a_hold_is_seen_as_taken_and_given_back_in_time(place):
    appointment = hold(place)

    assert (appointment.state, free(place)) == ("held", 0)
    later = NOW + timedelta(seconds=300)
    assert free(place, now=later - MINUTE) == 0
    assert free(place, now=later) == 1


def test_who_comes_after_a_hold_is_over_gets_its_place(place):
    first = hold(place)
    second = book(place, now=NOW + timedelta(seconds=300))

    assert (fresh(first).state, second.state) == ("expired", "confirmed")
    assert counts(second) == (1, 1)
    assert told("appointment.expired") == 1


def test_a_hold_is_confirmed_with_what_the_form_says(place):
    set_rules(place, questions=[{"code": "why", "label": "Pourquoi ?", "kind": "text"}])
    actor = make_actor()
    held = hold(place, actor=actor)

    done = operations.confirm_appointment(
        actor=actor,
        appointment_id=held.pk,
        person=Person(customer_name="Awa Diop", answers={"why": "Un acte"}),
        now=NOW + MINUTE,
    )

    assert (done.state, done.customer_name, done.answers) == (
        "confirmed",
        "Awa Diop",
        {"why": "Un acte"},
    )
    assert done.next_reminder_at == NINE - timedelta(minutes=120)
    assert list(
        AppointmentStep.objects.with_scopes_disabled()
        .filter(appointment=done)
        .order_by("version")
        .values_list("state", "side")
    ) == [("held", "person"), ("confirmed", "person")]


def test_a_hold_that_is_over_says_what_is_free_instead(place):
    actor = make_actor()
    held = hold(place, actor=actor)
    late = NOW + timedelta(minutes=6)

    with pytest.raises(errors.HoldExpired) as refused:
        operations.confirm_appointment(
            actor=actor, appointment_id=held.pk, person=Person(), now=late
        )

    assert [slot["starts_at"] for slot in refused.value.extra["next_free"]] == [
        (NINE + timedelta(hours=turn)).isoformat() for turn in range(3)
    ]


def test_asking_twice_for_a_hold_gives_the_one_there_is(place):
    actor = make_actor()

    assert hold(place, actor=actor).pk == hold(place, actor=actor).pk
    assert Appointment.objects.with_scopes_disabled().count() == 1


def test_who_goes_back_for_another_time_gives_the_first_hold_back(place):
    """By device or by account; the waitlist is asked first for what is free again."""
    for actor, device in ((ANONYMOUS, "a phone"), (make_actor(), "")):
        first = hold(place, NINE, actor=actor, device=device)
        entry = wait_for_place(place, from_time=time(9), until_time=time(10))
        second = hold(place, TEN, actor=actor, device=device)

        entry.refresh_from_db()
        assert (fresh(first).state, fresh(second).state) == ("expired", "held")
        assert (entry.state, free(place)) == ("offered", 0)
        operations.leave_waitlist(actor=place.owner, entry_id=entry.pk, now=NOW)
        operations.cancel_appointment(actor=place.agent, appointment_id=second.pk, now=NOW)
    assert told("appointment.expired") == 2


def test_holds_of_other_devices_other_people_and_the_staff_stay(place):
    set_rules(place, most_per_day=5)
    me = make_actor()
    held = [
        hold(place, NINE, actor=ANONYMOUS, device="one"),
        hold(place, TEN, actor=ANONYMOUS, device="another"),
        hold(place, ELEVEN, actor=ANONYMOUS),
        hold(place, NINE + timedelta(hours=3), actor=ANONYMOUS),
        hold(place, NINE + timedelta(hours=4), actor=me),
        hold(place, NINE + timedelta(hours=5), actor=me, person=Person(customer_name="My mother")),
        hold(place, NINE + timedelta(hours=6), actor=place.agent),
        hold(place, NINE + timedelta(hours=7), actor=place.agent),
    ]

    assert {fresh(one).state for one in held} == {"held"}


def test_a_hold_that_cannot_be_replaced_stays(place):
    book(place, TEN)
    first = hold(place, NINE, actor=ANONYMOUS, device="a phone")

    with pytest.raises(errors.SlotFull):
        hold(place, TEN, actor=ANONYMOUS, device="a phone")

    assert fresh(first).state == "held"


def test_the_number_of_people_of_a_hold_can_be_changed():
    place, me = make_place(), make_actor()
    make_slot(place, capacity=2)
    set_rules(place, most_people=2)
    hold(place, NINE, actor=me)

    second = hold(place, NINE, actor=me, people=2)

    assert counts(second) == (2, 2)


def test_confirming_twice_books_once(place):
    actor = make_actor()
    held = hold(place, actor=actor)
    for _ in range(2):
        operations.confirm_appointment(
            actor=actor, appointment_id=held.pk, person=Person(), now=NOW
        )

    assert told("appointment.confirmed") == 1
    assert fresh(held).version == 2


def test_booking_twice_is_refused_with_the_first(place):
    set_rules(place, most_per_day=5)
    make_slot(place, day_of_week=2, capacity=3)
    wednesday = NINE + timedelta(days=1)
    actor = make_actor()
    first = book(place, wednesday, actor=actor)

    with pytest.raises(errors.AlreadyBooked) as refused:
        book(place, wednesday, actor=actor)

    assert refused.value.extra == {"reference": first.reference}
    assert counts(first) == (1, 1)


@pytest.mark.parametrize(
    ("starts_at", "error"),
    [
        (NOW - timedelta(hours=1), errors.InThePast),
        (NINE + timedelta(minutes=30), errors.NotOffered),
        (NINE + timedelta(days=1), errors.NotOffered),
        (NOW + timedelta(minutes=30), errors.TooSoon),
        (NINE + timedelta(days=70), errors.TooFarAhead),
    ],
)
def test_a_time_that_cannot_be_had_says_what_is_free_next(place, starts_at, error):
    with pytest.raises(error) as refused:
        book(place, starts_at)

    assert refused.value.extra["next_free"]
    assert not Appointment.objects.with_scopes_disabled().exists()
    assert told("appointment.confirmed") == 0


def test_a_full_slot_says_how_many_are_left_and_what_is_free_next(place):
    book(place)

    with pytest.raises(errors.SlotFull) as refused:
        book(place)

    assert refused.value.extra["free"] == 0
    assert refused.value.extra["next_free"][0]["starts_at"] == TEN.isoformat()


def test_another_organization_s_branch_is_not_found(place):
    other = make_place()
    with pytest.raises(NotFound):
        book(place, branch_id=other.branch.pk)


def test_a_service_without_appointments_says_so(place):
    set_rules(place, is_bookable=False)
    with pytest.raises(errors.NotBookable):
        book(place)


def test_a_group_takes_its_places_together(place):
    set_rules(place, most_people=4)
    make_slot(place, day_of_week=2, capacity=5)
    day = NINE + timedelta(days=1)
    book(place, day, people=3)

    assert free(place, day) == 2
    with pytest.raises(errors.SlotFull) as refused:
        book(place, day, people=3)
    assert refused.value.extra["free"] == 2
    with pytest.raises(errors.TooManyPeople):
        book(place, day, people=5)


def test_places_kept_for_the_staff_are_not_the_public_s():
    place = make_place()
    make_slot(place, capacity=3, public_capacity=1)
    book(place)

    with pytest.raises(errors.SlotFull):
        book(place)
    by_staff = [
        book(place, actor=place.agent, person=Person(phone=f"+22177123450{n}")) for n in "12"
    ]
    with pytest.raises(errors.SlotFull):
        book(place, actor=place.agent, person=Person(phone="+221771234503"))
    assert counts(by_staff[0]) == (3, 1)
    assert by_staff[0].customer_id is None


def test_staff_may_book_what_is_too_soon_for_others(place):
    today = make_slot(place, day_of_week=0)
    assert (
        book(place, NOW + timedelta(hours=1) - timedelta(0), actor=place.agent).state == "confirmed"
    )
    assert today.day_of_week == 0


def test_limits_count_per_person_and_day_and_ahead(place):
    set_rules(place, most_per_day=2, most_ahead=3)
    make_slot(place, day_of_week=2)
    actor = make_actor()
    book(place, NINE, actor=actor)
    book(place, TEN, actor=actor)

    with pytest.raises(errors.TooManyAppointments):
        book(place, ELEVEN, actor=actor)
    book(place, ELEVEN, actor=actor, person=Person(customer_name="Modou"))
    with pytest.raises(errors.TooManyAppointments):
        book(place, NINE + timedelta(days=1), actor=actor)
    book(place, NINE + timedelta(days=1))


def test_who_missed_too_often_is_refused(place):
    set_rules(place, no_show_limit=1)
    actor = make_actor()
    missed = book(place, actor=actor)
    operations.mark_no_show(actor=place.agent, appointment_id=missed.pk, now=NINE + MINUTE)
    make_slot(place, day_of_week=2)

    with pytest.raises(errors.TooManyNoShows):
        book(place, NINE + timedelta(days=1), actor=actor, now=NINE + MINUTE)


def test_answers_that_are_needed_are_asked_for(place):
    set_rules(
        place,
        questions=[
            {
                "code": "kind",
                "label": "Acte",
                "kind": "choice",
                "choices": ["a", "b"],
                "is_required": True,
            },
            {"code": "first", "label": "Première fois", "kind": "yes_no"},
        ],
    )
    for answers, codes in (
        ({}, {"answers.kind": "required"}),
        ({"kind": "c", "x": "1"}, {"answers.kind": "invalid", "answers.x": "unknown"}),
        ({"kind": "a", "first": "maybe"}, {"answers.first": "invalid"}),
    ):
        with pytest.raises(errors.InvalidInput) as refused:
            book(place, person=Person(answers=answers))
        assert {e.field: e.code for e in refused.value.errors} == codes
    assert book(place, person=Person(answers={"kind": "a"})).answers == {"kind": "a"}


# --- Without an account -----------------------------------------------------------------------


def test_somebody_without_an_account_books_by_a_code(place, monkeypatch):
    phone = a_phone()
    monkeypatch.setattr(
        "smartqueue.appointments.operations.codes.secrets.randbelow", lambda most: 123456
    )
    held = hold(place, actor=ANONYMOUS)
    holder = Actor(kind=ActorKind.BOOKING, appointment_id=held.pk)
    acting = {"actor": holder, "appointment_id": held.pk, "now": NOW + MINUTE}

    with pytest.raises(errors.PhoneNeeded):
        operations.confirm_appointment(**acting, person=Person())
    with pytest.raises(errors.CodeNeeded):
        operations.confirm_appointment(**acting, person=Person(phone=phone))
    operations.send_booking_code(**acting, phone=phone, language="fr")
    with pytest.raises(errors.WrongBookingCode):
        operations.verify_booking_code(**acting, code="000000")
    operations.verify_booking_code(**acting, code="123456")
    done = operations.confirm_appointment(**acting, person=Person(customer_name="Awa"))

    assert (done.state, done.phone) == ("confirmed", phone)
    assert told("appointment.confirmed") == 1


def test_a_code_is_good_for_five_tries(place, monkeypatch):
    monkeypatch.setattr(
        "smartqueue.appointments.operations.codes.secrets.randbelow", lambda most: 123456
    )
    held = hold(place, actor=ANONYMOUS)
    holder = Actor(kind=ActorKind.BOOKING, appointment_id=held.pk)
    acting = {"actor": holder, "appointment_id": held.pk, "now": NOW}
    operations.send_booking_code(**acting, phone=a_phone(), language="fr")
    for _ in range(5):
        with pytest.raises(errors.WrongBookingCode):
            operations.verify_booking_code(**acting, code="000000")

    with pytest.raises(errors.WrongBookingCode):
        operations.verify_booking_code(**acting, code="123456")


def test_nobody_known_does_not_book_in_one_step(place):
    with pytest.raises(NotSignedIn):
        book(place, actor=ANONYMOUS)


def test_another_s_hold_is_not_found(place):
    held = hold(place)
    for stranger in (make_actor(), ANONYMOUS, make_place().owner):
        with pytest.raises(NotFound):
            operations.confirm_appointment(
                actor=stranger, appointment_id=held.pk, person=Person(), now=NOW
            )
    assert fresh(held).state == "held"


# --- Approval ---------------------------------------------------------------------------------


def test_a_request_holds_its_place_until_it_is_answered(place):
    set_rules(place, needs_approval=True)
    asked = book(place)

    assert (asked.state, free(place)) == ("pending", 0)
    done = operations.approve_appointment(actor=place.agent, appointment_id=asked.pk, now=NOW)
    assert (done.state, done.sequence) == ("confirmed", 1)
    with pytest.raises(errors.IllegalTransition):
        operations.decline_appointment(actor=place.agent, appointment_id=asked.pk, now=NOW)


def test_a_declined_request_gives_its_place_back(place):
    set_rules(place, needs_approval=True)
    asked = book(place)
    operations.decline_appointment(
        actor=place.agent, appointment_id=asked.pk, now=NOW, reason="Complet"
    )

    found = fresh(asked)
    assert (found.state, found.ended_by, found.end_reason) == ("cancelled", "staff", "Complet")
    assert free(place) == 1


def test_a_request_that_nobody_answers_ends_at_its_time(place):
    set_rules(place, needs_approval=True)
    asked = book(place)

    assert queries.holds_that_are_over(NINE) == [asked.pk]
    assert operations.expire_hold(appointment_id=asked.pk, now=NINE)
    assert not operations.expire_hold(appointment_id=asked.pk, now=NINE)
    assert fresh(asked).state == "expired"


# --- Moving and cancelling --------------------------------------------------------------------


def test_moving_has_the_new_place_before_it_gives_up_the_old(place):
    actor = make_actor()
    booked = book(place, actor=actor)

    moved = operations.reschedule_appointment(
        actor=actor, appointment_id=booked.pk, starts_at=TEN, now=NOW
    )

    assert (moved.starts_at, moved.moved_from, moved.moves) == (TEN, NINE, 1)
    assert (moved.uid, moved.sequence) == (booked.uid, 1)
    assert (free(place, NINE), free(place, TEN)) == (1, 0)
    event = DomainEvent.objects.get(type="appointments.appointment.moved.v1")
    assert event.payload["from_starts_at"] == NINE.isoformat()


def test_moving_to_a_full_time_changes_nothing(place):
    actor = make_actor()
    booked = book(place, actor=actor)
    book(place, TEN)

    with pytest.raises(errors.SlotFull) as refused:
        operations.reschedule_appointment(
            actor=actor, appointment_id=booked.pk, starts_at=TEN, now=NOW
        )

    assert fresh(booked).starts_at == NINE
    assert counts(booked) == (1, 1)
    assert refused.value.extra["next_free"][0]["starts_at"] == ELEVEN.isoformat()


def test_moving_is_bounded_for_the_person_and_not_for_the_staff(place):
    set_rules(place, most_moves=1, move_until_minutes=120)
    actor = make_actor()
    booked = book(place, actor=actor)
    values = {"appointment_id": booked.pk}
    with pytest.raises(errors.TooLateToMove):
        operations.reschedule_appointment(
            actor=actor, starts_at=ELEVEN, now=NINE - timedelta(minutes=90), **values
        )
    operations.reschedule_appointment(actor=actor, starts_at=TEN, now=NOW, **values)
    with pytest.raises(errors.MovedTooOften):
        operations.reschedule_appointment(actor=actor, starts_at=ELEVEN, now=NOW, **values)
    by_staff = operations.reschedule_appointment(
        actor=place.agent, starts_at=ELEVEN, now=NOW, **values
    )
    assert by_staff.starts_at == ELEVEN


def test_cancelling_gives_the_place_back_once(place):
    actor = make_actor()
    booked = book(place, actor=actor)
    for _ in range(2):
        operations.cancel_appointment(
            actor=actor, appointment_id=booked.pk, now=NOW, reason="Malade"
        )

    found = fresh(booked)
    assert (found.state, found.sequence, found.next_reminder_at) == ("cancelled", 1, None)
    assert counts(booked) == (0, 0)
    assert (told("appointment.cancelled"), free(place)) == (1, 1)


def test_cancelling_late_is_the_staff_s(place):
    set_rules(place, cancel_until_minutes=60)
    actor = make_actor()
    booked = book(place, actor=actor)
    soon = NINE - timedelta(minutes=30)

    with pytest.raises(errors.TooLateToCancel):
        operations.cancel_appointment(actor=actor, appointment_id=booked.pk, now=soon)
    operations.cancel_appointment(actor=place.agent, appointment_id=booked.pk, now=soon)
    assert fresh(booked).ended_by == "staff"


def test_a_freed_place_is_not_sold_again_before_the_delay(place):
    set_rules(place, resale_delay_minutes=60)
    actor = make_actor()
    booked = book(place, actor=actor)
    operations.cancel_appointment(actor=actor, appointment_id=booked.pk, now=NOW)

    assert free(place) == 0
    with pytest.raises(errors.SlotFull):
        book(place, now=NOW + timedelta(minutes=59))
    assert free(place, is_public=False) == 1
    assert free(place, now=NOW + timedelta(minutes=60)) == 1
    assert book(place, now=NOW + timedelta(minutes=60)).state == "confirmed"


def test_a_moved_away_place_waits_for_the_delay_too(place):
    set_rules(place, resale_delay_minutes=60)
    actor = make_actor()
    booked = book(place, actor=actor)
    operations.reschedule_appointment(actor=actor, appointment_id=booked.pk, starts_at=TEN, now=NOW)

    assert (free(place), free(place, now=NOW + timedelta(hours=1))) == (0, 1)


# --- Capacity that changes --------------------------------------------------------------------


def test_fewer_places_keep_who_is_booked_and_take_nobody_more():
    place = make_place()
    slot = make_slot(place, capacity=3)
    booked = [book(place) for _ in range(2)]
    operations.update_slot(
        actor=place.owner, slot_id=slot.pk, now=NOW, capacity=1, public_capacity=1
    )

    with pytest.raises(errors.SlotFull):
        book(place)
    operations.cancel_appointment(actor=place.agent, appointment_id=booked[0].pk, now=NOW)
    with pytest.raises(errors.SlotFull):
        book(place)
    operations.cancel_appointment(actor=place.agent, appointment_id=booked[1].pk, now=NOW)
    assert book(place).state == "confirmed"


def test_what_was_booked_before_the_grid_changed_still_counts():
    place = make_place()
    slot = make_slot(place)
    book(place, TEN)
    operations.update_slot(actor=place.owner, slot_id=slot.pk, now=NOW, start_time=time(9, 30))

    half_past = NINE + timedelta(minutes=30)
    assert (free(place, half_past), free(place, half_past + timedelta(hours=1))) == (0, 0)
    assert free(place, half_past + timedelta(hours=2)) == 1
    with pytest.raises(errors.SlotFull):
        book(place, half_past)


def test_the_database_refuses_one_more_than_the_ceiling(place):
    booked = book(place)
    again = fresh(booked)
    again.pk = again.id = Appointment._meta.pk.default()
    again.reference, again.customer_id = "ZZZZZZZZ", None

    with pytest.raises(IntegrityError, match="places_not_oversold"), transaction.atomic():
        again.save(force_insert=True)


def test_the_counter_follows_every_path(place):
    booked = book(place)
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE appointments_appointment SET state = 'cancelled', counted = 0 WHERE id = %s",
            [booked.pk],
        )
    assert counts(booked) == (0, 0)


# --- Agents' own calendars --------------------------------------------------------------------


def test_an_agent_has_one_appointment_at_a_time_over_all_services():
    place = make_place()
    agent = place.agent.user_id
    other = make_service(place.organization)
    make_slot(place, agent_id=agent)
    make_slot(
        place, agent_id=agent, service_id=other.pk, start_time=time(9, 30), interval_minutes=45
    )
    book(place)

    with pytest.raises(errors.AgentBusy):
        book(place, NINE + timedelta(minutes=30), service_id=other.pk)
    assert book(place, NINE + timedelta(minutes=75), service_id=other.pk).agent_id == agent


def test_an_absence_closes_the_agent_s_own_calendar():
    place = make_place()
    agent = place.agent
    make_slot(place, agent_id=agent.user_id)
    make_slot(place)
    operations.add_absence(
        actor=agent,
        organization_id=place.organization.pk,
        agent_id=agent.user_id,
        starts_at=NINE,
        ends_at=TEN,
        now=NOW,
        reason="Médecin",
    )

    assert book(place).agent_id is None
    with pytest.raises(errors.SlotFull):
        book(place)
    assert free(place, TEN) == 2


# --- Several at once --------------------------------------------------------------------------


def test_a_visit_is_booked_whole_or_not_at_all(place):
    other = make_service(place.organization)
    make_slot(place, service_id=other.pk)
    wishes = [wish(place, NINE), wish(place, TEN, service_id=other.pk)]
    booked = operations.book_visit(actor=make_actor(), wishes=wishes, person=Person(), now=NOW)

    assert len({row.visit_id for row in booked}) == 1
    with pytest.raises(errors.SlotFull):
        operations.book_visit(
            actor=make_actor(),
            wishes=[wish(place, ELEVEN), wish(place, TEN, service_id=other.pk)],
            person=Person(),
            now=NOW,
        )
    assert free(place, ELEVEN) == 1


def test_a_series_keeps_the_wall_clock_over_a_change_of_it():
    place = make_place(timezone="Europe/Paris")
    place.branch.country = "FR"
    place.branch.save()
    make_slot(place, day_of_week=6)
    sunday = datetime.fromisoformat("2027-03-21T09:00:00+01:00")
    set_rules(place, window_days=200)

    booked = operations.book_series(
        actor=make_actor(),
        wish=wish(place, sunday),
        every_days=7,
        times=3,
        person=Person(),
        now=NOW,
    )

    assert [f"{row.starts_at:%m-%d %H:%M}" for row in booked] == [
        "03-21 08:00",
        "03-28 07:00",
        "04-04 07:00",
    ]
    operations.cancel_series(actor=place.agent, appointment_id=booked[1].pk, now=NOW)
    assert [fresh(row).state for row in booked] == ["confirmed", "cancelled", "cancelled"]


# What begins and ends the unit within a test's own transaction, and ten.
STATEMENTS = 2 + 10


def test_a_booking_and_a_hold_need_few_statements(django_assert_num_queries):
    """At a start that nobody has asked for, and at one that has its row."""
    place = make_place()
    make_slot(place, capacity=9)
    assert place.agent.memberships
    for turn in range(2):
        person = Person(customer_name="Awa", phone=f"+22177123456{turn}")
        with django_assert_num_queries(STATEMENTS):
            book(place, NINE, actor=place.agent, person=person)
        with django_assert_num_queries(STATEMENTS):
            hold(place, TEN, actor=ANONYMOUS, device=f"phone {turn}")


def test_a_visit_is_kept_and_finished_whole(place):
    """One part that is over ends the whole form; a service may be had once, and a few in all."""
    others = [make_service(place.organization) for _ in range(5)]
    for other in others:
        make_slot(place, service_id=other.pk)
    person = make_actor()
    held = hold(place, NINE, actor=person)

    def add(number, at, now=NOW, actor=person):
        return operations.add_to_visit(
            actor=actor,
            holder=person,
            appointment_id=held.pk,
            wish=wish(place, at, service_id=others[number].pk),
            now=now,
        )

    later = NOW + MINUTE
    added = add(0, TEN, later)
    assert fresh(held).visit_id == fresh(added).visit_id is not None
    assert fresh(held).free_at == fresh(added).free_at > held.free_at
    for stranger in (make_actor(), ANONYMOUS):
        with pytest.raises(NotFound):
            add(1, ELEVEN, actor=stranger)
    with pytest.raises(errors.VisitOverlaps):
        add(1, TEN)
    for number in (1, 2, 3):
        add(number, ELEVEN + (number - 1) * timedelta(hours=1))
    with pytest.raises(errors.VisitTooLong):
        add(4, ELEVEN + timedelta(hours=4))

    def finish(at):
        operations.confirm_appointment(
            actor=person, appointment_id=held.pk, person=Person(customer_name="Awa"), now=at
        )

    over = fresh(added).free_at
    with pytest.raises(errors.HoldExpired):
        finish(over)
    finish(over - MINUTE)
    rows = Appointment.objects.with_scopes_disabled().filter(visit_id=fresh(held).visit_id)
    assert {(row.state, row.customer_name) for row in rows} == {("confirmed", "Awa")}


# --- Waitlist ---------------------------------------------------------------------------------


def full(place: Place) -> tuple[Actor, Appointment]:
    """Book the only place of tomorrow."""
    actor = make_actor()
    return actor, book(place, actor=actor)


@pytest.fixture
def small() -> Place:
    made = make_place()
    make_slot(made, end_time=time(10))
    return made


def test_a_freed_place_goes_to_the_waitlist_in_order(small):
    actor, booked = full(small)
    people = [make_actor() for _ in range(3)]
    entries = [wait_for_place(small, actor=p, now=NOW + n * MINUTE) for n, p in enumerate(people)]
    operations.cancel_appointment(actor=actor, appointment_id=booked.pk, now=NOW)

    states = [WaitlistEntry.objects.with_scopes_disabled().get(pk=e.pk).state for e in entries]
    assert states == ["offered", "waiting", "waiting"]
    with pytest.raises(errors.SlotFull):
        book(small)
    with pytest.raises(errors.OfferOver):
        operations.accept_offer(actor=people[1], entry_id=entries[1].pk, person=Person(), now=NOW)
    taken = operations.accept_offer(
        actor=people[0], entry_id=entries[0].pk, person=Person(), now=NOW
    )
    assert (taken.state, taken.channel) == ("confirmed", "waitlist")
    assert told("waitlist.taken") == 1


def test_an_offer_that_nobody_answers_goes_to_the_next(small):
    actor, booked = full(small)
    first, second = make_actor(), make_actor()
    entries = [
        wait_for_place(small, actor=first),
        wait_for_place(small, actor=second, now=NOW + MINUTE),
    ]
    operations.cancel_appointment(actor=actor, appointment_id=booked.pk, now=NOW)
    later = NOW + timedelta(minutes=30)
    (held,) = queries.holds_that_are_over(later)
    operations.expire_hold(appointment_id=held, now=later)

    with pytest.raises(errors.OfferOver):
        operations.accept_offer(actor=first, entry_id=entries[0].pk, person=Person(), now=later)
    done = operations.accept_offer(actor=second, entry_id=entries[1].pk, person=Person(), now=later)
    assert done.state == "confirmed"
    assert WaitlistEntry.objects.with_scopes_disabled().get(pk=entries[0].pk).state == "waiting"


def test_who_books_as_an_offer_lapses_does_not_pass_the_next_in_order(small):
    actor, booked = full(small)
    wait_for_place(small)
    second = wait_for_place(small, now=NOW + MINUTE)
    operations.cancel_appointment(actor=actor, appointment_id=booked.pk, now=NOW)

    later = NOW + timedelta(minutes=30)
    with pytest.raises(errors.SlotFull):
        book(small, now=later)
    # What was refused changed nothing; the clock does it.
    (held,) = queries.holds_that_are_over(later)
    operations.expire_hold(appointment_id=held, now=later)
    assert WaitlistEntry.objects.with_scopes_disabled().get(pk=second.pk).state == "offered"


def test_a_declined_offer_goes_on_and_the_person_waits_on(small):
    actor, booked = full(small)
    first, second = make_actor(), make_actor()
    entries = [
        wait_for_place(small, actor=first),
        wait_for_place(small, actor=second, now=NOW + MINUTE),
    ]
    operations.cancel_appointment(actor=actor, appointment_id=booked.pk, now=NOW)

    waiting = operations.decline_offer(actor=first, entry_id=entries[0].pk, now=NOW)

    assert waiting.state == "waiting"
    assert WaitlistEntry.objects.with_scopes_disabled().get(pk=entries[1].pk).state == "offered"
    left = operations.leave_waitlist(actor=second, entry_id=entries[1].pk, now=NOW)
    assert left.state == "left"
    assert free(small) == 1


def test_who_was_forgotten_is_offered_no_place(small):
    first, gone = make_actor(), make_actor()
    appointment = book(small, actor=first)
    wait_for_place(small, actor=gone)
    following = wait_for_place(small, now=NOW + timedelta(minutes=1))
    operations.forget_person(user_id=gone.user_id)
    operations.cancel_appointment(actor=first, appointment_id=appointment.pk, now=NOW)
    following.refresh_from_db()
    assert following.state == "offered"


def test_a_start_that_was_asked_for_before_lasts_as_long_as_it_does_today():
    place = make_place()
    slot = make_slot(place, agent_id=place.agent.user_id)
    set_rules(place, most_per_day=9)
    first = book(place, NINE)
    operations.cancel_appointment(actor=place.agent, appointment_id=first.pk, now=NOW)
    operations.update_slot(actor=place.owner, slot_id=slot.pk, interval_minutes=30, now=NOW)
    every = [book(place, NINE), book(place, NINE + timedelta(minutes=30))]
    assert [one.state for one in every] == ["confirmed"] * 2


def test_a_group_that_does_not_fit_is_passed_over(small):
    set_rules(small, most_people=2)
    actor, booked = full(small)
    wait_for_place(small, people=2)
    one = wait_for_place(small, now=NOW + MINUTE)
    operations.cancel_appointment(actor=actor, appointment_id=booked.pk, now=NOW)

    assert WaitlistEntry.objects.with_scopes_disabled().get(pk=one.pk).state == "offered"


def test_free_places_are_booked_rather_than_waited_for(small):
    with pytest.raises(errors.PlacesFree) as refused:
        wait_for_place(small)
    assert refused.value.extra["next_free"][0]["starts_at"] == NINE.isoformat()


def test_nobody_waits_twice(small):
    full(small)
    person = make_actor()
    wait_for_place(small, actor=person)
    with pytest.raises(errors.AlreadyOnWaitlist):
        wait_for_place(small, actor=person)


def test_a_wish_ends_with_its_last_date(small):
    full(small)
    entry = wait_for_place(small)
    late = NINE + timedelta(days=1)

    assert queries.wishes_that_are_over(late) == [entry.pk]
    assert operations.expire_entry(entry_id=entry.pk, now=late)
    assert not operations.expire_entry(entry_id=entry.pk, now=late)


# --- At the door ------------------------------------------------------------------------------


def test_arriving_in_time_gives_the_slot_s_place_in_line(place):
    booked = book(place)
    walk_in = join(place, now=NINE - timedelta(minutes=20))
    before_head_start = join(place, now=NINE - timedelta(minutes=40))
    arrived = operations.check_in_appointment(
        actor=place.agent, appointment_id=booked.pk, now=NINE - timedelta(minutes=5)
    )

    ticket = fresh(arrived).ticket
    assert (arrived.state, arrived.punctuality, ticket.channel) == (
        "checked_in",
        "early",
        "check_in",
    )
    assert ticket.order_key == NINE - timedelta(minutes=25)
    # The key of the second walk-in to come is behind the first one's, whatever its clock said.
    assert before_head_start.order_key > walk_in.order_key > ticket.order_key


def test_arriving_late_gives_a_walk_in_s_place(place):
    booked = book(place)
    late = NINE + timedelta(minutes=11)
    join(place, now=late - MINUTE)
    arrived = operations.check_in_appointment(actor=place.agent, appointment_id=booked.pk, now=late)

    assert arrived.punctuality == "late"
    assert fresh(arrived).ticket.order_key == late


def test_arriving_too_early_says_from_when(place):
    booked = book(place)
    with pytest.raises(errors.TooEarly) as refused:
        operations.check_in_appointment(
            actor=place.agent, appointment_id=booked.pk, now=NINE - timedelta(minutes=31)
        )
    assert refused.value.extra == {"opens_at": (NINE - timedelta(minutes=30)).isoformat()}


def test_arriving_twice_makes_one_ticket(place):
    booked = book(place)
    tickets = {
        operations.check_in_appointment(
            actor=place.agent, appointment_id=booked.pk, now=NINE
        ).ticket_id
        for _ in range(2)
    }
    assert len(tickets) == 1


def test_without_an_open_queue_nobody_is_checked_in(place):
    booked = book(place)
    queue_operations.close_queue(actor=place.owner, queue_id=place.queue.pk, now=NOW)
    with pytest.raises(errors.NoQueueOpen):
        operations.check_in_appointment(actor=place.agent, appointment_id=booked.pk, now=NINE)
    assert fresh(booked).state == "confirmed"


def test_the_door_finds_people_by_reference(place):
    booked = book(place)
    kiosk = Actor(kind=ActorKind.KIOSK, branch_id=place.branch.pk)
    arrived = operations.check_in_by_code(
        actor=kiosk, branch_id=place.branch.pk, code=booked.reference.lower(), now=NINE
    )
    assert arrived.pk == booked.pk
    with pytest.raises(NotFound):
        operations.check_in_by_code(
            actor=kiosk, branch_id=place.branch.pk, code="ZZZZZZZZ", now=NINE
        )
    elsewhere = Actor(kind=ActorKind.KIOSK, branch_id=make_place().branch.pk)
    with pytest.raises(NotFound):
        operations.check_in_by_code(
            actor=elsewhere, branch_id=place.branch.pk, code=booked.reference, now=NINE
        )


def test_the_appointment_ends_as_its_ticket_does(place):
    booked = book(place)
    arrived = operations.check_in_appointment(actor=place.agent, appointment_id=booked.pk, now=NINE)
    session = sit_down(place, now=NINE)
    acting = {"actor": place.agent, "ticket_id": arrived.ticket_id, "now": NINE}
    queue_operations.call_ticket(session_id=session.pk, **acting)
    assert not follow(arrived)
    queue_operations.start_ticket(**acting)
    queue_operations.complete_ticket(**acting)

    assert follow(arrived)
    assert not follow(arrived)
    assert fresh(booked).state == "completed"


def test_who_leaves_the_line_may_come_back(place):
    booked = book(place)
    arrived = operations.check_in_appointment(actor=place.agent, appointment_id=booked.pk, now=NINE)
    queue_operations.cancel_ticket(actor=place.agent, ticket_id=arrived.ticket_id, now=NINE)
    follow(arrived)

    assert (fresh(booked).state, fresh(booked).ticket) == ("confirmed", None)
    again = operations.check_in_appointment(
        actor=place.agent, appointment_id=booked.pk, now=NINE + MINUTE
    )
    assert again.ticket_id != arrived.ticket_id


def test_who_never_came_is_marked_and_may_still_come_that_day(place):
    booked = book(place)
    assert queries.appointments_missed(TEN) == []
    hour_later = TEN + timedelta(hours=1)
    assert queries.appointments_missed(hour_later) == [booked.pk]
    assert operations.give_up_missed(appointment_id=booked.pk, now=hour_later)
    assert not operations.give_up_missed(appointment_id=booked.pk, now=hour_later)

    late = operations.check_in_appointment(
        actor=place.agent, appointment_id=booked.pk, now=hour_later
    )
    assert (late.state, late.punctuality) == ("checked_in", "late")


# --- By the clock -----------------------------------------------------------------------------


def test_each_reminder_is_published_once(place):
    wednesday = NINE + timedelta(days=1)
    make_slot(place, day_of_week=2)
    booked = book(place, wednesday)
    due = [wednesday - timedelta(days=1), wednesday - timedelta(hours=2)]
    for at in due:
        assert queries.reminders_due(at - MINUTE) == []
        assert queries.reminders_due(at) == [booked.pk]
        assert operations.remind_of_appointment(appointment_id=booked.pk, now=at)
        assert not operations.remind_of_appointment(appointment_id=booked.pk, now=at)

    rows = DomainEvent.objects.filter(type="appointments.appointment.reminder_due.v1")
    assert sorted(row.payload["minutes_before"] for row in rows) == [120, 1440]
    assert fresh(booked).next_reminder_at is None


def test_attendance_is_confirmed_once(place):
    actor = make_actor()
    booked = book(place, actor=actor)
    for _ in range(2):
        operations.confirm_attendance(actor=actor, appointment_id=booked.pk, now=NOW)
    assert told("appointment.attendance_confirmed") == 1


# --- Slots, dates, rules ----------------------------------------------------------------------


def test_the_usual_pattern_is_made_once(place):
    made = operations.generate_usual_slots(
        actor=place.owner, branch_id=place.branch.pk, service_id=place.service.pk, now=NOW
    )
    again = operations.generate_usual_slots(
        actor=place.owner, branch_id=place.branch.pk, service_id=place.service.pk, now=NOW
    )

    # Tuesday has a slot of its own.
    assert [(s.day_of_week, s.interval_minutes) for s in made] == [(d, 30) for d in (0, 2, 3, 4)]
    assert again == []


@pytest.mark.parametrize(
    "values",
    [
        {"start_time": time(16), "end_time": time(18)},
        {"start_time": time(8), "end_time": time(0)},
        {"valid_from": date(2027, 1, 1)},
    ],
)
def test_overlapping_slots_are_refused(place, values):
    with pytest.raises(errors.SlotsOverlap):
        make_slot(place, **values)


def test_slots_beside_each_other_are_not(place):
    make_slot(place, start_time=time(17), end_time=time(0))
    make_slot(place, start_time=time(7), end_time=time(9))
    make_slot(place, agent_id=place.agent.user_id)
    with pytest.raises(errors.InvalidInput):
        make_slot(place, agent_id=make_actor().user_id)


def test_one_date_is_closed_and_opened_again(place):
    row = operations.create_slot_exception(
        actor=place.owner,
        branch_id=place.branch.pk,
        now=NOW,
        date=TOMORROW.date(),
        kind="close",
        reason="Travaux",
    )
    assert free(place) == 0
    operations.remove_slot_exception(actor=place.owner, exception_id=row.pk, now=NOW)
    assert free(place) == 1


def test_slots_are_the_managers_to_change(place):
    slot = make_slot(place, day_of_week=3)
    for stranger in (place.agent, make_actor(), make_place().owner, ANONYMOUS):
        with pytest.raises(NotFound):
            operations.update_slot(actor=stranger, slot_id=slot.pk, now=NOW, capacity=9)
        with pytest.raises(NotFound):
            operations.generate_usual_slots(
                actor=stranger, branch_id=place.branch.pk, service_id=place.service.pk, now=NOW
            )
    manager = make_member(place.organization, Role.MANAGER, place.branch)
    assert operations.update_slot(actor=manager, slot_id=slot.pk, now=NOW, capacity=9).capacity == 9


def test_forgetting_a_person_leaves_the_place_taken(place):
    actor = make_actor()
    booked = book(place, actor=actor, person=Person(customer_name="Awa", phone="+221771234567"))
    operations.forget_person(user_id=actor.user_id)

    found = fresh(booked)
    assert (found.customer, found.customer_name, found.phone) == (None, "", "")
    assert counts(booked) == (1, 1)


def test_the_states_have_all_their_transitions():
    for state in AppointmentState:
        row = Appointment(state=state)
        for to in AppointmentState:
            row.state = state
            if to in leads_to(state):
                row.move_to(to)
            else:
                with pytest.raises(errors.IllegalTransition):
                    row.move_to(to)


def leads_to(state: AppointmentState) -> set[str]:
    """Return where the states lead, written down apart from the code's table."""
    return {
        "held": {"pending", "confirmed", "cancelled", "expired"},
        "pending": {"confirmed", "cancelled", "expired"},
        "confirmed": {"checked_in", "cancelled", "no_show"},
        "checked_in": {"completed", "cancelled", "no_show", "confirmed"},
        "no_show": {"checked_in", "completed"},
        "completed": {"checked_in"},
        "cancelled": set(),
        "expired": set(),
    }[state.value]
