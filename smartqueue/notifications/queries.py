"""Reading notifications, and the development mailbox."""

import json
import re
from base64 import b64decode
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final
from urllib.parse import unquote_plus
from uuid import UUID

from django.conf import settings
from django.db import connection
from django.db.models import Count, Q, QuerySet
from django.db.models.functions import Now

from smartqueue.accounts import queries as account_queries
from smartqueue.common.crypto import decrypt
from smartqueue.notifications import texts
from smartqueue.notifications.enums import (
    UNDELIVERED,
    AttemptState,
    Channel,
    CircuitState,
    Group,
)
from smartqueue.notifications.models import (
    Batch,
    BrowserSubscription,
    DeliveryAttempt,
    Notification,
    OutgoingMessage,
    Preference,
    ProviderHealth,
    PushToken,
    QuietHours,
    TemplateVersion,
)
from smartqueue.notifications.providers.base import callback_secret_of, providers_of
from smartqueue.notifications.providers.web_push import keys as web_push_keys

BODY_PURPOSE = "outgoing message"
CALLBACK_PURPOSE = "provider callback"
DEVICE_PURPOSE = "device"
SNAPSHOT_SIZE = 20

_CODE = re.compile(r"\b\d{6}\b")


def callback_address(provider: str, kind: str) -> str:
    """Return the address by which a provider calls the product; empty where it has no secret here."""
    secret = callback_secret_of(provider)
    if not secret:
        return ""
    path = f"/api/notifications/webhooks/{provider.replace('_', '-')}/{kind}/{secret}/"
    return f"{settings.PUBLIC_URL.rstrip('/')}{path}"


def opened_callback(sealed: str) -> str:
    """Return as text what a provider's call or an incoming message says; empty if it cannot be read."""
    try:
        told: dict[str, Any] = json.loads(decrypt(sealed, CALLBACK_PURPOSE))
    except ValueError:
        return ""
    body = b64decode(told.pop("body", "")).decode(errors="replace")
    return f"{json.dumps(told, ensure_ascii=False)} {body} {unquote_plus(body)}"


def topic_of(user_id: UUID) -> str:
    """Return the name of a person's topic."""
    return f"user:{user_id}"


def list_notifications(user_id: UUID, *, unread: bool | None = None) -> "QuerySet[Notification]":
    """Return a person's notifications, newest first; only read or unread ones where asked."""
    rows = Notification.objects.filter(user_id=user_id, channel=Channel.IN_APP).order_by("-id")
    return rows if unread is None else rows.filter(read_at__isnull=unread)


def as_wire(notification: Notification, language: str) -> dict[str, Any]:
    """Return a notification as clients read it, with its words in a language."""
    title, body = texts.render(notification.code, notification.data, language)
    return {
        "id": str(notification.pk),
        "code": notification.code,
        "title": title,
        "body": body,
        "data": notification.data,
        "organization": str(notification.organization_id) if notification.organization_id else None,
        "created_at": notification.created_at.isoformat(),
        "read_at": notification.read_at.isoformat() if notification.read_at else None,
    }


_SNAPSHOT = """
    SELECT COALESCE(i.version, 0), u.language,
           (SELECT count(*) FROM notifications_notification AS c
            WHERE c.user_id = u.id AND c.channel = 'in_app' AND c.read_at IS NULL),
           n.id, n.organization_id, n.code, n.data, n.created_at, n.read_at
    FROM accounts_user AS u
    LEFT JOIN notifications_inbox AS i ON i.user_id = u.id
    LEFT JOIN LATERAL (
        SELECT * FROM notifications_notification AS l
        WHERE l.user_id = u.id AND l.channel = 'in_app' ORDER BY l.id DESC LIMIT %s
    ) AS n ON true
    WHERE u.id = %s
    ORDER BY n.id DESC
"""


def snapshot(user_id: UUID) -> tuple[int, dict[str, Any]] | None:
    """
    Return the version of a person's topic and what it shows then: how many are unread, and the
    newest twenty in the person's language. None without such a person. One statement, one moment.
    """
    with connection.cursor() as cursor:
        cursor.execute(_SNAPSHOT, [SNAPSHOT_SIZE, user_id])
        rows = cursor.fetchall()
    if not rows:
        return None
    version, language, unread = rows[0][:3]
    newest = [as_wire(_of_row(row[3:]), language) for row in rows if row[3] is not None]
    return version, {"unread_count": unread, "notifications": newest}


def _of_row(row: tuple[Any, ...]) -> Notification:
    pk, organization_id, code, data, created_at, read_at = row
    return Notification(
        id=pk,
        organization_id=organization_id,
        code=code,
        data=json.loads(data) if isinstance(data, str) else data,
        created_at=created_at,
        read_at=read_at,
    )


@dataclass(frozen=True, slots=True)
class MailboxMessage:
    """A message as the development mailbox shows it; `code` is empty where there is none."""

    id: UUID
    channel: str
    recipient: str
    subject: str
    body: str
    code: str
    created_at: datetime


def list_mailbox(recipient: str | None = None, limit: int = 50) -> list[MailboxMessage]:
    """
    Return the newest messages, all or one recipient's; nothing where there is no such mailbox.

    `recipient` is matched as a part, so that a half-typed address finds its messages.
    """
    if not settings.DEVELOPMENT_MAILBOX:
        return []
    rows = OutgoingMessage.objects.exclude(sealed_body="").order_by("-id")
    if recipient:
        rows = rows.filter(recipient__icontains=recipient.strip())
    return [_mailbox_message(row) for row in rows[:limit]]


def _mailbox_message(row: OutgoingMessage) -> MailboxMessage:
    body = decrypt(row.sealed_body, BODY_PURPOSE)
    code = _CODE.search(body) if row.template.endswith("_code") else None
    return MailboxMessage(
        id=row.pk,
        channel=row.channel,
        recipient=row.recipient,
        subject=row.subject,
        body=body,
        code=code.group() if code else "",
        created_at=row.created_at,
    )


# --- What staff see of messages -----------------------------------------------------------------


def messages_of(organization_ids: Iterable[UUID]) -> "QuerySet[OutgoingMessage]":
    """Return the messages that some organizations sent, newest first."""
    rows = OutgoingMessage.objects.filter(organization_id__in=list(organization_ids))
    return rows.order_by("-id")


def attempts_of(message: OutgoingMessage) -> "QuerySet[DeliveryAttempt]":
    """Return what was tried for a message, oldest first."""
    return message.deliveries.order_by("id")


def undelivered_between(organization_id: UUID, since: datetime, until: datetime) -> dict[str, int]:
    """
    Return how many of an organization's messages made in a time reached nobody, on no channel, by
    why that is, the most frequent first.
    """
    rows = OutgoingMessage.objects.filter(
        organization_id=organization_id,
        created_at__gte=since,
        created_at__lt=until,
        state__in=UNDELIVERED,
        ended_at__isnull=False,
        # What was sent by another channel instead speaks for both.
        fallbacks=None,
    )
    counted = rows.order_by().values_list("last_error").annotate(count=Count("pk"))
    return dict(counted.order_by("-count", "last_error"))


def batches_of(organization_ids: Iterable[UUID]) -> "QuerySet[Batch]":
    """Return the batches of some organizations, newest first."""
    rows = Batch.objects.with_scopes_disabled().filter(organization_id__in=list(organization_ids))
    found: QuerySet[Batch] = rows.order_by("-id")
    return found


def counts_of(batch_ids: Iterable[UUID]) -> dict[UUID, dict[str, int]]:
    """Return how many messages of each batch are in which state."""
    rows = (
        OutgoingMessage.objects.filter(batch_id__in=list(batch_ids), fallback_of=None)
        .order_by()
        .values_list("batch_id", "state")
        .annotate(count=Count("pk"))
    )
    found: dict[UUID, dict[str, int]] = {}
    for batch_id, state, count in rows:
        if batch_id is not None:
            found.setdefault(batch_id, {})[state] = count
    return found


@dataclass(frozen=True, slots=True)
class ProviderView:
    """
    How a provider is doing: `delivery_rate` is the part of the last day's messages with a known
    outcome that arrived, None without any. What its account still has is the platform's business,
    and None or empty for anybody else.
    """

    name: str
    state: str
    balance_units: int | None
    balance_minor: int | None
    currency: str
    balance_at: datetime | None
    is_balance_low: bool | None
    sent: int
    delivered: int
    failed: int
    delivery_rate: float | None


def list_sms_providers(organization_ids: Iterable[UUID] | None) -> list[ProviderView]:
    """
    Return the providers of text messages that have an account here, as they are doing now: with the
    messages of some organizations, or for the platform, with everybody's and the balances.
    """
    names = [provider.name for provider in providers_of(Channel.SMS)]
    health = {row.provider: row for row in ProviderHealth.objects.filter(pk__in=names)}
    attempts = DeliveryAttempt.objects.filter(provider__in=names)
    if organization_ids is not None:
        attempts = attempts.filter(message__organization_id__in=list(organization_ids))
    counted = _outcomes_of_a_day(attempts)
    views = [_provider_view(name, health.get(name), counted.get(name, {})) for name in names]
    return views if organization_ids is None else [replace(view, **_UNTOLD) for view in views]


_UNTOLD: Final[Mapping[str, Any]] = {
    "balance_units": None,
    "balance_minor": None,
    "currency": "",
    "balance_at": None,
    "is_balance_low": None,
}


def _outcomes_of_a_day(attempts: "QuerySet[DeliveryAttempt]") -> dict[str, dict[str, int]]:
    rows = (
        attempts.filter(started_at__gte=Now() - timedelta(days=1))
        .order_by()
        .values_list("provider", "state")
        .annotate(count=Count("pk"))
    )
    found: dict[str, dict[str, int]] = {}
    for name, state, count in rows:
        found.setdefault(name, {})[state] = count
    return found


def _provider_view(
    name: str, health: ProviderHealth | None, counts: dict[str, int]
) -> ProviderView:
    delivered = counts.get(AttemptState.DELIVERED, 0)
    failed = sum(counts.get(s, 0) for s in (AttemptState.FAILED, AttemptState.EXPIRED))
    known = delivered + failed
    row = health or ProviderHealth(provider=name)
    return ProviderView(
        name=name,
        state="in_use" if row.circuit == CircuitState.CLOSED else "left_alone",
        balance_units=row.units,
        balance_minor=row.amount_minor,
        currency=row.currency,
        balance_at=row.balance_at,
        is_balance_low=row.is_low,
        sent=sum(counts.values()),
        delivered=delivered,
        failed=failed,
        delivery_rate=round(delivered / known, 3) if known else None,
    )


def follower_of(message: OutgoingMessage) -> OutgoingMessage | None:
    """Return the message on another channel that was sent where this one did not arrive."""
    return OutgoingMessage.objects.filter(fallback_of=message).first()


# --- Words, and what people want to be told -----------------------------------------------------


def worded_as(channel: Channel) -> Channel:
    """Return the channel whose words another uses: both kinds of push have the same."""
    return Channel.PUSH if channel == Channel.WEB_PUSH else channel


def own_words(
    organization_id: UUID | None, code: str, channel: Channel, language: str
) -> texts.Source | None:
    """Return an organization's own words for a message; None where the product's are said."""
    if organization_id is None or not texts.text_of(code).has_own_words:
        return None
    version = versions_of(organization_id, code, channel, language).first()
    if version is None or version.is_default:
        return None
    return texts.Source(version.subject, version.body)


def versions_of(
    organization_id: UUID, code: str, channel: Channel, language: str
) -> "QuerySet[TemplateVersion]":
    """Return all that an organization had as its own words for a message, newest first."""
    rows = TemplateVersion.objects.with_scopes_disabled().filter(
        organization_id=organization_id, code=code, channel=worded_as(channel), language=language
    )
    found: QuerySet[TemplateVersion] = rows.order_by("-number")
    return found


def newest_versions(organization_id: UUID) -> dict[tuple[str, str, str], TemplateVersion]:
    """Return what is in force of an organization's own words, by code, channel and language."""
    rows = TemplateVersion.objects.with_scopes_disabled().filter(organization_id=organization_id)
    newest = rows.order_by("code", "channel", "language", "-number")
    return {
        (row.code, row.channel, row.language): row
        for row in newest.distinct("code", "channel", "language")
    }


@dataclass(frozen=True, slots=True)
class Wishes:
    """What a person wants to be told: `off` are the pairs of group and channel they do without."""

    off: frozenset[tuple[str, str]] = frozenset()
    quiet: QuietHours | None = None


def wishes_of(user_id: UUID) -> Wishes:
    """Return what a person chose; whoever chose nothing gets everything at any hour."""
    off = Preference.objects.filter(user_id=user_id, is_on=False).values_list("group", "channel")
    return Wishes(frozenset(off), QuietHours.objects.filter(user_id=user_id).first())


def may_be_off(group: Group, channel: Channel) -> bool:
    """Whether there are messages about something by a channel that people may do without."""
    if group == Group.DIGEST:
        return channel == Channel.EMAIL
    return group != Group.SECURITY and channel != Channel.IN_APP


def already_told(keys: Iterable[str]) -> set[str]:
    """Return those of these keys of events under which somebody was told something."""
    wanted = list(keys)
    sent = OutgoingMessage.objects.filter(dedupe_key__in=wanted).values_list("dedupe_key")
    shown = Notification.objects.filter(dedupe_key__in=wanted).values_list("dedupe_key")
    return {key for (key,) in sent.order_by().union(shown.order_by())}


# --- Phones and browsers ------------------------------------------------------------------------


def is_signed_in(user_id: UUID, session_id: UUID | None) -> bool:
    """Whether the sign-in that registered a device lasts; one without a session is taken to."""
    if session_id is None:
        return True
    return account_queries.list_sessions(user_id).filter(pk=session_id).exists()


def list_push_tokens(user_id: UUID) -> "QuerySet[PushToken]":
    """Return a person's phones, last seen first."""
    return PushToken.objects.filter(user_id=user_id).order_by("-last_seen_at", "-pk")


@dataclass(frozen=True, slots=True)
class Devices:
    """What shows messages to a person: recipients for `send_message`, by channel, last seen first."""

    push: tuple[str, ...] = ()
    web_push: tuple[str, ...] = ()


def devices_of(user_id: UUID) -> Devices:
    """Return the phones and browsers on which a person is signed in."""
    alive = account_queries.list_sessions(user_id).order_by().values("pk")
    counts = Q(session_id=None) | Q(session_id__in=alive)
    phones = PushToken.objects.filter(counts, user_id=user_id)
    browsers = BrowserSubscription.objects.filter(counts, user_id=user_id)
    return Devices(push=_recipients(phones), web_push=_recipients(browsers))


def browsers_of_ticket(ticket_id: UUID) -> tuple[str, ...]:
    """Return the browsers that asked to be told about a ticket, as recipients for `send_message`."""
    return _recipients(BrowserSubscription.objects.filter(ticket_id=ticket_id))


def _recipients(rows: "QuerySet[Any]") -> tuple[str, ...]:
    newest = rows.order_by("-last_seen_at", "-pk").values_list("pk", flat=True)
    return tuple(str(pk) for pk in newest)


def address_of(channel: Channel, recipient: str) -> str | None:
    """
    Return what a provider knows a message's recipient by: a phone's token, a browser's subscription
    as JSON, otherwise the recipient itself. None where the device is gone or was signed out.
    """
    if channel not in {Channel.PUSH, Channel.WEB_PUSH}:
        return recipient
    model: Any = PushToken if channel == Channel.PUSH else BrowserSubscription
    row = model.objects.filter(pk=recipient).first()
    if row is None or (row.user_id and not is_signed_in(row.user_id, row.session_id)):
        return None
    return decrypt(row.sealed, DEVICE_PURPOSE)


def web_push_key() -> str:
    """Return the key that browsers subscribe with, in base64url; empty where nothing pushes to them."""
    return web_push_keys.public_key()
