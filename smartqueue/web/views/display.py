"""The wall display of a branch: who is called where, seen and heard."""

import json
import re
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.views.decorators.cache import cache_control, never_cache
from django.views.decorators.http import require_safe

from smartqueue.accounts.enums import ActorKind
from smartqueue.business import queries as business_queries
from smartqueue.business.enums import DisplayDetail
from smartqueue.business.models import Branch, OrganizationSettings
from smartqueue.common.errors import NotFound
from smartqueue.queues import live
from smartqueue.queues.models import Queue
from smartqueue.web import queries
from smartqueue.web import speech as speech_clips
from smartqueue.web.devices import device_of
from smartqueue.web.views.branding import branded
from smartqueue.web.views.kit import page

_NUMBER = re.compile(r"^([A-Z0-9]{0,3}?)(\d{3,5})$")
CALLS_SHOWN = 6


def _languages(request: HttpRequest, settings: OrganizationSettings) -> list[str]:
    wanted = request.GET.get("lang", settings.default_language).split(",")
    known = [
        code
        for code in dict.fromkeys(wanted)
        if code in speech_clips.VOICES and code in settings.languages
    ]
    return known or [settings.default_language]


def _status(queue: Queue, settings: OrganizationSettings) -> dict[str, Any]:
    """Return what the display is told of a queue, as far as the organization opens it."""
    status = dict(live.status_facts(queue))
    if settings.display_detail == DisplayDetail.NUMBERS:
        for name in ("now_serving", "last_called"):
            status[name] = [{**call, "counter": None} for call in status[name]]
    return status


def _calls(queues: list[Queue]) -> list[dict[str, Any]]:
    calls = [call for queue in queues for call in queue.live["now_serving"]]
    return sorted(calls, key=lambda call: call["called_at"] or "", reverse=True)[:CALLS_SHOWN]


@require_safe
def display(request: HttpRequest, slug: str) -> HttpResponse:
    """Show the calls of a branch; `?lang=fr,ar` gives the languages of the screen and the voice."""
    return _shown(request, queries.get_branch(slug))


@never_cache
@require_safe
def wall(request: HttpRequest, token: str) -> HttpResponse:
    """Show the same on the branch's own screen, which a manager has paired and can take back."""
    _actor, branch_id = device_of(token, ActorKind.DISPLAY)
    return _shown(request, queries.get_branch_by_id(branch_id))


def _shown(request: HttpRequest, branch: Branch) -> HttpResponse:
    settings = business_queries.settings_of(branch.organization)
    languages = _languages(request, settings)
    look = branded(request, branch.organization, language=languages[0])
    queues: list[Queue] = branch.live_queues  # type: ignore[attr-defined]  # prefetched
    context = {
        **look,
        "branch": branch,
        "shows_counters": settings.display_detail != DisplayDetail.NUMBERS,
        "queues": queues,
        "calls": _calls(queues),
        "languages": ",".join(languages),
        "second": languages[1] if len(languages) > 1 else "",
        "statuses": json.dumps({f"queue:{q.pk}": _status(q, settings) for q in queues}),
    }
    return page(request, "display.html", context)


@require_safe
@cache_control(public=True, max_age=86_400)
def speech(request: HttpRequest, slug: str) -> HttpResponse:
    """
    Speak one call: `?lang=fr&number=A042&counter=Guichet+3`. 404 when nothing can speak it.

    Only numbers of the branch's queues and its own counters are spoken.
    """
    language = request.GET.get("lang", "")
    number = request.GET.get("number", "")
    counter = request.GET.get("counter", "")
    branch = queries.get_branch(slug)
    prefixes = {q.prefix for q in branch.live_queues}  # type: ignore[attr-defined]  # prefetched
    parts = _NUMBER.match(number)
    if language not in speech_clips.VOICES or parts is None or parts[1] not in prefixes:
        raise NotFound
    if not business_queries.list_counters(branch=branch.pk).filter(name=counter).exists():
        raise NotFound
    clip = speech_clips.clip(language, number, counter)
    if clip is None:
        raise NotFound
    return HttpResponse(clip, content_type="audio/wav")
