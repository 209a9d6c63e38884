"""The wall display of a branch: who is called where, seen and heard."""

import json
import re
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils import translation
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_safe

from smartqueue.business import queries as business_queries
from smartqueue.common.errors import NotFound
from smartqueue.queues import live
from smartqueue.queues.models import Queue
from smartqueue.web import queries
from smartqueue.web import speech as speech_clips
from smartqueue.web.views.kit import page

_NUMBER = re.compile(r"^([A-Z0-9]{0,3}?)(\d{3,5})$")
CALLS_SHOWN = 6


def _languages(request: HttpRequest) -> list[str]:
    wanted = request.GET.get("lang", "fr").split(",")
    known = [code for code in dict.fromkeys(wanted) if code in speech_clips.VOICES]
    return known or ["fr"]


def _calls(queues: list[Queue]) -> list[dict[str, Any]]:
    calls = [call for queue in queues for call in queue.live["now_serving"]]
    return sorted(calls, key=lambda call: call["called_at"] or "", reverse=True)[:CALLS_SHOWN]


@require_safe
def display(request: HttpRequest, slug: str) -> HttpResponse:
    """Show the calls of a branch; `?lang=fr,ar` gives the languages of the screen and the voice."""
    languages = _languages(request)
    translation.activate(languages[0])
    request.LANGUAGE_CODE = languages[0]
    branch = queries.get_branch(slug)
    queues: list[Queue] = branch.live_queues  # type: ignore[attr-defined]  # prefetched
    context = {
        "branch": branch,
        "queues": queues,
        "calls": _calls(queues),
        "languages": ",".join(languages),
        "second": languages[1] if len(languages) > 1 else "",
        "statuses": json.dumps({f"queue:{q.pk}": live.status_facts(q) for q in queues}),
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
