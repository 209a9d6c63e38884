"""Questions and complaints, for people: with an account, or by the token of a ticket."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID, uuid4

from django.contrib import messages
from django.http import FileResponse, HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.urls import reverse
from django.utils.cache import patch_cache_control
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from smartqueue.accounts.actor import Actor
from smartqueue.common.errors import InvalidInput, NotFound, NotSignedIn, Problem
from smartqueue.common.uploads import ATTACHMENT_ACCEPT
from smartqueue.queues.policies import access_ticket
from smartqueue.queues.tokens import actor_of_token
from smartqueue.support import operations, policies
from smartqueue.support import queries as support_queries
from smartqueue.support.enums import (
    BODY_LENGTH,
    MOST_FILES,
    TITLE_LENGTH,
    CaseCategory,
    Side,
    SubjectType,
)
from smartqueue.support.files import download, kept
from smartqueue.support.models import SupportCase
from smartqueue.web import queries
from smartqueue.web.once import form_digest, issue_once
from smartqueue.web.views.kit import actor_of, failure, now_of, page, uuid_or_none

LIMITS: Final = {"title": TITLE_LENGTH, "body": BODY_LENGTH, "files": MOST_FILES}
STEPS: Final[dict[str, Callable[..., SupportCase]]] = {
    "close": operations.close_case,
    "reopen": operations.reopen_case,
}


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who looks: a person signed in, or whoever holds a ticket's token."""

    actor: Actor
    token: str = ""

    @classmethod
    def of(cls, request: HttpRequest, token: str) -> "Visitor":
        if not token:
            actor = actor_of(request)
            actor.require_user()
            return cls(actor)
        holder = actor_of_token(token)
        if holder is None or holder.ticket_id is None:
            raise NotFound
        return cls(holder, token)

    def url(self, name: str, *arguments: Any) -> str:
        """Return the address of a page of support as this visitor reaches it."""
        if self.token:
            return reverse(f"web:ticket-{name}", args=[self.token, *arguments])
        return reverse(f"web:{name}", args=arguments)


def _shown(
    request: HttpRequest,
    visitor: Visitor,
    template: str,
    context: dict[str, Any],
    problem: Problem | None = None,
) -> HttpResponse:
    common = {
        "visitor": visitor,
        "list_url": visitor.url("support"),
        "new_url": visitor.url("support-new"),
        "limits": LIMITS,
        "accept": ATTACHMENT_ACCEPT,
        "problem": failure(problem) if problem else None,
    }
    response = page(request, template, common | context, problem.status if problem else 200)
    patch_cache_control(response, private=True, no_store=True)
    return response


@require_safe
def index(request: HttpRequest, token: str = "") -> HttpResponse:
    """List the visitor's cases; the holder of a ticket without any comes straight to the form."""
    visitor = Visitor.of(request, token)
    cases = [
        (case, visitor.url("support-case", case.pk))
        for case in queries.list_newest(policies.own_cases(visitor.actor))
    ]
    if token and not cases:
        return HttpResponseRedirect(visitor.url("support-new"))
    return _shown(request, visitor, "support.html", {"cases": cases})


@dataclass(frozen=True, slots=True)
class _Typed:
    """What the form holds, kept as it was typed."""

    about: str = ""
    category: str = ""
    title: str = ""
    body: str = ""
    nonce: str = ""

    @classmethod
    def of(cls, data: QueryDict) -> "_Typed":
        return cls(
            about=data.get("about", ""),
            category=data.get("category", ""),
            title=data.get("title", "").strip(),
            body=data.get("body", "").strip(),
            nonce=data.get("nonce", ""),
        )

    @property
    def subject(self) -> tuple[SubjectType, UUID | None]:
        """What it is about: "ticket:<id>", "branch:<id>", "account" or "payment"."""
        kind, _colon, identifier = self.about.partition(":")
        if kind not in SubjectType.values:
            raise InvalidInput.on("about", _("Say what it is about."), "required")
        return SubjectType(kind), uuid_or_none(identifier)

    @property
    def known_category(self) -> CaseCategory:
        """The category, when it is one."""
        if self.category not in CaseCategory.values:
            raise InvalidInput.on("category", _("Choose what it concerns."), "required")
        return CaseCategory(self.category)


@require_http_methods(["GET", "HEAD", "POST"])
def new(request: HttpRequest, token: str = "") -> HttpResponse:
    """Ask what is wrong; a sent form opens a case, once."""
    visitor = Visitor.of(request, token)
    if request.method != "POST":
        typed = _Typed(about=_asked_about(request, visitor), nonce=str(uuid4()))
        return _form(request, visitor, typed)
    typed = _Typed.of(request.POST)
    try:
        case_id = _open(request, visitor, typed)
    except (NotFound, NotSignedIn):
        raise
    except Problem as problem:
        return _form(request, visitor, typed, problem)
    if policies.access_case(visitor.actor, case_id)[1] is Side.STAFF:
        return HttpResponseRedirect(reverse("web:manage-case", args=[case_id]))
    messages.success(request, _("Your message has been sent. The answer will appear here."))
    return HttpResponseRedirect(visitor.url("support-case", case_id))


def _asked_about(request: HttpRequest, visitor: Visitor) -> str:
    if visitor.actor.ticket_id is not None:
        return f"ticket:{visitor.actor.ticket_id}"
    for kind in ("ticket", "branch"):
        if identifier := uuid_or_none(request.GET.get(kind)):
            return f"{kind}:{identifier}"
    return ""


def _form(
    request: HttpRequest, visitor: Visitor, typed: _Typed, problem: Problem | None = None
) -> HttpResponse:
    context = {
        "typed": typed,
        "subjects": _subjects(visitor, typed),
        "categories": CaseCategory.choices,
    }
    return _shown(request, visitor, "support_new.html", context, problem)


def _subjects(visitor: Visitor, typed: _Typed) -> list[tuple[str, str]]:
    """Return what the visitor may name, as (value, words)."""
    actor = visitor.actor
    if actor.ticket_id is not None:
        ticket = access_ticket(actor, actor.ticket_id)
        return [(f"ticket:{ticket.pk}", _ticket_words(ticket.number, ticket.queue.branch.name))]
    found = {
        f"ticket:{ticket.pk}": _ticket_words(ticket.number, ticket.queue.branch.name)
        for ticket in queries.list_own_tickets(actor.require_user())
    }
    kind, _colon, identifier = typed.about.partition(":")
    pk = uuid_or_none(identifier)
    if typed.about not in found and pk is not None:
        if kind == "ticket":
            ticket = access_ticket(actor, pk)
            found[typed.about] = _ticket_words(ticket.number, ticket.queue.branch.name)
        elif kind == "branch":
            found[typed.about] = queries.name_of_branch(pk)
    for platform in (SubjectType.ACCOUNT, SubjectType.PAYMENT):
        found[platform.value] = str(platform.label)
    return list(found.items())


def _ticket_words(number: str, place: str) -> str:
    return _("Ticket %(number)s, %(place)s") % {"number": number, "place": place}


def _open(request: HttpRequest, visitor: Visitor, typed: _Typed) -> UUID:
    actor, (subject_type, subject_id) = visitor.actor, typed.subject
    category = typed.known_category
    subject = policies.access_subject(actor, subject_type, subject_id)
    filled_in = (actor.label, typed.about, typed.category, typed.title, typed.body)
    with kept(request.FILES.getlist("files"), subject.organization_id) as files:

        def open_one() -> list[UUID]:
            case = operations.open_case(
                actor=actor,
                subject_type=subject_type,
                subject_id=subject_id,
                category=category,
                title=typed.title,
                body=typed.body,
                files=files,
                now=now_of(request),
            )
            return [case.pk]

        nonce = uuid_or_none(typed.nonce) or uuid4()
        (case_id,) = issue_once(form_digest("support", nonce, filled_in), open_one)
    return case_id


@require_safe
def case(request: HttpRequest, case_id: UUID, token: str = "") -> HttpResponse:
    """Show a case and what was said in it."""
    return _conversation(request, Visitor.of(request, token), case_id)


def _conversation(
    request: HttpRequest,
    visitor: Visitor,
    case_id: UUID,
    problem: Problem | None = None,
) -> HttpResponse:
    found = policies.access_own_case(visitor.actor, case_id)
    context = {
        "case": found,
        "thread": support_queries.list_messages(found, Side.PERSON),
        "may_write": not found.is_settled
        or support_queries.may_be_reopened(found, now_of(request)),
        "typed_body": request.POST.get("body", "") if problem else "",
        "nonce": str(uuid4()),
        "message_url": visitor.url("support-message", case_id),
        "close_url": visitor.url("support-step", case_id, "close"),
        "file_url": visitor.url("support-case", case_id) + "attachments/",
    }
    return _shown(request, visitor, "support_case.html", context, problem)


@require_POST
def message(request: HttpRequest, case_id: UUID, token: str = "") -> HttpResponse:
    """Write in a case, with files."""
    visitor = Visitor.of(request, token)
    policies.access_own_case(visitor.actor, case_id)
    try:
        send_message(request, visitor.actor, case_id)
    except (NotFound, NotSignedIn):
        raise
    except Problem as problem:
        return _conversation(request, visitor, case_id, problem)
    return HttpResponseRedirect(visitor.url("support-case", case_id) + "#latest")


def send_message(
    request: HttpRequest,
    actor: Actor,
    case_id: UUID,
    *,
    is_internal: bool = False,
    version: int | None = None,
) -> None:
    """Carry out the form under a conversation, once."""
    found, _side = policies.access_case(actor, case_id)
    body = request.POST.get("body", "")
    nonce = uuid_or_none(request.POST.get("nonce")) or uuid4()
    with kept(request.FILES.getlist("files"), found.organization_id) as files:

        def write() -> list[UUID]:
            written = operations.write_message(
                actor=actor,
                case_id=case_id,
                body=body,
                is_internal=is_internal,
                version=version,
                files=files,
                now=now_of(request),
            )
            return [written.pk]

        filled_in = (actor.label, body, is_internal)
        issue_once(form_digest(f"support {case_id}", nonce, filled_in), write)


@require_POST
def step(request: HttpRequest, case_id: UUID, action: str, token: str = "") -> HttpResponse:
    """Close a case, or open it again."""
    visitor = Visitor.of(request, token)
    carry_out = STEPS.get(action)
    if carry_out is None:
        raise NotFound
    policies.access_own_case(visitor.actor, case_id)
    try:
        carry_out(actor=visitor.actor, case_id=case_id, now=now_of(request))
    except NotFound:
        raise
    except Problem as problem:
        return _conversation(request, visitor, case_id, problem)
    return HttpResponseRedirect(visitor.url("support-case", case_id))


@require_safe
def attachment(
    request: HttpRequest, case_id: UUID, attachment_id: UUID, token: str = ""
) -> FileResponse:
    """Give out a file of a case to its person or the staff."""
    visitor = Visitor.of(request, token)
    return download(policies.access_attachment(visitor.actor, case_id, attachment_id))
