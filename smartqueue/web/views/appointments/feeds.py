"""Feeds for calendar programs, and calendars kept elsewhere: a branch's, and one's own as an agent."""

from typing import Any
from uuid import UUID

from django import forms
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from smartqueue.appointments import operations, policies
from smartqueue.appointments.enums import FeedKind
from smartqueue.appointments.operations import NewFeed
from smartqueue.business.enums import Ability
from smartqueue.business.models import Branch
from smartqueue.business.policies import can
from smartqueue.common.errors import InvalidInput, NotFound, Problem
from smartqueue.web import bookings, calendars
from smartqueue.web import feeds as feed_pages
from smartqueue.web.views.appointments.frame import branch_of, branch_page, saved, valid
from smartqueue.web.views.kit import actor_of, now_of, signed_in, uuid_or_none

HOME = "web:manage-calendars"


class BusyForm(forms.Form):
    """A calendar kept elsewhere: whose it is, and where."""

    url = forms.CharField(max_length=2000)
    name = forms.CharField(max_length=60, required=False)


@never_cache
@signed_in
@require_http_methods(["GET", "HEAD", "POST"])
def overview(request: HttpRequest, branch_id: UUID) -> HttpResponse:
    """List the feeds and the calendars kept elsewhere; a sent form adds one of the latter."""
    branch = branch_of(request, branch_id, Ability.SERVE)
    if request.method != "POST":
        return _page(request, branch)
    try:
        operations.add_busy_calendar(
            actor=actor_of(request),
            organization_id=branch.organization_id,
            now=now_of(request),
            **_whose(request, branch),
            **valid(BusyForm(request.POST)),
        )
    except NotFound:
        raise
    except Problem as problem:
        return _page(request, branch, problem)
    said = _("The calendar is read within minutes, then again every half an hour.")
    return saved(request, HOME, branch, said)


def _whose(request: HttpRequest, branch: Branch) -> dict[str, Any]:
    """
    Return what a calendar kept elsewhere closes: the branch, one service of it, or an agent.

    :raises InvalidInput: none of these
    """
    kind, _colon, given = request.POST.get("whose", "").partition(":")
    found = uuid_or_none(given)
    if kind == "branch":
        return {"branch_id": branch.pk}
    if kind == "service" and found:
        return {"branch_id": branch.pk, "service_id": found}
    if kind == "agent" and found:
        return {"agent_id": found}
    raise InvalidInput.on("whose", _("Say whose calendar it is."), "required")


def _page(
    request: HttpRequest,
    branch: Branch,
    problem: Problem | None = None,
    made: NewFeed | None = None,
) -> HttpResponse:
    actor = actor_of(request)
    manages_all = can(actor, branch.organization_id, Ability.MANAGE)
    people = calendars.serving_people(branch.organization_id)
    busy = policies.busy_calendars_of(actor, branch.organization_id)
    context = {
        "feeds": feed_pages.feeds_of_staff(actor.require_user(), branch),
        "made": made.feed if made else None,
        "address": feed_pages.address_of(made) if made else "",
        "busy": feed_pages.busy_shown(busy, branch),
        "people": people if manages_all else [p for p in people if p.pk == actor.user_id],
        "services": bookings.offered_services(branch),
        "typed": request.POST,
        "own_id": actor.user_id,
        "home": HOME,
    }
    return branch_page(
        request, "appointments_calendars.html", branch, "calendars", context, problem
    )


@never_cache
@signed_in
@require_POST
def make_feed(request: HttpRequest, branch_id: UUID) -> HttpResponse:
    """Make a feed of the branch or of one's own appointments as an agent; show its address once."""
    branch = branch_of(request, branch_id, Ability.SERVE)
    given = request.POST.get("kind")
    kind = FeedKind.BRANCH if given == FeedKind.BRANCH else FeedKind.AGENT
    try:
        made = operations.create_feed(
            actor=actor_of(request),
            kind=kind,
            branch_id=branch.pk if kind is FeedKind.BRANCH else None,
            now=now_of(request),
        )
    except NotFound:
        raise
    except Problem as problem:
        return _page(request, branch, problem)
    return _page(request, branch, made=made)


@never_cache
@signed_in
@require_POST
def change_feed(request: HttpRequest, branch_id: UUID, feed_id: UUID, action: str) -> HttpResponse:
    """Give a feed another address, which is shown once, or take its address back."""
    branch = branch_of(request, branch_id, Ability.SERVE)
    made = feed_pages.change(actor_of(request), feed_id, action, now_of(request))
    if made is None:
        return saved(request, HOME, branch, _("The address opens nothing any more."))
    return _page(request, branch, made=made)


@signed_in
@require_POST
def change_busy(
    request: HttpRequest, branch_id: UUID, calendar_id: UUID, action: str
) -> HttpResponse:
    """Have a calendar kept elsewhere read anew, or offer its times again."""
    branch = branch_of(request, branch_id, Ability.SERVE)
    given: dict[str, Any] = {
        "actor": actor_of(request),
        "calendar_id": calendar_id,
        "now": now_of(request),
    }
    if action == "refresh":
        operations.refresh_busy_calendar(**given)
        return saved(request, HOME, branch, _("The calendar is read within minutes."))
    if action != "remove":
        raise NotFound
    operations.remove_busy_calendar(**given)
    return saved(request, HOME, branch, _("Its times are offered again."))
