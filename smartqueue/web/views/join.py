"""Joining a queue from its page or its printed code."""

import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.urls import reverse
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods

from smartqueue.accounts import identifiers
from smartqueue.business.enums import Switch
from smartqueue.common.clock import service_date
from smartqueue.common.errors import InvalidInput, NotFound, Problem
from smartqueue.queues import operations
from smartqueue.queues import queries as queue_queries
from smartqueue.queues.enums import ORDINARY, JoinChannel, QueueState
from smartqueue.queues.models import Queue
from smartqueue.queues.tokens import token_of
from smartqueue.web import queries
from smartqueue.web.once import form_digest, issue_once
from smartqueue.web.views.branding import branded
from smartqueue.web.views.kit import actor_of, failure, language_of, now_of, page, uuid_or_none
from smartqueue.web.wording import opens_at

MAX_PEOPLE = 6
MAX_NAME = 80
MAX_PLATE = 20


@dataclass(frozen=True, slots=True)
class _Typed:
    """What the form holds, kept as it was typed."""

    names: list[str]
    phone: str = ""
    service: str = ""
    priority: str = ORDINARY
    vehicle_category: str = ""
    plate: str = ""
    nonce: str = ""

    @classmethod
    def of(cls, data: QueryDict) -> "_Typed":
        names = [" ".join(name.split()) for name in data.getlist("customer_name")[:MAX_PEOPLE]]
        return cls(
            names=names or [""],
            phone=data.get("phone", "").strip(),
            service=data.get("service", ""),
            priority=data.get("priority", ORDINARY) or ORDINARY,
            vehicle_category=data.get("vehicle_category", ""),
            plate=data.get("plate", "").strip().upper(),
            nonce=data.get("nonce", ""),
        )


@require_http_methods(["GET", "HEAD", "POST"])
def join(request: HttpRequest, queue_id: UUID) -> HttpResponse:
    """Show the wait, then the form; a sent form issues one ticket for each named person."""
    queue = queries.get_queue_to_join(queue_id)
    look = branded(request, queue.branch.organization)
    if request.method != "POST":
        typed = _Typed(names=[""], service=request.GET.get("service", ""), nonce=str(uuid.uuid4()))
        return _form(request, queue, typed)
    typed = _Typed.of(request.POST)
    try:
        tickets = _issue(request, queue, typed)
    except NotFound:
        raise
    except Problem as problem:
        return _form(request, queue, typed, problem)
    if len(tickets) == 1:
        return HttpResponseRedirect(reverse("web:ticket", args=[token_of(tickets[0])]))
    links = [
        (name, reverse("web:ticket", args=[token_of(ticket)]))
        for name, ticket in zip(_people(typed), tickets, strict=False)
    ]
    return page(request, "joined.html", {**look, "queue": queue, "links": links})


def _people(typed: _Typed) -> list[str]:
    return [name for name in typed.names if name] or [""]


def _issue(request: HttpRequest, queue: Queue, typed: _Typed) -> list[UUID]:
    phone = identifiers.phone(typed.phone).value if typed.phone else ""
    _check_lengths(typed)
    nonce = uuid_or_none(typed.nonce) or uuid.uuid4()
    form = form_digest(request.path, nonce, typed)
    operations.count_joining(
        actor=actor_of(request),
        queue_id=queue.pk,
        phone=phone,
        # A browser has no name of its own; its forgery token is one for as long as it keeps it.
        device=request.COOKIES.get(settings.CSRF_COOKIE_NAME, ""),
        once=form.hex(),
        people=len(_people(typed)),
    )

    def issue() -> list[UUID]:
        return [
            operations.issue_ticket(
                actor=actor_of(request),
                queue_id=queue.pk,
                now=now_of(request),
                service_id=uuid_or_none(typed.service),
                customer_name=name,
                phone=phone,
                priority=typed.priority,
                channel=JoinChannel.WEB,
                vehicle_category=typed.vehicle_category,
                plate=typed.plate,
                language=language_of(request),
            ).pk
            for name in _people(typed)
        ]

    return issue_once(form, issue)


def _check_lengths(typed: _Typed) -> None:
    if any(len(name) > MAX_NAME for name in typed.names):
        raise InvalidInput.on(
            "customer_name",
            ngettext(
                "A name has at most %(n)s character.",
                "A name has at most %(n)s characters.",
                MAX_NAME,
            )
            % {"n": MAX_NAME},
        )
    if len(typed.plate) > MAX_PLATE:
        raise InvalidInput.on(
            "plate",
            ngettext(
                "A plate has at most %(n)s character.",
                "A plate has at most %(n)s characters.",
                MAX_PLATE,
            )
            % {"n": MAX_PLATE},
        )


def _opens(queue: Queue, status: dict[str, Any], now: datetime) -> str:
    if status["state"] == QueueState.OPEN and status["open_counters"]:
        return ""
    return opens_at(queries.next_opening_of(queue.branch, now), now)


def _form(
    request: HttpRequest, queue: Queue, typed: _Typed, problem: Problem | None = None
) -> HttpResponse:
    look = branded(request, queue.branch.organization)
    needs_account = actor_of(request).user_id is None and not look["own"].is_on(
        Switch.JOINING_WITHOUT_ACCOUNT
    )
    now = now_of(request)
    status = queue_queries.status_of(queue, now)
    context: dict[str, Any] = {
        **look,
        "opens": _opens(queue, status, now),
        "by_web": look["own"].is_on(Switch.JOINING_BY_WEB),
        "needs_account": needs_account,
        "queue": queue,
        "status": status,
        "is_stopped": queue.tickets_stopped_on == service_date(now, queue.branch.timezone),
        "why": queue_queries.wait_on_joining(queue, now_of(request))["why"]["text"],
        "typed": typed,
        "priorities": [p for p in queue.priorities.all() if p.is_declarable],
        "max_people": MAX_PEOPLE,
        "problem": failure(problem) if problem else None,
    }
    return page(request, "join.html", context, status=problem.status if problem else 200)
