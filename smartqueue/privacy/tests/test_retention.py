"""Every period of the table is kept and then ended, a moment before and a moment after."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.sessions.models import Session as Cookie
from django.db import DatabaseError, connection, transaction
from django.utils import translation

from config.celery import app as worker
from smartqueue.accounts.models import Session, User, VerificationCode
from smartqueue.appointments import operations as appointments
from smartqueue.appointments.models import Appointment
from smartqueue.appointments.operations import Person
from smartqueue.appointments.tests.factories import book, make_slot
from smartqueue.audit import operations as audit_operations
from smartqueue.audit.models import PersonKey, RowChange
from smartqueue.audit.tests.conftest import entries_on, first_id
from smartqueue.business.models import Invitation
from smartqueue.common import jobs, uploads
from smartqueue.dialogues.models import Conversation, GivenAnswer
from smartqueue.idempotency.models import IdempotencyKey
from smartqueue.notifications.models import (
    BrowserSubscription,
    Notification,
    OutgoingMessage,
    PushToken,
)
from smartqueue.outbox.models import Delivery, DomainEvent
from smartqueue.privacy import ports, processing, retention, tasks
from smartqueue.privacy.models import Consent, Erasure, Export, PhoneCode
from smartqueue.privacy.retention import KINDS, Kind
from smartqueue.queues import operations
from smartqueue.queues.models import CounterSession, ShownEstimate, Ticket, TicketPeriod, TicketStep
from smartqueue.queues.tests.factories import (
    Place,
    join,
    make_actor,
    make_place,
    make_user,
    sit_down,
)
from smartqueue.realtime.models import TopicEvent
from smartqueue.support import operations as support
from smartqueue.support.enums import SubjectType
from smartqueue.support.files import kept
from smartqueue.support.models import CaseAttachment, CaseMessage, SupportCase
from smartqueue.support.tests.factories import holder_of, open_case, person_of, picture

pytestmark = pytest.mark.django_db

# What other apps' jobs end is measured with PostgreSQL's clock, so the end is set back from now.
NOW = datetime.now(UTC).replace(microsecond=0)
MOMENT = timedelta(hours=1)
DAY = timedelta(days=1)

Ended = Callable[[], bool]
Maker = Callable[[datetime], Ended]


def gone(row: Any) -> Ended:
    return lambda: not type(row)._base_manager.filter(pk=row.pk).exists()


def served(place: Place, at: datetime, **values: Any) -> Ticket:
    """A ticket whose visit ended at a moment, with everything that a visit leaves."""
    ticket = join(place, now=at, customer_name="Awa", phone="+221771234567", plate="DK 1", **values)
    rows = CounterSession.objects.with_scopes_disabled().filter(agent=place.agent.user_id)
    session = rows.exclude(state="ended").first() or sit_down(place, now=at)
    acting = {"actor": place.agent, "ticket_id": ticket.pk, "now": at}
    operations.call_ticket(session_id=session.pk, **acting)
    operations.start_ticket(**acting)
    operations.complete_ticket(note="note", outcome="done", **acting)
    return ticket


def fresh(ticket: Ticket) -> Ticket:
    row: Ticket = Ticket.objects.with_scopes_disabled().get(pk=ticket.pk)
    return row


def event(at: datetime, **values: Any) -> DomainEvent:
    return DomainEvent.objects.create(
        type="accounts.session.started.v1",
        actor="user:1",
        subject_type="user",
        subject_id=uuid4(),
        subject_version=0,
        occurred_at=at,
        payload={},
        **values,
    )


def make_registration(at: datetime) -> Ended:
    user = User.objects.create(is_active=False, first_name="Awa")
    User.objects.filter(pk=user.pk).update(date_joined=at)
    return gone(user)


def make_code(at: datetime) -> Ended:
    return gone(
        VerificationCode.objects.create(
            channel="sms", recipient="+221771234567", digest=b"", created_at=at, expires_at=at
        )
    )


def make_erasure_code(at: datetime) -> Ended:
    return gone(
        PhoneCode.objects.create(phone_digest=b"1", digest=b"2", created_at=at, expires_at=at)
    )


def make_dialogue(at: datetime) -> Ended:
    return gone(Conversation.objects.create(phone_digest=b"1", language="fr", used_at=at))


def make_dialogue_answer(at: datetime) -> Ended:
    return gone(
        GivenAnswer.objects.create(phone_digest=b"1", event_digest=b"2", sealed="s", made_at=at)
    )


def make_session(at: datetime) -> Ended:
    later = NOW + timedelta(days=400)
    return gone(
        Session.objects.create(
            user=make_user(),
            kind="tokens",
            device=b"",
            created_at=at,
            authenticated_at=at,
            last_used_at=at,
            expires_at=later,
            ended_at=at,
        )
    )


def make_cookie(at: datetime) -> Ended:
    life = retention.BY_CODE["cookie"].period
    assert life is not None
    return gone(Cookie.objects.create(session_key="k", session_data="d", expire_date=at + life))


def recorded(at: datetime) -> tuple[DomainEvent, RowChange]:
    """An event and a change of a day, whose days of the journal are sealed."""
    entries_on(at.date(), 1, address="203.0.113.7")
    audit_operations.close_days()
    start, end = first_id(at.date()), first_id(at.date() + timedelta(days=1))
    told = DomainEvent.objects.get(id__gte=start, id__lt=end)
    return told, RowChange.objects.with_scopes_disabled().get(id__gte=start, id__lt=end)


def make_address(at: datetime) -> Ended:
    told, change = recorded(at)

    def ended() -> bool:
        told.refresh_from_db()
        change.refresh_from_db()
        assert told.address == change.address
        return told.address is None

    return ended


def make_delivery(at: datetime) -> Ended:
    return gone(
        Delivery.objects.create(
            event=event(NOW), handler="x", state="done", next_attempt_at=at, done_at=at
        )
    )


def make_answer(at: datetime) -> Ended:
    return gone(
        IdempotencyKey.objects.create(
            digest=b"1", body_digest=b"2", status=200, answer={}, created_at=at
        )
    )


def make_topic(at: datetime) -> Ended:
    return gone(TopicEvent.objects.create(topic="user:1", version=1, type="t", data={}, at=at))


def make_notification(at: datetime) -> Ended:
    return gone(
        Notification.objects.create(
            user=make_user(), code="c", data={}, dedupe_key="d", created_at=at
        )
    )


def make_message(at: datetime) -> Ended:
    return gone(
        OutgoingMessage.objects.create(
            channel="sms",
            recipient="+221771234567",
            template="t",
            subject="s",
            dedupe_key="d",
            created_at=at,
            stored_at=at,
            state="sent",
        )
    )


def make_device(at: datetime) -> Ended:
    """A phone and a browser of an account; both were registered long before they were last used."""
    seen = {
        "user": make_user(),
        "digest": b"1",
        "sealed": "s",
        "created_at": at - timedelta(days=100),
        "last_seen_at": at,
    }
    phone = gone(PushToken.objects.create(device_id="d", platform="android", **seen))
    browser = gone(BrowserSubscription.objects.create(auth_digest=b"2", **seen))

    def ended() -> bool:
        assert phone() == browser()
        return phone()

    return ended


def make_invitation(at: datetime) -> Ended:
    place = make_place()
    invitation = Invitation.objects.with_scopes_disabled().create(
        organization=place.organization,
        identifier="new@example.test",
        role="agent",
        created_at=at,
        expires_at=at,
    )
    through = Invitation.branches.through
    through.objects.create(invitation_id=invitation.pk, branch_id=place.branch.pk)
    return gone(invitation)


def make_ticket_identity(at: datetime) -> Ended:
    ticket = served(make_place(), at, actor=make_actor())

    def ended() -> bool:
        row = fresh(ticket)
        told = [row.customer_name, row.phone, row.person_key, row.plate, row.note]
        assert all(told) or not any(told)
        assert row.customer_id is not None or not any(told)
        return not any(told)

    return ended


def make_ticket_link(at: datetime) -> Ended:
    ticket = served(make_place(), at, actor=make_actor())
    periods = TicketPeriod.objects.with_scopes_disabled().filter(ticket=ticket)

    def ended() -> bool:
        row = fresh(ticket)
        reasons = any(periods.values_list("reason", flat=True))
        assert (row.customer_id is None) == (row.outcome == "") == (not reasons)
        return row.customer_id is None

    return ended


def make_step(at: datetime) -> Ended:
    ticket = served(make_place(), at)
    steps = TicketStep.objects.with_scopes_disabled().filter(ticket=ticket)
    assert steps.exists()
    return lambda: not steps.exists()


def make_shown_wait(at: datetime) -> Ended:
    place = make_place()
    ticket = served(place, at)
    rows = ShownEstimate.objects.with_scopes_disabled().filter(ticket=ticket)
    rows.create(
        organization=place.organization,
        queue=place.queue,
        ticket=ticket,
        at_joining=True,
        version=1,
        **dict.fromkeys(("made_at", "called_at"), at),
        **dict.fromkeys(("people_ahead", "base", "delay", "low", "median", "high", "waited"), 1),
    )
    return lambda: not rows.exists()


def make_work(at: datetime) -> Ended:
    place = make_place()
    ticket = served(place, at)
    session = fresh(ticket).session_id
    operations.take_break(actor=place.agent, session_id=session, now=at)
    operations.resume_session(actor=place.agent, session_id=session, now=at)
    operations.end_session(actor=place.agent, session_id=session, now=at)
    sessions = CounterSession.objects.with_scopes_disabled().filter(pk=session)
    periods = TicketPeriod.objects.with_scopes_disabled().filter(ticket=ticket)

    def ended() -> bool:
        agents = periods.exclude(agent=None).exists()
        assert sessions.exists() == agents == (fresh(ticket).session_id is not None)
        return not agents

    return ended


def make_case(at: datetime) -> Ended:
    """A settled case of an account, and one opened with a ticket's token alone."""
    place = make_place()
    ticket = join(place, now=at)
    about = {"subject_type": SubjectType.TICKET, "subject_id": ticket.pk}
    cases = [open_case(place, now=at), open_case(place, holder_of(ticket), now=at, **about)]
    for case, actor in zip(cases, (person_of(cases[0]), holder_of(ticket)), strict=True):
        with kept([picture()], case.organization_id) as files:
            support.write_message(
                actor=actor, case_id=case.pk, body="See here.", files=files, now=at
            )
        support.resolve_case(actor=place.owner, case_id=case.pk, now=at)
    rows = SupportCase.objects.with_scopes_disabled().filter(pk__in=[c.pk for c in cases])
    messages = CaseMessage.objects.with_scopes_disabled().filter(case__in=cases)
    attached = CaseAttachment.objects.with_scopes_disabled().filter(message__case__in=cases)

    def ended() -> bool:
        told = [
            *rows.values_list("title", flat=True),
            *messages.values_list("body", flat=True),
            *(not removed for removed in attached.values_list("removed_at", flat=True)),
        ]
        assert all(told) or not any(told)
        assert rows.filter(person=None, holder_ticket_id=None).count() == (0 if all(told) else 2)
        assert messages.exclude(person=None).exists() == all(told)
        return not any(told)

    return ended


def make_administration(at: datetime) -> Ended:
    row = LogEntry.objects.create(
        user_id=make_user().pk, object_repr="Awa", action_flag=CHANGE, action_time=at
    )
    return gone(row)


def make_consent(at: datetime) -> Ended:
    user = make_user()
    said = {"purpose": "marketing", "text_version": 1, "source": "api", "language": "fr"}
    long_ago = at - timedelta(days=3000)
    older = Consent.objects.create(user=user, is_given=True, at=long_ago, **said)
    newest = Consent.objects.create(user=user, is_given=False, at=at, **said)

    def ended() -> bool:
        assert not gone(newest)()
        return gone(older)()

    return ended


def make_export(at: datetime) -> Ended:
    life = retention.BY_CODE["export"].period
    assert life is not None
    return gone(
        Export.objects.create(
            user=make_user(), state="ready", language="fr", requested_at=at, expires_at=at + life
        )
    )


def make_erasure(at: datetime) -> Ended:
    return gone(Erasure.objects.create(requested_at=at, finished_at=at))


def visited(at: datetime) -> Appointment:
    """Return an appointment that ended at a time, which somebody missed."""
    place = make_place()
    make_slot(place)
    person = Person(customer_name="Awa", phone="+221771234567")
    booked = book(place, person=person)
    appointments.mark_no_show(actor=place.agent, appointment_id=booked.pk, now=booked.ends_at)
    rows = Appointment.objects.with_scopes_disabled().filter(pk=booked.pk)
    rows.update(starts_at=at - timedelta(minutes=30), ends_at=at)
    return booked


def make_appointment_identity(at: datetime) -> Ended:
    booked = visited(at)

    def ended() -> bool:
        row = Appointment.objects.with_scopes_disabled().get(pk=booked.pk)
        assert (row.state, row.counted, row.customer_id is None) == ("no_show", 1, False)
        return not (row.customer_name or row.phone or row.person_key)

    return ended


def make_appointment_link(at: datetime) -> Ended:
    booked = visited(at)

    def ended() -> bool:
        row = Appointment.objects.with_scopes_disabled().get(pk=booked.pk)
        return row.customer_id is None and row.booked_by_id is None

    return ended


MAKERS: dict[str, Maker] = {
    "appointment_identity": make_appointment_identity,
    "appointment_link": make_appointment_link,
    "registration": make_registration,
    "code": make_code,
    "erasure_code": make_erasure_code,
    "dialogue": make_dialogue,
    "dialogue_answer": make_dialogue_answer,
    "session": make_session,
    "cookie": make_cookie,
    "address": make_address,
    "event": lambda at: gone(recorded(at)[0]),
    "change": lambda at: gone(recorded(at)[1]),
    "delivery": make_delivery,
    "answer": make_answer,
    "topic": make_topic,
    "notification": make_notification,
    "message": make_message,
    "device": make_device,
    "invitation": make_invitation,
    "ticket_identity": make_ticket_identity,
    "ticket_link": make_ticket_link,
    "shown_wait": make_shown_wait,
    "step": make_step,
    "work": make_work,
    "case": make_case,
    "administration": make_administration,
    "consent": make_consent,
    "export": make_export,
    "erasure": make_erasure,
}
TIMED = [kind for kind in KINDS if kind.job]
# Past days of the journal are made by the owner of its tables.
EACH_TIMED = [
    pytest.param(kind, marks=pytest.mark.owner)
    if kind.code in {"address", "event", "change"}
    else kind
    for kind in TIMED
]


def margin_of(kind: Kind) -> timedelta:
    """The journal ends whole days."""
    return 2 * DAY if kind.job == "audit.purge_journal_task" else MOMENT


def run_job_of(kind: Kind, now: datetime) -> None:
    if kind.rules:
        retention.end_retention(now)
    else:
        worker.loader.import_default_modules()
        jobs.job_named(kind.job).work()


def test_every_kind_with_a_period_has_a_maker() -> None:
    assert {kind.code for kind in TIMED} == set(MAKERS)


@pytest.mark.parametrize("kind", EACH_TIMED, ids=lambda k: k.code)
def test_what_is_within_its_period_stays(kind: Kind) -> None:
    assert kind.period is not None
    ended = MAKERS[kind.code](NOW - kind.period + margin_of(kind))
    run_job_of(kind, NOW)
    assert not ended()


@pytest.mark.parametrize("kind", EACH_TIMED, ids=lambda k: k.code)
def test_what_is_over_is_ended(kind: Kind) -> None:
    assert kind.period is not None
    ended = MAKERS[kind.code](NOW - kind.period - margin_of(kind))
    assert not ended()
    run_job_of(kind, NOW)
    assert ended()
    # Doing it again is no harm, and finds nothing.
    assert set(retention.end_retention(NOW).values()) <= {0}


def test_history_and_counts_stay_when_the_person_goes() -> None:
    place = make_place()
    ticket = served(place, NOW - timedelta(days=500), actor=make_actor())
    periods = TicketPeriod.objects.with_scopes_disabled().filter(ticket=ticket)
    before = list(periods.order_by("pk").values_list("state", "started_at", "ended_at"))

    tasks.end_retention_task()

    assert list(periods.order_by("pk").values_list("state", "started_at", "ended_at")) == before
    assert fresh(ticket).number == ticket.number
    assert fresh(ticket).state == "completed"


def test_a_ticket_that_goes_on_keeps_its_person() -> None:
    place = make_place()
    ticket = join(place, now=NOW - timedelta(days=500), customer_name="Awa", phone="+221771234567")
    retention.end_retention(NOW)
    assert fresh(ticket).customer_name == "Awa"


@pytest.fixture
def shortened() -> Iterator[Callable[..., None]]:
    def shorten(place: Place, **periods: timedelta) -> None:
        ports.register_retention_source(lambda: {place.organization.pk: periods})

    yield shorten
    ports.register_retention_source(ports._nobody_shortens)


def test_an_organization_may_shorten_and_others_are_left_alone(shortened: Any) -> None:
    place, other = make_place(), make_place()
    tickets = [served(where, NOW - timedelta(days=8)) for where in (place, other)]
    shortened(place, ticket_identity=timedelta(days=7))

    assert retention.end_retention(NOW)["ticket_identity"] == 1

    assert [fresh(ticket).customer_name for ticket in tickets] == ["", "Awa"]
    kind = retention.BY_CODE["ticket_identity"]
    (line,) = processing.lines_of([kind], place.organization.pk)
    assert line.is_shortened
    assert retention.effective_period(kind, other.organization.pk) == kind.period


def test_nobody_can_lengthen_and_what_is_the_platform_s_is_not_shortened(shortened: Any) -> None:
    place = make_place()
    ticket = served(place, NOW - timedelta(days=31))
    notified = Notification.objects.create(
        user=make_user(),
        organization_id=place.organization.pk,
        code="c",
        data={},
        dedupe_key="d",
        created_at=NOW - timedelta(days=2),
    )
    shortened(place, ticket_identity=timedelta(days=90), notification=timedelta(days=1))

    retention.end_retention(NOW)

    assert fresh(ticket).customer_name == ""
    assert not gone(notified)()
    kind = retention.BY_CODE["ticket_identity"]
    assert retention.effective_period(kind, place.organization.pk) == kind.period


def test_work_is_done_in_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "BATCH", 2)
    for _ in range(5):
        make_notification(NOW - timedelta(days=181))
    assert retention.end_retention(NOW, {"notification"}) == {"notification": 5}


@pytest.mark.owner
def test_what_the_journal_sealed_of_a_ticket_goes_with_its_name() -> None:
    tickets = [
        served(make_place(), NOW - timedelta(days=days), **who)
        for days, who in ((31, {}), (29, {}), (31, {"actor": make_actor()}))
    ]
    for pk in (*(t.pk for t in tickets), tickets[2].customer_id):
        PersonKey.objects.get_or_create(person_id=pk, defaults={"key": b"k", "created_at": NOW})

    retention.end_retention(NOW)

    left = set(PersonKey.objects.exclude(key=None).values_list("pk", flat=True))
    # The account's key opens what is still within its time.
    assert tickets[0].pk not in left
    assert {tickets[1].pk, tickets[2].customer_id} <= left


def test_the_files_of_a_case_go_with_its_words() -> None:
    make_case(NOW - timedelta(days=500))
    assert len(list(uploads.private_files("cases"))) == 2

    tasks.end_retention_task()

    assert list(uploads.private_files("cases")) == []
    assert not CaseAttachment.objects.with_scopes_disabled().exists()


def test_what_the_journal_sealed_of_a_case_without_an_account_goes_with_its_words() -> None:
    make_case(NOW - timedelta(days=500))
    rows = SupportCase.objects.with_scopes_disabled()
    messages = CaseMessage.objects.with_scopes_disabled()
    own = {*rows.filter(person=None).values_list("pk", flat=True)}
    own |= {*messages.filter(person=None).values_list("pk", flat=True)}
    account = rows.exclude(person=None).get().person_id
    opened = PersonKey.objects.exclude(key=None)
    assert {*own, account} <= set(opened.values_list("pk", flat=True))

    retention.end_retention(NOW)

    left = set(opened.values_list("pk", flat=True))
    assert not own & left
    assert account in left


def test_a_case_that_goes_on_keeps_its_words() -> None:
    case = open_case(make_place(), now=NOW - timedelta(days=500))
    retention.end_retention(NOW)
    assert SupportCase.objects.with_scopes_disabled().get(pk=case.pk).title == case.title


@pytest.mark.parametrize(
    "statement", ["UPDATE privacy_consent SET is_given = true", "DELETE FROM privacy_consent"]
)
def test_a_consent_is_evidence(statement: str) -> None:
    said = {"purpose": "marketing", "text_version": 1, "source": "api", "language": "fr"}
    Consent.objects.create(user=make_user(), is_given=False, at=NOW, **said)
    with (
        pytest.raises(DatabaseError, match="append-only"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(statement)


def test_words_for_periods() -> None:
    with translation.override("en"):
        said = [retention.in_words(timedelta(days=days)) for days in (1, 2, 30, 400, 1830)]
    assert said == ["24 hours", "48 hours", "30 days", "13 months", "60 months"]
