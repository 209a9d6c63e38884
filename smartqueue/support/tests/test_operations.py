"""Each operation on a real database: what it does, and what it leaves alone when it refuses."""

from collections import Counter
from datetime import time, timedelta
from typing import Any
from uuid import uuid4

import pytest

from smartqueue.accounts.actor import ANONYMOUS, Actor
from smartqueue.accounts.enums import ActorKind, Role
from smartqueue.business.models import OpeningHours
from smartqueue.common import uploads
from smartqueue.common.errors import InvalidInput, NotFound, NotSignedIn
from smartqueue.notifications.models import Notification
from smartqueue.outbox import relay
from smartqueue.outbox.enums import HandlerMode
from smartqueue.outbox.models import DomainEvent
from smartqueue.queues.tests.factories import (
    NOW,
    Place,
    join,
    make_actor,
    make_branch,
    make_member,
    make_place,
    make_user,
)
from smartqueue.support import errors, operations, policies, queries, tasks
from smartqueue.support.enums import (
    BODY_LENGTH,
    MOST_FILES,
    MOST_UNSETTLED_OF_PERSON,
    MOST_UNSETTLED_OF_TICKET,
    REOPENING,
    CaseCategory,
    CasePriority,
    CaseState,
    Side,
    SubjectType,
)
from smartqueue.support.files import kept
from smartqueue.support.models import CaseAttachment, CaseMessage, SupportCase
from smartqueue.support.tests.factories import (
    fresh,
    holder_of,
    messages_of,
    open_about_branch,
    open_case,
    person_of,
    picture,
    write_with_file,
)

pytestmark = pytest.mark.django_db
LATER = NOW + timedelta(hours=2)


@pytest.fixture
def place() -> Place:
    return make_place()


def published() -> list[str]:
    rows = DomainEvent.objects.filter(type__startswith="support.").order_by("id")
    return [row.type for row in rows]


def written() -> tuple[int, ...]:
    models = (SupportCase, CaseMessage, CaseAttachment)
    return (*(m.objects.with_scopes_disabled().count() for m in models), len(published()))


def write(actor: Actor, case: SupportCase, body: str = "Word", **values: Any) -> CaseMessage:
    values.setdefault("now", LATER)
    return operations.write_message(actor=actor, case_id=case.pk, body=body, **values)


# --- Opening ------------------------------------------------------------------------------------


def test_a_person_opens_a_case_about_their_ticket(place: Place) -> None:
    person = make_actor()
    ticket = join(place, actor=person)

    case = open_case(
        place, person, subject_type=SubjectType.TICKET, subject_id=ticket.pk, body=" Late. "
    )

    found = fresh(case)
    assert (found.organization_id, found.branch_id) == (place.organization.pk, place.branch.pk)
    assert (found.person_id, found.opened_side) == (person.user_id, Side.PERSON)
    assert (found.state, found.version, found.message_count) == (CaseState.OPEN, 1, 1)
    (message,) = messages_of(case)
    assert (message.body, message.side, message.author_id) == ("Late.", "person", person.user_id)
    assert published() == ["support.case.opened.v1"]


def test_the_holder_of_a_token_opens_one_and_reads_the_answer(place: Place) -> None:
    ticket = join(place)
    holder = holder_of(ticket)

    case = open_case(place, holder, subject_type=SubjectType.TICKET, subject_id=ticket.pk)
    write(place.agent, case, "Sorry.")

    assert (case.person_id, case.holder_ticket_id) == (None, ticket.pk)
    found, side = policies.access_case(holder, case.pk)
    assert side is Side.PERSON
    assert [m.body for m in queries.list_messages(found, side)][-1] == "Sorry."
    with pytest.raises(NotFound):
        policies.access_case(holder_of(join(place)), case.pk)


def test_a_token_opens_no_case_that_the_account_opened(place: Place) -> None:
    person = make_actor()
    ticket = join(place, actor=person)
    case = open_case(place, person, subject_type=SubjectType.TICKET, subject_id=ticket.pk)

    with pytest.raises(NotFound):
        policies.access_case(holder_of(ticket), case.pk)
    own = open_case(place, holder_of(ticket), subject_type=SubjectType.TICKET, subject_id=ticket.pk)
    assert policies.access_case(person, own.pk)[1] is Side.PERSON


def test_staff_open_one_for_the_ticket_s_person(place: Place) -> None:
    person = make_actor()
    ticket = join(place, actor=person)

    case = open_case(place, place.agent, subject_type=SubjectType.TICKET, subject_id=ticket.pk)

    assert (case.person_id, case.opened_side) == (person.user_id, Side.STAFF)
    relay.carry_due(HandlerMode.DATABASE)
    told = Notification.objects.filter(user_id=person.user_id).order_by("id")
    assert [row.code for row in told] == ["ticket_joined", "support_case_opened_for"]


@pytest.mark.parametrize("kind", [SubjectType.ACCOUNT, SubjectType.PAYMENT])
def test_account_and_payments_are_the_platform_s(place: Place, kind: SubjectType) -> None:
    person = make_actor()
    admin = make_actor(make_user(is_superuser=True))

    case = open_case(place, person, subject_type=kind, subject_id=None)

    assert (case.organization_id, case.branch_id) == (None, None)
    assert policies.side_of(admin, case) is Side.STAFF
    assert policies.side_of(place.owner, case) is None


@pytest.mark.parametrize(
    ("kind", "subject_id", "error"),
    [
        (SubjectType.TICKET, None, InvalidInput),
        (SubjectType.BRANCH, None, InvalidInput),
        (SubjectType.ACCOUNT, "any", InvalidInput),
        (SubjectType.PAYMENT, "any", InvalidInput),
        (SubjectType.TICKET, "any", NotFound),
        (SubjectType.BRANCH, "any", NotFound),
        (SubjectType.TICKET, "another's", NotFound),
    ],
)
def test_what_a_case_is_about_must_exist_and_be_theirs(
    place: Place, kind: SubjectType, subject_id: str | None, error: type[Exception]
) -> None:
    ids = {None: None, "any": uuid4(), "another's": join(place, actor=make_actor()).pk}
    before = written()

    with pytest.raises(error):
        open_case(place, make_actor(), subject_type=kind, subject_id=ids[subject_id])

    assert written() == before


def test_an_anonymous_caller_and_a_kiosk_open_none(place: Place) -> None:
    kiosk = Actor(kind=ActorKind.KIOSK, branch_id=place.branch.pk)
    for actor in (ANONYMOUS, kiosk):
        with pytest.raises(NotSignedIn):
            open_about_branch(place, actor)
    with pytest.raises(NotSignedIn):
        open_about_branch(place, holder_of(join(place)))
    assert written() == (0, 0, 0, 0)


@pytest.mark.parametrize(
    "texts",
    [{"title": " "}, {"body": "\n"}, {"title": "x" * 121}, {"body": "x" * (BODY_LENGTH + 1)}],
    ids=["no title", "no words", "long title", "many words"],
)
def test_texts_are_there_and_not_too_long(place: Place, texts: dict[str, str]) -> None:
    person = make_actor()
    with pytest.raises(InvalidInput):
        open_about_branch(place, person, **texts)
    assert written() == (0, 0, 0, 0)


def test_a_person_has_some_unsettled_cases_and_no_more(place: Place) -> None:
    person = make_actor()
    cases = [open_about_branch(place, person) for _ in range(MOST_UNSETTLED_OF_PERSON)]

    with pytest.raises(errors.TooManyCases):
        open_about_branch(place, person)

    operations.close_case(actor=person, case_id=cases[0].pk, now=LATER)
    open_about_branch(place, person)
    open_about_branch(place, make_actor())


def test_a_ticket_has_some_unsettled_cases_and_no_more(place: Place) -> None:
    ticket = join(place)
    values: dict[str, Any] = {"subject_type": SubjectType.TICKET, "subject_id": ticket.pk}
    for _ in range(MOST_UNSETTLED_OF_TICKET):
        open_case(place, holder_of(ticket), **values)

    with pytest.raises(errors.TooManyCases):
        open_case(place, holder_of(ticket), **values)


# --- Conversation -------------------------------------------------------------------------------


def test_the_first_answer_is_timed_once_and_a_note_is_none(place: Place) -> None:
    case = open_case(place)
    write(place.agent, case, "Look at the log.", is_internal=True)
    assert fresh(case).first_answer_at is None
    assert fresh(case).state == CaseState.OPEN

    write(place.agent, case, now=NOW + timedelta(minutes=30))
    write(place.owner, case, now=LATER)

    assert fresh(case).first_answer_at == NOW + timedelta(minutes=30)
    assert published().count("support.case.message_written.v1") == 3


def open_mornings(place: Place) -> None:
    """Have the branch open from eight to ten on every weekday; NOW is nine on a Monday."""
    rows = OpeningHours.objects.with_scopes_disabled()
    for weekday in range(5):
        rows.create(
            organization=place.organization,
            branch=place.branch,
            weekday=weekday,
            opens_at=time(8),
            closes_at=time(10),
        )


def test_the_first_answer_is_also_timed_by_the_opening_hours(place: Place) -> None:
    open_mornings(place)
    for waited, counted in ((timedelta(minutes=30), 1800), (timedelta(days=1), 7200)):
        case = open_case(place)
        write(place.agent, case, now=NOW + waited)
        write(place.agent, case, now=NOW + timedelta(days=3))
        assert fresh(case).first_answer_open_seconds == counted

    late = open_case(place, now=NOW + timedelta(hours=3))
    write(place.agent, late, now=NOW + timedelta(hours=4))
    found = fresh(late)
    assert (found.first_answer_at, found.first_answer_open_seconds) == (
        NOW + timedelta(hours=4),
        0,
    )


def test_without_opening_hours_the_first_answer_is_timed_by_the_clock_alone(place: Place) -> None:
    admin = make_actor(make_user(is_superuser=True))
    OpeningHours.objects.with_scopes_disabled().filter(branch=place.branch).delete()
    own = open_case(place, make_actor(), subject_type=SubjectType.ACCOUNT, subject_id=None)
    for actor, case in ((place.agent, open_case(place)), (admin, own)):
        write(actor, case)
        assert fresh(case).first_answer_at == LATER
        assert fresh(case).first_answer_open_seconds is None


def test_people_read_no_notes_and_write_none(place: Place) -> None:
    case = open_case(place)
    write(place.agent, case, "He is right.", is_internal=True)
    person = person_of(case)

    def bodies(side: Side) -> list[str]:
        return [m.body for m in queries.list_messages(case, side)]

    assert "He is right." not in bodies(Side.PERSON)
    assert "He is right." in bodies(Side.STAFF)
    with pytest.raises(NotFound):
        write(person, case, is_internal=True)


def test_staff_who_are_the_person_stand_on_the_person_s_side(place: Place) -> None:
    agent = place.agents[0]
    customer = Actor(kind=ActorKind.USER, user_id=agent.user_id)
    customer.__dict__["all_memberships"] = ()
    ticket = join(place, actor=customer)
    case = open_case(place, agent, subject_type=SubjectType.TICKET, subject_id=ticket.pk)
    write(place.owner, case, "Watch this one.", is_internal=True)

    assert policies.side_of(agent, case) is Side.PERSON
    with pytest.raises(NotFound):
        operations.resolve_case(actor=agent, case_id=case.pk, now=LATER)
    assert list(policies.cases_looked_after(agent)) == []


def test_an_answer_written_over_another_s_is_refused(place: Place) -> None:
    case = open_case(place)
    write(place.agents[0], case, version=case.version)

    with pytest.raises(errors.CaseMoved) as refused:
        write(place.agents[1], case, version=case.version)

    assert refused.value.extra == {"version": case.version + 1}
    assert len(messages_of(case)) == 2


def test_a_case_is_full_at_some_time(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(operations, "MOST_MESSAGES", 2)
    case = open_case(place)
    write(place.agent, case)

    with pytest.raises(errors.CaseFull):
        write(place.agent, case)


def test_writing_opens_a_case_again_for_two_weeks(place: Place) -> None:
    case = open_case(place)
    person = person_of(case)
    operations.resolve_case(actor=place.agent, case_id=case.pk, now=NOW)

    write(person, case, now=NOW + REOPENING)

    found = fresh(case)
    assert (found.state, found.settled_at) == (CaseState.WAITING_FOR_STAFF, None)
    assert found.times_reopened == 1
    assert "support.case.reopened.v1" in published()


@pytest.mark.parametrize("is_closed", [False, True])
def test_after_two_weeks_a_case_stays_settled(place: Place, is_closed: bool) -> None:
    case = open_case(place)
    person = person_of(case)
    operations.resolve_case(actor=place.agent, case_id=case.pk, now=NOW)
    if is_closed:
        operations.close_case(actor=person, case_id=case.pk, now=NOW + timedelta(days=13))
    late = NOW + REOPENING + timedelta(seconds=1)
    before = written()

    with pytest.raises(errors.CaseOver):
        write(person, case, now=late)
    with pytest.raises(errors.CaseOver):
        operations.reopen_case(actor=place.agent, case_id=case.pk, now=late)

    assert written() == before


def test_resolved_cases_close_after_two_weeks(place: Place) -> None:
    old, young, still_open = (open_case(place) for _ in range(3))
    operations.resolve_case(actor=place.agent, case_id=old.pk, now=NOW)
    operations.resolve_case(actor=place.agent, case_id=young.pk, now=LATER)
    late = NOW + REOPENING + timedelta(hours=1)

    assert operations.close_resolved_cases(now=late) == 1
    assert operations.close_resolved_cases(now=late) == 0

    states = [fresh(case).state for case in (old, young, still_open)]
    assert states == [CaseState.CLOSED, CaseState.RESOLVED, CaseState.OPEN]
    assert fresh(old).settled_at == NOW


# --- Looking after ------------------------------------------------------------------------------


def test_a_case_is_given_to_a_member_and_taken_back(place: Place) -> None:
    case = open_case(place)
    agent = place.agents[1].user_id

    given = operations.assign_case(
        actor=place.owner, case_id=case.pk, assignee_id=agent, version=1, now=LATER
    )
    relay.carry_due(HandlerMode.DATABASE)
    again = operations.assign_case(
        actor=place.owner, case_id=case.pk, assignee_id=None, version=2, now=LATER
    )

    assert (given.assignee_id, given.version) == (agent, 2)
    assert (again.assignee_id, again.version) == (None, 3)
    assert [n.code for n in Notification.objects.filter(user_id=agent)] == ["support_case_assigned"]


def test_nobody_else_can_be_given_a_case(place: Place) -> None:
    elsewhere = make_branch(place.organization)
    case = open_case(place)
    strangers = [
        make_actor(),
        make_place().owner,
        make_member(place.organization, Role.VIEWER),
        make_member(place.organization, Role.AGENT, elsewhere),
        person_of(case),
    ]

    for stranger in strangers:
        with pytest.raises(InvalidInput):
            operations.assign_case(
                actor=place.owner,
                case_id=case.pk,
                assignee_id=stranger.user_id,
                version=1,
                now=LATER,
            )
    assert fresh(case).assignee_id is None


def test_the_platform_s_cases_go_to_its_administrators(place: Place) -> None:
    admin = make_actor(make_user(is_superuser=True))
    case = open_case(place, make_actor(), subject_type=SubjectType.ACCOUNT, subject_id=None)
    acting: dict[str, Any] = {"actor": admin, "case_id": case.pk, "version": 1, "now": LATER}

    with pytest.raises(InvalidInput):
        operations.assign_case(assignee_id=place.owner.user_id, **acting)
    given = operations.assign_case(assignee_id=admin.user_id, **acting)
    assert given.assignee_id == admin.user_id


def test_staff_sort_a_case(place: Place) -> None:
    case = open_case(place)

    for _ in range(2):
        changed = operations.change_case(
            actor=place.agent,
            case_id=case.pk,
            priority=CasePriority.URGENT,
            category=CaseCategory.SERVICE,
            now=LATER,
        )

    assert (changed.priority, changed.category, changed.version) == ("urgent", "service", 2)
    assert published().count("support.case.changed.v1") == 1


# --- Who may --------------------------------------------------------------------------------------


def actors_around(place: Place, case: SupportCase) -> dict[str, Actor]:
    elsewhere = make_branch(place.organization)
    return {
        "anonymous": ANONYMOUS,
        "kiosk": Actor(kind=ActorKind.KIOSK, branch_id=place.branch.pk),
        "another holder": holder_of(join(place)),
        "another person": make_actor(),
        "viewer": make_member(place.organization, Role.VIEWER),
        "agent elsewhere": make_member(place.organization, Role.AGENT, elsewhere),
        "manager elsewhere": make_member(place.organization, Role.MANAGER, elsewhere),
        "other owner": make_place().owner,
        "platform": make_actor(make_user(is_superuser=True)),
        "person": person_of(case),
        "agent here": make_member(place.organization, Role.AGENT, place.branch),
        "manager": make_member(place.organization, Role.MANAGER),
        "owner": place.owner,
    }


PERSON_TOO = {"person", "agent here", "manager", "owner"}
STAFF_ALONE = PERSON_TOO - {"person"}
DOORS: dict[str, tuple[set[str], Any]] = {
    "write": (PERSON_TOO, write),
    "note": (STAFF_ALONE, lambda a, c: write(a, c, is_internal=True)),
    "close": (
        PERSON_TOO,
        lambda a, c: operations.close_case(actor=a, case_id=c.pk, now=LATER),
    ),
    "reopen": (
        PERSON_TOO,
        lambda a, c: operations.reopen_case(actor=a, case_id=c.pk, now=LATER),
    ),
    "resolve": (
        STAFF_ALONE,
        lambda a, c: operations.resolve_case(actor=a, case_id=c.pk, now=LATER),
    ),
    "assign": (
        STAFF_ALONE,
        lambda a, c: operations.assign_case(
            actor=a, case_id=c.pk, assignee_id=None, version=c.version, now=LATER
        ),
    ),
    "change": (
        STAFF_ALONE,
        lambda a, c: operations.change_case(
            actor=a, case_id=c.pk, priority=CasePriority.HIGH, now=LATER
        ),
    ),
}


@pytest.mark.parametrize("door", sorted(DOORS))
def test_everybody_else_finds_nothing_and_changes_nothing(place: Place, door: str) -> None:
    allowed, knock = DOORS[door]
    let_in = set()
    for name in actors_around(place, open_case(place)):
        case = open_case(place)
        actor = actors_around(place, case)[name]
        if door == "reopen":
            operations.resolve_case(actor=place.owner, case_id=case.pk, now=NOW)
            case = fresh(case)
        before = (written(), fresh(case).version)
        try:
            knock(actor, case)
        except NotFound:
            assert (written(), fresh(case).version) == before, name
        else:
            let_in.add(name)

    assert let_in == allowed


def test_lists_hold_what_one_may_read(place: Place) -> None:
    case = open_case(place)
    platform_case = open_case(
        place, make_actor(), subject_type=SubjectType.ACCOUNT, subject_id=None
    )
    seen = {}
    for name, actor in actors_around(place, case).items():
        if name in {"anonymous", "kiosk"}:
            with pytest.raises(NotSignedIn):
                policies.visible_cases(actor)
            continue
        seen[name] = {c.pk for c in policies.visible_cases(actor)}

    assert {n for n, cases in seen.items() if case.pk in cases} == PERSON_TOO
    assert {n for n, cases in seen.items() if platform_case.pk in cases} == {"platform"}


# --- Being told -----------------------------------------------------------------------------------


def test_each_side_is_told_of_the_other_s_words_once(place: Place) -> None:
    case = open_case(place)
    person, agent = person_of(case), place.agents[0]
    operations.assign_case(
        actor=agent, case_id=case.pk, assignee_id=agent.user_id, version=1, now=LATER
    )
    write(agent, case, "Answer")
    write(place.owner, case, "A note", is_internal=True)
    write(person, case, "Thanks")
    operations.resolve_case(actor=agent, case_id=case.pk, now=LATER)

    for _ in range(2):
        relay.carry_due(HandlerMode.DATABASE)

    def told(actor: Actor) -> list[str]:
        rows = Notification.objects.filter(user_id=actor.user_id).order_by("id")
        return [row.code for row in rows if row.code.startswith("support_")]

    assert told(person) == ["support_case_answered", "support_case_resolved"]
    assert told(agent) == ["support_case_written", "support_case_written"]
    assert told(place.owner) == ["support_case_unassigned"]
    texts = " ".join(str(n.data) for n in Notification.objects.all())
    assert "Answer" not in texts


def told_of_new() -> dict[Any, int]:
    """Return how often each person was told of a case that nobody looks after."""
    for _ in range(2):
        relay.carry_due(HandlerMode.DATABASE)
    rows = Notification.objects.filter(code="support_case_unassigned")
    return dict(Counter(rows.values_list("user_id", flat=True)))


def test_whoever_manages_the_branch_is_told_of_a_new_case(place: Place) -> None:
    elsewhere = make_branch(place.organization)
    everywhere = make_member(place.organization, Role.MANAGER)
    here = make_member(place.organization, Role.MANAGER, place.branch)
    make_member(place.organization, Role.MANAGER, elsewhere)
    make_member(place.organization, Role.VIEWER)
    make_actor(make_user(is_superuser=True))
    managing = {actor.user_id for actor in (place.owner, everywhere, here)}

    case = open_case(place)

    assert told_of_new() == dict.fromkeys(managing, 1)
    paths = {n.data["path"] for n in Notification.objects.filter(code="support_case_unassigned")}
    assert paths == {f"/manage/cases/{case.pk}/"}
    ticket = join(place)
    open_case(place, holder_of(ticket), subject_type=SubjectType.TICKET, subject_id=ticket.pk)
    assert told_of_new() == dict.fromkeys(managing, 2)


def test_managers_are_not_told_of_their_own_nor_of_what_staff_open(place: Place) -> None:
    open_case(place, place.owner, subject_type=SubjectType.TICKET,
              subject_id=join(place, actor=place.owner).pk)  # fmt: skip
    open_case(place, place.agent, subject_type=SubjectType.TICKET, subject_id=join(place).pk)

    assert told_of_new() == {}


def test_a_case_of_the_platform_is_told_to_its_administrators(place: Place) -> None:
    admins = [make_user(is_superuser=True) for _ in range(2)]

    open_case(place, make_actor(), subject_type=SubjectType.ACCOUNT, subject_id=None)

    assert told_of_new() == {admin.pk: 1 for admin in admins}


def test_a_case_that_comes_back_is_told_while_nobody_has_it(place: Place) -> None:
    free, taken = open_case(place), open_case(place)
    agent = place.agent
    operations.assign_case(
        actor=agent, case_id=taken.pk, assignee_id=agent.user_id, version=1, now=LATER
    )
    for case in (free, taken):
        operations.resolve_case(actor=agent, case_id=case.pk, now=LATER)
        write(person_of(case), case, "Not at all.")

    assert told_of_new() == {place.owner.user_id: 3}


# --- Files ----------------------------------------------------------------------------------------


def stored() -> list[str]:
    return list(uploads.private_files("cases"))


def test_a_file_goes_with_a_message_below_its_organization(place: Place) -> None:
    case = open_case(place)

    message = write_with_file(case, person_of(case))

    (kept_file,) = CaseAttachment.objects.with_scopes_disabled().filter(message=message)
    assert stored() == [kept_file.stored_name]
    assert kept_file.stored_name.startswith(f"private/cases/{place.organization.pk}/")
    assert "photo" not in kept_file.stored_name


def test_a_refused_message_leaves_no_file(place: Place) -> None:
    case = open_case(place)

    with pytest.raises(NotFound):
        write_with_file(case, make_actor())

    assert stored() == []


def test_a_message_takes_some_files_and_no_more(place: Place) -> None:
    case = open_case(place)
    person = person_of(case)
    message = write_with_file(case, person)

    def add() -> None:
        with kept([picture()], case.organization_id) as (file,):
            operations.attach_file(
                actor=person, case_id=case.pk, message_id=message.pk, file=file, now=LATER
            )

    for _ in range(MOST_FILES - 1):
        add()
    with pytest.raises(errors.TooManyFiles):
        add()
    with (
        pytest.raises(errors.TooManyFiles),
        kept([picture() for _ in range(MOST_FILES + 1)], case.organization_id),
    ):
        pass
    assert len(stored()) == MOST_FILES


def test_a_file_goes_with_one_s_own_message(place: Place) -> None:
    case = open_case(place)
    (message,) = messages_of(case)

    for actor in (place.agent, place.owner):
        with pytest.raises(NotFound), kept([picture()], case.organization_id) as (file,):
            operations.attach_file(
                actor=actor, case_id=case.pk, message_id=message.pk, file=file, now=LATER
            )
    assert stored() == []


def test_an_organization_s_files_have_a_quota(place: Place, settings: Any) -> None:
    settings.MEDIA_QUOTA_MEGABYTES = 0
    case = open_case(place)

    with pytest.raises(uploads.StorageFull):
        write_with_file(case, person_of(case))

    assert (stored(), len(messages_of(case))) == ([], 1)


def test_files_of_a_note_are_for_staff(place: Place) -> None:
    case = open_case(place)
    with kept([picture()], case.organization_id) as files:
        note = write(place.agent, case, is_internal=True, files=files)
    (attachment,) = CaseAttachment.objects.with_scopes_disabled().filter(message=note)

    assert policies.access_attachment(place.owner, case.pk, attachment.pk) == attachment
    with pytest.raises(NotFound):
        policies.access_attachment(person_of(case), case.pk, attachment.pk)
    with pytest.raises(NotFound):
        policies.access_attachment(place.owner, open_case(place).pk, attachment.pk)


def test_orphans_are_swept_and_files_in_use_stay(place: Place) -> None:
    case = open_case(place)
    write_with_file(case, person_of(case))
    clean = uploads.clean_attachment(picture())
    orphan = uploads.store_private(clean, area="cases", organization_id=None)
    written_at = uploads.kept_since(orphan)

    assert operations.remove_orphans(before=written_at) == 0
    assert operations.remove_orphans(before=written_at + timedelta(seconds=1)) == 1
    assert orphan not in stored()
    assert len(stored()) == 1
    tasks.remove_case_files_task()
    tasks.close_resolved_cases_task()
    assert len(stored()) == 1


# --- Figures --------------------------------------------------------------------------------------


def test_figures_are_medians_of_the_last_month(place: Place) -> None:
    open_mornings(place)
    cases = [open_case(place) for _ in range(4)]
    for minutes, case in zip((10, 80, 90), cases, strict=False):
        write(place.agent, case, now=NOW + timedelta(minutes=minutes))
    operations.resolve_case(actor=place.agent, case_id=cases[0].pk, now=NOW + timedelta(hours=1))
    operations.assign_case(
        actor=place.agent,
        case_id=cases[1].pk,
        assignee_id=place.agent.user_id,
        version=2,
        now=LATER,
    )
    open_case(make_place())

    found = queries.figures(organization_id=place.organization.pk, branch_ids=None, now=LATER)

    assert found == queries.Figures(
        open_count=3,
        unassigned_count=2,
        waiting_count=1,
        opened_count=4,
        first_answer_seconds=4800,
        first_answer_open_seconds=3600,
        resolution_seconds=3600,
    )
    later = NOW + timedelta(days=31)
    empty = queries.figures(
        organization_id=place.organization.pk, branch_ids=frozenset({uuid4()}), now=LATER
    )
    assert (empty.open_count, empty.first_answer_seconds) == (0, None)
    aged = queries.figures(organization_id=place.organization.pk, branch_ids=None, now=later)
    assert (aged.open_count, aged.opened_count, aged.first_answer_seconds) == (3, 0, None)


def test_figures_are_for_managers_of_what_they_manage(place: Place) -> None:
    manager = make_member(place.organization, Role.MANAGER, place.branch)
    admin = make_actor(make_user(is_superuser=True))

    assert policies.access_figures(place.owner, place.organization.pk) is None
    assert policies.access_figures(manager, place.organization.pk) == {place.branch.pk}
    assert policies.access_figures(admin, None) is None
    for actor, organization_id in (
        (place.agent, place.organization.pk),
        (admin, place.organization.pk),
        (place.owner, None),
        (make_place().owner, place.organization.pk),
    ):
        with pytest.raises(NotFound):
            policies.access_figures(actor, organization_id)
