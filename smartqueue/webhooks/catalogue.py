"""
Which events organizations may be told of, and in which form; docs/patterns/webhooks.md.

Every event of the product is in PUBLIC or in PRIVATE: a test fails on a new one that is in neither.
"""

import json
from collections.abc import Mapping
from datetime import UTC
from typing import Any, Final
from uuid import UUID, uuid5

from smartqueue.audit.wording import SENTENCES
from smartqueue.common.errors import Text
from smartqueue.outbox.events import Event

PING: Final = "ping"


def _of(app: str, subject: str, *actions: str) -> dict[str, str]:
    return {f"{app}.{subject}.{action}.v1": f"{subject}.{action}" for action in actions}


# By the full name; the public name leaves out the app.
PUBLIC: Final[Mapping[str, str]] = {
    **_of(
        "queues",
        "ticket",
        *("issued", "called", "recalled", "started", "completed", "no_show", "cancelled"),
        *("expired", "delayed", "parked", "resumed", "returned", "reinstated", "transferred"),
    ),
    **_of("queues", "queue", "opened", "paused", "closed"),
    **_of("queues", "counter", "opened", "paused", "closed"),
    **_of(
        "appointments",
        "appointment",
        *("requested", "confirmed", "attendance_confirmed", "moved", "cancelled", "checked_in"),
        *("returned", "completed", "no_show", "expired"),
    ),
    **_of(
        "appointments",
        "waitlist",
        *("joined", "offered", "taken", "declined", "lapsed", "expired", "left"),
    ),
    **_of("business", "branch", "created", "changed", "closed"),
    **_of("business", "service", "created", "changed", "retired"),
    **_of("business", "counter", "created", "changed", "retired"),
    **_of("support", "case", "opened", "assigned", "changed", "resolved", "closed", "reopened"),
}

_ACCOUNT: Final = "an account is its person's, whatever the organization"
_INNER: Final = "what the product tells itself"
_SECURITY: Final = "who may do what; read in the journal by owners"
_CONTENTS: Final = "says that somebody wrote, also in notes; the case is read with its rights"

PRIVATE: Final[Mapping[str, str]] = {
    **dict.fromkeys(
        (
            "accounts.account_access.closed.v1",
            "accounts.account_access.opened.v1",
            "accounts.contact_change.started.v1",
            "accounts.factor_reset.cancelled.v1",
            "accounts.factor_reset.issued.v1",
            "accounts.factor_reset.used.v1",
            "accounts.passkey.copied.v1",
            "accounts.passkey.renamed.v1",
            "accounts.recovery_codes.made.v1",
            "accounts.second_factor.added.v1",
            "accounts.second_factor.removed.v1",
            "accounts.second_factor.used.v1",
            "accounts.session.revoked.v1",
            "accounts.session.started.v1",
            "accounts.sign_in.confirmed.v1",
            "accounts.user.changed.v1",
            "accounts.user.contact_changed.v1",
            "accounts.user.erased.v1",
            "accounts.user.password_changed.v1",
            "accounts.user.registered.v1",
            "accounts.user.signed_out_everywhere.v1",
            "accounts.user.verified.v1",
            "privacy.consent.recorded.v1",
            "privacy.erasure.finished.v1",
            "privacy.erasure.requested.v1",
            "privacy.export.ready.v1",
            "privacy.export.requested.v1",
        ),
        _ACCOUNT,
    ),
    **dict.fromkeys(
        (
            "agents.skill.removed.v1",
            "agents.skill.set.v1",
            "appointments.busy_calendar.added.v1",
            "appointments.busy_calendar.removed.v1",
            "appointments.feed.created.v1",
            "appointments.feed.revoked.v1",
            "audit.journal.exported.v1",
            "business.device.added.v1",
            "business.device.paired.v1",
            "business.device.revoked.v1",
            "business.invitation.accepted.v1",
            "business.invitation.resent.v1",
            "business.invitation.withdrawn.v1",
            "business.member.changed.v1",
            "business.member.invited.v1",
            "business.member.joined.v1",
            "business.member.removed.v1",
            "business.organization.changed.v1",
            "business.organization.closed.v1",
            "business.organization.created.v1",
            "business.settings.changed.v1",
            "business.support.closed.v1",
            "business.support.opened.v1",
            "privacy.register.changed.v1",
        ),
        _SECURITY,
    ),
    **dict.fromkeys(
        (
            "support.case.file_attached.v1",
            "support.case.message_written.v1",
        ),
        _CONTENTS,
    ),
    **dict.fromkeys(
        (
            "appointments.appointment.held.v1",
            "appointments.appointment.reminder_due.v1",
            "appointments.slots.changed.v1",
            "business.holidays.changed.v1",
            "business.opening_hours.changed.v1",
            "notifications.batch.cancelled.v1",
            "notifications.batch.created.v1",
            "notifications.message.not_delivered.v1",
            "notifications.message.queued.v1",
            "notifications.notification.created.v1",
            "notifications.provider.balance_low.v1",
            "notifications.sms_account.changed.v1",
            "notifications.sms_budget.alert.v1",
            "notifications.template.changed.v1",
            "queues.queue.grew_long.v1",
            "queues.queue.visibility_changed.v1",
        ),
        _INNER,
    ),
}

# An account's id follows a person from one organization to the next; staff read names by the ticket.
_HIDDEN: Final = frozenset({"customer_id", "person_id"})
_KEYS: Final = UUID("5f8d2f5c-53b7-5b0e-9d0c-0d6a0f8f2c11")


def public_types() -> dict[str, Text]:
    """Return what can be chosen, with a sentence for each, by name."""
    found = {name: SENTENCES[full.rpartition(".v")[0]] for full, name in PUBLIC.items()}
    return dict(sorted(found.items()))


def type_of(event: type[Event]) -> str | None:
    """Return the public name of an event; None for one that is told to nobody."""
    return PUBLIC.get(event.full_name())


def key_of(event: Event) -> UUID:
    """Return what stands for an event, the same each time that its handler runs."""
    facts = json.dumps(event.payload(), sort_keys=True)
    told = f"{event.full_name()} {event.organization_id} {event.subject_id} {event.subject_version}"
    return uuid5(_KEYS, f"{told} {event.occurred_at.astimezone(UTC).isoformat()} {facts}")


def body_of(event: Event) -> str:
    """Return an event as receivers get it."""
    facts = {name: value for name, value in event.payload().items() if name not in _HIDDEN}
    about = {
        "organization_id": str(event.organization_id),
        "subject_type": type(event).subject,
        "subject_id": str(event.subject_id),
        "subject_version": event.subject_version,
    }
    return _written(
        PUBLIC[event.full_name()], type(event).version, event.occurred_at, about | facts
    )


def ping_body(organization_id: UUID, endpoint_id: UUID, at: Any) -> str:
    """Return the test event of an endpoint."""
    data = {"organization_id": str(organization_id), "endpoint_id": str(endpoint_id)}
    return _written(PING, 1, at, data)


def _written(name: str, version: int, at: Any, data: dict[str, Any]) -> str:
    told = {
        "type": name,
        "version": version,
        "timestamp": at.astimezone(UTC).isoformat().replace("+00:00", "Z"),
        "data": data,
    }
    return json.dumps(told, separators=(",", ":"), ensure_ascii=False)
