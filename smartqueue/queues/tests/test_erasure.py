"""Nothing of an erased person is left in the tables of queues."""

import pytest
from django.apps import apps
from django.db import connection

from smartqueue.accounts import operations as accounts
from smartqueue.accounts.models import User
from smartqueue.accounts.tests.factories import make_signed_in
from smartqueue.outbox import relay
from smartqueue.outbox.enums import HandlerMode
from smartqueue.queues import operations
from smartqueue.queues.errors import NothingToUndo
from smartqueue.queues.tests.factories import NOW, join, make_actor, make_place, make_user, sit_down

pytestmark = pytest.mark.django_db

NAME, PHONE, PLATE, NOTE = "Aïssatou Erasable", "+221771239876", "ER-9876-AS", "erasable remark"


def everything_stored() -> str:
    """Return every row of every table as text."""
    texts = []
    with connection.cursor() as cursor:
        for model in apps.get_models():
            if model._meta.managed and not model._meta.proxy:
                table = connection.ops.quote_name(model._meta.db_table)
                cursor.execute(f"SELECT string_agg(row::text, ' ') FROM {table} AS row")  # noqa: S608  # names from the models
                texts.append(cursor.fetchone()[0] or "")
    return " ".join(texts)


def test_an_erased_person_s_tickets_say_nothing_of_them_and_stay() -> None:
    place = make_place()
    person = make_actor(make_user())
    session = sit_down(place)
    served = join(place, actor=person, customer_name=NAME, phone=PHONE, plate=PLATE)
    acting = {"actor": place.agent, "ticket_id": served.pk, "now": NOW}
    operations.call_ticket(session_id=session.pk, **acting)
    operations.start_ticket(**acting)
    operations.complete_ticket(note=NOTE, **acting)
    # Two names in line with one account: both stay, and without names they must not collide.
    waiting = [join(place, actor=person, customer_name=f"{NAME} {n}", phone=PHONE) for n in "12"]
    other = join(place, actor=make_actor(make_user()), customer_name="Binta", phone="+221771230000")
    marks = [NAME, NAME.casefold(), PHONE, PLATE, NOTE]
    assert all(mark in everything_stored() for mark in marks)

    # Erasing needs a recent sign-in.
    here = make_signed_in(User.objects.get(pk=person.user_id))
    accounts.erase_user(actor=here, user_id=person.require_user(), now=NOW)
    relay.carry_due(HandlerMode.DATABASE)

    left = everything_stored()
    assert [mark for mark in marks if mark in left] == []
    for ticket in (*waiting, other):
        ticket.refresh_from_db()
    assert [t.state for t in waiting] == ["waiting", "waiting"]
    assert (other.customer_name, other.phone) == ("Binta", "+221771230000")


def test_no_step_brings_back_what_staff_noted_of_an_erased_person() -> None:
    place = make_place()
    person = make_actor(make_user())
    session = sit_down(place)
    ticket = join(place, actor=person, customer_name=NAME)
    acting = {"actor": place.agent, "ticket_id": ticket.pk}
    operations.update_ticket(note=NOTE, **acting)
    operations.call_ticket(session_id=session.pk, now=NOW, **acting)

    here = make_signed_in(User.objects.get(pk=person.user_id))
    accounts.erase_user(actor=here, user_id=person.require_user(), now=NOW)
    relay.carry_due(HandlerMode.DATABASE)

    assert NOTE not in everything_stored()
    with pytest.raises(NothingToUndo):
        operations.undo_step(now=NOW, **acting)
