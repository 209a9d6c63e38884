"""What is stored of people and for how long; their rights; an organization's register."""

from typing import Any
from uuid import UUID, uuid4

from django.contrib import auth, messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from smartqueue.accounts import operations as account_operations
from smartqueue.accounts.errors import ReauthenticationNeeded
from smartqueue.business.models import Organization
from smartqueue.common.errors import InvalidInput, NotFound, Problem
from smartqueue.privacy import operations, policies, processing, queries, retention
from smartqueue.privacy.enums import ConsentSource, Purpose, Right
from smartqueue.privacy.operations import REGISTER_FIELDS
from smartqueue.support.enums import BODY_LENGTH, PRIVACY_DAYS
from smartqueue.web import queries as web_queries
from smartqueue.web.once import form_digest, issue_once
from smartqueue.web.views.kit import (
    actor_of,
    failure,
    language_of,
    now_of,
    page,
    recently_signed_in,
    signed_in,
    uuid_or_none,
)


@require_safe
def policy(request: HttpRequest) -> HttpResponse:
    """Say what is stored, why and how long, and what people can do about it."""
    context = {
        "lines": processing.lines_of(retention.KINDS, None),
        "contact": processing.contact(),
        "hosting": processing.hosting(),
        "recipients": (
            processing.STAFF_OF_ORGANIZATION,
            processing.OPERATOR,
            processing.SMS_OPERATORS,
            processing.MAIL_SERVERS,
        ),
    }
    return page(request, "privacy.html", context)


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def erase_phone(request: HttpRequest) -> HttpResponse:
    """Erase what is stored under a phone, for people without an account: number, then code."""
    if request.method != "POST":
        return page(request, "privacy_phone.html", {})
    phone = request.POST.get("phone", "").strip()
    code = "".join(request.POST.get("code", "").split())
    context: dict[str, Any] = {"phone": phone, "asks_code": bool(request.POST.get("asked"))}
    try:
        if not context["asks_code"]:
            operations.ask_phone_erasure(
                phone=phone, language=language_of(request), now=now_of(request)
            )
            return page(request, "privacy_phone.html", context | {"asks_code": True})
        operations.confirm_phone_erasure(phone=phone, code=code, now=now_of(request))
    except Problem as problem:
        context |= {"problem": failure(problem)}
        return page(request, "privacy_phone.html", context, problem.status)
    messages.success(request, _("What was stored under your number is being erased."))
    return HttpResponseRedirect(reverse("web:privacy"))


@never_cache
@signed_in
@require_safe
def account(request: HttpRequest) -> HttpResponse:
    """Show a person what they agreed to, their archives, and the way out."""
    return page(request, "account_privacy.html", _account_context(request))


def _account_context(request: HttpRequest) -> dict[str, Any]:
    user_id = actor_of(request).require_user()
    return {
        "consents": queries.consents_of(user_id),
        "exports": queries.list_exports(user_id)[:5],
        "requests": web_queries.list_rights_requests(user_id),
        "now": now_of(request),
    }


@never_cache
@signed_in
@require_http_methods(["GET", "HEAD", "POST"])
def ask_right(request: HttpRequest) -> HttpResponse:
    """Ask somebody for what no button does: the case that is opened shows the deadline."""
    actor = actor_of(request)
    if request.method != "POST":
        return _rights_form(request, {"right": request.GET.get("right", "")})
    typed = {name: request.POST.get(name, "").strip() for name in ("right", "branch", "body")}
    try:
        if typed["right"] not in Right.values:
            raise InvalidInput.on("right", _("Say what you ask for."), "required")
        nonce = uuid_or_none(request.POST.get("nonce")) or uuid4()

        def ask() -> list[UUID]:
            case = operations.ask_for_right(
                actor=actor,
                right=Right(typed["right"]),
                branch_id=uuid_or_none(typed["branch"]),
                body=typed["body"],
                now=now_of(request),
            )
            return [case.pk]

        (case_id,) = issue_once(form_digest("rights", nonce, (actor.label, typed)), ask)
    except NotFound:
        raise
    except Problem as problem:
        return _rights_form(request, typed, problem)
    messages.success(request, _("Your request has been sent. The answer will appear here."))
    return HttpResponseRedirect(reverse("web:support-case", args=[case_id]))


def _rights_form(
    request: HttpRequest, typed: dict[str, str], problem: Problem | None = None
) -> HttpResponse:
    context = {
        "typed": typed,
        "rights": Right.choices,
        "branches": web_queries.list_visited_branches(actor_of(request).require_user()),
        "days": PRIVACY_DAYS,
        "most": BODY_LENGTH,
        "nonce": str(uuid4()),
        "problem": failure(problem) if problem else None,
    }
    return page(request, "account_rights.html", context, problem.status if problem else 200)


@signed_in
@require_POST
def consent(request: HttpRequest) -> HttpResponse:
    """Take a yes or a no to one purpose."""
    purpose = request.POST.get("purpose", "")
    version = request.POST.get("version", "")
    if purpose not in Purpose.values or not version.isdecimal():
        raise InvalidInput
    operations.record_consent(
        actor=actor_of(request),
        purpose=Purpose(purpose),
        is_given=request.POST.get("is_given") == "yes",
        text_version=int(version[:4]),
        source=ConsentSource.PAGE,
        language=language_of(request),
        now=now_of(request),
    )
    return HttpResponseRedirect(reverse("web:account-privacy"))


@signed_in
@require_POST
def ask_export(request: HttpRequest) -> HttpResponse:
    """Ask for an archive of everything that is stored of the caller."""
    try:
        operations.request_export(actor=actor_of(request), now=now_of(request))
    except ReauthenticationNeeded:
        raise
    except Problem as problem:
        context = _account_context(request) | {"problem": failure(problem)}
        return page(request, "account_privacy.html", context, problem.status)
    return HttpResponseRedirect(reverse("web:account-privacy"))


@never_cache
@signed_in
@require_safe
def download(request: HttpRequest, export_id: UUID) -> HttpResponse:
    """Give the caller their archive."""
    content = operations.download_export(
        actor=actor_of(request), export_id=export_id, now=now_of(request)
    )
    response = HttpResponse(content, content_type="application/zip")
    response.headers["Content-Disposition"] = 'attachment; filename="smartqueue.zip"'
    return response


@never_cache
@recently_signed_in
@require_http_methods(["GET", "HEAD", "POST"])
def erase_account(request: HttpRequest) -> HttpResponse:
    """Erase the caller's account, once they have said that they mean it."""
    if request.method != "POST":
        return page(request, "account_erase.html", {})
    actor = actor_of(request)
    try:
        if request.POST.get("sure") != "yes":
            raise InvalidInput.on("sure", _("Tick the box if you want to erase your account."))
        account_operations.erase_user(
            actor=actor, user_id=actor.require_user(), now=now_of(request)
        )
    except Problem as problem:
        context = {
            "problem": failure(problem),
            "organizations": problem.extra.get("organizations", ()),
        }
        return page(request, "account_erase.html", context, problem.status)
    auth.logout(request)
    messages.success(
        request, _("Your account is erased. What is stored of you goes within minutes.")
    )
    return HttpResponseRedirect(reverse("web:privacy"))


# --- For owners ---------------------------------------------------------------------------------


@signed_in
@require_safe
def registers(request: HttpRequest) -> HttpResponse:
    """List the organizations whose register the caller answers for."""
    owned = policies.registers_of(actor_of(request))
    if len(owned) == 1:
        return HttpResponseRedirect(reverse("web:register-of-processing", args=[owned[0].pk]))
    return page(request, "registers.html", {"organizations": owned})


@never_cache
@signed_in
@require_safe
def register(request: HttpRequest, organization_id: UUID) -> HttpResponse:
    """Show the register of processing of an organization, ready to be printed."""
    organization = policies.access_register(actor_of(request), organization_id)
    return page(request, "register_of_processing.html", _register_context(request, organization))


def _register_context(request: HttpRequest, organization: Organization) -> dict[str, Any]:
    activities = [
        (activity, processing.lines_of(activity.data, organization.pk))
        for activity in processing.ACTIVITIES
    ]
    return {
        "organization": organization,
        "activities": activities,
        "entries": queries.list_entries(organization),
        "security": processing.SECURITY,
        "hosting": processing.hosting(),
        "contact": processing.contact(),
        "now": now_of(request),
    }


@signed_in
@require_POST
def add_entry(request: HttpRequest, organization_id: UUID) -> HttpResponse:
    """Add a processing of the organization's own."""
    actor = actor_of(request)
    typed = {name: request.POST.get(name, "").strip() for name in REGISTER_FIELDS}
    try:
        operations.add_entry(
            actor=actor, organization_id=organization_id, values=typed, now=now_of(request)
        )
    except NotFound:
        raise
    except Problem as problem:
        organization = policies.access_register(actor, organization_id)
        context = _register_context(request, organization)
        context |= {"problem": failure(problem), "typed": typed}
        return page(request, "register_of_processing.html", context, problem.status)
    return HttpResponseRedirect(reverse("web:register-of-processing", args=[organization_id]))


@signed_in
@require_POST
def remove_entry(request: HttpRequest, organization_id: UUID, entry_id: UUID) -> HttpResponse:
    """Remove a processing of the organization's own."""
    operations.remove_entry(actor=actor_of(request), entry_id=entry_id, now=now_of(request))
    return HttpResponseRedirect(reverse("web:register-of-processing", args=[organization_id]))
