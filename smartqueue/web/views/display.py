"""The wall display of a branch: who is called where, seen and heard."""

import json
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
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

CALLS_SHOWN = 6


def _languages(request: HttpRequest, settings: OrganizationSettings) -> list[str]:
    wanted = request.GET.get("lang", settings.default_language).split(",")
    known = [code for code in dict.fromkeys(wanted) if code in settings.languages]
    return known or [settings.default_language]


def _voices(request: HttpRequest, shown: list[str]) -> list[str]:
    """Return the languages of the voice: `?voice=wo,fr`, else those of the screen."""
    known = speech_clips.languages()
    wanted = request.GET.get("voice", "").split(",")
    return [code for code in dict.fromkeys(wanted) if code in known] or shown


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
        "languages": ",".join(_voices(request, languages)),
        "second": languages[1] if len(languages) > 1 else "",
        "statuses": json.dumps({f"queue:{q.pk}": _status(q, settings) for q in queues}),
    }
    return page(request, "display.html", context)


@require_safe
@cache_control(public=True, max_age=3600)
def speech(request: HttpRequest, slug: str) -> HttpResponse:
    """
    Tell a display what it needs to speak: `{"fr": {"and": false, "clips": [...], "counters": {...}}}`.

    `clips` are the names below this address (`fr/number-42.wav`) that calls of the branch need, save
    thousands; `counters` gives what says each counter: clips, and figures to be put into clips.
    """
    branch = queries.get_branch(slug)
    counters = {name: speech_clips.counter_pieces(name) for name in _counter_names(branch)}
    prefixes = "".join(queue.prefix for queue in branch.live_queues)  # type: ignore[attr-defined]  # prefetched
    letters = {f"letter-{part.lower()}" for part in prefixes if part.isalpha()}
    return JsonResponse(
        {name: _spoken(name, counters, letters) for name in speech_clips.languages()}
    )


def _spoken(
    language: str, counters: dict[str, list[str | int]], letters: set[str]
) -> dict[str, Any]:
    usual = {
        name: None
        for name, _text in speech_clips.vocabulary(language)
        if not name.startswith(("thousand-", "letter-")) or name in letters
    }
    places = {part: None for parts in counters.values() for part in parts if isinstance(part, str)}
    return {
        "and": speech_clips.has_joint(language),
        "clips": list(usual | places),
        "counters": counters,
    }


@require_safe
@cache_control(public=True, max_age=86_400)
def clip(request: HttpRequest, slug: str, language: str, name: str) -> HttpResponse:
    """Say one piece of a call. 404 for what belongs to no call of this branch, or if nobody can say it."""
    branch = queries.get_branch(slug)
    texts = dict(speech_clips.vocabulary(language))
    texts |= {speech_clips.place_name(counter): counter for counter in _counter_names(branch)}
    if language not in speech_clips.languages() or name not in texts:
        raise NotFound
    wav = speech_clips.clip(language, name, texts[name])
    if wav is None:
        raise NotFound
    return HttpResponse(wav, content_type="audio/wav")


def _counter_names(branch: Branch) -> list[str]:
    counters = business_queries.list_counters(branch=branch.pk)
    return list(counters.values_list("name", flat=True))
