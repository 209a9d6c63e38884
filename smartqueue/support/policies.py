"""
Fetch, tenant, right and lock in one call; unknown and forbidden answer the same.

A case is its person's and the staff's of its branch. Who is both, stands on the person's side and
reads no notes. Platform administrators look after the platform's own cases, not an organization's:
what people complain about there is between them and it.
"""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models import Q, QuerySet
from django.utils.translation import gettext_lazy as _

from smartqueue.accounts.actor import Actor
from smartqueue.accounts.models import User
from smartqueue.business.enums import ROLES_WITH, Ability
from smartqueue.business.models import Branch
from smartqueue.business.queries import memberships_of
from smartqueue.common import tenancy
from smartqueue.common.errors import InvalidInput, NotFound, NotSignedIn
from smartqueue.queues import policies as queue_policies
from smartqueue.support.enums import OF_A_PLACE, Side, SubjectType
from smartqueue.support.models import CaseAttachment, CaseMessage, SupportCase

_SERVING = ROLES_WITH[Ability.SERVE]
_MANAGING = ROLES_WITH[Ability.MANAGE]


@dataclass(frozen=True, slots=True)
class Subject:
    """What a case would be about, whose it would be, and from which side it is opened."""

    side: Side
    organization_id: UUID | None = None
    branch_id: UUID | None = None
    person_id: UUID | None = None
    holder_ticket_id: UUID | None = None


def access_subject(actor: Actor, subject_type: SubjectType, subject_id: UUID | None) -> Subject:
    """
    Return what the actor may open a case about.

    :raises NotFound: unknown, or not the actor's
    :raises NotSignedIn: nobody is signed in, and no ticket's token was given
    :raises InvalidInput: an id is missing, or given where there is none
    """
    if actor.ticket_id is None:
        actor.require_user()
    if (subject_type in OF_A_PLACE) != (subject_id is not None):
        raise InvalidInput.on("subject_id", _("Say which one it is about."), "subject")
    if subject_type is SubjectType.TICKET and subject_id is not None:
        return _of_ticket(actor, subject_id)
    person_id = actor.require_user()
    if subject_id is None:
        tenancy.enter_platform()
        return Subject(Side.PERSON, person_id=person_id)
    return _of_branch(actor, person_id, subject_id)


def _of_ticket(actor: Actor, ticket_id: UUID) -> Subject:
    ticket = queue_policies.access_ticket(actor, ticket_id)
    side = Side.PERSON if queue_policies.is_holder(actor, ticket) else Side.STAFF
    if side is Side.STAFF and not serves(actor, ticket.organization_id, ticket.branch_id):
        raise NotFound
    return Subject(
        side, ticket.organization_id, ticket.branch_id, ticket.customer_id, actor.ticket_id
    )


def _of_branch(actor: Actor, person_id: UUID, branch_id: UUID) -> Subject:
    rows = Branch.objects.with_scopes_disabled().filter(closed_at=None)
    branch = rows.filter(pk=branch_id, organization__closed_at=None).first()
    if branch is None:
        raise NotFound
    tenancy.enter(branch.organization_id)
    if serves(actor, branch.organization_id, branch.pk):
        return Subject(Side.STAFF, branch.organization_id, branch.pk)
    return Subject(Side.PERSON, branch.organization_id, branch.pk, person_id)


def serves(actor: Actor, organization_id: UUID | None, branch_id: UUID | None) -> bool:
    """Whether the actor looks after cases of a branch; without an organization, the platform's."""
    if organization_id is None:
        return actor.is_platform_admin
    return actor.has_role(organization_id, _SERVING, branch_id)


def may_look_after(user_id: UUID, case: SupportCase) -> bool:
    """Whether a case can be given to somebody."""
    if user_id == case.person_id:
        return False
    if case.organization_id is None:
        return User.objects.filter(pk=user_id, is_active=True, is_superuser=True).exists()
    return any(
        m.organization_id == case.organization_id
        and m.role in _SERVING
        and m.covers(case.branch_id)
        for m in memberships_of(user_id)
    )


def side_of(actor: Actor, case: SupportCase) -> Side | None:
    """Return from which side the actor sees a case; None for a stranger."""
    if actor.ticket_id is not None:
        return Side.PERSON if actor.ticket_id == case.holder_ticket_id else None
    if actor.user_id is not None and actor.user_id == case.person_id:
        return Side.PERSON
    return Side.STAFF if serves(actor, case.organization_id, case.branch_id) else None


def access_case(actor: Actor, case_id: UUID, *, lock: bool = False) -> tuple[SupportCase, Side]:
    """
    Return a case and the side from which the actor sees it, locked if asked.

    :raises NotFound: unknown, or not the actor's
    """
    rows = SupportCase.objects.with_scopes_disabled().filter(pk=case_id)
    if lock:
        rows = rows.select_for_update(of=("self",), no_key=True)
    case = rows.select_related("organization", "branch", "assignee", "person").first()
    side = side_of(actor, case) if case else None
    if case is None or side is None:
        raise NotFound
    enter_scope_of(case)
    return case, side


def enter_scope_of(case: SupportCase) -> None:
    """Narrow the scope to the organization of a case, or to the platform's own rows."""
    if case.organization_id is None:
        tenancy.enter_platform()
    else:
        tenancy.enter(case.organization_id)


def access_case_as_staff(actor: Actor, case_id: UUID, *, lock: bool = False) -> SupportCase:
    """
    Return a case that the actor looks after.

    :raises NotFound: unknown, or not the actor's to look after
    """
    case, side = access_case(actor, case_id, lock=lock)
    if side is not Side.STAFF:
        raise NotFound
    return case


def access_own_case(actor: Actor, case_id: UUID) -> SupportCase:
    """
    Return a case in which the actor is the person.

    :raises NotFound: unknown, or somebody else's
    """
    case, side = access_case(actor, case_id)
    if side is not Side.PERSON:
        raise NotFound
    return case


def access_own_message(
    actor: Actor, case: SupportCase, side: Side, message_id: UUID
) -> CaseMessage:
    """
    Return a message of a case that the actor wrote.

    :raises NotFound: unknown, or somebody else's
    """
    rows = CaseMessage.objects.with_scopes_disabled().filter(case=case, side=side)
    message: CaseMessage | None = rows.filter(pk=message_id, author=actor.user_id).first()
    if message is None:
        raise NotFound
    return message


def access_attachment(actor: Actor, case_id: UUID, attachment_id: UUID) -> CaseAttachment:
    """
    Return a file of a case that the actor may see.

    :raises NotFound: unknown, removed, or not the actor's
    """
    case, side = access_case(actor, case_id)
    rows = CaseAttachment.objects.with_scopes_disabled().filter(message__case=case, removed_at=None)
    if side is not Side.STAFF:
        rows = rows.filter(message__is_internal=False)
    attachment: CaseAttachment | None = rows.filter(pk=attachment_id).first()
    if attachment is None:
        raise NotFound
    return attachment


def own_cases(actor: Actor) -> "QuerySet[SupportCase]":
    """
    Return the cases in which the actor is the person, newest first.

    :raises NotSignedIn: nobody is signed in, and no ticket's token was given
    """
    return _listed().filter(_own(actor))


def cases_looked_after(actor: Actor) -> "QuerySet[SupportCase]":
    """Return the cases of the branches where the actor serves, or the platform's; newest first."""
    return _listed().filter(_reach(actor)).exclude(person=actor.user_id)


def visible_cases(actor: Actor) -> "QuerySet[SupportCase]":
    """
    Return every case that the actor may read, newest first.

    :raises NotSignedIn: nobody is signed in, and no ticket's token was given
    """
    return _listed().filter(_own(actor) | _reach(actor))


def _listed() -> "QuerySet[SupportCase]":
    rows: QuerySet[SupportCase] = SupportCase.objects.with_scopes_disabled()
    return rows.select_related("organization", "branch", "assignee").order_by("-changed_at", "-id")


def _own(actor: Actor) -> Q:
    if actor.ticket_id is not None:
        return Q(holder_ticket_id=actor.ticket_id)
    if actor.user_id is None:
        raise NotSignedIn
    return Q(person_id=actor.user_id)


def _reach(actor: Actor) -> Q:
    reached = Q(organization=None) if actor.is_platform_admin else Q(pk__in=())
    for membership in actor.memberships:
        if membership.role in _SERVING:
            here = Q(organization_id=membership.organization_id)
            if membership.branch_ids is not None:
                here &= Q(branch_id__in=membership.branch_ids)
            reached |= here
    return reached


def looks_after_any(actor: Actor) -> bool:
    """Whether there can be cases for the actor to look after."""
    return actor.is_platform_admin or any(m.role in _SERVING for m in actor.memberships)


def access_figures(actor: Actor, organization_id: UUID | None) -> frozenset[UUID] | None:
    """
    Return the branches whose figures the actor may read; None is all of them. Without an
    organization, the platform's.

    :raises NotFound: the actor manages nothing there
    """
    if organization_id is None:
        if not actor.is_platform_admin:
            raise NotFound
        tenancy.enter_platform()
        return None
    membership: Any = actor.membership_in(organization_id)
    if membership is None or membership.role not in _MANAGING:
        raise NotFound
    tenancy.enter(organization_id)
    branches: frozenset[UUID] | None = membership.branch_ids
    return branches
