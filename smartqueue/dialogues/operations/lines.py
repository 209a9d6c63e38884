"""How a branch is reached by phone."""

from datetime import datetime
from uuid import UUID

from django.db import IntegrityError, transaction
from django.utils.translation import gettext_lazy as _

from smartqueue.accounts import identifiers
from smartqueue.accounts.actor import Actor
from smartqueue.business.enums import Ability
from smartqueue.business.models import Branch
from smartqueue.business.policies import access_branch
from smartqueue.common.db import operation
from smartqueue.common.errors import InvalidInput
from smartqueue.dialogues import words
from smartqueue.dialogues.errors import CodeTaken, NumberTaken
from smartqueue.dialogues.models import BranchLine
from smartqueue.queues.models import Queue


@operation
def set_line(
    *,
    actor: Actor,
    branch_id: UUID,
    code: str,
    now: datetime,
    missed_call_number: str = "",
    missed_call_queue_id: UUID | None = None,
) -> BranchLine:
    """
    Say by which code people join a branch by text message and USSD, and which number gives a ticket
    of which of its queues to whoever rings it and hangs up.

    :raises NotFound: unknown branch, or not the actor's to manage
    :raises CodeTaken, NumberTaken: another branch has it
    :raises InvalidInput: not a code, a word with a meaning of its own, not a number, or a number
        without a queue of the branch
    """
    branch = access_branch(actor, branch_id, Ability.MANAGE, lock=True)
    code = _checked_code(code)
    number = _checked_number(missed_call_number)
    queue = _queue_of(branch, missed_call_queue_id) if number else None
    others = BranchLine.objects.with_scopes_disabled().exclude(branch=branch.pk)
    if others.filter(code=code).exists():
        raise CodeTaken
    if number and others.filter(missed_call_number=number).exists():
        raise NumberTaken
    found: BranchLine | None = BranchLine.objects.filter(branch=branch).first()
    line = found or BranchLine(organization_id=branch.organization_id, branch=branch)
    line.branch = branch
    line.code, line.missed_call_number, line.missed_call_queue = code, number, queue
    try:
        with transaction.atomic():
            line.save()
    except IntegrityError as error:
        raise CodeTaken from error
    return line


def _checked_code(typed: str) -> str:
    code = "".join(words.words_of(typed))
    if not words.CODE.fullmatch(code):
        raise InvalidInput.on("code", _("Give 3 to 12 letters or digits."))
    if words.is_command(code):
        raise InvalidInput.on("code", _("This word is a command: choose another one."), "reserved")
    return code


def _checked_number(typed: str) -> str:
    if not typed.strip():
        return ""
    return identifiers.phone(typed, field="missed_call_number").value


def _queue_of(branch: Branch, queue_id: UUID | None) -> Queue:
    rows = Queue.objects.filter(branch=branch, retired_at=None)
    queue: Queue | None = rows.filter(pk=queue_id).first()
    if queue is None:
        raise InvalidInput.on(
            "missed_call_queue", _("Choose the queue that a missed call gives a ticket of.")
        )
    return queue
