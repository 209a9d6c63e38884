"""The journal in people's words: what happened, to what, and who did it."""

import json
from collections.abc import Mapping
from typing import Any, Final

from django.apps import apps
from django.contrib.gis.db.models import GeometryField
from django.db import models
from django.utils.dateparse import parse_datetime
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext

from smartqueue.audit.enums import EntryKind
from smartqueue.audit.models import Entry
from smartqueue.audit.queries import ERASED, Gone
from smartqueue.common.errors import Text

# By the full name without its version: a second version of an event tells of the same thing.
SENTENCES: Final[Mapping[str, Text]] = {
    "accounts.factor_reset.cancelled": gettext_lazy("A code for lost second factors was withdrawn"),
    "accounts.factor_reset.issued": gettext_lazy("A code for lost second factors was given"),
    "accounts.factor_reset.used": gettext_lazy("Lost second factors were removed by a code"),
    "accounts.account_access.closed": gettext_lazy("Access to an account ended"),
    "accounts.account_access.opened": gettext_lazy("Platform staff opened access to an account"),
    "accounts.contact_change.started": gettext_lazy("A change of contact was asked for"),
    "accounts.passkey.copied": gettext_lazy("What looks like a copy of a passkey was refused"),
    "accounts.passkey.renamed": gettext_lazy("A passkey was renamed"),
    "accounts.recovery_codes.made": gettext_lazy("New recovery codes were made"),
    "accounts.second_factor.added": gettext_lazy("A second factor was added"),
    "accounts.second_factor.removed": gettext_lazy("A second factor was removed"),
    "accounts.second_factor.used": gettext_lazy("A second factor was used to sign in"),
    "accounts.session.revoked": gettext_lazy("A session was ended"),
    "accounts.session.started": gettext_lazy("Somebody signed in"),
    "accounts.sign_in.confirmed": gettext_lazy("Somebody proved again who they are"),
    "accounts.user.changed": gettext_lazy("A profile was changed"),
    "accounts.user.contact_changed": gettext_lazy("An e-mail address or phone number was changed"),
    "accounts.user.erased": gettext_lazy("An account was erased"),
    "accounts.user.password_changed": gettext_lazy("A password was changed"),
    "accounts.user.registered": gettext_lazy("An account was asked for"),
    "accounts.user.signed_out_everywhere": gettext_lazy("A person signed out on their devices"),
    "accounts.user.verified": gettext_lazy("An e-mail address or phone number was confirmed"),
    "agents.skill.removed": gettext_lazy("A skill of an agent was removed"),
    "agents.skill.set": gettext_lazy("A skill of an agent was set"),
    "appointments.appointment.attendance_confirmed": gettext_lazy(
        "Somebody said that they will come to an appointment"
    ),
    "appointments.appointment.cancelled": gettext_lazy("An appointment was cancelled"),
    "appointments.appointment.checked_in": gettext_lazy("Somebody arrived for an appointment"),
    "appointments.appointment.completed": gettext_lazy("An appointment was served"),
    "appointments.appointment.confirmed": gettext_lazy("An appointment was confirmed"),
    "appointments.appointment.expired": gettext_lazy("The place of an appointment was given back"),
    "appointments.appointment.held": gettext_lazy("A place was held while a form was filled"),
    "appointments.appointment.moved": gettext_lazy("An appointment was moved"),
    "appointments.appointment.no_show": gettext_lazy("Nobody came to an appointment"),
    "appointments.appointment.reminder_due": gettext_lazy("A reminder of an appointment was due"),
    "appointments.appointment.requested": gettext_lazy("An appointment was asked for"),
    "appointments.appointment.returned": gettext_lazy(
        "Somebody who had arrived for an appointment left the queue"
    ),
    "appointments.busy_calendar.added": gettext_lazy("A calendar kept elsewhere was added"),
    "appointments.busy_calendar.removed": gettext_lazy("A calendar kept elsewhere was removed"),
    "appointments.feed.created": gettext_lazy("A feed for calendar programs was made"),
    "appointments.feed.revoked": gettext_lazy("A feed for calendar programs was revoked"),
    "appointments.slots.changed": gettext_lazy("The times for appointments were changed"),
    "appointments.waitlist.declined": gettext_lazy("A freed place was declined"),
    "appointments.waitlist.expired": gettext_lazy("A wish on a waitlist was over"),
    "appointments.waitlist.joined": gettext_lazy("Somebody joined a waitlist"),
    "appointments.waitlist.lapsed": gettext_lazy("The offer of a freed place was over"),
    "appointments.waitlist.left": gettext_lazy("Somebody left a waitlist"),
    "appointments.waitlist.offered": gettext_lazy("A freed place was offered to the waitlist"),
    "appointments.waitlist.taken": gettext_lazy("A freed place was taken from the waitlist"),
    "audit.journal.exported": gettext_lazy("A copy of the journal was taken"),
    "business.branch.changed": gettext_lazy("A branch was changed"),
    "business.branch.closed": gettext_lazy("A branch was closed for good"),
    "business.branch.created": gettext_lazy("A branch was opened"),
    "business.counter.changed": gettext_lazy("A counter was changed"),
    "business.counter.created": gettext_lazy("A counter was added"),
    "business.counter.retired": gettext_lazy("A counter was taken out of use"),
    "business.device.added": gettext_lazy("A pairing code for a device was made"),
    "business.device.paired": gettext_lazy("A device was paired"),
    "business.device.revoked": gettext_lazy("A device was revoked"),
    "business.holidays.changed": gettext_lazy("A public holiday was changed"),
    "business.invitation.accepted": gettext_lazy("An invitation was accepted"),
    "business.invitation.resent": gettext_lazy("An invitation was sent again"),
    "business.invitation.withdrawn": gettext_lazy("An invitation was withdrawn"),
    "business.member.changed": gettext_lazy("The role of a member was changed"),
    "business.member.invited": gettext_lazy("Somebody was invited to join"),
    "business.member.joined": gettext_lazy("A member joined"),
    "business.member.removed": gettext_lazy("A member was removed"),
    "business.opening_hours.changed": gettext_lazy("Opening hours were changed"),
    "business.organization.changed": gettext_lazy("The organization was changed"),
    "business.organization.closed": gettext_lazy("The organization was closed for good"),
    "business.organization.created": gettext_lazy("The organization was founded"),
    "business.settings.changed": gettext_lazy("The settings were changed"),
    "business.support.closed": gettext_lazy("Support access ended"),
    "business.support.opened": gettext_lazy("Platform staff opened support access"),
    "business.service.changed": gettext_lazy("A service was changed"),
    "business.service.created": gettext_lazy("A service was added"),
    "business.service.retired": gettext_lazy("A service was taken out of use"),
    "notifications.batch.cancelled": gettext_lazy("A message to many people was stopped"),
    "notifications.batch.created": gettext_lazy("A message to many people was sent off"),
    "notifications.message.not_delivered": gettext_lazy("A message did not reach its person"),
    "notifications.message.queued": gettext_lazy("A message was prepared for sending"),
    "notifications.notification.created": gettext_lazy("A notification was given to a person"),
    "notifications.provider.balance_low": gettext_lazy("A provider's account is nearly empty"),
    "notifications.sms_account.changed": gettext_lazy("The settings of text messages were changed"),
    "notifications.sms_budget.alert": gettext_lazy("The budget of text messages is nearly spent"),
    "notifications.template.changed": gettext_lazy("The words of a message were changed"),
    "privacy.consent.recorded": gettext_lazy("Somebody agreed to something, or took that back"),
    "privacy.erasure.finished": gettext_lazy("A person was taken out of every table"),
    "privacy.erasure.requested": gettext_lazy("An erasure by phone was asked for"),
    "privacy.export.ready": gettext_lazy("An archive of a person's data was made"),
    "privacy.export.requested": gettext_lazy("An archive of a person's data was asked for"),
    "privacy.register.changed": gettext_lazy("The register of processing was changed"),
    "queues.counter.closed": gettext_lazy("An agent left a counter"),
    "queues.counter.opened": gettext_lazy("An agent sat down at a counter"),
    "queues.counter.paused": gettext_lazy("An agent took a break"),
    "queues.queue.closed": gettext_lazy("A queue was closed"),
    "queues.queue.grew_long": gettext_lazy("A line grew long"),
    "queues.queue.opened": gettext_lazy("A queue was opened"),
    "queues.queue.paused": gettext_lazy("A queue was paused"),
    "queues.queue.visibility_changed": gettext_lazy("The public sees other figures of a queue"),
    "queues.ticket.called": gettext_lazy("A ticket was called"),
    "queues.ticket.cancelled": gettext_lazy("A ticket was cancelled"),
    "queues.ticket.completed": gettext_lazy("A service was completed"),
    "queues.ticket.delayed": gettext_lazy("The holder of a ticket asked for more time"),
    "queues.ticket.expired": gettext_lazy("A ticket expired"),
    "queues.ticket.issued": gettext_lazy("A ticket was taken"),
    "queues.ticket.no_show": gettext_lazy("Nobody came to a call"),
    "queues.ticket.parked": gettext_lazy("A ticket was set aside"),
    "queues.ticket.recalled": gettext_lazy("A ticket was called again"),
    "queues.ticket.reinstated": gettext_lazy("A ticket came back into the line"),
    "queues.ticket.resumed": gettext_lazy("A ticket set aside was taken up again"),
    "queues.ticket.returned": gettext_lazy("A called ticket went back into the line"),
    "queues.ticket.started": gettext_lazy("A service began"),
    "queues.ticket.transferred": gettext_lazy("A ticket was transferred"),
    "support.case.assigned": gettext_lazy("A support case was given to somebody"),
    "support.case.changed": gettext_lazy("A support case was sorted anew"),
    "support.case.closed": gettext_lazy("A support case was closed"),
    "support.case.file_attached": gettext_lazy("A file was added to a support case"),
    "support.case.message_written": gettext_lazy("A message was written in a support case"),
    "support.case.opened": gettext_lazy("A support case was opened"),
    "support.case.reopened": gettext_lazy("A support case was opened again"),
    "support.case.resolved": gettext_lazy("A support case was resolved"),
}

AREAS: Final[Mapping[str, Text]] = {
    "queues.ticket.": gettext_lazy("Tickets"),
    "queues.queue.": gettext_lazy("Opening of queues"),
    "queues.counter.": gettext_lazy("Agents at counters"),
    "queues_": gettext_lazy("Settings of queues"),
    "appointments.appointment.": gettext_lazy("Appointments"),
    "appointments.waitlist.": gettext_lazy("Waitlists"),
    "appointments": gettext_lazy("Settings of appointments"),
    "business.member.": gettext_lazy("Members"),
    "business.": gettext_lazy("Organization, branches, services"),
    "agents.": gettext_lazy("Skills of agents"),
    "support.": gettext_lazy("Support cases"),
    "audit.": gettext_lazy("Copies of the journal"),
    "privacy.": gettext_lazy("Register of processing"),
}


def sentence_of(entry: Entry) -> str:
    """Return what happened as a short sentence in the reader's language."""
    if entry.kind == EntryKind.EVENT:
        name = entry.type.rpartition(".v")[0]
        # An event of a newer release than this process is still told by its name.
        return str(SENTENCES.get(name, name))
    what = table_name(entry.subject_type)
    match EntryKind(entry.kind):
        case EntryKind.INSERT:
            return _("Record added: %(what)s") % {"what": what}
        case EntryKind.UPDATE:
            return _("Record changed: %(what)s") % {"what": what}
        case _:
            return _("Record deleted: %(what)s") % {"what": what}


def actor_name(label: str, names: Mapping[str, str]) -> str:
    """Return who an actor's label stands for; a customer is not named."""
    kind, _separator, rest = label.partition(":")
    match kind:
        case "user":
            return names.get(label) or _("A person with an account")
        case "ticket":
            return _("The holder of a ticket")
        case "kiosk":
            return _("A kiosk")
        case "system":
            return _("SmartQueue itself")
        case "database":
            return _("Database user %(name)s") % {"name": rest}
        case _:
            return _("Somebody without an account")


_models: dict[str, type[models.Model]] = {}


def _model_of(table: str) -> type[models.Model] | None:
    if not _models:
        _models.update({m._meta.db_table: m for m in apps.get_models(include_auto_created=True)})
    return _models.get(table)


def table_name(table: str) -> str:
    """Return what a table's rows are called."""
    model = _model_of(table)
    return str(model._meta.verbose_name) if model else table


def _field_of(table: str, column: str) -> "models.Field[Any, Any] | None":
    model = _model_of(table)
    fields = model._meta.concrete_fields if model else ()
    return next((field for field in fields if field.column == column), None)


def column_name(table: str, column: str) -> str:
    """Return what a column is called."""
    field = _field_of(table, column)
    return str(field.verbose_name) if field else column


def value_text(table: str, column: str, value: Any) -> str:
    """Return a stored value as a person reads it."""
    if isinstance(value, Gone):
        return _("erased") if value == ERASED else _("kept secret")
    if value is None or value in ("", [], {}):
        return "\N{EN DASH}"
    if isinstance(value, bool):
        return pgettext("answer", "yes") if value else pgettext("answer", "no")
    if isinstance(value, list):
        return ", ".join(map(str, value))
    text = json.dumps(value, ensure_ascii=False) if isinstance(value, dict) else str(value)
    return _text_of(_field_of(table, column), text)


def _text_of(field: "models.Field[Any, Any] | None", value: str) -> str:
    if field is None:
        return value
    if isinstance(field, GeometryField):
        return _("a place on the map")
    choices = dict(field.flatchoices)
    moment = parse_datetime(value) if isinstance(field, models.DateTimeField) else None
    if moment is not None:
        return date_format(moment, "SHORT_DATETIME_FORMAT")
    return str(choices.get(value, value))


def changes_of(entry: Entry) -> list[tuple[str, Any, Any]]:
    """Return (column, before, after) of what an entry changed, in the columns' order."""
    before, after = entry.before or {}, entry.after or {}
    return [(name, before.get(name), after.get(name)) for name in before | after]
