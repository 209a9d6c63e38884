"""An organization's own words for messages: looked at before they are kept, and taken back."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from smartqueue.accounts.actor import Actor
from smartqueue.accounts.enums import Language
from smartqueue.common.db import operation
from smartqueue.common.errors import NotFound
from smartqueue.notifications import policies, queries, templating, texts
from smartqueue.notifications.enums import Channel
from smartqueue.notifications.errors import (
    TemplateChangedMeanwhile,
    TemplateTooLong,
    UnknownText,
)
from smartqueue.notifications.events import TemplateChanged
from smartqueue.notifications.models import TemplateVersion
from smartqueue.notifications.operations.routing import USUAL_PRICE_MINOR
from smartqueue.notifications.providers.base import providers_of, terms_of
from smartqueue.notifications.segments import Length, measure
from smartqueue.notifications.texts import Source
from smartqueue.outbox import operations as outbox

WORDED: Final = (Channel.SMS, Channel.PUSH, Channel.EMAIL)
MOST_SEGMENTS: Final = 4
MOST_LETTERS: Final = {Channel.PUSH: (100, 400), Channel.EMAIL: (200, 10_000)}


@dataclass(frozen=True, slots=True)
class Preview:
    """
    Words filled in with sample values: what they are, how long as a text message, what that costs,
    and how many segments they take with the longest values.
    """

    subject: str
    body: str
    length: Length | None
    longest_segments: int | None
    cost_minor: int | None


def text_for(code: str, channel: str, language: str) -> texts.Text:
    """
    Return a message that organizations may put in their own words.

    :raises NotFound: there is none such
    """
    try:
        text = texts.text_of(code)
    except UnknownText as error:
        raise NotFound from error
    if not text.has_own_words or channel not in WORDED or language not in Language.values:
        raise NotFound
    return text


def check_source(code: str, channel: Channel, language: str, source: Source) -> None:
    """
    Check words before anything is kept or sent.

    :raises TemplateBroken, TemplateForbidden, UnknownTemplateVariable: as `templating.check`
    :raises TemplateTooLong: with the longest values they do not fit into the channel
    """
    variables = texts.text_of(code).variables
    if len(source.body) > templating.MOST_LETTERS or len(source.subject) > 500:
        raise TemplateTooLong(length=len(source.body), most=templating.MOST_LETTERS)
    templating.check(source.subject, variables)
    templating.check(source.body, variables)
    subject, body = _filled(code, channel, language, source, is_longest=True)
    if channel == Channel.SMS:
        _require(measure(body).segments, MOST_SEGMENTS)
        return
    for value, most in zip((subject, body), MOST_LETTERS[channel], strict=True):
        _require(len(value), most)


def _require(length: int, most: int) -> None:
    if length > most:
        raise TemplateTooLong(length=length, most=most)


def _filled(
    code: str, channel: Channel, language: str, source: Source, *, is_longest: bool = False
) -> tuple[str, str]:
    samples = dict(texts.text_of(code).variables)
    if is_longest:
        # Digits and links are as long as they are; a name may be as long as it is let be.
        longest = "M" * 200
        samples = {
            name: longest if any(c.isalpha() for c in value) and "://" not in value else value
            for name, value in samples.items()
        }
    return texts.render(code, samples, language, channel, source)


def preview(
    *, actor: Actor, organization_id: UUID, code: str, channel: str, language: str, source: Source
) -> Preview:
    """
    Show words with sample values, without keeping them.

    :raises NotFound: not an organization that the actor manages, or no such message
    :raises TemplateBroken, TemplateForbidden, UnknownTemplateVariable, TemplateTooLong: see above
    """
    policies.access_messages(actor, organization_id)
    text_for(code, channel, language)
    check_source(code, Channel(channel), language, source)
    return shown(code, Channel(channel), language, source)


def shown(code: str, channel: Channel, language: str, source: Source) -> Preview:
    """Return how words look with sample values."""
    subject, body = _filled(code, channel, language, source)
    if channel != Channel.SMS:
        return Preview(subject, body, None, None, None)
    length = measure(body)
    longest = _filled(code, channel, language, source, is_longest=True)[1]
    return Preview(
        subject, body, length, measure(longest).segments, length.segments * price_minor()
    )


def price_minor() -> int:
    """Return what one segment costs at the cheapest provider of text messages here."""
    prices = [terms_of(provider).price_minor or 0 for provider in providers_of(Channel.SMS)]
    return min((price for price in prices if price), default=USUAL_PRICE_MINOR)


@operation
def write_template(
    *,
    actor: Actor,
    organization_id: UUID,
    code: str,
    channel: str,
    language: str,
    source: Source,
    number: int,
    now: datetime,
) -> TemplateVersion:
    """
    Give a message an organization's own words. `number` is the version they were written over.

    :raises NotFound: not an organization that the actor manages, or no such message
    :raises TemplateBroken, TemplateForbidden, UnknownTemplateVariable, TemplateTooLong: see above
    :raises TemplateChangedMeanwhile: `number` is not the newest any more
    """
    policies.access_messages(actor, organization_id)
    text_for(code, channel, language)
    check_source(code, Channel(channel), language, source)
    return _keep(actor, organization_id, (code, channel, language), source, number, now)


@operation
def restore_template(
    *,
    actor: Actor,
    organization_id: UUID,
    code: str,
    channel: str,
    language: str,
    restored: int,
    now: datetime,
) -> TemplateVersion:
    """
    Say again what an earlier version said; 0 is the product's own words.

    :raises NotFound: not an organization that the actor manages, no such message or version
    """
    policies.access_messages(actor, organization_id)
    text_for(code, channel, language)
    versions = queries.versions_of(organization_id, code, Channel(channel), language)
    earlier = versions.filter(number=restored).first()
    newest = versions.first()
    if newest is None or (restored and earlier is None):
        raise NotFound
    source = None
    if earlier is not None and not earlier.is_default:
        source = Source(earlier.subject, earlier.body)
        # What the message may name or how long it may be can have changed since.
        check_source(code, Channel(channel), language, source)
    return _keep(actor, organization_id, (code, channel, language), source, newest.number, now)


def _keep(
    actor: Actor,
    organization_id: UUID,
    place: tuple[str, str, str],
    source: Source | None,
    number: int,
    now: datetime,
) -> TemplateVersion:
    code, channel, language = place
    rows = queries.versions_of(organization_id, code, Channel(channel), language)
    newest = rows.first()
    if (newest.number if newest else 0) != number:
        raise TemplateChangedMeanwhile
    version = TemplateVersion(
        organization_id=organization_id,
        code=code,
        channel=channel,
        language=language,
        number=number + 1,
        subject=source.subject if source else "",
        body=source.body if source else "",
        is_default=source is None,
        changed_by_id=actor.user_id,
        changed_at=now,
    )
    # Of two who write over the same version, the constraint lets one through.
    TemplateVersion.objects.bulk_create([version], ignore_conflicts=True)
    if not rows.filter(pk=version.pk).exists():
        raise TemplateChangedMeanwhile
    outbox.publish(
        TemplateChanged(
            template_id=version.pk,
            code=code,
            channel=channel,
            language=language,
            is_default=version.is_default,
            organization_id=organization_id,
            subject_version=version.number,
            occurred_at=now,
            actor=actor.label,
        )
    )
    return version
