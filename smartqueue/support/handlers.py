"""Who is told of what in a case, and forgetting people whose account is gone."""

from uuid import UUID

from django.utils.translation import gettext_lazy as _

from smartqueue.accounts.events import UserErased
from smartqueue.notifications import operations as notification_operations
from smartqueue.notifications.texts import register_text
from smartqueue.outbox.enums import HandlerMode
from smartqueue.outbox.registry import subscribe
from smartqueue.support import operations, queries
from smartqueue.support.enums import Side
from smartqueue.support.events import (
    CaseAssigned,
    CaseEvent,
    CaseMessageWritten,
    CaseOpened,
    CaseReopened,
    CaseResolved,
)

ANSWERED = "support_case_answered"
WRITTEN = "support_case_written"
OPENED_FOR = "support_case_opened_for"
ASSIGNED = "support_case_assigned"
UNASSIGNED = "support_case_unassigned"
RESOLVED = "support_case_resolved"

register_text(
    ANSWERED,
    subject=_("There is an answer for you"),
    body=_("The staff answered in your case. Open it to read the answer: %(path)s"),
)
register_text(
    WRITTEN,
    subject=_("Somebody wrote in a case of yours"),
    body=_("There is a new message in a case that you look after: %(path)s"),
)
register_text(
    OPENED_FOR,
    subject=_("The staff opened a case for you"),
    body=_("The staff opened a case about your ticket. You can read it and write there: %(path)s"),
)
register_text(
    ASSIGNED,
    subject=_("A case was given to you"),
    body=_("You now look after a case: %(path)s"),
)
register_text(
    UNASSIGNED,
    subject=_("A case that nobody looks after yet"),
    body=_("Somebody has a question or complaint. Take the case or give it to somebody: %(path)s"),
)
register_text(
    RESOLVED,
    subject=_("Your case was resolved"),
    body=_("The staff marked your case as resolved. If it is not, write there again: %(path)s"),
)


def _tell(event: CaseEvent, user_id: UUID | None, code: str, path: str, key: str) -> None:
    """Tell somebody else than who did it."""
    if user_id is None or event.actor == f"user:{user_id}":
        return
    notification_operations.notify(
        user_id=user_id,
        code=code,
        data={"case_id": str(event.case_id), "path": f"{path}{event.case_id}/"},
        dedupe_key=f"{code}:{key}",
        now=event.occurred_at,
        organization_id=event.organization_id,
    )


def _tell_person(event: CaseEvent, code: str, key: str) -> None:
    _tell(event, event.person_id, code, "/support/cases/", key)


def _tell_assignee(event: CaseEvent, code: str, key: str) -> None:
    _tell(event, event.assignee_id, code, "/manage/cases/", key)


def _tell_managers(event: CaseEvent, key: str) -> None:
    """Tell those who could give the case to somebody, while nobody has it."""
    if event.assignee_id is None:
        for user_id in queries.managers_of(event.organization_id, event.branch_id):
            if user_id != event.person_id:
                _tell(event, user_id, UNASSIGNED, "/manage/cases/", key)


@subscribe(CaseMessageWritten)
def on_case_message_tell(event: CaseMessageWritten) -> None:
    """Tell the other side; of a note, whoever looks after the case."""
    key = str(event.message_id)
    if event.side == Side.STAFF and not event.is_internal:
        _tell_person(event, ANSWERED, key)
    else:
        _tell_assignee(event, WRITTEN, key)


@subscribe(CaseOpened)
def on_case_opened_tell(event: CaseOpened) -> None:
    """Tell a person for whom staff opened a case, or the managers of one that a person opened."""
    if event.actor != f"user:{event.person_id}" and not event.actor.startswith("ticket:"):
        _tell_person(event, OPENED_FOR, str(event.case_id))
    else:
        _tell_managers(event, str(event.case_id))


@subscribe(CaseReopened)
def on_case_reopened_tell(event: CaseReopened) -> None:
    """Tell the managers of a case that came back and that nobody looks after."""
    _tell_managers(event, f"{event.case_id}:{event.subject_version}")


@subscribe(CaseAssigned)
def on_case_assigned_tell(event: CaseAssigned) -> None:
    """Tell whoever was given a case by somebody else."""
    _tell_assignee(event, ASSIGNED, f"{event.case_id}:{event.subject_version}")


@subscribe(CaseResolved)
def on_case_resolved_tell(event: CaseResolved) -> None:
    """Tell the person that the staff are done."""
    _tell_person(event, RESOLVED, f"{event.case_id}:{event.subject_version}")


@subscribe(UserErased, mode=HandlerMode.OUTSIDE)
def on_user_erased_remove_files(_event: UserErased) -> None:
    """Delete the files of a person who is gone."""
    while operations.remove_files():
        pass
