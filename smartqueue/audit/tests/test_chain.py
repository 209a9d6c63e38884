"""The daily chain: what somebody with every right in the database cannot change unseen."""

from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from smartqueue.audit import chain, operations, tasks
from smartqueue.audit.models import DayChain, PersonKey, RowChange
from smartqueue.audit.tests.conftest import TODAY, as_owner, entries_on, first_id, id_on
from smartqueue.common.ids import new_id
from smartqueue.outbox.models import Delivery, DomainEvent

# Past days are written, and changed, by nobody but the owner of the tables.
pytestmark = [pytest.mark.django_db, pytest.mark.owner]

FIRST = TODAY - timedelta(days=4)
MIDDLE = TODAY - timedelta(days=3)
LAST = TODAY - timedelta(days=2)


@pytest.fixture
def closed():
    for day in (FIRST, MIDDLE, LAST):
        entries_on(day)
    operations.close_days()


def found() -> list[tuple[object, str]]:
    return [(fault.day, fault.what) for fault in chain.faults()]


def first_fault() -> object:
    return next(chain.faults()).day


def test_every_past_day_is_closed_once_with_a_link_for_an_empty_one(closed):
    links = list(DayChain.objects.order_by("day"))

    assert [link.day for link in links][:3] == [FIRST, MIDDLE, LAST]
    assert [(link.events, link.changes) for link in links][:4] == [(2, 2)] * 3 + [(0, 0)] * (
        len(links) > 3
    )
    assert [bytes(link.previous) for link in links[1:]] == [
        bytes(link.digest) for link in links[:-1]
    ]
    assert bytes(links[0].previous) == chain.BEGINNING
    assert all(link.day < TODAY for link in links)
    assert operations.close_days() == 0
    assert found() == []


def test_a_day_is_left_open_for_an_hour_after_its_end(monkeypatch):
    entries_on(FIRST)
    until = f"SELECT '{FIRST + timedelta(days=1)} %s+00'::timestamptz"

    monkeypatch.setattr(operations, "_CLOCK", until % "00:59")
    assert operations.close_days() == 0
    monkeypatch.setattr(operations, "_CLOCK", until % "01:00")
    assert operations.close_days() == 1


def test_a_new_database_has_nothing_to_close():
    assert operations.close_days() == 0
    assert found() == []


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE outbox_domainevent SET actor = 'user:somebody' WHERE id = %s",
        "UPDATE outbox_domainevent SET payload = '{}' WHERE id = %s",
        "UPDATE outbox_domainevent SET occurred_at = occurred_at + interval '1 us' WHERE id = %s",
        "UPDATE outbox_domainevent SET request_id = '' WHERE id = %s",
        "UPDATE outbox_domainevent SET address = '8.8.8.8' WHERE id = %s",
        "DELETE FROM outbox_domainevent WHERE id = %s",
    ],
)
def test_an_event_that_was_changed_or_removed_is_found(closed, statement):
    event = DomainEvent.objects.filter(id__gte=first_id(MIDDLE)).order_by("id").first()

    as_owner(statement, [event.pk])

    assert {day for day, _ in found()} == {MIDDLE}


@pytest.mark.parametrize(
    "statement",
    [
        """UPDATE audit_rowchange SET after = '{"name": "c"}' WHERE id = %s""",
        "UPDATE audit_rowchange SET actor = 'system2' WHERE id = %s",
        "UPDATE audit_rowchange SET is_direct = true WHERE id = %s",
        "UPDATE audit_rowchange SET organization_id = NULL WHERE id = %s",
        "DELETE FROM audit_rowchange WHERE id = %s",
    ],
)
def test_a_change_that_was_changed_or_removed_is_found(closed, statement):
    change = (
        RowChange.objects.with_scopes_disabled()
        .filter(id__gte=first_id(MIDDLE))
        .order_by("id")
        .first()
    )

    as_owner("ALTER TABLE audit_rowchange DISABLE TRIGGER organization_stays", [])
    as_owner(statement, [change.pk])

    assert {day for day, _ in found()} == {MIDDLE}


def test_an_entry_that_was_added_to_a_closed_day_is_found(closed):
    entries_on(MIDDLE, 1)
    assert first_fault() == MIDDLE


def test_an_entry_before_the_first_day_is_found(closed):
    entries_on(FIRST - timedelta(days=30), 1)
    assert found() == [(FIRST, "an entry lies outside every day")]


def test_an_entry_with_an_id_of_no_time_is_found(closed):
    entries_on(TODAY + timedelta(days=900), 1)
    assert found() == [(FIRST, "an entry lies outside every day")]


def test_swapped_days_are_found(closed):
    first, middle = (DayChain.objects.get(day=day) for day in (FIRST, MIDDLE))
    columns = "events = %s, changes = %s, digest = %s, addresses = %s, previous = %s"
    for day, link in ((FIRST, middle), (MIDDLE, first)):
        values = [link.events, link.changes, link.digest, link.addresses, link.previous, day]
        as_owner(f"UPDATE audit_daychain SET {columns} WHERE day = %s", values)  # noqa: S608

    assert first_fault() == FIRST


def test_entries_moved_to_another_day_are_found(closed):
    event = DomainEvent.objects.filter(id__gte=first_id(MIDDLE)).order_by("id").first()
    as_owner("UPDATE outbox_domainevent SET id = %s WHERE id = %s", [id_on(LAST, 9), event.pk])

    assert {day for day, _ in found()} == {MIDDLE, LAST}


def test_a_day_sealed_again_breaks_the_next(closed):
    event = DomainEvent.objects.filter(id__gte=first_id(MIDDLE)).order_by("id").first()
    as_owner("UPDATE outbox_domainevent SET actor = 'x' WHERE id = %s", [event.pk])
    link = DayChain.objects.get(day=MIDDLE)
    forged = chain.sums_of(MIDDLE).digest(MIDDLE, bytes(link.previous))
    as_owner("UPDATE audit_daychain SET digest = %s WHERE day = %s", [forged, MIDDLE])

    assert found() == [(LAST, "it does not follow the day before")]


def test_a_link_that_was_removed_is_found(closed):
    as_owner("DELETE FROM audit_daychain WHERE day = %s", [MIDDLE])
    assert found() == [(LAST, "the day before is missing")]


def test_a_part_of_the_chain_is_looked_at_by_itself(closed):
    as_owner("UPDATE audit_rowchange SET actor = 'x' WHERE id < %s", [first_id(MIDDLE)])

    assert list(chain.faults(since=MIDDLE)) == []
    assert [fault.day for fault in chain.faults(until=FIRST)] == [FIRST]


def test_the_sums_do_not_follow_the_connections_settings(closed):
    before = chain.sums_of(MIDDLE)
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL TimeZone = 'Asia/Kolkata'")
        cursor.execute("SET LOCAL bytea_output = 'escape'")
        cursor.execute("SET LOCAL DateStyle = 'German'")
        assert chain.sums_of(MIDDLE) == before


def test_destroying_a_key_leaves_the_chain_whole():
    person = new_id()
    with connection.cursor() as cursor:
        cursor.execute("SELECT audit_seal('\"Awa\"', %s)::text", [person])
        sealed = cursor.fetchone()[0]
    entries_on(FIRST, 1)
    as_owner("UPDATE audit_rowchange SET after = %s::jsonb", [f'{{"name": {sealed}}}'])
    operations.close_days()

    operations.destroy_person_keys([person])

    assert PersonKey.objects.get(pk=person).key is None
    assert found() == []


def test_a_purged_day_keeps_its_link_and_nothing_else():
    old = TODAY - timedelta(days=420)
    entries_on(old)
    entries_on(LAST)
    operations.close_days()

    tasks.purge_journal_task()

    assert (
        DomainEvent.objects.count()
        == RowChange.objects.with_scopes_disabled().filter(table="business_branch").count()
    )
    assert DomainEvent.objects.count() == 2
    link = DayChain.objects.get(day=old)
    assert (link.events, link.purged_at is not None) == (2, True)
    assert found() == []
    entries_on(old, 1)
    assert found() == [(old, "entries were added after it was purged")]


def test_a_day_with_an_event_still_to_be_delivered_waits():
    old = TODAY - timedelta(days=420)
    entries_on(old)
    operations.close_days()
    event = DomainEvent.objects.first()
    Delivery.objects.create(
        event=event, handler="x", state="dead", next_attempt_at=event.occurred_at
    )

    assert operations.purge_journal(before=TODAY - timedelta(days=400)) == 0
    assert DomainEvent.objects.count() == 2


def test_an_open_day_is_not_purged():
    entries_on(TODAY - timedelta(days=420))
    assert operations.purge_journal(before=TODAY - timedelta(days=400)) == 0


def test_addresses_go_sooner_and_the_chain_stays_whole(closed):
    assert operations.forget_addresses(before=LAST) == 8

    kept = DomainEvent.objects.exclude(address=None)
    assert {event.occurred_at.date() for event in kept} == {LAST}
    assert found() == []
    assert operations.forget_addresses(before=LAST) == 0


def test_addresses_that_go_while_the_chain_is_looked_at_are_no_fault(closed):
    as_owner("DELETE FROM outbox_domainevent WHERE id < %s", [first_id(MIDDLE)])
    faults = chain.faults()
    assert next(faults).day == FIRST

    operations.forget_addresses(before=LAST)

    assert {fault.day for fault in faults} <= {FIRST}


def verify(*arguments: str) -> str:
    out = StringIO()
    call_command("verify_journal", *arguments, stdout=out)
    return out.getvalue()


def test_the_command_prints_the_newest_link(closed):
    assert verify("--to", str(LAST)) == (
        f"3 days are as they were sealed.\n{LAST} {DayChain.objects.get(day=LAST).digest.hex()}\n"
    )


def test_the_command_names_the_first_day_that_differs(closed):
    as_owner("DELETE FROM outbox_domainevent WHERE id >= %s", [first_id(MIDDLE)])

    with pytest.raises(
        CommandError, match=f"^{MIDDLE}: 0 events and 2 changes, sealed were 2 and 2$"
    ):
        verify()
    assert verify("--from", str(FIRST), "--to", str(FIRST)).startswith("1 days")


def test_the_command_says_when_no_day_is_sealed():
    assert verify() == "No day is sealed yet.\n"


def test_closing_is_a_job():
    entries_on(FIRST)
    tasks.close_journal_days_task()
    assert DayChain.objects.filter(day=FIRST).exists()
