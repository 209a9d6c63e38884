"""What managers are told in the morning of the day before."""

from datetime import UTC, date, datetime, time, timedelta
from html.parser import HTMLParser
from typing import Any

import pytest

from smartqueue.accounts.enums import Role
from smartqueue.accounts.models import User
from smartqueue.analytics import digest, mornings, operations, tasks
from smartqueue.appointments import operations as appointments
from smartqueue.appointments.tests import factories as bookings
from smartqueue.business.hours import Schedule
from smartqueue.common import clock, tenancy
from smartqueue.common.crypto import decrypt
from smartqueue.notifications import operations as notifications
from smartqueue.notifications.enums import Channel, Group
from smartqueue.notifications.models import OutgoingMessage, SmsAccount, SmsSpend
from smartqueue.notifications.queries import BODY_PURPOSE
from smartqueue.queues import operations as queue_operations
from smartqueue.queues.tests.factories import (
    NOW,
    Place,
    join,
    make_branch,
    make_member,
    make_place,
    sit_down,
)

pytestmark = pytest.mark.django_db

MONDAY = NOW.date()
NEXT_MORNING = datetime(2026, 11, 24, 7, 5, tzinfo=UTC)


def live_a_day(place: Place, start: datetime = NOW) -> None:
    """Four people come, one each minute; of them two are served, one is missing, one leaves."""

    def minutes(number: int) -> datetime:
        return start + timedelta(minutes=number)

    tickets = [join(place, now=minutes(n)) for n in range(4)]
    queue_operations.cancel_ticket(actor=place.owner, ticket_id=tickets[3].pk, now=minutes(5))
    session = sit_down(place, now=minutes(5))
    acting: Any = {"actor": place.agent, "session_id": session.pk}
    for at in (10, 20, 30):
        called = queue_operations.call_next_for_session(now=minutes(at), **acting)
        over: Any = {"actor": place.agent, "ticket_id": called.pk}
        if at == 30:
            queue_operations.mark_no_show(now=minutes(31), **over)
            continue
        queue_operations.start_ticket(now=minutes(at + 1), **over)
        queue_operations.complete_ticket(now=minutes(at + 5), **over)


def mails(place: Place, code: str = digest.CODE) -> list[OutgoingMessage]:
    rows = OutgoingMessage.objects.filter(organization_id=place.organization.pk, template=code)
    return list(rows.order_by("pk"))


def send(place: Place, now: datetime = NEXT_MORNING) -> int:
    return operations.send_digests_of(
        organization_id=place.organization.pk, branch_ids=[place.branch.pk], now=now
    )


def words(message: OutgoingMessage) -> str:
    return decrypt(message.sealed_body, BODY_PURPOSE)


def user_of(actor: Any, **changes: Any) -> User:
    User.objects.filter(pk=actor.user_id).update(**changes)
    return User.objects.get(pk=actor.user_id)


@pytest.fixture
def place() -> Place:
    place = make_place()
    user_of(place.owner, language="en")
    return place


def test_managers_read_once_what_yesterday_was_like(place: Place) -> None:
    bookings.make_slot(place, capacity=9)
    coming, missing, _ = (bookings.book(place) for _ in range(3))
    nine = bookings.NINE
    live_a_day(place, nine)
    later: Any = {"actor": place.owner, "now": nine + timedelta(minutes=40)}
    appointments.check_in_appointment(appointment_id=coming.pk, **later)
    appointments.mark_no_show(appointment_id=missing.pk, **later)
    morning = NEXT_MORNING + timedelta(days=1)
    SmsAccount.objects.with_scopes_disabled().create(
        organization_id=place.organization.pk, monthly_budget_minor=25_000, changed_at=NOW
    )
    SmsSpend.objects.with_scopes_disabled().create(
        organization_id=place.organization.pk, month=date(2026, 11, 1), spent_minor=13_000
    )
    for number, reason in enumerate(("opted_out", "opted_out", "5.1.1")):
        OutgoingMessage.objects.create(
            channel=Channel.SMS,
            recipient=f"+22177000000{number}",
            organization_id=place.organization.pk,
            template="ticket_called",
            state="failed",
            last_error=reason,
            dedupe_key=f"digest-test:{number}",
            created_at=nine,
            ended_at=nine,
        )

    assert send(place, morning) == 1
    assert send(place, morning + timedelta(minutes=20)) == 0
    (mail,) = mails(place)
    owner = user_of(place.owner)
    assert (mail.recipient, mail.channel, mail.user_id) == (owner.email, "email", owner.pk)
    assert mail.subject == f"Yesterday at {place.branch.name}"
    told = words(mail).splitlines()
    assert told[0] == f"{place.branch.name}, Tuesday 24 November 2026"
    assert {
        "- Tickets given: 5",
        "- People served: 2",
        "- Called, and did not come: 1",
        "- Left the line: 1",
        # 10, 19 and 28 minutes.
        "- Half of the people waited at most: 19 min",
        "- Nine of ten waited at most: 26 min",
        "- The longest line: 4 people in “File A” at 9:03 a.m.",
        "- Appointments: 3",
        "- Appointments that nobody came to: 1",
        "- Did not arrive: 3",
        "- This person wants no more of these messages: 2",
        "- 5.1.1: 1",
    } <= set(told)
    assert any("12,000" in line and "25,000" in line for line in told)


def test_who_manages_gets_it_unless_they_want_none(place: Place) -> None:
    live_a_day(place)
    elsewhere = make_branch(place.organization)
    here = user_of(make_member(place.organization, Role.MANAGER, place.branch))
    there = make_member(place.organization, Role.MANAGER, elsewhere)
    refusing = make_member(place.organization, Role.MANAGER)
    off = {(Group.DIGEST, Channel.EMAIL): False}
    notifications.choose(actor=refusing, wanted=off)
    without_mail = make_member(place.organization, Role.MANAGER)
    user_of(without_mail, email=None, phone="+221779990011")
    SmsAccount.objects.with_scopes_disabled().create(
        organization_id=place.organization.pk, monthly_budget_minor=25_000, changed_at=NOW
    )
    assert send(place) == 2
    sent = {mail.user_id: words(mail) for mail in mails(place)}
    assert set(sent) == {here.pk, place.owner.user_id}
    # What the whole organization may spend is for who manages all of it.
    assert "25" in sent[place.owner.user_id]
    assert "25\u202f000" not in sent[here.pk]
    assert elsewhere.name not in sent[here.pk]
    assert elsewhere.name in sent[place.owner.user_id]
    # Nothing happened there.
    assert there.user_id not in sent


def test_a_day_on_which_nothing_happened_is_not_told(place: Place) -> None:
    assert send(place) == 0
    live_a_day(place)
    assert send(place, NEXT_MORNING + timedelta(days=1)) == 0
    assert send(place) == 1


def test_quiet_hours_put_it_off(place: Place) -> None:
    live_a_day(place)
    quiet = notifications.Quiet(time(22), time(9))
    notifications.set_quiet_hours(actor=place.owner, quiet=quiet)
    assert send(place) == 1
    (mail,) = mails(place)
    put_off = mail.next_attempt_at - mail.stored_at
    assert timedelta(hours=1, minutes=50) < put_off <= timedelta(hours=1, minutes=55)


@pytest.mark.parametrize(
    ("opens", "due"), [(None, "07:00"), (time(9), "07:00"), (time(7), "06:00"), (time(0), "05:00")]
)
def test_it_is_due_before_the_branch_opens_by_its_clock(opens: time | None, due: str) -> None:
    week = {n: ((opens, time(17)),) for n in range(7)} if opens is not None else {}
    schedule = Schedule(zone="Asia/Tokyo", country="JP", week=week)
    at = mornings.due_at(schedule, date(2026, 11, 24))
    assert f"{at.astimezone(mornings.ZoneInfo('Asia/Tokyo')):%H:%M}" == due


def test_the_job_tells_each_organization_in_its_own_morning(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    dakar, tokyo = make_place(), make_place(timezone="Asia/Tokyo")
    live_a_day(dakar)
    live_a_day(tokyo)
    hours = {}
    for hour in range(10, 24 + 16):
        at = datetime.combine(MONDAY, time(), UTC) + timedelta(hours=hour, minutes=5)
        monkeypatch.setattr(clock, "now", lambda at=at: at)
        tasks.send_digests_task()
        for name, place in (("dakar", dakar), ("tokyo", tokyo)):
            if mails(place):
                hours.setdefault(name, hour)
    # In Tokyo it is seven on the 24th when it is 22 on the 23rd in Dakar.
    assert hours == {"dakar": 24 + 7, "tokyo": 22}
    assert len(mails(dakar)) == len(mails(tokyo)) == 1


class Texts(HTMLParser):
    """Checks that elements close, and keeps what stands in them."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.texts: list[str] = []
        self.feed(page)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts += [data.strip()] if data.strip() else []


def test_names_are_words_and_the_page_turns_with_the_language(place: Place) -> None:
    live_a_day(place)
    place.branch.name = "<b>Awa</b> & \u202eCo"
    with tenancy.organizations([place.organization.pk]):
        days = mornings.branch_days([place.branch], NEXT_MORNING)
    made = {lang: digest.written("Mairie", days, None, lang) for lang in ("fr", "en", "ar")}
    for language, one in made.items():
        page = Texts(one.html)
        assert "<b>Awa</b> & Co" in page.texts[0], language
        assert "<b>Awa</b> & Co" in one.text
        assert "<b>" not in one.html
        assert "\u202e" not in one.html + one.text + one.subject
        assert "2" in page.texts
    assert "text-align:right" in made["ar"].html.split("</th>")[0]
    assert "text-align:left" in made["fr"].html.split("</th>")[0]
