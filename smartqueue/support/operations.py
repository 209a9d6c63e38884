"""The doors to support cases: each authorises, locks, decides, writes and publishes."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from smartqueue.accounts.actor import SYSTEM, Actor
from smartqueue.common import tenancy, uploads
from smartqueue.common.db import hold_names, operation, unit_of_work
from smartqueue.common.errors import InvalidInput, NotFound
from smartqueue.outbox import operations as outbox
from smartqueue.support import events, policies, queries
from smartqueue.support.enums import (
    BODY_LENGTH,
    MOST_FILES,
    MOST_MESSAGES,
    MOST_UNSETTLED_OF_PERSON,
    MOST_UNSETTLED_OF_TICKET,
    REOPENING,
    REOPENING_DAYS,
    TITLE_LENGTH,
    UNSETTLED,
    CaseCategory,
    CasePriority,
    CaseState,
    Side,
    SubjectType,
)
from smartqueue.support.errors import (
    CaseFull,
    CaseMoved,
    CaseOver,
    IllegalCaseTransition,
    TooManyCases,
    TooManyFiles,
)
from smartqueue.support.files import KeptFile
from smartqueue.support.models import CaseAttachment, CaseMessage, SupportCase

SETTLED_AT_ONCE = 200


@operation
def open_case(
    *,
    actor: Actor,
    subject_type: SubjectType,
    subject_id: UUID | None,
    category: CaseCategory,
    title: str,
    body: str,
    files: Sequence[KeptFile] = (),
    now: datetime,
) -> SupportCase:
    """
    Open a case about a ticket, a branch, the own account or a payment.

    Staff open one for the ticket's person. Whose ticket is known by its token alone, reads the
    answers with that token.

    :raises NotFound: what it is about is unknown, or not the actor's
    :raises NotSignedIn: nobody is signed in, and no ticket's token was given
    :raises InvalidInput: a text is missing or too long
    :raises TooManyCases: several of this person's are not settled yet
    :raises TooManyFiles: more than one message takes
    :raises StorageFull: the organization's files are as many as it may keep
    """
    subject = policies.access_subject(actor, subject_type, subject_id)
    title, body = _words("title", title, TITLE_LENGTH), _words("body", body, BODY_LENGTH)
    if subject.side is Side.PERSON:
        _check_unsettled(actor, subject)
    case = SupportCase(
        organization_id=subject.organization_id,
        branch_id=subject.branch_id,
        person_id=subject.person_id,
        holder_ticket_id=subject.holder_ticket_id,
        opened_side=subject.side,
        subject_type=subject_type,
        subject_id=subject_id,
        category=category,
        title=title,
        opened_at=now,
        changed_at=now,
        message_count=1,
    )
    case.save(force_insert=True)
    message = _write(case, actor, subject.side, body, now)
    _attach(case, message, files, now)
    _publish(events.CaseOpened, case, actor, now)
    return case


def _words(field: str, text: str, most: int) -> str:
    text = text.strip()
    if not text:
        raise InvalidInput.on(field, _("Write something here."), "required")
    if len(text) > most:
        raise InvalidInput.on(field, _("This text is too long."), "max_length")
    return text


def _check_unsettled(actor: Actor, subject: policies.Subject) -> None:
    hold_names([f"support {actor.label}"])
    ticket_id = subject.holder_ticket_id
    limit = MOST_UNSETTLED_OF_TICKET if ticket_id else MOST_UNSETTLED_OF_PERSON
    count = queries.count_unsettled(person_id=subject.person_id, holder_ticket_id=ticket_id)
    if count >= limit:
        raise TooManyCases(limit=limit)


def _write(
    case: SupportCase,
    actor: Actor,
    side: Side,
    body: str,
    now: datetime,
    *,
    is_internal: bool = False,
) -> CaseMessage:
    message = CaseMessage(
        organization_id=case.organization_id,
        person_id=case.person_id,
        case=case,
        position=case.message_count,
        author_id=actor.user_id,
        side=side,
        is_internal=is_internal,
        body=body,
        written_at=now,
    )
    message.save(force_insert=True)
    return message


def _attach(
    case: SupportCase, message: CaseMessage, files: Sequence[KeptFile], now: datetime, had: int = 0
) -> list[CaseAttachment]:
    if not files:
        return []
    if had + len(files) > MOST_FILES:
        raise TooManyFiles(limit=MOST_FILES)
    hold_names([f"support files of {case.organization_id}"])
    uploads.require_room(
        used=queries.bytes_kept(case.organization_id), adding=sum(file.size for file in files)
    )
    rows = [
        CaseAttachment(
            organization_id=case.organization_id,
            person_id=case.person_id,
            message=message,
            position=position,
            stored_name=file.stored_name,
            media_type=file.media_type,
            size=file.size,
            attached_at=now,
        )
        for position, file in enumerate(files, start=had + 1)
    ]
    for row in rows:
        row.save(force_insert=True)
    return rows


def _publish(
    event: type[events.CaseEvent], case: SupportCase, actor: Actor, now: datetime, **facts: Any
) -> None:
    outbox.publish(
        event(
            organization_id=case.organization_id,
            subject_version=case.version,
            occurred_at=now,
            actor=actor.label,
            case_id=case.pk,
            branch_id=case.branch_id,
            person_id=case.person_id,
            assignee_id=case.assignee_id,
            category=case.category,
            state=case.state,
            **facts,
        )
    )


def _check_version(case: SupportCase, version: int | None) -> None:
    if version is not None and version != case.version:
        raise CaseMoved(version=case.version)


def _save(case: SupportCase, now: datetime) -> None:
    case.version += 1
    case.changed_at = now
    case.save()


@operation
def write_message(
    *,
    actor: Actor,
    case_id: UUID,
    body: str,
    is_internal: bool = False,
    version: int | None = None,
    files: Sequence[KeptFile] = (),
    now: datetime,
) -> CaseMessage:
    """
    Write in a case. The first answer of staff is timed; a person who writes in a case that was
    settled lately opens it again.

    :param is_internal: a note that staff alone read; it answers nobody and moves nothing
    :param version: the version that was read; another one in the meantime refuses
    :raises NotFound: unknown, not the actor's, or a note of somebody who is no staff
    :raises InvalidInput: the text is missing or too long
    :raises CaseMoved: somebody else changed the case meanwhile
    :raises CaseOver: it was settled too long ago
    :raises CaseFull: it holds as many messages as it can
    :raises TooManyFiles: more than one message takes
    :raises StorageFull: the organization's files are as many as it may keep
    """
    case, side = policies.access_case(actor, case_id, lock=True)
    if is_internal and side is not Side.STAFF:
        raise NotFound
    body = _words("body", body, BODY_LENGTH)
    _check_version(case, version)
    if case.message_count >= MOST_MESSAGES:
        raise CaseFull(limit=MOST_MESSAGES)
    was_settled = case.is_settled
    if not is_internal:
        _answer(case, side, now)
    case.message_count += 1
    message = _write(case, actor, side, body, now, is_internal=is_internal)
    _attach(case, message, files, now)
    _save(case, now)
    if was_settled and not case.is_settled:
        _publish(events.CaseReopened, case, actor, now)
    outbox.publish(
        events.CaseMessageWritten(
            organization_id=case.organization_id,
            subject_version=case.version,
            occurred_at=now,
            actor=actor.label,
            case_id=case.pk,
            branch_id=case.branch_id,
            person_id=case.person_id,
            assignee_id=case.assignee_id,
            category=case.category,
            state=case.state,
            message_id=message.pk,
            side=side,
            is_internal=is_internal,
        )
    )
    return message


def _answer(case: SupportCase, side: Side, now: datetime) -> None:
    """Pass the turn to the other side; a settled case stays so when staff add a word."""
    if side is Side.PERSON:
        if case.is_settled:
            _reopen(case, now)
        elif case.state == CaseState.WAITING_FOR_PERSON:
            case.move_to(CaseState.WAITING_FOR_STAFF)
        return
    if not case.has_reader:
        return
    if case.first_answer_at is None and case.opened_side == Side.PERSON:
        case.first_answer_at = now
        case.first_answer_open_seconds = queries.open_seconds(case, now)
    if case.state in {CaseState.OPEN, CaseState.WAITING_FOR_STAFF}:
        case.move_to(CaseState.WAITING_FOR_PERSON)


def _reopen(case: SupportCase, now: datetime) -> None:
    if not queries.may_be_reopened(case, now):
        raise CaseOver(days=REOPENING_DAYS)
    case.move_to(CaseState.WAITING_FOR_STAFF)
    case.settled_at = None
    case.times_reopened += 1


@operation
def attach_file(
    *, actor: Actor, case_id: UUID, message_id: UUID, file: KeptFile, now: datetime
) -> CaseAttachment:
    """
    Add a file to a message that the actor wrote.

    :raises NotFound: unknown, or not the actor's
    :raises TooManyFiles: more than one message takes
    :raises StorageFull: the organization's files are as many as it may keep
    """
    case, side = policies.access_case(actor, case_id, lock=True)
    message = policies.access_own_message(actor, case, side, message_id)
    had = queries.count_files(message.pk)
    (attachment,) = _attach(case, message, [file], now, had)
    _save(case, now)
    _publish(events.CaseFileAttached, case, actor, now)
    return attachment


@operation
def assign_case(
    *, actor: Actor, case_id: UUID, assignee_id: UUID | None, version: int, now: datetime
) -> SupportCase:
    """
    Give a case to somebody who looks after cases at its branch, or to nobody.

    :param version: the version that was read, so that of two who take it one is told of the other
    :raises NotFound: unknown, or not the actor's to look after
    :raises CaseMoved: somebody else changed the case meanwhile
    :raises InvalidInput: that person does not look after cases there
    """
    case = policies.access_case_as_staff(actor, case_id, lock=True)
    _check_version(case, version)
    if assignee_id is not None and not policies.may_look_after(assignee_id, case):
        raise InvalidInput.on("assignee", _("This person does not look after cases here."))
    if case.assignee_id == assignee_id:
        return case
    case.assignee_id = assignee_id
    _save(case, now)
    _publish(events.CaseAssigned, case, actor, now)
    return case


@operation
def change_case(
    *,
    actor: Actor,
    case_id: UUID,
    category: CaseCategory | None = None,
    priority: CasePriority | None = None,
    now: datetime,
) -> SupportCase:
    """
    Change how a case is sorted.

    :raises NotFound: unknown, or not the actor's to look after
    """
    case = policies.access_case_as_staff(actor, case_id, lock=True)
    before = (case.category, case.priority)
    case.category = category or case.category
    case.priority = priority or case.priority
    if (case.category, case.priority) != before:
        _save(case, now)
        _publish(events.CaseChanged, case, actor, now)
    return case


@operation
def resolve_case(*, actor: Actor, case_id: UUID, now: datetime) -> SupportCase:
    """
    Say that a case is dealt with; its person may still open it again by writing.

    :raises NotFound: unknown, or not the actor's to look after
    :raises IllegalCaseTransition: it is settled already
    """
    case = policies.access_case_as_staff(actor, case_id, lock=True)
    case.move_to(CaseState.RESOLVED)
    case.settled_at = now
    _save(case, now)
    _publish(events.CaseResolved, case, actor, now)
    return case


@operation
def close_case(*, actor: Actor, case_id: UUID, now: datetime) -> SupportCase:
    """
    Close a case, as its person or as staff.

    :raises NotFound: unknown, or not the actor's
    :raises IllegalCaseTransition: it is closed already
    """
    case, _side = policies.access_case(actor, case_id, lock=True)
    return _close(case, actor, now)


def _close(case: SupportCase, actor: Actor, now: datetime) -> SupportCase:
    case.move_to(CaseState.CLOSED)
    case.settled_at = case.settled_at or now
    _save(case, now)
    _publish(events.CaseClosed, case, actor, now)
    return case


@operation
def reopen_case(*, actor: Actor, case_id: UUID, now: datetime) -> SupportCase:
    """
    Open a case again that was settled lately.

    :raises NotFound: unknown, or not the actor's
    :raises IllegalCaseTransition: it is not settled
    :raises CaseOver: it was settled too long ago
    """
    case, _side = policies.access_case(actor, case_id, lock=True)
    if not case.is_settled:
        raise IllegalCaseTransition(state=case.state)
    _reopen(case, now)
    _save(case, now)
    _publish(events.CaseReopened, case, actor, now)
    return case


@operation
def close_resolved_cases(*, now: datetime) -> int:
    """Close resolved cases that can no longer be opened again; return how many, at most 200."""
    due = SupportCase.objects.with_scopes_disabled().filter(
        state=CaseState.RESOLVED, settled_at__lt=now - REOPENING
    )
    cases = list(
        due.select_for_update(of=("self",), no_key=True, skip_locked=True).order_by("pk")[
            :SETTLED_AT_ONCE
        ]
    )
    for case in cases:
        with tenancy.restored():
            policies.enter_scope_of(case)
            _close(case, SYSTEM, now)
    return len(cases)


@operation
def forget_person(*, user_id: UUID | None, tickets: Collection[UUID] = (), now: datetime) -> None:
    """
    Take a person out of support: their cases lose title, words and files, keep their times, and
    are closed. `tickets` are theirs, account or not: cases about them, whoever opened them, go too.

    What staff answered goes too, because it speaks of them. Where the person was staff, their
    answers stay with the case and lose their author.
    """
    own = Q(holder_ticket_id__in=tickets)
    own |= Q(subject_type=SubjectType.TICKET, subject_id__in=tickets)
    if user_id is not None:
        own |= Q(person=user_id)
    rows = SupportCase.objects.with_scopes_disabled().filter(own)
    locked = rows.select_for_update(of=("self",), no_key=True).order_by("pk")
    cases = list(locked)
    of_cases = CaseMessage.objects.with_scopes_disabled().filter(case__in=cases)
    files = CaseAttachment.objects.with_scopes_disabled().filter(message__case__in=cases)
    files.filter(removed_at=None).update(removed_at=now)
    files.update(person=None)
    of_cases.update(body="", person=None)
    for case in cases:
        with tenancy.restored():
            _forget(case, now)
    if user_id is not None:
        _leave_staff(user_id)


def _forget(case: SupportCase, now: datetime) -> None:
    policies.enter_scope_of(case)
    case.title = ""
    case.person = None
    case.holder_ticket_id = None
    if case.state in UNSETTLED:
        _close(case, SYSTEM, now)
    else:
        _save(case, now)


def _leave_staff(user_id: UUID) -> None:
    rows = SupportCase.objects.with_scopes_disabled()
    rows.filter(assignee=user_id).update(assignee=None)
    CaseMessage.objects.with_scopes_disabled().filter(author=user_id).update(author=None)


def remove_files() -> int:
    """
    Delete the files of attachments that are no longer given out, then their rows; return how many.

    Call it outside a transaction. A crash in between is made up for by the next call.
    """
    found = queries.removed_files(SETTLED_AT_ONCE)
    for _pk, name in found:
        uploads.remove(name)
    with unit_of_work():
        rows = CaseAttachment.objects.with_scopes_disabled()
        rows.filter(pk__in=[pk for pk, _name in found]).delete()
    return len(found)


def remove_orphans(*, before: datetime) -> int:
    """
    Delete stored files that no case names, written before a moment; return how many.

    A process that died between storing a file and committing its row leaves one.
    """
    old = [name for name in uploads.private_files("cases") if uploads.kept_since(name) < before]
    orphans = set(old) - queries.names_in_use(old)
    for name in orphans:
        uploads.remove(name)
    return len(orphans)
