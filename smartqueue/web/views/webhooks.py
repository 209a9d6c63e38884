"""The webhooks of an organization, for those who manage it: what is told where, and what came of it."""

from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from smartqueue.business.enums import Ability
from smartqueue.business.models import Organization
from smartqueue.business.policies import access_organization, can
from smartqueue.common.errors import NotFound, Problem
from smartqueue.web.views.kit import actor_of, failure, now_of, page, signed_in
from smartqueue.webhooks import catalogue, operations, policies, queries
from smartqueue.webhooks.models import Endpoint, Message

A_PAGE: Final = 20
REPLAYED_HOURS: Final = (1, 24, 24 * 7, 24 * 30)


@never_cache
@signed_in
@require_http_methods(["GET", "HEAD", "POST"])
def webhooks(request: HttpRequest, organization_id: UUID) -> HttpResponse:
    """List the webhooks of an organization; a sent form adds one and shows its secret, once."""
    if request.method != "POST":
        return _listed(request, organization_id)
    chosen = None if request.POST.get("which") == "all" else request.POST.getlist("event_types")
    try:
        endpoint, secret = operations.create_endpoint(
            actor=actor_of(request),
            organization_id=organization_id,
            url=request.POST.get("url", ""),
            description=request.POST.get("description", ""),
            event_types=chosen,
            now=now_of(request),
        )
    except NotFound:
        raise
    except Problem as problem:
        return _listed(request, organization_id, problem)
    return _shown(request, endpoint, secret)


def _frame(request: HttpRequest, organization_id: UUID) -> dict[str, Any]:
    actor = actor_of(request)
    organization: Organization = access_organization(actor, organization_id, Ability.MANAGE)
    return {
        "organization": organization,
        "tab": "webhooks",
        "is_owner": can(actor, organization.pk, Ability.OWN),
        "manages_all": True,
    }


def _listed(
    request: HttpRequest, organization_id: UUID, problem: Problem | None = None
) -> HttpResponse:
    context = _frame(request, organization_id) | {
        "endpoints": queries.endpoints_of([organization_id]),
        "types": catalogue.public_types().items(),
        "typed": request.POST if problem else {},
        "ticked": request.POST.getlist("event_types") if problem else [],
        "problem": failure(problem) if problem else None,
    }
    return page(request, "webhooks.html", context, problem.status if problem else 200)


@never_cache
@signed_in
@require_safe
def webhook(request: HttpRequest, organization_id: UUID, endpoint_id: UUID) -> HttpResponse:
    """Show one webhook with its log."""
    return _shown(request, _endpoint(request, organization_id, endpoint_id))


def _endpoint(request: HttpRequest, organization_id: UUID, endpoint_id: UUID) -> Endpoint:
    endpoint = policies.access_endpoint(actor_of(request), endpoint_id)
    if endpoint.organization_id != organization_id:
        raise NotFound
    return endpoint


def _shown(
    request: HttpRequest, endpoint: Endpoint, secret: str = "", problem: Problem | None = None
) -> HttpResponse:
    pages = Paginator(queries.messages_of(endpoint), A_PAGE)
    db_now = queries.now_of_database()
    until = endpoint.old_secret_until
    context = _frame(request, endpoint.organization_id) | {
        "endpoint": endpoint,
        "secret": secret,
        "old_secret_until": until if until and until > db_now else None,
        "page": pages.get_page(request.GET.get("page")),
        "hours": REPLAYED_HOURS,
        "problem": failure(problem) if problem else None,
    }
    return page(request, "webhook.html", context, problem.status if problem else 200)


@never_cache
@signed_in
@require_POST
def webhook_action(
    request: HttpRequest, organization_id: UUID, endpoint_id: UUID, action: str
) -> HttpResponse:
    """Pause, resume, test, replay, rotate or remove a webhook."""
    endpoint = _endpoint(request, organization_id, endpoint_id)
    if action == "rotate":
        changed, secret = operations.rotate_secret(
            actor=actor_of(request), endpoint_id=endpoint_id, now=now_of(request)
        )
        return _shown(request, changed, secret)
    try:
        done = _carry_out(request, endpoint_id, action)
    except NotFound:
        raise
    except Problem as problem:
        return _shown(request, endpoint, problem=problem)
    messages.success(request, done)
    if action == "remove":
        return HttpResponseRedirect(reverse("web:manage-webhooks", args=[organization_id]))
    return HttpResponseRedirect(reverse("web:manage-webhook", args=[organization_id, endpoint_id]))


def _carry_out(request: HttpRequest, endpoint_id: UUID, action: str) -> str:
    given: dict[str, Any] = {"actor": actor_of(request), "endpoint_id": endpoint_id}
    now = now_of(request)
    match action:
        case "pause":
            operations.pause_endpoint(**given, now=now)
            return _("Paused. Nothing is sent until you resume it.")
        case "resume":
            operations.resume_endpoint(**given, now=now)
            return _("Resumed. Events are sent from now on.")
        case "test":
            operations.send_test(**given, now=now)
            return _("The test is on its way. Load the page again in a few seconds.")
        case "replay":
            asked = request.POST.get("hours", "")
            hours = int(asked) if asked in map(str, REPLAYED_HOURS) else REPLAYED_HOURS[0]
            since = queries.now_of_database() - timedelta(hours=hours)
            count = operations.replay_failed(**given, since=since)
            told = ngettext(
                "%(count)d message is sent again.", "%(count)d messages are sent again.", count
            )
            return told % {"count": count}
        case "remove":
            operations.remove_endpoint(**given)
            return _("Removed, with its log.")
    raise NotFound


@never_cache
@signed_in
@require_http_methods(["GET", "HEAD", "POST"])
def webhook_message(
    request: HttpRequest, organization_id: UUID, endpoint_id: UUID, message_id: UUID
) -> HttpResponse:
    """Show one message with its tries; a sent form has it sent once more."""
    message = policies.access_message(actor_of(request), message_id)
    if (message.organization_id, message.endpoint_id) != (organization_id, endpoint_id):
        raise NotFound
    if request.method != "POST":
        return _message(request, message)
    try:
        operations.replay_message(actor=actor_of(request), message_id=message_id)
    except NotFound:
        raise
    except Problem as problem:
        return _message(request, message, problem)
    messages.success(request, _("It is sent once more."))
    return HttpResponseRedirect(request.path)


def _message(
    request: HttpRequest, message: Message, problem: Problem | None = None
) -> HttpResponse:
    context = _frame(request, message.organization_id) | {
        "endpoint": message.endpoint,
        "message": message,
        "tried": queries.attempts_of(message),
        "has_ended": message.ended_at is not None,
        "problem": failure(problem) if problem else None,
    }
    return page(request, "webhook_message.html", context, problem.status if problem else 200)
