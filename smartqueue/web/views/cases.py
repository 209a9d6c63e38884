"""Questions and complaints, for the staff who look after them."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID, uuid4

from django.core.paginator import Paginator
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.urls import reverse
from django.utils.cache import patch_cache_control
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from smartqueue.common.errors import InvalidInput, NotFound, NotSignedIn, Problem
from smartqueue.common.uploads import ATTACHMENT_ACCEPT
from smartqueue.support import operations, policies
from smartqueue.support import queries as support_queries
from smartqueue.support.enums import UNSETTLED, CaseCategory, CasePriority, CaseState, Side
from smartqueue.support.models import SupportCase
from smartqueue.web.views.kit import actor_of, failure, now_of, page, signed_in, uuid_or_none
from smartqueue.web.views.support import LIMITS, send_message

PAGE_SIZE = 30
REFRESH_SECONDS = 20
STATES: Final[dict[str, tuple[CaseState, ...]]] = {
    "unsettled": UNSETTLED,
    "ours": (CaseState.OPEN, CaseState.WAITING_FOR_STAFF),
    "theirs": (CaseState.WAITING_FOR_PERSON,),
    "settled": (CaseState.RESOLVED, CaseState.CLOSED),
}


def _filtered(request: HttpRequest, asked: QueryDict) -> "QuerySet[SupportCase]":
    """Keep what the filters ask for; a filter that makes no sense is no filter."""
    actor = actor_of(request)
    rows = policies.cases_looked_after(actor)
    rows = rows.filter(state__in=STATES.get(asked.get("state", ""), UNSETTLED))
    match asked.get("who"):
        case "me":
            rows = rows.filter(assignee=actor.user_id)
        case "nobody":
            rows = rows.filter(assignee=None)
    if asked.get("category") in CaseCategory.values:
        rows = rows.filter(category=asked["category"])
    if branch_id := uuid_or_none(asked.get("branch")):
        rows = rows.filter(branch=branch_id)
    if words := asked.get("q", "").strip()[:80]:
        rows = rows.filter(Q(title__icontains=words))
    return rows


def _list(request: HttpRequest) -> dict[str, Any]:
    if not policies.looks_after_any(actor_of(request)):
        raise NotFound
    asked = request.GET.copy()
    shown = Paginator(_filtered(request, asked), PAGE_SIZE).get_page(asked.pop("page", ["1"])[-1])
    query = asked.urlencode()
    address = reverse("web:manage-cases-part")
    return {
        "cases": shown,
        "query": query,
        "part_url": f"{address}?{query}&page={shown.number}" if query else address,
        "refresh_seconds": REFRESH_SECONDS,
        "me": actor_of(request).user_id,
        "now": now_of(request),
    }


@signed_in
@require_safe
def index(request: HttpRequest) -> HttpResponse:
    """List the cases that the caller looks after."""
    context = _list(request) | {
        "asked": {name: request.GET.get(name, "") for name in ("state", "who", "category", "q")},
        "branch": request.GET.get("branch", ""),
        "categories": CaseCategory.choices,
        "states": (
            ("unsettled", _("Not settled")),
            ("ours", _("Waiting for the staff")),
            ("theirs", _("Waiting for the person")),
            ("settled", _("Settled")),
        ),
        "branches": support_queries.branches_of(policies.cases_looked_after(actor_of(request))),
    }
    return page(request, "manage_cases.html", context)


@signed_in
@require_safe
def part(request: HttpRequest) -> HttpResponse:
    """Show the rows of the list, which a page asks for again and again."""
    return page(request, "manage_cases_part.html", _list(request))


@signed_in
@require_safe
def case(request: HttpRequest, case_id: UUID) -> HttpResponse:
    """Show a case with its notes, and what can be done with it."""
    return _whole(request, case_id)


def _whole(request: HttpRequest, case_id: UUID, problem: Problem | None = None) -> HttpResponse:
    found = policies.access_case_as_staff(actor_of(request), case_id)
    context = {
        "case": found,
        "thread": support_queries.list_messages(found, Side.STAFF),
        "assignees": support_queries.list_assignees(found),
        "me": actor_of(request).user_id,
        "categories": CaseCategory.choices,
        "priorities": CasePriority.choices,
        "answer_open_until": _open_until(found),
        "may_reopen": support_queries.may_be_reopened(found, now_of(request)),
        "typed_body": request.POST.get("body", "") if problem else "",
        "is_note": request.POST.get("kind") == "note",
        "nonce": str(uuid4()),
        "file_url": reverse("web:support-case", args=[case_id]) + "attachments/",
        "limits": LIMITS,
        "accept": ATTACHMENT_ACCEPT,
        "problem": failure(problem) if problem else None,
    }
    response = page(request, "manage_case.html", context, problem.status if problem else 200)
    patch_cache_control(response, private=True, no_store=True)
    return response


def _open_until(case: SupportCase) -> datetime | None:
    """Return when the first answer would have come, had the place never closed."""
    seconds = case.first_answer_open_seconds
    return None if seconds is None else case.opened_at + timedelta(seconds=seconds)


@signed_in
@require_POST
def message(request: HttpRequest, case_id: UUID) -> HttpResponse:
    """Answer, or leave a note for the colleagues."""
    policies.access_case_as_staff(actor_of(request), case_id)
    try:
        send_message(
            request,
            actor_of(request),
            case_id,
            is_internal=request.POST.get("kind") == "note",
            version=_number(request.POST.get("version")),
        )
    except (NotFound, NotSignedIn):
        raise
    except Problem as problem:
        return _whole(request, case_id, problem)
    return HttpResponseRedirect(reverse("web:manage-case", args=[case_id]) + "#latest")


def _number(text: str | None) -> int | None:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 10 else None


def _assign(request: HttpRequest, case_id: UUID) -> None:
    operations.assign_case(
        actor=actor_of(request),
        case_id=case_id,
        assignee_id=uuid_or_none(request.POST.get("assignee")),
        version=_number(request.POST.get("version")) or 0,
        now=now_of(request),
    )


def _sort(request: HttpRequest, case_id: UUID) -> None:
    category, priority = request.POST.get("category"), request.POST.get("priority")
    if category not in CaseCategory.values or priority not in CasePriority.values:
        raise InvalidInput
    operations.change_case(
        actor=actor_of(request),
        case_id=case_id,
        category=CaseCategory(category),
        priority=CasePriority(priority),
        now=now_of(request),
    )


def _step(operation: Callable[..., SupportCase]) -> Callable[[HttpRequest, UUID], None]:
    def carry_out(request: HttpRequest, case_id: UUID) -> None:
        operation(actor=actor_of(request), case_id=case_id, now=now_of(request))

    return carry_out


ACTIONS: Final[dict[str, Callable[[HttpRequest, UUID], None]]] = {
    "assign": _assign,
    "sort": _sort,
    "resolve": _step(operations.resolve_case),
    "close": _step(operations.close_case),
    "reopen": _step(operations.reopen_case),
}


@signed_in
@require_POST
def action(request: HttpRequest, case_id: UUID, action: str) -> HttpResponse:
    """Assign, sort, resolve, close or open again."""
    carry_out = ACTIONS.get(action)
    if carry_out is None:
        raise NotFound
    policies.access_case_as_staff(actor_of(request), case_id)
    try:
        carry_out(request, case_id)
    except NotFound:
        raise
    except Problem as problem:
        return _whole(request, case_id, problem)
    return HttpResponseRedirect(reverse("web:manage-case", args=[case_id]))
