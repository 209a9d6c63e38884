"""What makes the pages installable and readable offline."""

import json
from functools import cache
from pathlib import Path

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.templatetags.static import static
from django.utils.translation import get_language, get_language_bidi
from django.utils.translation import gettext as _
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_safe

_WORKER = Path(__file__).resolve().parents[1] / "static" / "web" / "js" / "sw.js"
_KEPT_OFFLINE = (
    "web/css/base.css",
    "web/css/ticket.css",
    "web/js/ticket.js",
    "web/js/live.js",
    "web/js/push.js",
    "web/js/tickets.js",
    "web/js/words.js",
    "web/img/icon.svg",
)


def manifest_response(start: str) -> JsonResponse:
    """Return a web app manifest that opens at an address."""
    body = {
        "name": "SmartQueue",
        "short_name": "SmartQueue",
        "description": _("See the wait, take a number, come when it is your turn."),
        "lang": get_language(),
        "dir": "rtl" if get_language_bidi() else "ltr",
        "id": start,
        "start_url": start,
        "scope": "/",
        "display": "standalone",
        "background_color": "#f1f5f2",
        "theme_color": "#06382d",
        "icons": [
            {"src": static("web/img/icon-192.png"), "sizes": "192x192", "type": "image/png"},
            {"src": static("web/img/icon-512.png"), "sizes": "512x512", "type": "image/png"},
            {"src": static("web/img/icon.svg"), "sizes": "any", "type": "image/svg+xml"},
        ],
    }
    return JsonResponse(body, content_type="application/manifest+json")


@require_safe
def manifest(request: HttpRequest) -> JsonResponse:
    """Describe the product as an installable page."""
    return manifest_response(start="/")


@cache
def _worker_source() -> str:
    return _WORKER.read_text(encoding="utf-8")


@require_safe
@cache_control(no_cache=True)
def service_worker(request: HttpRequest) -> HttpResponse:
    """Serve the service worker from the root, so that it covers every page."""
    assets = [static(name) for name in _KEPT_OFFLINE]
    icon = json.dumps(static("web/img/icon-192.png"))
    body = f"const ASSETS = {json.dumps(assets)};\nconst ICON = {icon};\n{_worker_source()}"
    return HttpResponse(body, content_type="text/javascript")
