"""A person's own account: profile, contact, password, and where they are signed in."""

from typing import Any
from uuid import UUID

from django.contrib import auth, messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from smartqueue.accounts import operations, policies, queries
from smartqueue.accounts.device import describe
from smartqueue.accounts.enums import Channel, Language, Voucher
from smartqueue.accounts.models import ContactChange, User
from smartqueue.common.errors import InvalidInput, Problem
from smartqueue.notifications import queries as notification_queries
from smartqueue.web.views.accounts import remember_language
from smartqueue.web.views.kit import (
    actor_of,
    failure,
    now_of,
    page,
    recently_signed_in,
    signed_in,
)

MAX_SESSIONS = 100


def _own(request: HttpRequest) -> User:
    return policies.access_user(actor_of(request), actor_of(request).require_user())


@never_cache
@signed_in
@require_safe
def account(request: HttpRequest) -> HttpResponse:
    """Lead to everything that is a person's own."""
    person = _own(request)
    unread = notification_queries.list_notifications(person.pk, unread=True).count()
    return page(request, "account.html", {"person": person, "unread": unread})


@never_cache
@signed_in
@require_http_methods(["GET", "HEAD", "POST"])
def profile(request: HttpRequest) -> HttpResponse:
    """Change one's names and language."""
    person = _own(request)
    typed = {
        name: request.POST.get(name, getattr(person, name)).strip()
        for name in ("first_name", "last_name", "language")
    }
    context: dict[str, Any] = {"typed": typed, "languages": Language.choices}
    if request.method != "POST":
        return page(request, "account_profile.html", context)
    if typed["language"] not in Language.values:
        raise InvalidInput.on("language", _("Choose one of the languages."))
    operations.change_profile(
        actor=actor_of(request),
        user_id=person.pk,
        changes={
            "first_name": typed["first_name"][:80],
            "last_name": typed["last_name"][:80],
            "language": typed["language"],
        },
        now=now_of(request),
    )
    messages.success(request, _("Saved."), "good")
    response = HttpResponseRedirect(reverse("web:account"))
    remember_language(response, typed["language"])
    return response


# --- How one is reached -------------------------------------------------------------------------


@never_cache
@recently_signed_in
@require_http_methods(["GET", "HEAD", "POST"])
def contact(request: HttpRequest) -> HttpResponse:
    """Ask for another e-mail address or phone number, or for removing one."""
    person = _own(request)
    if request.method != "POST":
        return page(request, "account_contact.html", {"ends": _ends(person)})
    channel = Channel.SMS if request.POST.get("channel") == Channel.SMS else Channel.EMAIL
    voucher = request.POST.get("voucher", "")
    value = request.POST.get("value", "").strip()
    try:
        if not value and "remove" not in request.POST:
            raise InvalidInput.on("value", _("Give the new one."), "required")
        change = operations.start_contact_change(
            actor=actor_of(request),
            user_id=person.pk,
            channel=channel,
            value="" if "remove" in request.POST else value,
            voucher=Voucher(voucher) if voucher in Voucher.values else Voucher.REPLACED,
            now=now_of(request),
        )
    except Problem as problem:
        ends = _ends(person, failing=channel, typed=value, voucher=voucher)
        context = {"ends": ends, "problem": failure(problem)}
        return page(request, "account_contact.html", context, problem.status)
    return _after(request, change)


def _ends(
    person: User, *, failing: Channel | None = None, typed: str = "", voucher: str = ""
) -> list[dict[str, Any]]:
    has_factor = bool(queries.second_factors_of(person.pk))
    held = {Channel.EMAIL: person.email or "", Channel.SMS: person.phone or ""}
    ends = []
    for channel, value in held.items():
        other = held[Channel.SMS if channel is Channel.EMAIL else Channel.EMAIL]
        offered = [(Voucher.REPLACED, value)]
        if other:
            offered.append((Voucher.OTHER, other))
        if has_factor:
            offered.append((Voucher.SECOND_FACTOR, ""))
        is_failing = channel is failing
        ends.append(
            {
                "channel": channel,
                "held": value,
                "removable": bool(value and other),
                "vouchers": offered if value else [],
                "typed": typed if is_failing else "",
                "chosen": voucher if is_failing and voucher else Voucher.REPLACED.value,
                "is_failing": is_failing,
            }
        )
    return ends


@never_cache
@signed_in
@require_http_methods(["GET", "HEAD", "POST"])
def contact_change(request: HttpRequest, change_id: UUID) -> HttpResponse:
    """Take the codes that came to the two ends of a change."""
    actor = actor_of(request)
    change = policies.access_contact_change(actor, change_id)
    if request.method != "POST":
        return _codes_page(request, change) if not change.done_at else _done(request)
    typed = ["".join(request.POST.get(name, "").split()) for name in ("new_code", "old_code")]
    try:
        change = operations.confirm_contact_change(
            actor=actor,
            change_id=change_id,
            codes=[code for code in typed if code],
            now=now_of(request),
        )
    except Problem as problem:
        # One of two codes may have been right.
        change.refresh_from_db()
        return _codes_page(request, change, problem)
    return _after(request, change)


def _codes_page(
    request: HttpRequest, change: ContactChange, problem: Problem | None = None
) -> HttpResponse:
    person = _own(request)
    held = {Channel.EMAIL.value: person.email, Channel.SMS.value: person.phone}
    others = [value for channel, value in held.items() if channel != change.channel]
    context = {
        "change": change,
        "vouching": others[0] if change.voucher == Voucher.OTHER else change.old_value,
        "problem": failure(problem) if problem else None,
    }
    return page(request, "account_contact_change.html", context, problem.status if problem else 200)


def _after(request: HttpRequest, change: ContactChange) -> HttpResponse:
    if change.done_at:
        return _done(request)
    return HttpResponseRedirect(reverse("web:account-contact-change", args=[change.pk]))


def _done(request: HttpRequest) -> HttpResponse:
    messages.success(request, _("Your contact is changed."), "good")
    return HttpResponseRedirect(reverse("web:account"))


# --- Password and sessions ----------------------------------------------------------------------


@never_cache
@sensitive_post_parameters("old_password", "password")
@recently_signed_in
@require_http_methods(["GET", "HEAD", "POST"])
def password(request: HttpRequest) -> HttpResponse:
    """Replace the password by whoever knows it; every other device is signed out."""
    if request.method != "POST":
        return page(request, "account_password.html", {"person": _own(request)})
    try:
        person = operations.change_password(
            actor=actor_of(request),
            old_password=request.POST.get("old_password", ""),
            password=request.POST.get("password", ""),
            now=now_of(request),
        )
    except Problem as problem:
        context = {"person": _own(request), "problem": failure(problem)}
        return page(request, "account_password.html", context, problem.status)
    # The cookie holds a digest of the old password, and would be refused without this.
    request.session[auth.HASH_SESSION_KEY] = person.get_session_auth_hash()
    messages.success(
        request, _("Your password is changed. Your other devices are signed out."), "good"
    )
    return HttpResponseRedirect(reverse("web:account"))


@never_cache
@signed_in
@require_safe
def sessions(request: HttpRequest) -> HttpResponse:
    """Show where a person is signed in."""
    actor = actor_of(request)
    found = queries.list_sessions(actor.require_user())[:MAX_SESSIONS]
    rows = [
        {
            "session": session,
            "device": describe(session.device_name),
            "is_current": session.pk == actor.session_id,
        }
        for session in found
    ]
    rows.sort(key=lambda row: not row["is_current"])
    return page(
        request,
        "account_sessions.html",
        {"rows": rows, "push_key": notification_queries.web_push_key()},
    )


@signed_in
@require_POST
def end(request: HttpRequest, session_id: UUID) -> HttpResponse:
    """Sign one device out."""
    operations.end_own_session(actor=actor_of(request), session_id=session_id, now=now_of(request))
    messages.success(request, _("That device is signed out."), "good")
    return HttpResponseRedirect(reverse("web:account-sessions"))


@signed_in
@require_POST
def end_others(request: HttpRequest) -> HttpResponse:
    """Sign every other device out."""
    operations.sign_out_everywhere(actor=actor_of(request), keep_current=True, now=now_of(request))
    messages.success(request, _("Every other device is signed out."), "good")
    return HttpResponseRedirect(reverse("web:account-sessions"))
