"""What a person wants to be told, by which channel, and when they want to be left alone."""

from datetime import time
from typing import Final

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from smartqueue.common.errors import InvalidInput, Problem
from smartqueue.notifications import operations, queries
from smartqueue.notifications.enums import Channel, Group
from smartqueue.web.views.kit import actor_of, failure, page, signed_in

CHANNELS: Final = (Channel.PUSH, Channel.WEB_PUSH, Channel.SMS, Channel.EMAIL)
GROUPS: Final[tuple[Group, ...]] = tuple(group for group in Group if group != Group.SECURITY)


@signed_in
@require_http_methods(["GET", "HEAD", "POST"])
def preferences(request: HttpRequest) -> HttpResponse:
    """Show the choices; a sent form replaces them all."""
    if request.method != "POST":
        return _page(request)
    actor = actor_of(request)
    wanted = {
        (group, channel): f"{group}:{channel}" in request.POST.getlist("on")
        for group in GROUPS
        for channel in CHANNELS
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
    wishes = queries.wishes_of(actor_of(request).require_user())
    context = {
        "rows": [
            (
                group.label,
                [
                    (f"{group}:{channel}", channel.label, (group, channel) not in wishes.off)
                    for channel in CHANNELS
                ],
            )
            for group in GROUPS
        ],
        "quiet": wishes.quiet,
        "problem": failure(problem) if problem else None,
    }
    return page(request, "account_told.html", context, problem.status if problem else 200)
