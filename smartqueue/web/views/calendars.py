"""A person's feed: their appointments in their own calendar program."""

from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from smartqueue.appointments import operations
from smartqueue.appointments.enums import FeedKind
from smartqueue.appointments.operations import NewFeed
from smartqueue.common.errors import NotFound, Problem
from smartqueue.web import feeds
from smartqueue.web.views.kit import actor_of, failure, now_of, page, signed_in


@never_cache
@signed_in
@require_http_methods(["GET", "HEAD", "POST"])
def own(request: HttpRequest) -> HttpResponse:
    """List one's feeds; POST makes another, whose address is shown this once."""
    if request.method != "POST":
        return _page(request)
    try:
        made = operations.create_feed(
            actor=actor_of(request), kind=FeedKind.PERSON, now=now_of(request)
        )
    except NotFound:
        raise
    except Problem as problem:
        return _page(request, problem)
    return _page(request, made=made)


@never_cache
@signed_in
@require_POST
def change(request: HttpRequest, feed_id: UUID, action: str) -> HttpResponse:
    """Give a feed another address, which is shown once, or take its address back."""
    made = feeds.change(actor_of(request), feed_id, action, now_of(request))
    if made is None:
        messages.success(request, _("The address opens nothing any more."))
        return HttpResponseRedirect(reverse("web:account-calendars"))
    return _page(request, made=made)


def _page(
    request: HttpRequest, problem: Problem | None = None, made: NewFeed | None = None
) -> HttpResponse:
    context = {
        "feeds": feeds.feeds_of_person(actor_of(request).require_user()),
        "made": made.feed if made else None,
        "address": feeds.address_of(made) if made else "",
        "problem": failure(problem) if problem else None,
    }
    return page(request, "account_calendars.html", context, problem.status if problem else 200)
