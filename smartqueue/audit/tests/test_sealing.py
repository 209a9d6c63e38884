"""What the journal tells of a person is readable while the person's key is there, and not after."""

import pytest
from django.db import connection

from smartqueue.accounts.models import User
from smartqueue.audit import operations, queries
from smartqueue.audit.models import Entry, PersonKey, RowChange
from smartqueue.audit.queries import ERASED, SECRET, Asked
from smartqueue.audit.tracking import tracked_tables
from smartqueue.queues import operations as queue_operations
from smartqueue.queues.models import Ticket
from smartqueue.queues.tests.factories import NOW, join, make_actor, make_place

pytestmark = pytest.mark.django_db

NAME = "Aïssatou N'Diaye \N{ARABIC LETTER AIN}"


def rename_ticket(ticket: Ticket, name: str) -> None:
    Ticket.objects.with_scopes_disabled().filter(pk=ticket.pk).update(customer_name=name)


def last_of(organization_id: object) -> Entry:
    rows = Entry.objects.with_scopes_disabled().filter(organization_id=organization_id)
    found = rows.exclude(kind="event").order_by("-id")[0]
    queries.open_sealed([found])
    return found


def test_a_sealed_value_is_opened_for_reading_and_nowhere_stored():
    place = make_place()
    ticket = join(place)

    rename_ticket(ticket, NAME)

    assert last_of(place.organization.pk).after == {"customer_name": NAME}
    with connection.cursor() as cursor:
        cursor.execute("SELECT string_agg(r::text, '') FROM audit_rowchange AS r")
        assert NAME not in cursor.fetchone()[0]


def test_a_ticket_without_an_account_is_sealed_with_a_key_of_its_own():
    place = make_place()
    ticket = join(place)
    rename_ticket(ticket, NAME)
    assert PersonKey.objects.filter(pk=ticket.pk).exists()

    operations.destroy_person_keys([ticket.pk])

    assert last_of(place.organization.pk).after == {"customer_name": ERASED}


def test_a_customers_ticket_is_sealed_with_the_customers_key():
    place = make_place()
    customer = make_actor()
    rename_ticket(join(place, actor=customer), NAME)

    operations.destroy_person_keys([customer.user_id])

    assert last_of(place.organization.pk).after == {"customer_name": ERASED}


def test_one_persons_key_opens_nothing_of_another():
    place = make_place()
    first, second = (join(place, actor=make_actor()) for _ in range(2))
    for ticket in (first, second):
        rename_ticket(ticket, NAME)

    operations.destroy_person_keys([first.customer_id])

    assert last_of(place.organization.pk).after == {"customer_name": NAME}


def test_erasing_leaves_no_readable_value_even_of_the_erasure_itself():
    place = make_place()
    user = User.objects.get(pk=place.owner.user_id)
    user.first_name = NAME
    user.save()
    User.objects.filter(pk=user.pk).update(first_name="", email=None, phone="+221770000000")
    operations.destroy_person_keys([user.pk])

    rows = (
        RowChange.objects.with_scopes_disabled()
        .filter(table="accounts_user", row_id=str(user.pk))
        .order_by("id")
    )
    entries = list(Entry.objects.with_scopes_disabled().filter(pk__in=rows.values("pk")))
    queries.open_sealed(entries)

    values = [v for e in entries for side in (e.before, e.after) for v in (side or {}).values()]
    assert ERASED in values
    assert not any(isinstance(value, str) and "Aïssatou" in value for value in values)


def test_after_an_erasure_nothing_of_the_person_is_sealed_again():
    place = make_place()
    user = User.objects.get(pk=place.owner.user_id)
    operations.destroy_person_keys([user.pk])

    user.first_name = NAME
    user.save()

    kept = (
        RowChange.objects.with_scopes_disabled()
        .filter(table="accounts_user", row_id=str(user.pk))
        .latest("id")
    )
    assert kept.after == {"first_name": {"sealed": None, "for": str(user.pk)}}


def test_destroying_keys_twice_says_how_many_and_keeps_the_first_time():
    person = make_place().owner.user_id
    assert operations.destroy_person_keys([person]) == 1
    first = PersonKey.objects.get(pk=person).destroyed_at
    assert operations.destroy_person_keys([person, person]) == 1
    assert PersonKey.objects.get(pk=person).destroyed_at == first


def test_the_same_text_is_sealed_differently_each_time():
    place = make_place()
    ticket = join(place)
    for name in (NAME, "", NAME):
        rename_ticket(ticket, name)

    sealed = [
        row.after["customer_name"]["sealed"]
        for row in RowChange.objects.with_scopes_disabled().filter(table="queues_ticket")
        if row.after["customer_name"]
    ]
    assert len(set(sealed)) == 2


def test_a_secret_is_shown_as_one():
    place = make_place()
    user = User.objects.get(pk=place.owner.user_id)
    user.set_password("x")
    user.save()

    kept = RowChange.objects.with_scopes_disabled().filter(table="accounts_user").latest("id")
    entry = Entry.objects.with_scopes_disabled().get(pk=kept.pk)
    queries.open_sealed([entry])
    assert entry.after == {"password": SECRET}


def test_a_column_that_looks_like_a_sealed_value_is_left_as_it_is():
    assert queries._opened({"sealed": "x"}, {}) == {"sealed": "x"}


@pytest.mark.parametrize("tracked", list(tracked_tables()), ids=lambda t: t.label)
def test_every_personal_column_has_a_key_to_be_sealed_with(tracked):
    if not tracked.personal:
        return
    column = tracked.sealed_for or tracked.key
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT data_type FROM information_schema.columns"
            " WHERE table_name = %s AND column_name = %s",
            [tracked.table, column],
        )
        assert cursor.fetchone() == ("uuid",)


def test_opening_a_page_costs_one_query(django_assert_num_queries):
    place = make_place()
    for _ in range(3):
        rename_ticket(join(place), NAME)
    rows = Entry.objects.with_scopes_disabled().filter(type="queues_ticket.update")
    for count in (1, 3):
        entries = list(rows.order_by("-id")[:count])
        with django_assert_num_queries(1):
            queries.open_sealed(entries)
        assert [entry.after["customer_name"] for entry in entries] == [NAME] * count


def test_search_finds_by_subject_actor_type_and_plain_values():
    place = make_place()
    queue_operations.update_queue(actor=place.owner, queue_id=place.queue.pk, name="Guichet rapide")

    def found(**asked: object) -> set[str]:
        rows = queries.list_entries(place.organization.pk, Asked(**asked))  # type: ignore[arg-type]
        return set(rows.values_list("type", flat=True))

    from smartqueue.common import tenancy  # noqa: PLC0415

    with tenancy.organizations([place.organization.pk]):
        assert found(text="guichet RAPIDE") == {"queues_queue.update"}
        assert found(text="100%") == set()
        assert "queues_queue.update" in found(subject=str(place.queue.pk))
        assert "queues_queue.update" in found(branch=place.branch.pk)
        assert "business_counter.insert" in found(branch=place.branch.pk)
        assert found(type="queues_queue.", kind="update") == {"queues_queue.update"}
        assert "queues_queue.update" in found(actor=str(place.owner.user_id))
        assert "queues_queue.update" in found(actor=place.owner.label)
        email = User.objects.get(pk=place.owner.user_id).email
        assert "queues_queue.update" in found(actor=email, direct=False)
        assert found(actor="nobody at all") == set()
        assert found(since=NOW, until=NOW) == set()
        assert "business_branch.insert" in found(direct=True)
