"""An organization's own look and languages on its pages."""

from collections.abc import Mapping
from typing import Any, Final

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import translation
from django.utils.cache import patch_cache_control
from django.views.decorators.http import require_safe

from smartqueue.accounts.enums import Language
from smartqueue.business import colours
from smartqueue.business import queries as business_queries
from smartqueue.business.models import Organization, OrganizationSettings
from smartqueue.common.uploads import public_url
from smartqueue.web import queries
from smartqueue.web.views.kit import language_of

STYLE_LIFE_SECONDS: Final = 86_400


def offered_by(settings: OrganizationSettings) -> list[tuple[str, str]]:
    """Return the languages that an organization offers, each with its own name."""
    return [(code, str(Language(code).label)) for code in settings.languages]


def chosen_of(settings: OrganizationSettings, wanted: str) -> str:
    """Return the wanted language where it is offered, else the organization's own."""
    return wanted if wanted in settings.languages else settings.default_language


def branded(
    request: HttpRequest, organization: Organization, *, language: str = ""
) -> Mapping[str, Any]:
    """
    Return what a page needs to look like an organization's, and answer in a language it offers:
    `language` if given, else the one the page is asked in.
    """
    settings = business_queries.settings_of(organization)
    spoken = chosen_of(settings, language or language_of(request))
    translation.activate(spoken)
    request.LANGUAGE_CODE = spoken
    return {
        "own": settings,
        "own_name": settings.display_name or organization.name,
        "own_logo": public_url(settings.logo),
        "own_style": style_of(organization, settings),
        "offered": offered_by(settings),
    }


def style_of(organization: Organization, settings: OrganizationSettings) -> str:
    """Return the address of an organization's stylesheet; empty where it has no colour."""
    if not settings.primary_color:
        return ""
    return f"{reverse('web:brand', args=[organization.slug])}?v={settings.version}"


@require_safe
def stylesheet(request: HttpRequest, slug: str) -> HttpResponse:
    """Give an organization's colour to its pages; every text on it has a contrast of level AA."""
    colour = business_queries.settings_of(queries.get_organization(slug)).primary_color
    response = HttpResponse(_rules(colour), content_type="text/css; charset=utf-8")
    patch_cache_control(response, public=True, max_age=STYLE_LIFE_SECONDS)
    return response


def _rules(colour: str) -> str:
    if not colour:
        return ""
    deep = colours.deep(colour)
    values = {
        "--brand": colour,
        "--on-brand": colours.text_on(colour),
        "--brand-text": colours.as_text(colour),
        "--brand-deep": deep,
        "--wall": colours.mixed(deep, colours.BLACK, 0.6),
        "--wall-edge": colours.mixed(deep, colours.BLACK, 0.75),
        "--wall-call": deep,
        "--wall-line": colours.mixed(deep, colours.WHITE, 0.2),
        "--brand-soft": colours.mixed(colour, colours.WHITE, 0.88),
    }
    return ":root {" + "".join(f" {name}: {value};" for name, value in values.items()) + " }\n"
