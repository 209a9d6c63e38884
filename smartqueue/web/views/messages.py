"""What an organization sends: every message and what became of it, its words, and a line's own."""

from typing import Any, Final
from uuid import UUID

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from smartqueue.accounts.enums import Language
from smartqueue.business import policies as business_policies
from smartqueue.business.enums import Ability
from smartqueue.common import tenancy
from smartqueue.common.errors import InvalidInput, NotFound, Problem
from smartqueue.common.money import Money
from smartqueue.notifications import operations, policies, queries, texts
from smartqueue.notifications.enums import Channel, MessageState
from smartqueue.notifications.models import SmsAccount
from smartqueue.notifications.operations import budgets, wording
from smartqueue.queues import operations as queue_operations
from smartqueue.queues.policies import access_queue
from smartqueue.web.views.kit import actor_of, failure, language_of, now_of, page, signed_in

A_PAGE: Final = 25
MOST_DIGITS: Final = 9
BUDGET_FIELDS: Final = ("monthly_budget_minor", "alert_percent", "sender_name")


@signed_in
@require_safe
def log(request: HttpRequest, organization_id: UUID) -> HttpResponse:
    """List the messages that left in an organization's name, newest first, and how providers do."""
    return _log(request, _frame(request, organization_id), organization_id)


@signed_in
@require_POST
def budget(request: HttpRequest, organization_id: UUID) -> HttpResponse:
    """Say what the text messages of a month may cost, and under which name they come."""
    typed = {name: request.POST.get(name, "").strip() for name in BUDGET_FIELDS}
    most, percent = (typed[name] for name in BUDGET_FIELDS[:2])
    try:
        operations.set_sms_account(
            actor=actor_of(request),
            organization_id=organization_id,
            sender_name=typed["sender_name"],
            monthly_budget_minor=_whole("monthly_budget_minor", most) if most else None,
            alert_percent=_whole("alert_percent", percent),
            now=now_of(request),
        )
    except NotFound:
        raise
    except Problem as problem:
        context = _frame(request, organization_id)
        context |= {"typed": typed, "problem": failure(problem)}
        return _log(request, context, organization_id, problem.status)
    messages.success(request, _("Saved. It counts from now on."))
    return HttpResponseRedirect(reverse("web:manage-messages", args=[organization_id]) + "#budget")


def _whole(field: str, text: str) -> int:
    if not (text.isdecimal() and len(text) <= MOST_DIGITS):
        raise InvalidInput.on(field, _("Give a whole number."))
    return int(text)


def _log(
    request: HttpRequest, context: dict[str, Any], organization_id: UUID, status: int = 200
) -> HttpResponse:
    now = now_of(request)
    account = budgets.account_of(organization_id) or SmsAccount()
    spend = budgets.spend_of(organization_id, budgets.month_of(now))
    most = account.monthly_budget_minor
    shown = {
        "monthly_budget_minor": "" if most is None else most,
        "alert_percent": account.alert_percent,
        "sender_name": account.sender_name,
    }
    rows = queries.messages_of([organization_id])
    state, channel = request.GET.get("state", ""), request.GET.get("channel", "")
    if state in MessageState.values:
        rows = rows.filter(state=state)
    if channel in Channel.values:
        rows = rows.filter(channel=channel)
    found = Paginator(rows, A_PAGE).get_page(request.GET.get("page"))
    return page(
        request,
        "messages.html",
        context
        | {
            "page": found,
            "state": state,
            "channel": channel,
            "states": MessageState.choices,
            "channels": Channel.choices,
            "providers": queries.list_sms_providers([organization_id]),
            "spent": _amount(spend.spent_minor if spend else 0, request),
            "left": _amount(budgets.left_after(account, spend), request),
            "typed": context.get("typed", shown),
        },
        status,
    )


@signed_in
@require_safe
def message(request: HttpRequest, message_id: UUID) -> HttpResponse:
    """Show why a message went or did not, and what was tried for it."""
    found = policies.access_message(actor_of(request), message_id)
    assert found.organization_id is not None  # noqa: S101  # the policy's word
    context = _frame(request, found.organization_id)
    context |= {
        "message": found,
        "tried": list(queries.attempts_of(found)),
        "followed": queries.follower_of(found),
    }
    return page(request, "message.html", context)


@signed_in
@require_safe
def templates(request: HttpRequest, organization_id: UUID) -> HttpResponse:
    """List the messages that may be put in the organization's own words."""
    context = _frame(request, organization_id)
    changed = {
        (code, channel)
        for (code, channel, _language), version in queries.newest_versions(organization_id).items()
        if not version.is_default
    }
    language = language_of(request)
    context["rows"] = [
        {
            "code": code,
            "group": texts.text_of(code).group.label,
            "subject": _title(code, language),
            "channels": [
                (channel, channel.label, (code, str(channel)) in changed)
                for channel in wording.WORDED
            ],
        }
        for code in texts.own_codes()
    ]
    return page(request, "message_templates.html", context)


@signed_in
@require_http_methods(["GET", "HEAD", "POST"])
def template(request: HttpRequest, organization_id: UUID, code: str, channel: str) -> HttpResponse:
    """Show a message's words in each language as they will look; a sent form looks or keeps."""
    context = _frame(request, organization_id)
    text = wording.text_for(code, channel, "fr")
    edited = request.POST.get("language", "")
    problem: Problem | None = None
    typed: texts.Source | None = None
    status = 200
    if request.method == "POST" and edited in Language.values:
        typed = texts.Source(request.POST.get("subject", ""), request.POST.get("body", ""))
        number = request.POST.get("number", "")
        try:
            if "save" in request.POST:
                operations.write_template(
                    actor=actor_of(request),
                    organization_id=organization_id,
                    code=code,
                    channel=channel,
                    language=edited,
                    source=typed,
                    number=int(number) if number.isdecimal() and len(number) < 8 else 0,
                    now=now_of(request),
                )
                messages.success(request, _("Saved. The next message says it so."))
                return HttpResponseRedirect(request.path)
            wording.check_source(code, Channel(channel), edited, typed)
        except NotFound:
            raise
        except Problem as refused:
            problem, status = refused, refused.status
    context |= {
        "code": code,
        "channel": Channel(channel),
        "title": _title(code, language_of(request)),
        "text": text,
        "parts": [
            _part(
                organization_id,
                (code, Channel(channel), language),
                typed if language == edited else None,
                problem if language == edited else None,
            )
            for language in Language.values
        ],
    }
    return page(request, "message_template.html", context, status)


def _title(code: str, language: str) -> str:
    source = texts.source_of(code, language)
    return wording.shown(code, Channel.EMAIL, language, source).subject


def _part(
    organization_id: UUID,
    place: tuple[str, Channel, str],
    typed: texts.Source | None,
    problem: Problem | None,
) -> dict[str, Any]:
    """Return what the page shows of one language; `typed` are words that are not kept yet."""
    code, channel, language = place
    versions = list(queries.versions_of(organization_id, code, channel, language)[:20])
    newest = versions[0] if versions else None
    is_own = newest is not None and not newest.is_default
    kept = texts.source_of(code, language)
    if newest is not None and is_own:
        kept = texts.Source(newest.subject, newest.body)
    source = typed or kept
    return {
        "language": language,
        "name": Language(language).label,
        "source": source,
        "number": newest.number if newest else 0,
        "is_own": is_own,
        "versions": versions,
        "is_typed": typed is not None,
        "preview": None if problem else wording.shown(code, channel, language, source),
        "problem": failure(problem) | {"facts": problem.extra} if problem else None,
    }


@signed_in
@require_POST
def restore(request: HttpRequest, organization_id: UUID, code: str, channel: str) -> HttpResponse:
    """Say again what an earlier version said."""
    number = request.POST.get("number", "")
    if not number.isdecimal() or len(number) > 7:
        raise NotFound
    operations.restore_template(
        actor=actor_of(request),
        organization_id=organization_id,
        code=code,
        channel=channel,
        language=request.POST.get("language", ""),
        restored=int(number),
        now=now_of(request),
    )
    messages.success(request, _("Saved. The next message says it so."))
    return HttpResponseRedirect(
        reverse("web:manage-template", args=[organization_id, code, channel])
    )


@signed_in
@require_http_methods(["GET", "HEAD", "POST"])
def to_line(request: HttpRequest, queue_id: UUID) -> HttpResponse:
    """Write to everybody who waits in a queue, once length and cost of these very words were shown."""
    queue = access_queue(actor_of(request), queue_id, Ability.MANAGE)
    # As browsers send it, each line ends in two letters that would be paid for.
    text = request.POST.get("text", "").replace("\r\n", "\n")
    was_shown = text == request.POST.get("looked", "").replace("\r\n", "\n")
    asked: dict[str, Any] = {
        "actor": actor_of(request),
        "queue_id": queue_id,
        "text": text,
        "now": now_of(request),
    }
    problem: Problem | None = None
    preview: queue_operations.LinePreview | None = None
    if request.method == "POST":
        try:
            if "send" in request.POST and was_shown:
                batch = queue_operations.write_to_waiting(**asked)
                messages.success(
                    request, _("On its way. Number of people: %(n)s") % {"n": batch.total}
                )
                return HttpResponseRedirect(reverse("web:manage-branch", args=[queue.branch_id]))
            preview = queue_operations.preview_to_waiting(**asked)
        except NotFound:
            raise
        except Problem as refused:
            problem = refused
    with tenancy.organizations([queue.organization_id]):
        people = queue_operations.count_textable(queue)
    context = {
        "queue": queue,
        "text": text,
        "people": people,
        "preview": preview,
        "cost": _amount(preview.cost_minor, request) if preview else "",
        "left": _amount(preview.left_minor, request) if preview else "",
        "is_over": preview is not None
        and preview.left_minor is not None
        and preview.cost_minor > preview.left_minor,
        "problem": failure(problem) if problem else None,
    }
    return page(request, "message_line.html", context, problem.status if problem else 200)


def _amount(minor: int | None, request: HttpRequest) -> str:
    return "" if minor is None else Money(minor, "XOF").display(language_of(request))


def _frame(request: HttpRequest, organization_id: UUID) -> dict[str, Any]:
    policies.access_messages(actor_of(request), organization_id)
    actor = actor_of(request)
    organization = business_policies.access_organization(actor, organization_id, Ability.MANAGE)
    return {
        "organization": organization,
        "is_owner": business_policies.can(actor, organization_id, Ability.OWN),
        "manages_all": True,
        "tab": "messages",
    }
