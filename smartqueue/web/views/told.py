"""What a person wants to be told, by which channel, and when they want to be left alone."""

from datetime import time
from typing import Final

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from smartqueue.accounts.actor import Actor
from smartqueue.business.enums import ROLES_WITH, Ability
from smartqueue.common.errors import InvalidInput, Problem
from smartqueue.notifications import operations, queries
from smartqueue.notifications.enums import Channel, Group
from smartqueue.web.views.kit import actor_of, failure, page, signed_in

CHANNELS: Final = (Channel.PUSH, Channel.WEB_PUSH, Channel.SMS, Channel.EMAIL)


def _choices(actor: Actor) -> dict[Group, list[Channel]]:
    """Return what a person may do without, with the channels it comes by."""
    manages = any(held.role in ROLES_WITH[Ability.MANAGE] for held in actor.memberships)
    found = {
        group: [channel for channel in CHANNELS if queries.may_be_off(group, channel)]
        for group in Group
        if manages or group != Group.DIGEST
    }
    return {group: channels for group, channels in found.items() if channels}


@signed_in
@require_http_methods(["GET", "HEAD", "POST"])
def preferences(request: HttpRequest) -> HttpResponse:
    """Show the choices; a sent form replaces them all."""
    if request.method != "POST":
        return _page(request)
    actor = actor_of(request)
    wanted = {
        (group, channel): f"{group}:{channel}" in request.POST.getlist("on")
        for group, channels in _choices(actor).items()
        for channel in channels
    }
    try:
        quiet = _quiet(request) if "quiet" in request.POST else None
        operations.choose(actor=actor, wanted=wanted)
        operations.set_quiet_hours(actor=actor, quiet=quiet)
    except Problem as problem:
        return _page(request, problem)
    messages.success(request, _("Saved. It counts from now on."))
    return HttpResponseRedirect(reverse("web:account-told"))


def _quiet(request: HttpRequest) -> operations.Quiet:
    try:
        begins_at, ends_at = (
            time.fromisoformat(request.POST.get(name, "")[:5]) for name in ("begins_at", "ends_at")
        )
    except ValueError as error:
        raise InvalidInput.on("begins_at", _("Give a beginning and an end.")) from error
    return operations.Quiet(begins_at, ends_at)


def _page(request: HttpRequest, problem: Problem | None = None) -> HttpResponse:
    actor = actor_of(request)
    wishes = queries.wishes_of(actor.require_user())
    context = {
        "rows": [
            (
                group.label,
                [
                    (f"{group}:{channel}", channel.label, (group, channel) not in wishes.off)
                    for channel in channels
                ],
            )
            for group, channels in _choices(actor).items()
        ],
        "quiet": wishes.quiet,
        "problem": failure(problem) if problem else None,
    }
    return page(request, "account_told.html", context, problem.status if problem else 200)
