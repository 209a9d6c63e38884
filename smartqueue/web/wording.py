"""Durations and numbers as people read them."""

import math
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.utils.formats import date_format, number_format
from django.utils.translation import gettext as _

from smartqueue.accounts.enums import Language
from smartqueue.business.enums import DisplayDetail
from smartqueue.business.switches import REGISTRY


def _unbroken(text: str) -> str:
    """Return the text with its units kept on the line of their figures."""
    return text.replace(" min", "\N{NO-BREAK SPACE}min").replace(
        " h ", "\N{NO-BREAK SPACE}h\N{NO-BREAK SPACE}"
    )


def duration(minutes: int) -> str:
    """Return whole minutes as "12 min" or "1 h 05"."""
    if minutes < 60:
        return _unbroken(_("%(n)s min")) % {"n": minutes}
    return _unbroken(_("%(h)s h %(m)s")) % {"h": minutes // 60, "m": f"{minutes % 60:02}"}


def minutes_with_tenths(seconds: int) -> str:
    """Return seconds as "7.1 min", in the figures of the active language."""
    return _unbroken(_("%(n)s min")) % {"n": number_format(seconds / 60, 1)}


def wait_interval(estimate: Mapping[str, Any] | None) -> str:
    """
    Return a wait as an interval that keeps its word: rounded down below, up above.

    `estimate` has low and high in seconds; None when nothing honest can be said.
    """
    if not estimate:
        return _("not known yet")
    low = max(0, math.floor(estimate["low"] / 60))
    high = max(0, math.ceil(estimate["high"] / 60))
    if high <= 1:
        return _("in a moment")
    if low == high:
        return _("about %(high)s") % {"high": duration(high)}
    if low < 1:
        return _("up to %(high)s") % {"high": duration(high)}
    if high < 60:
        return _unbroken(_("between %(low)s and %(high)s min")) % {"low": low, "high": high}
    return _("between %(low)s and %(high)s") % {"low": duration(low), "high": duration(high)}


def opens_at(at: datetime | None, now: datetime) -> str:
    """Return when a place opens, in its own zone; "" when that is not known."""
    if at is None:
        return ""
    time = f"{at:%H:%M}"
    if at.date() == now.astimezone(at.tzinfo).date():
        return _("opens at %(t)s") % {"t": time}
    return _("opens %(d)s at %(t)s") % {"d": date_format(at, "l"), "t": time}


def wording_for_scripts() -> dict[str, str]:
    """Return the sentences that scripts fill with figures, `{name}` for each figure."""
    places = {name: f"{{{name}}}" for name in ("n", "h", "m", "low", "high")}
    sentences = {
        "minutes": _("%(n)s min"),
        "hours": _("%(h)s h %(m)s"),
        "unknown": _("not known yet"),
        "now": _("in a moment"),
        "about": _("about %(high)s"),
        "up-to": _("up to %(high)s"),
        "between-minutes": _("between %(low)s and %(high)s min"),
        "between": _("between %(low)s and %(high)s"),
    }
    return {name: _unbroken(text) % places for name, text in sentences.items()}


def settings_word(name: str) -> str:
    """Return what an organization's setting is called."""
    return {
        "display_name": _("Name shown to people"),
        "logo": _("Logo"),
        "primary_color": _("Colour"),
        "languages": _("Languages"),
        "default_language": _("Default language"),
        "display_detail": _("The wall display shows"),
        "shows_waiting_count": _("Show how many people wait"),
        "shows_estimate": _("Show the expected wait"),
        "quiet_hours": _("Quiet hours"),
        "requires_second_factor": _("Second factor for all staff"),
        "retention_days": _("Days that data are kept"),
        "switches": _("Features"),
    }[name]


def settings_words(name: str, value: Any) -> str:
    """Return the value of an organization's setting as its history shows it."""
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if isinstance(value, list):
        return ", ".join(_language(code) for code in value)
    if isinstance(value, dict):
        parts = [f"{_part(name, key)}: {settings_words(name, one)}" for key, one in value.items()]
        return "; ".join(parts) or _("as at first")
    if name == "default_language":
        return _language(value)
    if name == "display_detail":
        return str(DisplayDetail(value).label)
    return str(value) if value not in ("", None) else "\N{EN DASH}"


def _language(code: str) -> str:
    return str(Language(code).label) if code in Language.values else code


def _part(name: str, key: str) -> str:
    known = {switch.value: feature.title for switch, feature in REGISTRY.items()}
    return str(known.get(key, key)) if name == "switches" else key
