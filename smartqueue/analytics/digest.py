"""The words of a morning's digest: plain text and an e-mail's page, in the reader's language."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from django.conf import settings
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import formats, translation
from django.utils.translation import gettext as _
from django.utils.translation import ngettext, pgettext

from smartqueue.analytics.mornings import BranchDay, MessagesDay
from smartqueue.common.money import Money
from smartqueue.notifications.enums import Channel, Group, Importance
from smartqueue.notifications.reasons import reason_of
from smartqueue.notifications.texts import clean, register_text

CODE: Final = "digest"
LIFE: Final = timedelta(hours=12)
REASONS_SHOWN: Final = 5

register_text(
    CODE,
    subject="%(subject)s",
    body="%(text)s",
    is_raw=True,
    group=Group.DIGEST,
    importance=Importance.LOW,
    life=LIFE,
    channels=(Channel.EMAIL,),
)


@dataclass(frozen=True, slots=True)
class Row:
    """One figure and what it is."""

    label: str
    value: str


@dataclass(frozen=True, slots=True)
class Section:
    """The figures of one branch, or of an organization's messages."""

    title: str
    day: str
    rows: tuple[Row, ...]


@dataclass(frozen=True, slots=True)
class Digest:
    """A digest in one language: the e-mail's subject, its plain text, its page, and where it leads."""

    subject: str
    text: str
    html: str
    link: str


def written(
    organization: str, days: Sequence[BranchDay], told: MessagesDay | None, language: str
) -> Digest:
    """Return a digest of these days; `told` is for who manages the organization as a whole."""
    with translation.override(language):
        busy = [day for day in days if not day.is_empty]
        about = busy[0].branch.name if len(busy) == 1 else organization
        sections = [*map(_branch, busy), *(_messages(told) if told else ())]
        quiet = [_name(day.branch.name) for day in days if day.is_empty]
        shown = {
            "sections": sections,
            "quiet": quiet,
            "choices": f"{settings.PUBLIC_URL}{reverse('web:account-told')}",
            "side": "right" if language == "ar" else "left",
            "other_side": "left" if language == "ar" else "right",
        }
        return Digest(
            subject=_("Yesterday at %(place)s") % {"place": _name(about)},
            text=render_to_string("analytics/digest.txt", shown).strip(),
            html=render_to_string("analytics/digest.html", shown),
            link=_link(busy),
        )


def _link(days: Sequence[BranchDay]) -> str:
    only = days[0].branch.pk if len(days) == 1 else None
    path = reverse("web:manage-branch", args=[only]) if only else reverse("web:manage")
    return f"{settings.PUBLIC_URL}{path}"


def _name(text: str) -> str:
    return _apart(" ".join(clean(text).split()))


def _apart(text: str) -> str:
    """Return what is written from left to right so that it stays so in an Arabic sentence."""
    return f"\u2068{text}\u2069" if translation.get_language() == "ar" else text


def _money(minor: int) -> str:
    return _apart(Money(minor, "XOF").display(translation.get_language() or "fr"))


def _branch(day: BranchDay) -> Section:
    return Section(
        title=_name(day.branch.name),
        day=formats.date_format(day.day, "l j F Y"),
        rows=tuple(_figures(day)),
    )


def _figures(day: BranchDay) -> Iterator[Row]:
    figures = day.figures
    yield Row(_("Tickets given"), _count(figures.issued))
    yield Row(_("People served"), _count(figures.served))
    yield Row(_("Called, and did not come"), _count(figures.no_shows))
    if figures.cancelled:
        yield Row(_("Left the line"), _count(figures.cancelled))
    if figures.expired:
        yield Row(_("Not served before the end"), _count(figures.expired))
    waits = figures.wait_seconds
    if waits.median is not None and waits.p90 is not None:
        yield Row(_("Half of the people waited at most"), _duration(waits.median))
        yield Row(_("Nine of ten waited at most"), _duration(waits.p90))
    if day.longest:
        yield Row(
            _("The longest line"),
            _("%(people)s in “%(queue)s” at %(time)s")
            % {
                "people": _people(day.longest.waiting),
                "queue": _name(day.longest.queue),
                "time": formats.date_format(day.longest.at, "TIME_FORMAT"),
            },
        )
    if day.bookings.booked or day.bookings.cancelled:
        yield Row(_("Appointments"), _count(day.bookings.booked))
        yield Row(_("Appointments that nobody came to"), _count(day.bookings.missed))


def _messages(told: MessagesDay) -> Iterator[Section]:
    rows = list(_undelivered(told.undelivered))
    if told.left_minor is not None and told.budget_minor is not None:
        rows.append(
            Row(
                _("Left this month for text messages"),
                pgettext("amounts", "%(left)s of %(budget)s")
                % {"left": _money(told.left_minor), "budget": _money(told.budget_minor)},
            )
        )
    if rows:
        yield Section(title=_("Messages"), day="", rows=tuple(rows))


def _undelivered(undelivered: dict[str, int]) -> Iterable[Row]:
    by_reason: dict[str, int] = {}
    for code, count in undelivered.items():
        reason = reason_of(code)
        by_reason[reason] = by_reason.get(reason, 0) + count
    total = sum(by_reason.values())
    if not total:
        return
    yield Row(_("Did not arrive"), _count(total))
    frequent = sorted(by_reason.items(), key=lambda known: -known[1])
    for reason, count in frequent[:REASONS_SHOWN]:
        yield Row(reason, _count(count))


def _count(number: int) -> str:
    return str(formats.number_format(number, force_grouping=True))


def _people(number: int) -> str:
    return ngettext("%(count)s person", "%(count)s people", number) % {"count": _count(number)}


def _duration(seconds: int) -> str:
    """Return seconds as whole minutes, and hours from one on."""
    minutes = max(round(seconds / 60), 1)
    hours, rest = divmod(minutes, 60)
    if not hours:
        return _("%(minutes)s min") % {"minutes": minutes}
    return _("%(hours)s h %(minutes)s min") % {"hours": hours, "minutes": rest}
