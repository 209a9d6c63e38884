"""Rights that somebody has to see to: they become cases, with the law's deadline."""

from datetime import datetime
from uuid import UUID

from django.utils.translation import gettext_lazy as _

from smartqueue.accounts.actor import Actor
from smartqueue.common.db import operation
from smartqueue.common.errors import InvalidInput
from smartqueue.privacy.enums import Right
from smartqueue.support import operations as support_operations
from smartqueue.support import policies as support_policies
from smartqueue.support.enums import CaseCategory, Side, SubjectType
from smartqueue.support.models import SupportCase


@operation
def ask_for_right(
    *, actor: Actor, right: Right, branch_id: UUID | None, body: str, now: datetime
) -> SupportCase:
    """
    Ask the staff of a place, or without one whoever runs the platform, for a right that no button
    grants; the case says until when it is to be answered.

    :raises NotSignedIn: nobody in particular is asking
    :raises NotFound: unknown place
    :raises InvalidInput: nothing is said, or too much, or the actor works at that place
    :raises TooManyCases: several of this person's are not settled yet
    """
    actor.require_user()
    about = SubjectType.BRANCH if branch_id else SubjectType.ACCOUNT
    # Whoever opens a case about the place where they serve does so for the house, not as its person.
    if support_policies.access_subject(actor, about, branch_id).side is Side.STAFF:
        raise InvalidInput.on("branch", _("You work there: ask whoever manages it."), "own_place")
    return support_operations.open_case(
        actor=actor,
        subject_type=about,
        subject_id=branch_id,
        category=CaseCategory.PRIVACY,
        title=str(right.label),
        body=body,
        now=now,
    )
