"""What happens to support cases: ids and facts, none of the words in them."""

from dataclasses import dataclass
from typing import ClassVar
from uuid import UUID

from smartqueue.outbox.events import Event


@dataclass(frozen=True, kw_only=True)
class CaseEvent(Event):
    """A change of one case; `subject_version` is the case's version, the state is the one after."""

    subject: ClassVar[str] = "case"

    case_id: UUID
    branch_id: UUID | None
    person_id: UUID | None
    assignee_id: UUID | None
    category: str
    state: str


class CaseOpened(CaseEvent):
    name = "support.case.opened"


@dataclass(frozen=True, kw_only=True)
class CaseMessageWritten(CaseEvent):
    """Somebody wrote; `side` says from where, and an internal note is for staff alone."""

    name: ClassVar[str] = "support.case.message_written"

    message_id: UUID
    side: str
    is_internal: bool


class CaseFileAttached(CaseEvent):
    name = "support.case.file_attached"


class CaseAssigned(CaseEvent):
    """`assignee_id` is who looks after it now; None: nobody."""

    name = "support.case.assigned"


class CaseChanged(CaseEvent):
    """Category or priority was changed."""

    name = "support.case.changed"


class CaseResolved(CaseEvent):
    name = "support.case.resolved"


class CaseClosed(CaseEvent):
    name = "support.case.closed"


class CaseReopened(CaseEvent):
    name = "support.case.reopened"
