"""What templates need to say about queues and people."""

from collections.abc import Mapping
from typing import Any

import segno
from django import template
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import get_language

from smartqueue.accounts.actor import Actor
from smartqueue.accounts.enums import Language
from smartqueue.common.money import Money
from smartqueue.notifications import reasons
from smartqueue.queues.enums import QueueState
from smartqueue.support import policies
from smartqueue.web import wording

register = template.Library()

_ICONS = {
    "search": '<circle cx="11" cy="11" r="7"/><path d="m20 20-4-4"/>',
    "pin": '<path d="M12 21s7-6.1 7-11.5A7 7 0 0 0 5 9.5C5 14.9 12 21 12 21Z"/>'
    '<circle cx="12" cy="9.5" r="2.5"/>',
    "clock": '<circle cx="12" cy="12" r="9"/><path d="M12 7v5l3.5 2"/>',
    "people": '<circle cx="9" cy="8" r="3.5"/><path d="M2.5 20c0-3.600 2.9-6 6.5-6s6.5 2.400 6.5 6"/>'
    '<path d="M16 5a3.5 3.5 0 0 1 0 6.5M18 14.5c2.200.8 3.5 2.700 3.5 5.5"/>',
    "arrow": '<path d="M5 12h14M13 6l6 6-6 6"/>',
    "bell": '<path d="M6 16V11a6 6 0 0 1 12 0v5l2 2H4Z"/><path d="M10 21h4"/>',
    "paper": '<path d="M6 3h8l4 4v14H6Z"/><path d="M14 3v4h4M9 12h6M9 16h6"/>',
    "calendar": '<rect x="4" y="5" width="16" height="16" rx="2"/><path d="M4 10h16M8 3v4M16 3v4"/>',
    "screen": '<rect x="3" y="4" width="18" height="12" rx="1.5"/><path d="M8 20h8M12 16v4"/>',
    "print": '<path d="M7 8V3h10v5M7 17H4V8h16v9h-3"/><path d="M7 14h10v7H7Z"/>',
    "phone": '<rect x="7" y="2.5" width="10" height="19" rx="2"/><path d="M11 18.5h2"/>',
    "move": '<path d="M12 3v18M3 12h18M9 6l3-3 3 3M9 18l3 3 3-3M6 9l-3 3 3 3M18 9l3 3-3 3"/>',
    "leave": '<path d="M10 4H5v16h5M14 8l4 4-4 4M18 12H9"/>',
    "plus": '<path d="M12 5v14M5 12h14"/>',
    "talk": '<path d="M4 5h16v11H10l-5 4v-4H4Z"/><path d="M8 9h8M8 12h5"/>',
    "lock": '<rect x="5" y="10.5" width="14" height="10" rx="2"/><path d="M8 10.5V7a4 4 0 0 1 8 0v3.5"/>',
    "key": '<circle cx="8" cy="15.5" r="4.5"/><path d="m11.200 12.300 8.300-8.300M15.5 8l3.5 3.5"/>',
    "shield": '<path d="M12 3 5 5.5V11c0 5 3 8.300 7 10 4-1.700 7-5 7-10V5.5Z"/>'
    '<path d="m9 12 2.200 2.200L15.5 10"/>',
    "person": '<circle cx="12" cy="8" r="4"/><path d="M4.5 21c0-4 3.300-6.5 7.5-6.5s7.5 2.5 7.5 6.5"/>',
}


@register.simple_tag
def icon(name: str, extra: str = "") -> SafeString:
    """Draw one of the line icons; decoration only, so hidden from screen readers."""
    return format_html(
        '<svg class="icon {}" width="20" height="20" viewBox="0 0 24 24" aria-hidden="true">{}</svg>',
        extra,
        mark_safe(_ICONS[name]),  # noqa: S308 - from the table above
    )


@register.simple_tag
def message_reason(code: str) -> str:
    """Say why a message did not go or arrive; a provider's own words keep their direction."""
    said = reasons.reason_of(code)
    return said if said != code else format_html('<bdi dir="ltr">{}</bdi>', code)


@register.simple_tag
def qr(address: str) -> SafeString:
    """Draw an address as a QR code that fills its box."""
    code = segno.make(address, error="m", micro=False)
    drawing = code.svg_inline(omitsize=True, border=2, svgclass="qr", lineclass=None)
    return mark_safe(drawing)  # noqa: S308 - drawn here, escapes nothing of the address


@register.filter
def wait(estimate: Mapping[str, Any] | None) -> str:
    """Show an estimate as "between 12 and 20 min"."""
    return wording.wait_interval(estimate)


@register.filter
def looks_after_cases(actor: Actor) -> bool:
    """Whether somebody has a list of support cases to work through."""
    return policies.looks_after_any(actor)


@register.filter
def price(service: Any) -> str:
    """Show what a service costs."""
    return Money(service.price_minor, service.currency).display(get_language() or "fr")


@register.filter(name="get")
def get_of(mapping: Mapping[Any, Any] | None, key: Any) -> Any:
    """Return what a mapping has under a key; nothing for an unknown one, or where there is none."""
    return mapping.get(key, "") if mapping else ""


@register.simple_tag
def languages_of(offered: list[tuple[str, str]] | str) -> list[tuple[str, str]]:
    """Return the languages that a page is offered in: an organization's, or all of ours."""
    return list(offered) if isinstance(offered, list) else list(Language.choices)


@register.simple_tag
def script_wording() -> SafeString:
    """Give scripts their sentences as data attributes of <html>."""
    return format_html_join(" ", 'data-w-{}="{}"', wording.wording_for_scripts().items())


@register.filter
def percent(share: float | None) -> str:
    """Show a share as "83 %"; a dash for none."""
    if share is None:
        return "\N{EN DASH}"
    return f"{round(share * 100)}\N{NO-BREAK SPACE}%"


@register.filter
def in_minutes(seconds: int | None) -> str:
    """Show seconds as minutes with one figure after the point; a dash for none."""
    if seconds is None:
        return "\N{EN DASH}"
    return wording.minutes_with_tenths(seconds)


@register.filter
def serves_nobody(status: Mapping[str, Any]) -> bool:
    """Whether a queue takes people while no counter is open and nobody knows when one will be."""
    is_idle = status["state"] == QueueState.OPEN and status["open_counters"] == 0
    return is_idle and not status["estimate"]
