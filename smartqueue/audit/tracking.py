"""
Which tables the journal watches, and how closely.

A table that is not named here is watched whole: a new model is in the journal from its first
migration on. Tables of the hot path are watched for what people type into them; the rest of their
columns, which operations write together with an event, only when no operation writes them.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from django.apps import apps
from django.db import models

from smartqueue.common.personal import personal_in


@dataclass(frozen=True, kw_only=True, slots=True)
class Hot:
    """
    A table that operations write all the time.

    A change of `watched` is always kept; adding and deleting rows too where `is_kept_whole`.
    """

    watched: tuple[str, ...] = ()
    is_kept_whole: bool = False


HOT: Final[Mapping[str, Hot]] = {
    "queues.Queue": Hot(
        watched=(
            "name",
            "prefix",
            "branch",
            "policy",
            "ordinary_per_priority",
            "overtake_cap",
            "max_calls",
            "no_show_grace_minutes",
            "more_time_limit",
            "after_transfer",
            "after_no_show",
            "daily_quota",
            "tickets_from",
            "max_waiting",
            "tickets_stopped_on",
            "follows_opening_hours",
            "asks_vehicle",
            "retired_at",
        ),
        is_kept_whole=True,
    ),
    "queues.Ticket": Hot(
        watched=(
            "customer",
            "customer_name",
            "phone",
            "plate",
            "vehicle_category",
            "priority",
            "note",
        )
    ),
    "queues.TicketPeriod": Hot(),
    "queues.TicketStep": Hot(),
    "queues.LongLine": Hot(),
    "queues.QueueWaits": Hot(),
    "queues.OrganizationWaits": Hot(),
    "queues.ShownEstimate": Hot(),
    "analytics.WaitAccuracy": Hot(),
    "queues.ExpectedPeople": Hot(),
    "appointments.Appointment": Hot(
        watched=("customer", "customer_name", "phone", "answers", "note", "end_reason")
    ),
    "appointments.AppointmentStep": Hot(),
    "appointments.BusyTime": Hot(),
    "appointments.SlotPlaces": Hot(),
    "appointments.WaitlistEntry": Hot(watched=("customer", "customer_name", "phone")),
    "appointments.WaitlistOffer": Hot(),
    "realtime.TopicEvent": Hot(),
    "idempotency.IdempotencyKey": Hot(),
    "notifications.Inbox": Hot(),
    "notifications.Notification": Hot(),
    "accounts.Session": Hot(),
    "accounts.RefreshToken": Hot(),
    "accounts.VerificationCode": Hot(),
    "locations.Commune": Hot(),
}

UNTRACKED: Final[Mapping[str, str]] = {
    "audit.RowChange": "the journal itself; nobody may change it, and the chain would show it",
    "audit.DayChain": "the journal itself",
    "audit.PersonKey": "written by the triggers; a destroyed key stays as an empty row",
    "outbox.DomainEvent": "the journal itself",
    "outbox.Delivery": "the relay's own work list",
    "outbox.JobRun": "the scheduler's own work list",
    "notifications.OutgoingMessage": "the senders' work list; its events are in the journal",
    "notifications.DeliveryAttempt": "the senders' work list",
    "notifications.ProviderHealth": "the senders' notes on providers; an empty account is an event",
    "notifications.ProviderCallback": "what providers said, kept until it is understood",
    "notifications.ProviderReceipt": "what providers said of messages",
    "notifications.InboundMessage": "kept until it is answered; what follows from it is an event",
    "notifications.SmsSpend": "a sum that each message changes; reaching the budget is an event",
    "notifications.BatchChunk": "recipients of a batch until their messages are made",
    "webhooks.Message": "the senders' work list; its events are in the journal",
    "webhooks.Attempt": "the senders' work list",
    "notifications.DeadAddress": "what mail servers said of addresses, as digests",
    "notifications.PushToken": "where a person's phone is reached, renewed at every start of its app",
    "notifications.BrowserSubscription": "where a browser is reached, renewed at its visits",
    "limits.Window": "counts attempts, deleted within the hour",
    "accounts.SocketTicket": "lives for 30 seconds",
    "accounts.MfaChallenge": "lives for minutes; a sign-in is an event",
    "accounts.PasskeyChallenge": "lives for minutes; a sign-in is an event",
    "accounts.TotpEnrolment": "lives for minutes; an app that was added is an event",
    "sessions.Session": "Django's cookies; accounts.Session is watched",
    "contenttypes.ContentType": "follows from the code",
    "auth.Permission": "follows from the code",
}

# Not even sealed values of these are kept, only that they changed.
SECRETS: Final[Mapping[str, tuple[str, ...]]] = {
    "accounts.User": ("password",),
    # They tell of whom an administrator changed, and would be sealed with the administrator's key.
    "admin.LogEntry": ("object_repr", "change_message"),
    "accounts.Session": ("cookie_key", "device"),
    "accounts.RefreshToken": ("digest", "device"),
    "accounts.VerificationCode": ("digest", "asker"),
    "accounts.FactorReset": ("digest",),
    "accounts.Passkey": ("credential_id", "credential"),
    "account.EmailConfirmation": ("key",),
    "mfa.Authenticator": ("data",),
    "business.BranchCredential": ("digest", "code_digest"),
    "idempotency.IdempotencyKey": ("digest", "body_digest", "answer"),
    "appointments.Appointment": ("code_digest",),
    "appointments.CalendarFeed": ("digest",),
    "appointments.BusyCalendar": ("sealed_url",),
    "webhooks.Endpoint": ("sealed_secret", "sealed_old_secret"),
}

# Changed at every sign-in, of which the event says so already, or whenever a calendar is asked for.
IGNORED: Final[Mapping[str, tuple[str, ...]]] = {
    "accounts.User": ("last_login",),
    "mfa.Authenticator": ("last_used_at",),
    "appointments.CalendarFeed": ("last_fetched_at",),
    "appointments.BusyCalendar": (
        "fetched_at",
        "read_at",
        "next_fetch_at",
        "etag",
        "last_modified",
    ),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Tracked:
    """One watched table as its triggers have to know it; every name is a column's."""

    label: str
    table: str
    key: str
    personal: tuple[str, ...]
    secret: tuple[str, ...]
    ignored: tuple[str, ...]
    sealed_for: str
    organization: str
    owner: tuple[str, str] | None
    branch: str
    hot: Hot | None


def tracked_tables() -> Iterator[Tracked]:
    """Yield every watched table, in the order of their labels."""
    found = [m for m in apps.get_models(include_auto_created=True) if _is_watched(m)]
    for model in sorted(found, key=lambda m: m._meta.label):
        yield _tracked(model)


def _is_watched(model: type[models.Model]) -> bool:
    meta = model._meta
    return meta.managed and not meta.proxy and meta.label not in UNTRACKED


def _tracked(model: type[models.Model]) -> Tracked:
    meta = model._meta
    place = personal_in(meta.label)
    columns = {name: str(f.column) for f in meta.concrete_fields for name in (f.name, f.attname)}
    generated = tuple(str(f.column) for f in meta.concrete_fields if f.generated)
    hot = HOT.get(meta.label)
    if hot is not None:
        watched = tuple(columns[name] for name in hot.watched)
        hot = Hot(watched=watched, is_kept_whole=hot.is_kept_whole)
    key = meta.pk_fields[0]
    personal = tuple(columns[name] for name in place.fields)
    secret = SECRETS.get(meta.label, ())
    if not place.sealed_for and not isinstance(key, models.UUIDField):
        # There is no id that a key could be destroyed by.
        personal, secret = (), (*secret, *personal)
    return Tracked(
        label=meta.label,
        table=meta.db_table,
        key=str(key.column),
        personal=personal,
        secret=secret,
        ignored=(*generated, *IGNORED.get(meta.label, ())),
        sealed_for=columns.get(place.sealed_for, ""),
        organization=_organization_column(meta.label, columns),
        owner=_owner(model, columns),
        branch="id" if meta.label == "business.Branch" else columns.get("branch_id", ""),
        hot=hot,
    )


def _organization_column(label: str, columns: Mapping[str, str]) -> str:
    return "id" if label == "business.Organization" else columns.get("organization_id", "")


def _owner(model: type[models.Model], columns: Mapping[str, str]) -> tuple[str, str] | None:
    """Return the table and the column through which a row without an organization finds its own."""
    if "organization_id" in columns:
        return None
    for field in model._meta.concrete_fields:
        target = field.related_model
        if isinstance(target, type) and any(
            f.attname == "organization_id" for f in target._meta.concrete_fields
        ):
            return target._meta.db_table, str(field.column)
    return None
