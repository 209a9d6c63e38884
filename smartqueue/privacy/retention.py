"""
How long each kind of data is kept: the one table that the job enforces and the pages show.

A kind with a `rule` is ended by privacy's own nightly job; the others name the job of their app,
and take their period from its constant, so that the table cannot say something else.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Protocol
from uuid import UUID

from django.apps import apps
from django.conf import settings
from django.db import connection
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from smartqueue.accounts.operations import _sweep as accounts_sweep
from smartqueue.audit import operations as audit_operations
from smartqueue.audit import tasks as audit_tasks
from smartqueue.common.db import unit_of_work
from smartqueue.common.errors import Text
from smartqueue.common.purge import BATCH
from smartqueue.idempotency import tasks as idempotency_tasks
from smartqueue.notifications import operations as notification_operations
from smartqueue.outbox import tasks as outbox_tasks
from smartqueue.privacy.archive import LIFE as EXPORT_LIFE
from smartqueue.privacy.ports import shortened_periods
from smartqueue.realtime import tasks as realtime_tasks

OWN_JOB: Final = "privacy.end_retention_task"
MONTH: Final = timedelta(days=30.5)


class Rule(Protocol):
    """What the nightly job does with rows that are over."""

    def run(self, before: datetime, organizations: Iterable[UUID] | None) -> int:
        """End the rows from before a moment, of some organizations or all; return how many."""
        ...


def _table(label: str) -> str:
    return connection.ops.quote_name(apps.get_model(label)._meta.db_table)


# Consents are append-only but for whoever says this within the transaction.
_MAY_REMOVE = "SELECT set_config('smartqueue.retention', 'on', true)"


def _in_batches(statement: str, parameters: Mapping[str, Any]) -> int:
    total = 0
    while True:
        with unit_of_work(), connection.cursor() as cursor:
            cursor.execute(_MAY_REMOVE)
            cursor.execute(statement, parameters)
            count: int = cursor.rowcount
            if "RETURNING" in statement:
                audit_operations.destroy_person_keys(
                    row[0] for row in cursor.fetchall() if row[0] is not None
                )
        total += count
        if count < BATCH:
            return total


def _narrowed(condition: str, organizations: Iterable[UUID] | None) -> str:
    return condition if organizations is None else f"{condition} AND organization_id = ANY(%(of)s)"


@dataclass(frozen=True, slots=True)
class Removal:
    """Delete rows; `over` is an SQL condition on the table's columns with `%(before)s`."""

    label: str
    over: str

    def run(self, before: datetime, organizations: Iterable[UUID] | None) -> int:
        table = _table(self.label)
        statement = f"""
            DELETE FROM {table} WHERE ctid = ANY(ARRAY(
                SELECT ctid FROM {table} AS row
                WHERE {_narrowed(self.over, organizations)} LIMIT {BATCH}
            ))
        """  # noqa: S608  # constants of this module
        return _in_batches(statement, {"before": before, "of": list(organizations or ())})


@dataclass(frozen=True, slots=True)
class RemovalWithRole:
    """
    Delete invitations together with the branches that limit their role: one that is sent again
    meanwhile keeps both, since without branches it would be a role everywhere.
    """

    label: str
    over: str

    def run(self, before: datetime, organizations: Iterable[UUID] | None) -> int:
        table, limits = _table(self.label), _table(f"{self.label}_branches")
        statement = f"""
            WITH gone AS (
                DELETE FROM {table} WHERE ctid = ANY(ARRAY(
                    SELECT ctid FROM {table} AS row
                    WHERE {_narrowed(self.over, organizations)} LIMIT {BATCH} FOR UPDATE SKIP LOCKED
                )) RETURNING id
            ), limits AS (DELETE FROM {limits} WHERE invitation_id IN (SELECT id FROM gone))
            SELECT NULL::uuid FROM gone
        """  # noqa: S608  # constants of this module
        return _in_batches(statement, {"before": before, "of": list(organizations or ())})


@dataclass(frozen=True, slots=True)
class Emptying:
    """
    Empty columns; `changes` is an SQL assignment that makes `over` untrue. `keys` is an expression
    for whose key seals in the journal what is emptied now, where it ends with these columns.
    """

    label: str
    changes: str
    over: str
    keys: str = ""

    def run(self, before: datetime, organizations: Iterable[UUID] | None) -> int:
        table = _table(self.label)
        statement = f"""
            UPDATE {table} SET {self.changes} WHERE ctid = ANY(ARRAY(
                SELECT ctid FROM {table} AS row
                WHERE {_narrowed(self.over, organizations)} LIMIT {BATCH} FOR NO KEY UPDATE SKIP LOCKED
            )) {"RETURNING " + self.keys if self.keys else ""}
        """  # noqa: S608  # constants of this module
        return _in_batches(statement, {"before": before, "of": list(organizations or ())})


@dataclass(frozen=True, kw_only=True)
class Kind:
    """
    One kind of data. `period` None is as long as the thing itself exists.

    `job` ends it: privacy's own by `rules`, another app's, or none where somebody else does.
    `since` says from when the period counts; `is_shortenable` whether organizations may shorten it.
    """

    code: str
    title: Text
    purpose: Text
    basis: Text
    period: timedelta | None
    since: Text
    at_end: Text
    job: str = ""
    rules: tuple[Rule, ...] = ()
    is_shortenable: bool = False


def in_words(period: timedelta) -> str:
    """Return a period as people say it: in months, days, hours or minutes."""
    days = period / timedelta(days=1)
    if period >= 12 * MONTH:
        count = round(period / MONTH)
        return ngettext("%(n)s month", "%(n)s months", count) % {"n": count}
    if days > 2:
        return ngettext("%(n)s day", "%(n)s days", round(days)) % {"n": round(days)}
    count = round(period / timedelta(hours=1))
    return ngettext("%(n)s hour", "%(n)s hours", count) % {"n": count}


CONTRACT: Final = _("Carrying out what you asked for")
INTEREST: Final = _("Legitimate interest of the organization and of SmartQueue")
DUTY: Final = _("Legal duty")

MADE: Final = _("after it was made")
ENDED: Final = _("after it ended")
VISIT: Final = _("after the end of the visit")

DELETED: Final = _("Deleted")
UNLINKED: Final = _("The person is taken out; the figures stay")

_OVER_SESSIONS: Final = "(SELECT id FROM queues_countersession WHERE ended_at < %(before)s)"
_OVER_CASES: Final = "(SELECT id FROM support_supportcase WHERE settled_at < %(before)s)"
_UNUSED_SESSION: Final = """
    NOT EXISTS (SELECT FROM queues_ticket WHERE queues_ticket.session_id = {id})
    AND NOT EXISTS (
        SELECT FROM queues_countersession AS c WHERE c.id = {id} AND
        (c.ended_at IS NULL OR c.ended_at >= %(before)s))
"""

KINDS: Final[tuple[Kind, ...]] = (
    Kind(
        code="ticket_identity",
        title=_("Tickets: name, phone, number plate, what staff noted"),
        purpose=_("To call you, to tell you, to answer questions after the visit"),
        basis=CONTRACT,
        period=timedelta(days=30),
        since=VISIT,
        at_end=UNLINKED,
        job=OWN_JOB,
        rules=(
            Emptying(
                "queues.Ticket",
                "customer_name = '', phone = '', person_key = '', plate = '', note = ''",
                "ended_at < %(before)s AND (customer_name <> '' OR phone <> '' OR person_key <> ''"
                " OR plate <> '' OR note <> '')",
                # A ticket without an account has a key of its own; an account's opens other things.
                keys="CASE WHEN customer_id IS NULL THEN id END",
            ),
        ),
        is_shortenable=True,
    ),
    Kind(
        code="ticket_link",
        title=_("Tickets: whose account it was, why it was moved or cancelled"),
        purpose=_("To show you your tickets"),
        basis=CONTRACT,
        period=13 * MONTH,
        since=VISIT,
        at_end=UNLINKED,
        job=OWN_JOB,
        rules=(
            Emptying(
                "queues.Ticket",
                "customer_id = NULL, outcome = ''",
                "ended_at < %(before)s AND (customer_id IS NOT NULL OR outcome <> '')",
            ),
            Emptying(
                "queues.TicketPeriod", "reason = ''", "ended_at < %(before)s AND reason <> ''"
            ),
        ),
        is_shortenable=True,
    ),
    Kind(
        code="appointment_identity",
        title=_("Appointments: name, phone, answers, what staff noted"),
        purpose=_("To expect you, to tell you, to answer questions after the visit"),
        basis=CONTRACT,
        period=timedelta(days=30),
        since=VISIT,
        at_end=UNLINKED,
        job=OWN_JOB,
        rules=(
            Emptying(
                "appointments.Appointment",
                "customer_name = '', phone = '', person_key = '', answers = '{}', note = '',"
                " end_reason = '', code_digest = NULL",
                "ends_at < %(before)s AND state NOT IN ('held', 'pending', 'confirmed',"
                " 'checked_in') AND (customer_name <> '' OR phone <> '' OR person_key <> ''"
                " OR answers <> '{}' OR note <> '' OR end_reason <> '' OR code_digest IS NOT NULL)",
                # One without an account has a key of its own; an account's opens other things.
                keys="CASE WHEN customer_id IS NULL THEN id END",
            ),
            Emptying(
                "appointments.WaitlistEntry",
                "customer_name = '', phone = ''",
                "ended_at < %(before)s AND (customer_name <> '' OR phone <> '')",
                keys="CASE WHEN customer_id IS NULL THEN id END",
            ),
        ),
        is_shortenable=True,
    ),
    Kind(
        code="appointment_link",
        title=_("Appointments: whose account it was, who booked and moved it"),
        purpose=_("To show you your appointments"),
        basis=CONTRACT,
        period=13 * MONTH,
        since=VISIT,
        at_end=UNLINKED,
        job=OWN_JOB,
        rules=(
            Emptying(
                "appointments.Appointment",
                "customer_id = NULL, booked_by_id = NULL, agent_id = NULL",
                "ends_at < %(before)s AND state NOT IN ('held', 'pending', 'confirmed',"
                " 'checked_in') AND (customer_id IS NOT NULL OR booked_by_id IS NOT NULL"
                " OR agent_id IS NOT NULL)",
            ),
            Emptying(
                "appointments.AppointmentStep",
                "by_id = NULL",
                "at < %(before)s AND by_id IS NOT NULL",
            ),
            Emptying(
                "appointments.WaitlistEntry",
                "customer_id = NULL",
                "ended_at < %(before)s AND customer_id IS NOT NULL",
            ),
        ),
        is_shortenable=True,
    ),
    Kind(
        code="account",
        title=_("Account: name, e-mail address, phone, language, password (hashed)"),
        purpose=_("To recognise you and to reach you"),
        basis=CONTRACT,
        period=None,
        since=_("As long as you have the account"),
        at_end=_("You erase it at any time; the row that stays says nothing of you"),
    ),
    Kind(
        code="registration",
        title=_("Registrations whose code never came back"),
        purpose=_("To open the account once the code is there"),
        basis=CONTRACT,
        period=accounts_sweep.PENDING_LIFE,
        since=MADE,
        at_end=DELETED,
        job="accounts.remove_expired_task",
    ),
    Kind(
        code="code",
        title=_("Codes sent to an e-mail address or phone"),
        purpose=_("To prove that it is yours"),
        basis=CONTRACT,
        period=accounts_sweep.PENDING_LIFE,
        since=MADE,
        at_end=DELETED,
        job="accounts.remove_expired_task",
    ),
    Kind(
        code="erasure_code",
        title=_("Codes sent to erase what is stored under a phone"),
        purpose=_("To prove that the phone is yours"),
        basis=DUTY,
        period=timedelta(days=1),
        since=_("after its time was over"),
        at_end=DELETED,
        job=OWN_JOB,
        rules=(Removal("privacy.PhoneCode", "expires_at < %(before)s"),),
    ),
    Kind(
        code="dialogue",
        title=_("Text messages and USSD: language, places you went to, where you are in the menu"),
        purpose=_("To answer in your language, and to go on after a session that dropped"),
        basis=CONTRACT,
        period=timedelta(days=30),
        since=_("after you last wrote or dialled"),
        at_end=DELETED,
        job=OWN_JOB,
        rules=(Removal("dialogues.Conversation", "used_at < %(before)s"),),
    ),
    Kind(
        code="dialogue_answer",
        title=_("Answers to your text messages, calls and USSD"),
        purpose=_("To do nothing twice when an operator tells it again"),
        basis=CONTRACT,
        period=timedelta(days=1),
        since=MADE,
        at_end=DELETED,
        job=OWN_JOB,
        rules=(Removal("dialogues.GivenAnswer", "made_at < %(before)s"),),
    ),
    Kind(
        code="session",
        title=_("Sign-ins: device, times, tokens (hashed)"),
        purpose=_("To keep you signed in, and to show you where you are"),
        basis=CONTRACT,
        period=accounts_sweep.ENDED_SESSION_LIFE,
        since=ENDED,
        at_end=DELETED,
        job="accounts.remove_expired_task",
    ),
    Kind(
        code="cookie",
        title=_("Cookie of the pages"),
        purpose=_("To keep you signed in on the pages"),
        basis=CONTRACT,
        period=timedelta(seconds=settings.SESSION_COOKIE_AGE),
        since=_("after your last visit"),
        at_end=DELETED,
        job="accounts.remove_expired_task",
    ),
    Kind(
        code="address",
        title=_("Network address from which something was done"),
        purpose=_("To find out about misuse"),
        basis=INTEREST,
        period=timedelta(days=audit_tasks.ADDRESS_DAYS),
        since=_("after it was done"),
        at_end=_("Removed from the record"),
        job="audit.purge_journal_task",
    ),
    Kind(
        code="event",
        title=_("Record of what happened, with ids and without names"),
        purpose=_("To answer who did what, and to count"),
        basis=INTEREST,
        period=timedelta(days=audit_tasks.JOURNAL_DAYS),
        since=_("after it happened"),
        at_end=DELETED,
        job="audit.purge_journal_task",
    ),
    Kind(
        code="change",
        title=_("Record of changes, with what was there before; what tells of a person is sealed"),
        purpose=_("To answer who changed what, and to undo mistakes"),
        basis=INTEREST,
        period=timedelta(days=audit_tasks.JOURNAL_DAYS),
        since=_("after it was changed"),
        at_end=DELETED,
        job="audit.purge_journal_task",
    ),
    Kind(
        code="delivery",
        title=_("Record of what was carried out"),
        purpose=_("To carry it out again when it failed"),
        basis=INTEREST,
        period=timedelta(days=outbox_tasks.DONE_DELIVERY_DAYS),
        since=_("after it was done"),
        at_end=DELETED,
        job="outbox.purge_outbox_task",
    ),
    Kind(
        code="answer",
        title=_("Answers to requests"),
        purpose=_("To do nothing twice when a phone loses its connection"),
        basis=CONTRACT,
        period=timedelta(hours=idempotency_tasks.KEPT_HOURS),
        since=MADE,
        at_end=DELETED,
        job="idempotency.purge_idempotency_keys_task",
    ),
    Kind(
        code="topic",
        title=_("Live updates of screens"),
        purpose=_("To catch up after a lost connection"),
        basis=CONTRACT,
        period=realtime_tasks.REPLAYED,
        since=MADE,
        at_end=DELETED,
        job="realtime.purge_topic_events_task",
    ),
    Kind(
        code="notification",
        title=_("Notifications in the application"),
        purpose=_("To tell you what concerns you"),
        basis=CONTRACT,
        period=timedelta(days=180),
        since=MADE,
        at_end=DELETED,
        job=OWN_JOB,
        rules=(Removal("notifications.Notification", "created_at < %(before)s"),),
    ),
    Kind(
        code="message",
        title=_("E-mails and text messages; their text is deleted when they are sent"),
        purpose=_("To tell you what concerns you"),
        basis=CONTRACT,
        period=notification_operations.MESSAGE_LIFE,
        since=MADE,
        at_end=DELETED,
        job="notifications.remove_old_messages_task",
    ),
    Kind(
        code="device",
        title=_(
            "Phones and browsers that show messages; those that follow a ticket go after two days"
        ),
        purpose=_("To tell you what concerns you"),
        basis=CONTRACT,
        period=notification_operations.UNUSED,
        since=_("since they were last used"),
        at_end=DELETED,
        job="notifications.remove_unused_devices_task",
    ),
    Kind(
        code="membership",
        title=_("Roles in organizations, and what agents are good at"),
        purpose=_("To say who may do what"),
        basis=CONTRACT,
        period=None,
        since=_("As long as you have the role"),
        at_end=DELETED,
    ),
    Kind(
        code="invitation",
        title=_("Invitations to work in an organization"),
        purpose=_("To let the invited person in"),
        basis=INTEREST,
        period=timedelta(days=30),
        since=_("after its time was over"),
        at_end=DELETED,
        job=OWN_JOB,
        rules=(RemovalWithRole("business.Invitation", "expires_at < %(before)s"),),
    ),
    Kind(
        code="shown_wait",
        title=_("Waits that were shown, and how long they took"),
        purpose=_("To measure how far the shown waits can be trusted, and to improve them"),
        basis=INTEREST,
        period=3 * MONTH,
        since=_("after the call"),
        at_end=DELETED,
        job=OWN_JOB,
        rules=(Removal("queues.ShownEstimate", "called_at < %(before)s"),),
        is_shortenable=True,
    ),
    Kind(
        code="step",
        title=_("Steps that an agent could take back"),
        purpose=_("To correct a mistake at the counter"),
        basis=INTEREST,
        period=timedelta(days=1),
        since=_("after it was done"),
        at_end=DELETED,
        job=OWN_JOB,
        rules=(Removal("queues.TicketStep", "done_at < %(before)s"),),
    ),
    Kind(
        code="work",
        title=_("Work at counters: which agent, when, which breaks, whom they served"),
        purpose=_("To plan the staff of a branch"),
        basis=INTEREST,
        period=13 * MONTH,
        since=ENDED,
        at_end=_("Deleted; what was served stays without the agent"),
        job=OWN_JOB,
        rules=(
            Emptying(
                "queues.Ticket",
                "session_id = NULL",
                f"ended_at < %(before)s AND session_id IN {_OVER_SESSIONS}",
            ),
            Emptying(
                "queues.TicketPeriod",
                "agent_id = NULL",
                "ended_at < %(before)s AND agent_id IS NOT NULL",
            ),
            Removal("appointments.AgentAbsence", "ends_at < %(before)s"),
            Removal("appointments.BusyTime", "ends_at < %(before)s"),
            Removal("queues.SessionBreak", _UNUSED_SESSION.format(id="row.session_id")),
            Removal(
                "queues.CounterSession",
                "ended_at < %(before)s AND" + _UNUSED_SESSION.format(id="row.id"),
            ),
        ),
        is_shortenable=True,
    ),
    Kind(
        code="case",
        title=_("Questions and complaints: words, files, who asked"),
        purpose=_("To answer, and to answer again when it comes back"),
        basis=CONTRACT,
        period=13 * MONTH,
        since=_("after it was settled"),
        at_end=UNLINKED,
        job=OWN_JOB,
        rules=(
            Emptying(
                "support.CaseAttachment",
                "removed_at = now(), person_id = NULL",
                "removed_at IS NULL AND message_id IN"  # noqa: S608  # constants of this module
                f" (SELECT id FROM support_casemessage WHERE case_id IN {_OVER_CASES})",
            ),
            # Rows without an account have keys of their own; an account's opens other things.
            Emptying(
                "support.CaseMessage",
                "body = ''",
                f"person_id IS NULL AND body <> '' AND case_id IN {_OVER_CASES}",
                keys="id",
            ),
            Emptying(
                "support.CaseMessage",
                "body = '', person_id = NULL",
                f"person_id IS NOT NULL AND case_id IN {_OVER_CASES}",
            ),
            Emptying(
                "support.SupportCase",
                "title = '', holder_ticket_id = NULL",
                "settled_at < %(before)s AND person_id IS NULL"
                " AND (title <> '' OR holder_ticket_id IS NOT NULL)",
                keys="id",
            ),
            Emptying(
                "support.SupportCase",
                "title = '', person_id = NULL, holder_ticket_id = NULL",
                "settled_at < %(before)s AND person_id IS NOT NULL",
            ),
        ),
        is_shortenable=True,
    ),
    Kind(
        code="administration",
        title=_("Changes made in the administration"),
        purpose=_("To answer who changed what"),
        basis=INTEREST,
        period=timedelta(days=400),
        since=_("after it was done"),
        at_end=DELETED,
        job=OWN_JOB,
        rules=(
            Removal("admin.LogEntry", "action_time < %(before)s"),
            Removal("accounts.AccountAccess", "opened_at < %(before)s"),
            Removal("accounts.FactorReset", "created_at < %(before)s"),
        ),
    ),
    Kind(
        code="consent",
        title=_("What you agreed to and when; the newest word on each purpose stays"),
        purpose=_("To prove that what was done was agreed to"),
        basis=DUTY,
        period=60 * MONTH,
        since=_("after it was replaced by a newer word"),
        at_end=DELETED,
        job=OWN_JOB,
        rules=(
            Removal(
                "privacy.Consent",
                "EXISTS (SELECT FROM privacy_consent AS newer WHERE newer.user_id = row.user_id"
                " AND newer.purpose = row.purpose AND newer.id > row.id"
                " AND newer.at < %(before)s)",
            ),
        ),
    ),
    Kind(
        code="export",
        title=_("Archives of your data, sealed"),
        purpose=_("To give you what is stored of you"),
        basis=DUTY,
        period=EXPORT_LIFE,
        since=MADE,
        at_end=DELETED,
        job="privacy.remove_old_exports_task",
    ),
    Kind(
        code="erasure",
        title=_("Proof that an erasure was carried out, without the person"),
        purpose=_("To prove that it was done"),
        basis=DUTY,
        period=60 * MONTH,
        since=_("after it was done"),
        at_end=DELETED,
        job=OWN_JOB,
        rules=(Removal("privacy.Erasure", "finished_at < %(before)s"),),
    ),
    Kind(
        code="log",
        title=_("Technical log: address of the page, time, result; no names"),
        purpose=_("To find out about faults and misuse"),
        basis=INTEREST,
        period=timedelta(days=90),
        since=MADE,
        at_end=_("Deleted by whoever runs the servers"),
    ),
)

BY_CODE: Final[Mapping[str, Kind]] = {kind.code: kind for kind in KINDS}


def shortenable_days() -> dict[str, int]:
    """Return the kinds whose time an organization may shorten, and the platform's in whole days."""
    kinds = (kind for kind in KINDS if kind.is_shortenable and kind.period)
    return {kind.code: kind.period.days for kind in kinds if kind.period}


def effective_period(kind: Kind, organization_id: UUID | None) -> timedelta | None:
    """Return how long a kind is kept: the platform's period, or an organization's shorter one."""
    if kind.period is None or organization_id is None or not kind.is_shortenable:
        return kind.period
    own = shortened_periods().get(organization_id, {}).get(kind.code)
    return kind.period if own is None else min(own, kind.period)


def end_retention(now: datetime, codes: Iterable[str] | None = None) -> dict[str, int]:
    """
    End everything whose time is over, in batches; return how many rows of which kind.

    `codes` names some kinds; without it, all are gone through.
    """
    ended = {}
    for kind in KINDS:
        if kind.rules and (codes is None or kind.code in codes):
            ended[kind.code] = _end(kind, now)
    return ended


def _end(kind: Kind, now: datetime) -> int:
    assert kind.period is not None  # noqa: S101  # a rule without a period fails a test
    total = sum(rule.run(now - kind.period, None) for rule in kind.rules)
    if not kind.is_shortenable:
        return total
    for organization_id, periods in shortened_periods().items():
        own = periods.get(kind.code)
        if own is not None and own < kind.period:
            total += sum(rule.run(now - own, [organization_id]) for rule in kind.rules)
    return total
