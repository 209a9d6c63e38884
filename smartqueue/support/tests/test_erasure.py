"""Nothing of an erased person is left in support but the times of their cases."""

from collections.abc import Callable

import pytest
from django.db import connection

from smartqueue.accounts import operations as accounts
from smartqueue.accounts.models import User
from smartqueue.accounts.tests.factories import make_signed_in
from smartqueue.common import uploads
from smartqueue.outbox import relay
from smartqueue.outbox.enums import HandlerMode
from smartqueue.privacy import tasks as privacy
from smartqueue.queues.tests.factories import NOW, join, make_actor, make_place, make_user
from smartqueue.support import operations
from smartqueue.support.enums import CaseState, SubjectType
from smartqueue.support.models import CaseAttachment, CaseMessage, SupportCase
from smartqueue.support.tests.factories import (
    fresh,
    holder_of,
    messages_of,
    open_about_branch,
    open_case,
    person_of,
    write_with_file,
)

pytestmark = pytest.mark.django_db
MARKS = ["erasable title", "erasable words", "Dear Erasable", "note on Erasable"]


def everything_stored() -> str:
    texts = []
    with connection.cursor() as cursor:
        for model in (SupportCase, CaseMessage, CaseAttachment):
            table = connection.ops.quote_name(model._meta.db_table)
            cursor.execute(f"SELECT string_agg(row::text, ' ') FROM {table} AS row")  # noqa: S608  # names from the models
            texts.append(cursor.fetchone()[0] or "")
    return " ".join(texts)


def carry_database() -> None:
    relay.carry_due(HandlerMode.DATABASE)


def carry_outside() -> None:
    relay.carry_due(HandlerMode.OUTSIDE)


def walk_over_all_tables() -> None:
    privacy.carry_out_erasures_task()


@pytest.mark.parametrize(
    "order",
    [
        (carry_database, carry_outside),
        (carry_outside, carry_database),
        (walk_over_all_tables, carry_database, carry_outside),
        (walk_over_all_tables,),
    ],
    ids=["database first", "outside first", "walk first", "walk alone"],
)
def test_an_erased_person_leaves_times_alone(order: tuple[Callable[[], None], ...]) -> None:
    place = make_place()
    person = make_actor(make_user())
    case = open_about_branch(place, person, title=MARKS[0], body=MARKS[1])
    write_with_file(case, person)
    acting = {"case_id": case.pk, "now": NOW}
    operations.write_message(actor=place.agent, body=MARKS[2], **acting)
    operations.write_message(actor=place.agent, body=MARKS[3], is_internal=True, **acting)
    other = open_about_branch(place, make_actor(), title="Stays", body="Stays too")
    write_with_file(other, person_of(other))
    assert all(mark in everything_stored() for mark in MARKS)
    before = fresh(case)

    # Erasing needs a recent sign-in.
    here = make_signed_in(User.objects.get(pk=person.user_id))
    accounts.erase_user(actor=here, user_id=person.require_user(), now=NOW)
    for step in order:
        step()

    left = everything_stored()
    assert [mark for mark in (*MARKS, str(person.user_id)) if mark in left] == []
    found = fresh(case)
    assert (found.opened_at, found.first_answer_at) == (before.opened_at, before.first_answer_at)
    assert (found.state, found.person_id) == (CaseState.CLOSED, None)
    assert [(m.body, m.person_id) for m in messages_of(case)] == [("", None)] * 4
    assert fresh(other).title == "Stays"
    (kept,) = uploads.private_files("cases")
    assert CaseAttachment.objects.with_scopes_disabled().get().stored_name == kept


def test_cases_opened_with_a_ticket_alone_go_with_the_ticket_s_person() -> None:
    place = make_place()
    ticket, strange = join(place), join(place)
    cases = []
    for held, opener in ((ticket, "holder"), (strange, "holder"), (ticket, "staff")):
        actor = holder_of(held) if opener == "holder" else place.agent
        about = {"subject_type": SubjectType.TICKET, "subject_id": held.pk}
        cases.append(open_case(place, actor, title=MARKS[0], body=MARKS[1], **about))
        write_with_file(cases[-1], actor)

    operations.forget_person(user_id=None, tickets=[ticket.pk], now=NOW)
    while operations.remove_files():
        pass

    stays = fresh(cases[1])
    for gone in (fresh(cases[0]), fresh(cases[2])):
        assert (gone.title, gone.holder_ticket_id, gone.state) == ("", None, CaseState.CLOSED)
        assert [message.body for message in messages_of(gone)] == ["", ""]
    assert (stays.title, stays.state) == (MARKS[0], CaseState.OPEN)
    (kept,) = uploads.private_files("cases")
    assert CaseAttachment.objects.with_scopes_disabled().get().stored_name == kept


def test_an_erased_member_leaves_the_answers() -> None:
    place = make_place()
    case = open_about_branch(place, make_actor())
    agent = place.agents[0]
    operations.assign_case(
        actor=agent, case_id=case.pk, assignee_id=agent.user_id, version=1, now=NOW
    )
    operations.write_message(actor=agent, case_id=case.pk, body="Answer", now=NOW)

    operations.forget_person(user_id=agent.require_user(), now=NOW)

    assert fresh(case).assignee_id is None
    answer = messages_of(case)[-1]
    assert (answer.body, answer.author_id, answer.side) == ("Answer", None, "staff")
