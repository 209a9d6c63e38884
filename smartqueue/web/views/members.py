"""The people of an organization: who belongs to it, who is invited, what each may do."""

from collections.abc import Callable, Mapping
from typing import Any, Final
from uuid import UUID

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from smartqueue.accounts.enums import Role
from smartqueue.business import operations, policies, queries
from smartqueue.business.models import Invitation
from smartqueue.business.policies import StaffRight
from smartqueue.common.errors import InvalidInput, NotFound, NotSignedIn, Problem
from smartqueue.web.queries import list_branches_of
from smartqueue.web.views.kit import actor_of, failure, now_of, page, signed_in, uuid_or_none

PEOPLE_A_PAGE: Final = 20


@signed_in
@require_http_methods(["GET", "HEAD", "POST"])
def members(request: HttpRequest, organization_id: UUID) -> HttpResponse:
    """List members and open invitations; a sent form adds or invites somebody."""
    right = policies.access_staff(actor_of(request), organization_id)
    if request.method != "POST":
        return _shown(request, right)
    try:
        made = operations.add_member(
            actor=actor_of(request),
            organization_id=organization_id,
            identifier=request.POST.get("identifier", ""),
            role=_role(request),
            branches=_branches(request),
            now=now_of(request),
        )
    except NotFound:
        raise
    except Problem as problem:
        return _shown(request, right, problem)
    is_invited = isinstance(made, Invitation)
    messages.success(request, _("Invitation sent.") if is_invited else _("Added."))
    return _back(organization_id)


def _shown(
    request: HttpRequest,
    right: StaffRight,
    problem: Problem | None = None,
    row: UUID | None = None,
) -> HttpResponse:
    organization = right.organization
    search = request.GET.get("search", "").replace("\0", "")[:100]
    rows = queries.list_members(organization=organization.pk, reach=right.reach, search=search)
    pages = Paginator(rows, PEOPLE_A_PAGE)
    branches = list_branches_of(organization.pk, right.reach)
    invitations = queries.list_invitations(
        organization=organization.pk, reach=right.reach, now=now_of(request)
    )
    roles = [(r.value, r.label) for r in Role if r != Role.OWNER or right.is_owner]
    context: dict[str, Any] = {
        "organization": organization,
        "tab": "members",
        "is_owner": right.is_owner,
        "manages_all": right.reach is None,
        "page": pages.get_page(request.GET.get("page")),
        "search": search,
        "invitations": invitations[:PEOPLE_A_PAGE],
        "branches": branches,
        "branch_names": {branch.pk: branch.name for branch in branches},
        "roles": roles,
        "own_id": actor_of(request).user_id,
        "typed": request.POST if problem and row is None else {},
        "typed_branches": request.POST.getlist("branches") if problem and row is None else [],
        "problem": failure(problem) if problem else None,
        "problem_row": row,
    }
    return page(request, "members.html", context, problem.status if problem else 200)


def _role(request: HttpRequest) -> Role:
    try:
        return Role(request.POST.get("role", ""))
    except ValueError as error:
        raise InvalidInput.on("role", _("Choose a role.")) from error


def _branches(request: HttpRequest) -> list[UUID]:
    given = [uuid_or_none(value) for value in request.POST.getlist("branches")]
    if None in given:
        raise InvalidInput.on("branches", _("One of these branches does not exist."))
    return [branch for branch in given if branch]


def _back(organization_id: UUID) -> HttpResponse:
    return HttpResponseRedirect(reverse("web:manage-members", args=[organization_id]))


def _change(request: HttpRequest, member_id: UUID) -> str:
    operations.change_member(
        actor=actor_of(request),
        membership_id=member_id,
        role=_role(request),
        branches=_branches(request),
        now=now_of(request),
    )
    return _("Changed. It counts from now on.")


def _remove(request: HttpRequest, member_id: UUID) -> str:
    operations.remove_member(actor=actor_of(request), membership_id=member_id, now=now_of(request))
    return _("Removed. The person has no access from now on.")


def _resend(request: HttpRequest, invitation_id: UUID) -> str:
    operations.resend_invitation(
        actor=actor_of(request), invitation_id=invitation_id, now=now_of(request)
    )
    return _("Invitation sent again. The link sent before is void.")


def _withdraw(request: HttpRequest, invitation_id: UUID) -> str:
    operations.withdraw_invitation(
        actor=actor_of(request), invitation_id=invitation_id, now=now_of(request)
    )
    return _("Invitation withdrawn.")


Act = Callable[[HttpRequest, UUID], str]
MEMBER_ACTIONS: Final[Mapping[str, Act]] = {"change": _change, "remove": _remove}
INVITATION_ACTIONS: Final[Mapping[str, Act]] = {"resend": _resend, "withdraw": _withdraw}


@signed_in
@require_POST
def member_action(
    request: HttpRequest, organization_id: UUID, member_id: UUID, action: str
) -> HttpResponse:
    """Change a member's role and branches, or end their membership."""
    return _act(request, organization_id, member_id, MEMBER_ACTIONS.get(action))


@signed_in
@require_POST
def invitation_action(
    request: HttpRequest, organization_id: UUID, invitation_id: UUID, action: str
) -> HttpResponse:
    """Send an invitation again, or withdraw it."""
    return _act(request, organization_id, invitation_id, INVITATION_ACTIONS.get(action))


def _act(request: HttpRequest, organization_id: UUID, row: UUID, act: Act | None) -> HttpResponse:
    if act is None:
        raise NotFound
    right = policies.access_staff(actor_of(request), organization_id)
    try:
        done = act(request, row)
    except NotFound:
        raise
    except Problem as problem:
        return _shown(request, right, problem, row)
    messages.success(request, done)
    if actor_of(request).membership_in(organization_id) is None:
        return HttpResponseRedirect(reverse("web:manage"))
    return _back(organization_id)


@signed_in
@require_http_methods(["GET", "HEAD", "POST"])
def accept(request: HttpRequest) -> HttpResponse:
    """Show an invitation's link to whoever is signed in; a sent form accepts it."""
    token = request.POST.get("token") or request.GET.get("token") or ""
    if request.method != "POST":
        return page(request, "accept_invitation.html", {"token": token})
    try:
        operations.accept_invitation(actor=actor_of(request), token=token, now=now_of(request))
    except (NotFound, NotSignedIn):
        raise
    except Problem as problem:
        context = {"token": token, "problem": failure(problem)}
        return page(request, "accept_invitation.html", context, problem.status)
    messages.success(request, _("You belong to the organization now."))
    return HttpResponseRedirect(reverse("web:manage"))
