"""What tells phones that an app of ours may open our addresses and use the passkeys made here."""

from typing import Any, Final

from django.conf import settings
from django.http import HttpRequest, JsonResponse
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_safe

from smartqueue.common.errors import NotFound

# What an app shows as well as a page does: a place, a queue to join, a ticket.
OPENED_BY_APPS: Final = ("/b/*", "/q/*", "/t/*")
ANDROID_RELATIONS: Final = (
    "delegate_permission/common.handle_all_urls",
    "delegate_permission/common.get_login_creds",
)


@require_safe
@cache_control(public=True, max_age=3600)
def asset_links(request: HttpRequest) -> JsonResponse:
    """Name the Android apps of this installation; 404 where it has none."""
    if not settings.ANDROID_APPS:
        raise NotFound
    body = [
        {
            "relation": ANDROID_RELATIONS,
            "target": {
                "namespace": "android_app",
                "package_name": package,
                "sha256_cert_fingerprints": fingerprints,
            },
        }
        for package, fingerprints in settings.ANDROID_APPS.items()
    ]
    return JsonResponse(body, safe=False)


@require_safe
@cache_control(public=True, max_age=3600)
def apple_app_site_association(request: HttpRequest) -> JsonResponse:
    """Name the Apple apps of this installation; 404 where it has none."""
    apps: list[str] = settings.APPLE_APPS
    if not apps:
        raise NotFound
    body: dict[str, Any] = {
        "applinks": {
            "details": [{"appIDs": apps, "components": [{"/": path} for path in OPENED_BY_APPS]}]
        },
        "webcredentials": {"apps": apps},
    }
    return JsonResponse(body)
