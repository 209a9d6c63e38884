"""What calendar programs read: parsed by a library that did not write it."""

from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler
from typing import Any

import icalendar
import pytest
import recurring_ical_events
import vobject
from django.test import Client

from smartqueue.accounts.enums import Role
from smartqueue.appointments import calendars, operations, queries
from smartqueue.appointments.enums import FeedKind
from smartqueue.appointments.ical import Entry, Method, Party, Status, document
from smartqueue.appointments.models import Appointment, BusyCalendar, BusyTime, CalendarFeed
from smartqueue.appointments.operations import Person
from smartqueue.appointments.tasks import fetch_busy_calendar
from smartqueue.appointments.tests.factories import (
    ELEVEN,
    NINE,
    TEN,
    book,
    make_slot,
    set_rules,
)
from smartqueue.appointments.tests.test_busy import calendar, event
from smartqueue.appointments.tokens import token_of
from smartqueue.business.models import Membership
from smartqueue.common import tenancy
from smartqueue.common.errors import InvalidInput, NotFound
from smartqueue.common.tests.test_http import NEAR, Server, here, says
from smartqueue.queues.tests.factories import (
    NOW,
    Place,
    make_actor,
    make_branch,
    make_member,
    make_place,
    make_user,
)

pytestmark = pytest.mark.django_db
LATER = NOW + timedelta(minutes=5)


@pytest.fixture
def place() -> Place:
    found = make_place()
    make_slot(found, capacity=3)
    return found


def parsed(content: bytes) -> Any:
    """Return what the other library reads, every line of it in the format's bounds."""
    assert all(len(line) <= 75 for line in content.split(b"\r\n"))
    assert b"\n" not in content.replace(b"\r\n", b"")
    found = vobject.readOne(content.decode())
    check_shape(found)
    return found


def check_shape(found: Any) -> None:
    """What RFC 5545 and 5546 ask of every document: once each, zones before who names them."""
    assert [found.version.value, bool(found.prodid.value)] == ["2.0", True]
    assert found.method.value in {"PUBLISH", "REQUEST", "CANCEL"}
    zones = [zone.tzid.value for zone in found.contents.get("vtimezone", [])]
    assert len(set(zones)) == len(zones)
    for one in found.contents.get("vevent", []):
        for name in ("uid", "dtstamp", "sequence", "dtstart", "dtend", "status", "organizer"):
            assert len(one.contents[name]) == 1, name
        assert one.dtstamp.value.utcoffset() == timedelta(0)
        assert {p for n in ("dtstart", "dtend") for p in tzid(one, n)} <= set(zones)


def tzid(one: Any, name: str) -> list[str]:
    return list(one.contents[name][0].params.get("X-VOBJ-ORIGINAL-TZID", []))


def feed_of(actor: Any, kind: FeedKind = FeedKind.PERSON, **values: Any) -> str:
    return operations.create_feed(actor=actor, kind=kind, now=NOW, **values).token


def events_of(token: str, now: datetime = NOW) -> list[Any]:
    found = parsed(operations.read_calendar(token=token, now=now).content)
    return list(found.contents.get("vevent", []))


def entry(starts_at: datetime, zone: str = "Africa/Dakar", **values: Any) -> Entry:
    facts: dict[str, Any] = {
        "uid": "1@appointments.smartqueue",
        "sequence": 0,
        "status": Status.CONFIRMED,
        "ends_at": starts_at + timedelta(hours=1),
        "created_at": NOW,
        "changed_at": NOW,
        "summary": "Passeport",
        "organizer": Party("Mairie", "no-reply@example.test"),
    }
    return Entry(starts_at=starts_at, zone=zone, **(facts | values))


# --- Documents ----------------------------------------------------------------------------------


@pytest.mark.parametrize("zone", ["Africa/Dakar", "Europe/Paris", "America/New_York"])
def test_a_time_is_read_back_the_same_on_every_day_of_two_years(zone):
    starts = [datetime(2026, 1, 1, 9, 30, tzinfo=UTC) + timedelta(days=n) for n in range(730)]

    found = parsed(document(entry(at, zone, uid=f"{n}") for n, at in enumerate(starts)))

    read = [event.dtstart.value.astimezone(UTC) for event in found.vevent_list]
    assert read == starts


@pytest.mark.parametrize(
    ("zone", "day"),
    [
        ("Europe/Paris", datetime(2027, 3, 28, tzinfo=UTC)),
        ("Europe/Paris", datetime(2026, 10, 25, tzinfo=UTC)),
        ("America/New_York", datetime(2027, 3, 14, tzinfo=UTC)),
        ("America/New_York", datetime(2026, 11, 1, tzinfo=UTC)),
        ("Africa/Casablanca", datetime(2027, 2, 7, tzinfo=UTC)),
        ("Australia/Lord_Howe", datetime(2027, 4, 3, tzinfo=UTC)),
    ],
)
def test_a_time_is_read_back_the_same_around_a_change_of_the_clock(zone, day):
    starts = [day + timedelta(minutes=30 * n) for n in range(-4, 52)]

    content = document(entry(at, zone, uid=f"{n}") for n, at in enumerate(starts))
    read = [event.dtstart.value.astimezone(UTC) for event in parsed(content).vevent_list]

    assert read == starts
    assert f"TZID:{zone}".encode() in content


def test_texts_come_back_as_they_were_and_can_begin_nothing():
    summary = 'Passeport; "rapide", BEGIN:VEVENT'
    description = "Apporter : 2 photos;\nCNI, \\ et reçu\nEND:VCALENDAR"
    found = parsed(
        document(
            [entry(NINE, summary=summary, description=description + "\r\n\x07", location="م" * 90)]
        )
    )

    [read] = found.vevent_list
    assert read.summary.value == summary.replace('"', "'")
    assert read.description.value == description
    assert read.location.value == "م" * 90


def test_arabic_is_folded_between_letters_and_marked_as_such():
    summary = "موعد تجديد جواز السفر في بلدية داكار " * 4
    [read] = parsed(document([entry(NINE, summary=summary, language="ar")])).vevent_list

    assert read.summary.value == summary.strip()
    assert read.summary.params["LANGUAGE"] == ["ar"]


def test_the_same_events_give_the_same_bytes():
    assert document([entry(NINE)], name="A") == document([entry(NINE)], name="A")


def test_a_guest_is_named_in_an_invitation_and_never_in_what_is_published():
    guest = Party('Awa "A"\r\nX-Y:1', "awa@example.test")

    [invited] = parsed(document([entry(NINE, attendee=guest)], method=Method.REQUEST)).vevent_list
    published = document([entry(NINE, attendee=guest)])

    assert invited.attendee.value == "mailto:awa@example.test"
    assert b"ATTENDEE" not in published
    assert b"awa" not in published


# --- Attachments --------------------------------------------------------------------------------


def test_an_appointment_as_an_attachment_says_when_where_and_what_to_bring(place):
    place.service.required_papers = "CNI; 2 photos"
    place.service.save()
    appointment = book(place, person=Person(customer_name="Awa"))
    appointment.language = "en"

    file = calendars.attachment(
        appointment, changed_at=NOW, recipient="awa@example.test", link="https://x.test/a/1"
    )

    document_ = parsed(file.content)
    [read] = document_.vevent_list
    assert document_.method.value == "REQUEST"
    assert file.content_type == "text/calendar; charset=utf-8; method=REQUEST"
    assert read.uid.value == appointment.uid
    assert (read.dtstart.value, read.dtend.value) == (appointment.starts_at, appointment.ends_at)
    assert b"DTSTART;TZID=Africa/Dakar:" in file.content
    assert read.summary.value == f"{place.service.name} at {place.organization.name}"
    assert "CNI; 2 photos" in read.description.value
    assert read.url.value == "https://x.test/a/1"
    assert read.status.value == "CONFIRMED"
    assert read.sequence.value == str(appointment.sequence)
    assert [a.trigger.value for a in read.valarm_list] == [timedelta(days=-1), timedelta(hours=-2)]
    assert read.geo.value == "14.6937;-17.4441"
    assert place.branch.name in read.location.value


def test_a_cancelled_appointment_is_taken_back_under_its_name(place):
    actor = make_actor()
    appointment = book(place, actor=actor)
    before = appointment.sequence
    operations.cancel_appointment(actor=actor, appointment_id=appointment.pk, now=LATER)
    over = (
        Appointment.objects.with_scopes_disabled()
        .select_related("branch__organization")
        .get(pk=appointment.pk)
    )

    file = calendars.attachment(over, changed_at=LATER, recipient="awa@example.test")

    found = parsed(file.content)
    [read] = found.vevent_list
    assert (found.method.value, read.status.value) == ("CANCEL", "CANCELLED")
    assert read.uid.value == appointment.uid
    assert int(read.sequence.value) > before
    assert "valarm" not in read.contents


# --- Feeds --------------------------------------------------------------------------------------


def test_alarms_are_the_reminders_that_the_service_chose(place):
    actor = make_actor()
    appointment = book(place, actor=actor)
    token = feed_of(actor)

    def alarms(token: str) -> list[timedelta]:
        [read] = events_of(token)
        return [a.trigger.value for a in read.contents.get("valarm", [])]

    assert alarms(token) == [timedelta(days=-1), timedelta(hours=-2)]
    set_rules(place, reminder_minutes=[30, 4320])
    for opening in (token, token_of(appointment.pk)):
        assert alarms(opening) == [timedelta(days=-3), timedelta(minutes=-30)]
    set_rules(place, reminder_minutes=[])
    assert alarms(token) == []


def test_two_other_readers_agree_on_what_a_changed_feed_says(place):
    """vobject, which shares no code with ours, and the dates that recurring_ical_events would draw."""
    actor = make_actor()
    operations.set_booking_rules(
        actor=place.owner, service_id=place.service.pk, now=NOW, most_per_day=3
    )
    kept, moved, gone = (book(place, at, actor=actor) for at in (NINE, TEN, ELEVEN))
    token = feed_of(actor)
    to = NINE + timedelta(hours=5)
    operations.reschedule_appointment(actor=actor, appointment_id=moved.pk, starts_at=to, now=LATER)
    operations.cancel_appointment(actor=actor, appointment_id=gone.pk, now=LATER)

    content = operations.read_calendar(token=token, now=LATER).content
    drawn = recurring_ical_events.of(icalendar.Calendar.from_ical(content)).at(NINE.date())
    seen = {(e["UID"], e["STATUS"], e.start.astimezone(UTC), int(e["SEQUENCE"])) for e in drawn}

    assert seen == {
        (e.uid.value, e.status.value, e.dtstart.value.astimezone(UTC), int(e.sequence.value))
        for e in parsed(content).vevent_list
    }
    assert seen == {
        (kept.uid, "CONFIRMED", NINE, kept.sequence),
        (moved.uid, "CONFIRMED", to, moved.sequence + 1),
        (gone.uid, "CANCELLED", ELEVEN, gone.sequence + 1),
    }


def test_a_feed_follows_an_appointment_through_move_and_cancellation(place):
    actor = make_actor()
    appointment = book(place, actor=actor)
    token = feed_of(actor)
    [first] = events_of(token)

    operations.reschedule_appointment(
        actor=actor, appointment_id=appointment.pk, starts_at=TEN, now=LATER
    )
    [moved] = events_of(token, LATER)
    cancelled_at = LATER + timedelta(minutes=5)
    operations.cancel_appointment(actor=actor, appointment_id=appointment.pk, now=cancelled_at)
    [cancelled] = events_of(token, cancelled_at)

    assert [e.uid.value for e in (first, moved, cancelled)] == [appointment.uid] * 3
    assert [e.dtstart.value for e in (first, moved)] == [NINE, TEN]
    sequences = [int(e.sequence.value) for e in (first, moved, cancelled)]
    assert sequences == sorted(set(sequences))
    assert [e.status.value for e in (first, moved, cancelled)] == [
        "CONFIRMED",
        "CONFIRMED",
        "CANCELLED",
    ]
    assert [e.dtstamp.value for e in (first, moved, cancelled)] == [NOW, LATER, cancelled_at]
    assert events_of(token, cancelled_at + timedelta(days=15)) == []


def test_old_appointments_leave_a_feed(place):
    actor = make_actor()
    book(place, actor=actor)
    token = feed_of(actor)

    assert len(events_of(token, NINE + timedelta(days=30))) == 1
    assert events_of(token, NINE + timedelta(days=32)) == []


def test_a_feed_has_its_owners_appointments_and_nobody_elses(place):
    actor = make_actor()
    own = book(place, actor=actor)
    book(place)

    assert [e.uid.value for e in events_of(feed_of(actor))] == [own.uid]


def test_a_branchs_feed_names_people_to_those_who_serve_them_only(place):
    book(place, person=Person(customer_name="Awa Diop", phone="+221771234567"))
    agent = make_member(place.organization, Role.AGENT, place.branch)
    viewer = make_member(place.organization, Role.VIEWER)
    tokens = [
        feed_of(actor, FeedKind.BRANCH, branch_id=place.branch.pk) for actor in (agent, viewer)
    ]

    serving, looking = (operations.read_calendar(token=t, now=NOW).content for t in tokens)

    assert b"Awa Diop" in serving
    assert b"Awa" not in looking
    assert len(parsed(looking).vevent_list) == 1
    assert b"221771234567" not in serving + looking
    assert b"VALARM" not in serving


def test_an_agents_feed_has_those_given_to_them(place):
    agent = make_member(place.organization, Role.AGENT, place.branch)
    appointment = book(place, person=Person(customer_name="Awa"))
    book(place, TEN)
    Appointment.objects.with_scopes_disabled().filter(pk=appointment.pk).update(
        agent_id=agent.user_id
    )

    [read] = events_of(feed_of(agent, FeedKind.AGENT))

    assert read.uid.value == appointment.uid
    assert "Awa" in read.summary.value


def test_a_feed_ends_with_its_owners_right(place):
    agent = make_member(place.organization, Role.AGENT, place.branch)
    token = feed_of(agent, FeedKind.BRANCH, branch_id=place.branch.pk)
    assert events_of(token) == []

    Membership.objects.with_scopes_disabled().filter(user=agent.user_id).delete()

    with pytest.raises(NotFound):
        operations.read_calendar(token=token, now=NOW)


def test_a_revoked_feed_and_one_of_a_closed_account_open_nothing(place):
    user = make_user()
    actor = make_actor(user)
    kept, revoked = (
        operations.create_feed(actor=actor, kind=FeedKind.PERSON, now=NOW) for _ in "ab"
    )
    operations.revoke_feed(actor=actor, feed_id=revoked.feed.pk, now=NOW)
    with pytest.raises(NotFound):
        operations.read_calendar(token=revoked.token, now=NOW)
    assert events_of(kept.token) == []

    user.is_active = False
    user.save()

    with pytest.raises(NotFound):
        operations.read_calendar(token=kept.token, now=NOW)


def test_a_feed_is_made_by_who_may_see_and_revoked_by_its_owner(place):
    stranger = make_actor()
    elsewhere = make_member(place.organization, Role.AGENT, make_branch(place.organization))
    for actor, kind, branch in (
        (stranger, FeedKind.AGENT, None),
        (stranger, FeedKind.BRANCH, place.branch.pk),
        (elsewhere, FeedKind.BRANCH, place.branch.pk),
    ):
        with pytest.raises(NotFound):
            feed_of(actor, kind, branch_id=branch)
    with pytest.raises(InvalidInput):
        feed_of(stranger, FeedKind.PERSON, branch_id=place.branch.pk)
    feed_of(place.owner)

    with pytest.raises(NotFound):
        operations.revoke_feed(actor=stranger, feed_id=CalendarFeed.objects.get().pk, now=NOW)


def test_a_calendar_program_is_answered_once_and_told_when_nothing_changed(place):
    actor = make_actor()
    book(place, actor=actor)
    path = f"/calendar/{feed_of(actor)}.ics"

    answer = Client().get(path)
    again = Client().get(path, headers={"If-None-Match": answer.headers["ETag"]})

    assert (answer.status_code, answer.headers["Content-Type"]) == (
        200,
        "text/calendar; charset=utf-8",
    )
    assert answer.headers["Cache-Control"] == "no-store"
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["ETag"] == answer.headers["ETag"]
    assert CalendarFeed.objects.get().last_fetched_at is not None
    assert Client().get("/calendar/nothing.ics").status_code == 404
    assert Client().post(path).status_code == 405


def test_a_program_in_a_loop_is_told_to_wait(settings):
    settings.LIMITS = settings.LIMITS | {"feed": {"token": "2/hour", "address": "6000/hour"}}
    path = f"/calendar/{feed_of(make_actor())}.ics"

    assert [Client().get(path).status_code for _ in range(3)] == [200, 200, 429]


def test_the_token_of_a_booking_opens_its_one_appointment(place):
    appointment = book(place)
    answer = Client().get(f"/calendar/{token_of(appointment.pk)}.ics")

    found = parsed(answer.content)
    assert found.method.value == "PUBLISH"
    assert [e.uid.value for e in found.vevent_list] == [appointment.uid]


# --- Calendars kept elsewhere -------------------------------------------------------------------


def add_busy(place: Place, url: str = "https://calendar.example/a.ics", **values: Any) -> Any:
    values = values or {"branch_id": place.branch.pk}
    return operations.add_busy_calendar(
        actor=place.owner, organization_id=place.organization.pk, url=url, now=NOW, **values
    )


def point_to(busy: BusyCalendar, address: str) -> None:
    """Let a calendar be one of this machine's servers, which no user may name."""
    from smartqueue.appointments.operations.busy_calendars import PURPOSE  # noqa: PLC0415
    from smartqueue.common.crypto import encrypt  # noqa: PLC0415

    rows = BusyCalendar.objects.with_scopes_disabled().filter(pk=busy.pk)
    rows.update(sealed_url=encrypt(address, PURPOSE))


def fetched(busy: BusyCalendar, now: datetime = NOW) -> BusyCalendar:
    fetch_busy_calendar(busy.pk, now, reach=NEAR, resolver=here)
    found: BusyCalendar = BusyCalendar.objects.with_scopes_disabled().get(pk=busy.pk)
    return found


def free_at(place: Place) -> list[datetime]:
    with tenancy.organizations([place.organization.pk]):
        found = queries.next_free(place.service, place.branch, now=NOW)
    return [datetime.fromisoformat(one["starts_at"]) for one in found]


BUSY_AT_NINE = calendar(*event(f"DTSTART:{NINE:%Y%m%dT%H%M%SZ}", "DURATION:PT30M"))


def test_the_busy_times_of_a_branchs_calendar_are_not_offered(place):
    busy = add_busy(place)
    assert free_at(place)[0] == NINE
    with Server({"/a.ics": says(BUSY_AT_NINE, etag='"1"')}) as server:
        point_to(busy, server.at("/a.ics"))
        read = fetched(busy)

    assert (read.error, read.etag, read.failures) == ("", '"1"', 0)
    assert read.next_fetch_at == NOW + timedelta(minutes=30)
    assert free_at(place)[:2] == [TEN, ELEVEN]
    [period] = queries.busy_periods(
        agents=[], branches=[place.branch.pk], since=NOW, until=NOW + timedelta(days=7)
    )
    assert (period.branch, period.starts_at, period.ends_at) == (
        place.branch.pk,
        NINE,
        NINE + timedelta(minutes=30),
    )

    operations.remove_busy_calendar(actor=place.owner, calendar_id=busy.pk, now=NOW)

    assert free_at(place)[0] == NINE


def test_the_busy_times_of_an_agent_are_not_offered_with_them():
    place = make_place()
    agent = place.agents[0]
    make_slot(place, agent_id=agent.user_id)
    busy = add_busy(place, agent_id=agent.user_id)
    with Server({"/a.ics": says(BUSY_AT_NINE)}) as server:
        point_to(busy, server.at("/a.ics"))
        fetched(busy)

    assert free_at(place)[0] == TEN


def test_who_asks_anew_while_a_calendar_is_fetched_gets_it_anew(place):
    busy = add_busy(place)
    due = busy.next_fetch_at
    operations.refresh_busy_calendar(actor=place.owner, calendar_id=busy.pk, now=LATER)
    operations.keep_busy_times(calendar_id=busy.pk, answer=operations.Answer(), due=due, now=NOW)

    assert queries.busy_calendars_due(LATER) == [busy.pk]


def test_an_unchanged_calendar_is_not_read_again_but_once_a_day(place):
    asked = []

    def answer(handler: BaseHTTPRequestHandler) -> None:
        mark = handler.headers["If-None-Match"]
        asked.append(mark)
        (says(b"", 304) if mark == '"1"' else says(BUSY_AT_NINE, etag='"1"'))(handler)

    busy = add_busy(place)
    with Server({"/a.ics": answer}) as server:
        point_to(busy, server.at("/a.ics"))
        fetched(busy)
        unchanged = fetched(busy, LATER)
        fetched(busy, NOW + timedelta(days=1, minutes=1))

    assert asked == [None, '"1"', None]
    assert (unchanged.read_at, unchanged.fetched_at) == (NOW, LATER)
    assert BusyTime.objects.with_scopes_disabled().count() == 1


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (says(b"no", 404), "refused"),
        (says(b"<html>"), "not_a_calendar"),
        (says(b"\x1f\x8b", content_encoding="gzip"), "bad_answer"),
        (says(b"x" * (10 * 1024 * 1024)), "too_large"),
        (says(b"", 302, location="http://169.254.169.254/latest/"), "address_refused"),
        (
            says(calendar(*event("DTSTART:20261124T090000Z", "RRULE:FREQ=SECONDLY"))),
            "too_complex",
        ),
    ],
    ids=["gone", "a page", "encoded", "ten megabytes", "a way inside", "every second"],
)
def test_a_failure_is_kept_with_the_times_known_before(place, answer, error):
    busy = add_busy(place)
    with Server({"/a.ics": says(BUSY_AT_NINE), "/b.ics": answer}) as server:
        point_to(busy, server.at("/a.ics"))
        fetched(busy)
        point_to(busy, server.at("/b.ics"))
        first = fetched(busy, LATER)
        second = fetched(busy, LATER)

    assert (first.error, first.failures, second.failures) == (error, 1, 2)
    assert second.next_fetch_at == LATER + timedelta(hours=1)
    assert free_at(place)[0] == TEN


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/a.ics",
        "http://localhost/a.ics",
        "webcal://169.254.169.254/",
        "file:///etc/passwd",
        "https://user:secret@calendar.example/",
        "https://calendar.example:8443/",
        "calendar",
        "",
    ],
)
def test_an_address_inside_is_refused_when_it_is_given(place, url):
    with pytest.raises(InvalidInput) as caught:
        add_busy(place, url)

    assert [e.field for e in caught.value.errors] == ["url"]


def test_webcal_is_https_and_the_address_is_kept_sealed(place):
    busy = add_busy(place, "webcal://calendar.example/secret-abc.ics")

    assert operations.url_of(busy) == "https://calendar.example/secret-abc.ics"
    assert "secret" not in busy.sealed_url
    assert busy.host == "calendar.example"


def test_a_calendar_of_another_agent_or_branch_is_a_managers_word(place):
    agent, other = place.agents
    own = operations.add_busy_calendar(
        actor=agent,
        organization_id=place.organization.pk,
        agent_id=agent.user_id,
        url="https://calendar.example/",
        now=NOW,
    )
    for actor, subject in (
        (agent, {"agent_id": other.user_id}),
        (agent, {"branch_id": place.branch.pk}),
        (make_actor(), {"agent_id": agent.user_id}),
        (make_place().owner, {"branch_id": place.branch.pk}),
        (place.owner, {"agent_id": make_user().pk}),
    ):
        with pytest.raises(NotFound):
            operations.add_busy_calendar(
                actor=actor,
                organization_id=place.organization.pk,
                url="https://calendar.example/",
                now=NOW,
                **subject,
            )
    with pytest.raises(NotFound):
        operations.remove_busy_calendar(actor=other, calendar_id=own.pk, now=NOW)
    operations.remove_busy_calendar(actor=place.owner, calendar_id=own.pk, now=NOW)
