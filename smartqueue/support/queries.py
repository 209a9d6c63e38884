"""Reads of support cases; whoever calls these has been let in by a policy."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.db.models import Prefetch, Q, QuerySet, Sum

from smartqueue.accounts.models import User
from smartqueue.business.enums import ROLES_WITH, Ability
from smartqueue.business.queries import list_members, managers_at, time_open
from smartqueue.common.db import fetch_one
from smartqueue.support.enums import REOPENING, UNSETTLED, Side
from smartqueue.support.models import CaseAttachment, CaseMessage, SupportCase

FIGURES_DAYS: Final = 30
ASSIGNEES_SHOWN: Final = 200
_FIGURES = """
    SELECT count(*) FILTER (WHERE settled_at IS NULL),
           count(*) FILTER (WHERE settled_at IS NULL AND assignee_id IS NULL),
           count(*) FILTER (WHERE settled_at IS NULL AND state IN ('open', 'waiting_for_staff')),
           count(*) FILTER (WHERE opened_at >= %(since)s),
           percentile_cont(0.5) WITHIN GROUP (
               ORDER BY extract(epoch FROM first_answer_at - opened_at)
           ) FILTER (WHERE first_answer_at >= %(since)s),
           percentile_cont(0.5) WITHIN GROUP (
               ORDER BY first_answer_open_seconds
           ) FILTER (WHERE first_answer_at >= %(since)s),
           percentile_cont(0.5) WITHIN GROUP (
               ORDER BY extract(epoch FROM settled_at - opened_at)
           ) FILTER (WHERE settled_at >= %(since)s)
    FROM support_supportcase
    WHERE organization_id IS NOT DISTINCT FROM %(organization)s::uuid
      AND (%(branches)s::uuid[] IS NULL OR branch_id = ANY(%(branches)s::uuid[]))
"""


def list_messages(case: SupportCase, side: Side) -> list[CaseMessage]:
    """Return a case's messages with their files, oldest first; notes for staff only."""
    rows: QuerySet[CaseMessage] = CaseMessage.objects.with_scopes_disabled().filter(case=case)
    if side is not Side.STAFF:
        rows = rows.filter(is_internal=False)
    kept = (
        CaseAttachment.objects.with_scopes_disabled().filter(removed_at=None).order_by("position")
    )
    return list(
        rows.select_related("author")
        .prefetch_related(Prefetch("attachments", queryset=kept))
        .order_by("position")
    )


def count_unsettled(*, person_id: UUID | None, holder_ticket_id: UUID | None) -> int:
    """Count the cases of a person, or of a ticket's holder, that are not settled."""
    rows = SupportCase.objects.with_scopes_disabled().filter(state__in=UNSETTLED)
    whose = Q(holder_ticket_id=holder_ticket_id) if holder_ticket_id else Q(person_id=person_id)
    count: int = rows.filter(whose, opened_side=Side.PERSON).count()
    return count


def count_files(message_id: UUID) -> int:
    """Count the files that came with a message, removed ones too."""
    count: int = CaseAttachment.objects.with_scopes_disabled().filter(message_id=message_id).count()
    return count


def bytes_kept(organization_id: UUID | None) -> int:
    """Return what the files of an organization's cases take together."""
    rows = CaseAttachment.objects.with_scopes_disabled().filter(organization_id=organization_id)
    total: int | None = rows.aggregate(total=Sum("size"))["total"]
    return total or 0


def list_assignees(case: SupportCase) -> list[User]:
    """Return the people who can look after a case, by name."""
    if case.organization_id is None:
        admins = User.objects.filter(is_active=True, is_superuser=True)
        return list(admins.order_by("last_name", "first_name", "id")[:ASSIGNEES_SHOWN])
    members = list_members(organization=case.organization_id, reach=None)
    serving: Any = members.filter(role__in=sorted(ROLES_WITH[Ability.SERVE]))
    return [
        member.user
        for member in serving[:ASSIGNEES_SHOWN]
        if (not member.branch_ids or case.branch_id in member.branch_ids)
        and member.user_id != case.person_id
    ]


def managers_of(organization_id: UUID | None, branch_id: UUID | None) -> list[UUID]:
    """Return who can give a case at a branch to somebody; of the platform's, its administrators."""
    if organization_id is not None:
        return managers_at(organization_id, branch_id)
    admins = User.objects.filter(is_active=True, is_superuser=True).order_by("pk")
    return list(admins.values_list("pk", flat=True)[:ASSIGNEES_SHOWN])


def branches_of(cases: "QuerySet[SupportCase]") -> list[tuple[UUID, str]]:
    """Return the branches that cases are about, by name."""
    named = cases.filter(branch__isnull=False).order_by("branch__name", "branch_id")
    return list(named.values_list("branch_id", "branch__name").distinct())


def may_be_reopened(case: SupportCase, now: datetime) -> bool:
    """Whether writing opens a settled case again."""
    return case.settled_at is not None and now - case.settled_at <= REOPENING


def open_seconds(case: SupportCase, until: datetime) -> int | None:
    """Return how long the place of a case was open since it was opened; None where unknown."""
    if case.branch is None:
        return None
    found = time_open(case.branch, case.opened_at, until)
    return None if found is None else int(found.total_seconds())


def names_in_use(names: list[str]) -> set[str]:
    """Return those of the stored files that a case names."""
    rows = CaseAttachment.objects.with_scopes_disabled().filter(stored_name__in=names)
    return set(rows.values_list("stored_name", flat=True))


def removed_files(limit: int) -> list[tuple[UUID, str]]:
    """Return attachments that are no longer given out and where their files are."""
    rows = CaseAttachment.objects.with_scopes_disabled().filter(removed_at__isnull=False)
    return list(rows.order_by("removed_at").values_list("pk", "stored_name")[:limit])


@dataclass(frozen=True, slots=True)
class Figures:
    """
    Counts of cases now, and medians in seconds over the last FIGURES_DAYS days, by the wall clock
    and, for the first answer, also within opening hours; None when nothing was answered or settled.
    `waiting` are those whose turn is the staff's.
    """

    open_count: int
    unassigned_count: int
    waiting_count: int
    opened_count: int
    first_answer_seconds: int | None
    first_answer_open_seconds: int | None
    resolution_seconds: int | None


def figures(
    *, organization_id: UUID | None, branch_ids: frozenset[UUID] | None, now: datetime
) -> Figures:
    """Return the figures of an organization (None: the platform), or of some of its branches."""
    row: Any = fetch_one(
        _FIGURES,
        {
            "organization": organization_id,
            "branches": None if branch_ids is None else sorted(branch_ids),
            "since": now - timedelta(days=FIGURES_DAYS),
        },
    )
    counts, medians = row[:4], row[4:]
    return Figures(*counts, *(None if x is None else round(x) for x in medians))
