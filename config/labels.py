"""
What the administration calls apps, models and columns, in the reader's language.

The words are not `verbose_name`s on the models, because Django writes those into migrations: a
better word would be a change of schema. One column name has one word wherever it occurs.
"""

from typing import TYPE_CHECKING, Final

from django.apps import apps
from django.contrib import admin
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise

APPS: Final[dict[str, "_StrPromise"]] = {
    "account": _("E-mail addresses"),
    "mfa": _("Second factors"),
    "outbox": _("Events"),
    "accounts": _("People"),
    "notifications": _("Messages"),
    "locations": _("Communes"),
    "business": _("Organizations"),
    "agents": _("Agents"),
    "queues": _("Queues"),
    "support": _("Support"),
}

MODELS: Final[dict[str, tuple["_StrPromise", "_StrPromise"]]] = {
    "mfa.Authenticator": (_("second factor"), _("second factors")),
    "outbox.DomainEvent": (_("event"), _("events")),
    "outbox.Delivery": (_("delivery of an event"), _("deliveries of events")),
    "accounts.User": (_("person"), _("people")),
    "notifications.OutgoingMessage": (_("message"), _("messages")),
    "locations.Commune": (_("commune"), _("communes")),
    "business.Organization": (_("organization"), _("organizations")),
    "business.Branch": (_("branch"), _("branches")),
    "business.Service": (_("service"), _("services")),
    "business.Counter": (_("counter"), _("counters")),
    "business.Membership": (_("member"), _("members")),
    "business.Invitation": (_("invitation"), _("invitations")),
    "business.OpeningHours": (_("opening hours"), _("opening hours")),
    "business.OpeningException": (_("exceptional hours"), _("exceptional hours")),
    "business.HolidayOverride": (_("public holiday"), _("public holidays")),
    "agents.Skill": (_("skill"), _("skills")),
    "queues.Queue": (_("queue"), _("queues")),
    "queues.Ticket": (_("ticket"), _("tickets")),
    "queues.QueueService": (_("service of a queue"), _("services of a queue")),
    "queues.QueuePriority": (_("priority of a queue"), _("priorities of a queue")),
    "queues.VehicleCategory": (_("kind of vehicle"), _("kinds of vehicles")),
    "queues.VehicleCategory_lanes": (_("lane of a kind of vehicle"), _("lanes of vehicles")),
    "queues.SessionBreak": (_("break"), _("breaks")),
    "queues.TicketStep": (_("step that can be undone"), _("steps that can be undone")),
    "queues.QueueWaits": (_("learned waits"), _("learned waits")),
    "business.Membership_branches": (_("branch of a member"), _("branches of a member")),
    "business.Invitation_branches": (_("branch of an invitation"), _("branches of an invitation")),
    "notifications.Notification": (_("notification"), _("notifications")),
    "queues.TicketPeriod": (_("stretch of a ticket"), _("stretches of a ticket")),
    "queues.CounterSession": (_("session at a counter"), _("sessions at a counter")),
    "privacy.RegisterEntry": (_("processing of its own"), _("processings of its own")),
    "support.SupportCase": (_("support case"), _("support cases")),
    "support.CaseMessage": (_("message of a case"), _("messages of cases")),
    "support.CaseAttachment": (_("file of a case"), _("files of cases")),
}

COLUMNS: Final[dict[str, "_StrPromise"]] = {
    "accepted_at": _("accepted on"),
    "actor": _("made by"),
    "address": pgettext_lazy("place", "address"),
    "after_no_show": _("place after a missed call"),
    "after_transfer": _("place after a transfer"),
    "agent": _("agent"),
    "arrondissement": _("arrondissement"),
    "asks_vehicle": _("asks for the vehicle"),
    "assignee": _("looked after by"),
    "attached_at": _("attached on"),
    "attempts": _("attempts"),
    "author": _("author"),
    "body": pgettext_lazy("of a message", "text"),
    "branch": _("branch"),
    "branches": _("branches"),
    "call_reason": _("why this call"),
    "called_at": _("called on"),
    "calls": _("calls"),
    "case": _("support case"),
    "category": _("category"),
    "changed_at": _("changed on"),
    "channel": _("channel"),
    "claimed_at": _("taken by a worker on"),
    "closed_at": _("closed for good on"),
    "closes_at": _("closes at"),
    "code": _("code"),
    "commune": _("commune"),
    "counter": _("counter"),
    "country": _("country"),
    "created_at": _("created on"),
    "currency": _("currency"),
    "customer": _("customer"),
    "customer_name": _("name of the customer"),
    "daily_quota": _("tickets a day at most"),
    "date": _("date"),
    "date_joined": _("registered on"),
    "dedupe_key": _("key against doubles"),
    "department": _("department"),
    "description": _("description"),
    "done_at": _("done on"),
    "duration_minutes": _("duration in minutes"),
    "email": _("e-mail address"),
    "ended_at": _("ended on"),
    "erased_at": _("erased on"),
    "event": _("event"),
    "expires_at": _("valid until"),
    "first_answer_at": _("first answer on"),
    "first_name": _("first name"),
    "follows_opening_hours": _("follows the opening hours"),
    "handler": _("handler"),
    "holder_ticket_id": _("ticket of whoever opened it"),
    "id": _("identifier"),
    "identifier": _("e-mail address or phone number"),
    "invited_by": _("invited by"),
    "is_active": _("account open"),
    "is_holiday": _("is a holiday"),
    "is_internal": _("for the staff alone"),
    "is_staff": _("may use the administration"),
    "issuing_queue": _("queue that gave the number"),
    "joined_at": _("joined on"),
    "language": _("language"),
    "languages": _("languages"),
    "last_error": _("last error"),
    "last_name": _("last name"),
    "last_sequence": _("last number of the day"),
    "live": _("shown on screens"),
    "max_calls": _("calls at most"),
    "max_waiting": _("people waiting at most"),
    "media_type": _("kind of file"),
    "message": _("message"),
    "message_count": _("messages"),
    "more_time_limit": _("requests for more time at most"),
    "more_time_used": _("requests for more time"),
    "name": pgettext_lazy("of a thing", "name"),
    "next_attempt_at": _("next attempt on"),
    "no_show_grace_minutes": _("minutes to come back after a missed call"),
    "note": _("note"),
    "number": _("number"),
    "number_date": _("day of the numbers"),
    "occurred_at": _("happened on"),
    "open_counters": _("counters open"),
    "opened_at": _("opened on"),
    "opened_side": _("opened by"),
    "opens_at": _("opens at"),
    "order_key": _("place in the order"),
    "ordinary_per_priority": _("ordinary people after each priority one"),
    "organization": _("organization"),
    "organization_id": _("organization"),
    "other_names": _("other names"),
    "outcome": _("outcome"),
    "overtake_cap": _("people overtaken at most"),
    "overtaken": _("times overtaken"),
    "payload": _("content"),
    "person": _("person"),
    "person_key": _("which person of the account"),
    "phone": _("phone number"),
    "phone_verified_at": _("phone number confirmed on"),
    "plate": _("number plate"),
    "point": _("position"),
    "policy": _("order of the line"),
    "population": _("population"),
    "position": _("position in the conversation"),
    "prefix": _("letters of the numbers"),
    "price_minor": _("price in minor units"),
    "priority": _("priority"),
    "queue": _("queue"),
    "queue_ids": _("queues served"),
    "reason": _("reason"),
    "recipient": _("recipient"),
    "region": _("region"),
    "removed_at": _("removed on"),
    "request_id": _("request"),
    "required_papers": _("papers to bring"),
    "retired_at": _("out of use since"),
    "role": _("role"),
    "sealed_body": _("sealed text"),
    "search_text": _("text for searching"),
    "sent_at": _("sent on"),
    "sequence": _("number of the day"),
    "service": _("service"),
    "service_date": _("service day"),
    "services": _("services"),
    "session": _("session at a counter"),
    "settled_at": _("settled on"),
    "side": _("side"),
    "size": _("size in bytes"),
    "slug": _("name in addresses"),
    "started_at": _("started on"),
    "state": pgettext_lazy("of a thing", "state"),
    "state_changed_at": _("state since"),
    "state_reason": _("reason of the state"),
    "stored_at": _("stored on"),
    "stored_name": _("where the file is"),
    "subject": pgettext_lazy("of a message", "subject"),
    "subject_id": _("what it happened to"),
    "subject_type": _("kind of thing"),
    "subject_version": _("version of the thing"),
    "template": _("template"),
    "ticket": _("ticket"),
    "tickets_from": _("tickets given from"),
    "times_reopened": _("times opened again"),
    "timezone": _("time zone"),
    "title": pgettext_lazy("of a case", "title"),
    "type": _("kind"),
    "user": _("person"),
    "user_id": _("person"),
    "vehicle_category": _("kind of vehicle"),
    "version": _("version"),
    "waiting_count": _("people waiting"),
    "website": _("website"),
    "weekday": _("day of the week"),
    "weight": _("weight"),
    "written_at": _("written on"),
}


def name_everything() -> None:
    """Give apps, models and columns their names; called once, where the administration is mounted."""
    admin.site.site_header = admin.site.site_title = "SmartQueue"
    for label, name in APPS.items():
        apps.get_app_config(label).verbose_name = name
    for label, (one, many) in MODELS.items():
        options = apps.get_model(label)._meta
        options.verbose_name, options.verbose_name_plural = one, many
        for field in [*options.fields, *options.many_to_many]:
            if word := column(field.name):
                field.verbose_name = word


def column(name: str) -> "_StrPromise | None":
    """
    Return the word for a column; `name_ar` is the word for `name` with its language. None for the
    columns that Django names itself.
    """
    base, _separator, language = name.rpartition("_")
    if language in {"fr", "en", "ar"} and base in COLUMNS:
        return format_lazy("{} [{}]", COLUMNS[base], language)
    return COLUMNS.get(name)
