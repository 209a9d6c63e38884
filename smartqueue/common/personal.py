"""
Where the database tells about people: the one reviewed list that erasure, export and the journal
follow.

A contract test walks every model. A field whose name or type may hold something about a person,
and every path to an account, has to be placed here before the test is green again.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, kw_only=True, slots=True)
class Personal:
    """
    What the rows of one model tell about people.

    `fields` hold a person's data: erasure empties them, the journal seals them.
    `people` are lookups from a row to accounts' ids ("user_id", "session__user_id").
    `labels` are fields that hold an actor's label ("user:<id>", "ticket:<id>").
    `identifiers` are fields that hold a phone number or e-mail address which finds a person who
    may have no account.
    `sealed_for` is the column of the account whose key seals `fields` in the journal; where it is
    empty or null, the row's own id stands for the person.
    `innocent` are fields that look personal, were looked at, and are not.
    """

    fields: tuple[str, ...] = ()
    people: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    identifiers: tuple[str, ...] = ()
    sealed_for: str = ""
    innocent: tuple[str, ...] = ()


PERSONAL: Final[Mapping[str, Personal]] = {
    # --- Django and allauth -----------------------------------------------------------------------
    "admin.LogEntry": Personal(
        fields=("object_repr", "change_message"),
        people=("user_id",),
        sealed_for="user_id",
        innocent=("object_id",),
    ),
    "auth.Permission": Personal(innocent=("name", "codename")),
    "auth.Group": Personal(innocent=("name",)),
    "contenttypes.ContentType": Personal(innocent=("app_label",)),
    "sessions.Session": Personal(fields=("session_data",), innocent=("session_key",)),
    "account.EmailAddress": Personal(
        fields=("email",), people=("user_id",), identifiers=("email",), sealed_for="user_id"
    ),
    "account.EmailConfirmation": Personal(people=("email_address__user_id",), innocent=("key",)),
    "mfa.Authenticator": Personal(fields=("data",), people=("user_id",), sealed_for="user_id"),
    # --- Platform ---------------------------------------------------------------------------------
    # A payload holds ids and facts only; docs/patterns/events.md.
    "outbox.DomainEvent": Personal(
        fields=("address",), labels=("actor",), innocent=("payload", "subject_type", "subject_id")
    ),
    # The text of an exception may repeat a value.
    "outbox.Delivery": Personal(fields=("last_error",)),
    # A stored answer may repeat what a person sent; it lives for 48 hours.
    "idempotency.IdempotencyKey": Personal(fields=("answer",), innocent=("body_digest",)),
    # `before` and `after` hold personal values only sealed; keys go by `audit.destroy_person_keys`.
    "audit.RowChange": Personal(
        fields=("address",), labels=("actor",), innocent=("before", "after")
    ),
    "audit.PersonKey": Personal(innocent=("person_id", "key")),
    "limits.Window": Personal(innocent=("key",)),
    # --- Accounts ---------------------------------------------------------------------------------
    "accounts.User": Personal(
        fields=("email", "phone", "first_name", "last_name", "password"),
        people=("id",),
        identifiers=("email", "phone"),
        sealed_for="id",
        innocent=("phone_verified_at",),
    ),
    "accounts.User_groups": Personal(people=("user_id",)),
    "accounts.User_user_permissions": Personal(people=("user_id",)),
    "accounts.Session": Personal(
        fields=("device_name", "network"),
        people=("user_id",),
        sealed_for="user_id",
        innocent=("cookie_key", "device"),
    ),
    "accounts.RefreshToken": Personal(people=("session__user_id",), innocent=("device",)),
    "accounts.ContactChange": Personal(
        fields=("old_value", "new_value"),
        people=("user_id",),
        identifiers=("old_value", "new_value"),
        sealed_for="user_id",
    ),
    "accounts.AccountAccess": Personal(
        fields=("reason",), people=("user_id", "admin_id"), sealed_for="user_id"
    ),
    "accounts.FactorReset": Personal(
        fields=("reason",),
        people=("user_id", "issuer_id"),
        sealed_for="user_id",
        innocent=("digest",),
    ),
    "accounts.VerificationCode": Personal(
        fields=("recipient",),
        people=("user_id",),
        identifiers=("recipient",),
        sealed_for="user_id",
    ),
    "accounts.MfaChallenge": Personal(people=("user_id",)),
    "accounts.TotpEnrolment": Personal(
        fields=("secret",), people=("user_id",), sealed_for="user_id"
    ),
    "accounts.Passkey": Personal(
        fields=("name", "credential_id", "credential"),
        people=("user_id",),
        sealed_for="user_id",
        innocent=("transports",),
    ),
    "accounts.PasskeyChallenge": Personal(people=("user_id",)),
    "accounts.SocketTicket": Personal(people=("user_id",)),
    # --- Realtime and notifications ---------------------------------------------------------------
    # `data` of `user:<id>` topics repeats notifications; it lives for 24 hours.
    "realtime.TopicEvent": Personal(fields=("data", "inside"), innocent=("topic",)),
    "notifications.Inbox": Personal(people=("user_id",)),
    "notifications.Notification": Personal(
        fields=("data",), people=("user_id",), sealed_for="user_id", innocent=("dedupe_key",)
    ),
    "notifications.OutgoingMessage": Personal(
        fields=("recipient", "subject", "sealed_body", "sealed_rest"),
        people=("user_id",),
        identifiers=("recipient",),
        sealed_for="user_id",
        innocent=("dedupe_key", "last_error"),
    ),
    "notifications.DeliveryAttempt": Personal(innocent=("error_code",)),
    # What somebody wrote, or a provider said of a number: sealed, and emptied once it is understood.
    "notifications.ProviderCallback": Personal(fields=("sealed",), innocent=("error_code",)),
    "notifications.InboundMessage": Personal(fields=("sealed",), innocent=("error_code",)),
    "notifications.DeadAddress": Personal(innocent=("digest", "code")),
    "notifications.SmsAccount": Personal(innocent=("sender_name",)),
    "notifications.Batch": Personal(people=("created_by_id",)),
    "notifications.BatchChunk": Personal(fields=("sealed",)),
    # What a phone or browser is reached by is sealed, and known to nobody but its maker's service.
    "notifications.PushToken": Personal(
        fields=("sealed", "device_id"),
        people=("user_id",),
        sealed_for="user_id",
        innocent=("digest", "key_digest"),
    ),
    "notifications.BrowserSubscription": Personal(
        fields=("sealed",),
        people=("user_id",),
        sealed_for="user_id",
        innocent=("digest", "auth_digest"),
    ),
    "notifications.TemplateVersion": Personal(
        people=("changed_by_id",), innocent=("subject", "body", "code")
    ),
    "notifications.Preference": Personal(people=("user_id",)),
    "notifications.QuietHours": Personal(people=("user_id",)),
    "locations.Commune": Personal(innocent=("name", "other_names", "point", "search_text")),
    # --- Organizations: what they say of themselves is public ------------------------------------
    "business.Organization": Personal(
        innocent=("name", "description", "phone", "website", "search_text")
    ),
    "business.Membership": Personal(people=("user_id",)),
    "business.Invitation": Personal(
        fields=("identifier",), people=("invited_by_id",), identifiers=("identifier",)
    ),
    "business.Branch": Personal(innocent=("name", "point", "address", "phone", "search_text")),
    "business.OpeningException": Personal(innocent=("reason",)),
    "business.HolidayOverride": Personal(innocent=("name",)),
    "business.Service": Personal(
        innocent=("name", "description", "required_papers", "search_text")
    ),
    "business.Counter": Personal(innocent=("name",)),
    # Named by where a device stands.
    "business.BranchCredential": Personal(people=("created_by_id",), innocent=("name",)),
    "business.OrganizationSettings": Personal(
        innocent=("display_name", "retention_days", "switches")
    ),
    "business.SettingsVersion": Personal(people=("by_id",), innocent=("before", "after")),
    # Written by platform staff for the owners; it stays with the organization's journal.
    "business.SupportAccess": Personal(
        fields=("reason",), people=("admin_id",), sealed_for="admin_id"
    ),
    "agents.Skill": Personal(people=("user_id",)),
    # --- Queues -----------------------------------------------------------------------------------
    "queues.Queue": Personal(innocent=("name", "live", "state_reason")),
    "queues.QueuePriority": Personal(innocent=("name",)),
    "queues.VehicleCategory": Personal(innocent=("name",)),
    "queues.CounterSession": Personal(people=("agent_id",)),
    "queues.Ticket": Personal(
        fields=("customer_name", "phone", "person_key", "plate", "note", "outcome"),
        people=("customer_id",),
        identifiers=("phone",),
        sealed_for="customer_id",
        innocent=("call_reason", "first_estimate", "order_key"),
    ),
    # `reason` may be what somebody typed.
    "queues.TicketPeriod": Personal(fields=("reason",), people=("agent_id", "ticket__customer_id")),
    # `before` repeats a ticket's columns, its note among them.
    "queues.TicketStep": Personal(fields=("before",), people=("agent_id", "ticket__customer_id")),
    "queues.QueueWaits": Personal(innocent=("state", "usual", "priority", "pending", "done")),
    "queues.OrganizationWaits": Personal(innocent=("ratios",)),
    "queues.RosterDay": Personal(innocent=("spans",)),
    "queues.ShownEstimate": Personal(people=("ticket__customer_id",)),
    # --- Appointments -----------------------------------------------------------------------------
    # Questions and reasons are an organization's public words.
    "appointments.BookingRules": Personal(innocent=("questions",)),
    "appointments.AppointmentSlot": Personal(people=("agent_id",)),
    "appointments.SlotException": Personal(innocent=("reason",)),
    "appointments.SlotPlaces": Personal(people=("agent_id",)),
    "appointments.AgentAbsence": Personal(
        fields=("reason",), people=("agent_id",), sealed_for="agent_id"
    ),
    "appointments.Appointment": Personal(
        fields=("customer_name", "phone", "person_key", "answers", "note", "end_reason"),
        people=("customer_id", "booked_by_id", "agent_id"),
        identifiers=("phone",),
        sealed_for="customer_id",
        innocent=("code_digest", "held_for", "phone_verified_at"),
    ),
    "appointments.AppointmentStep": Personal(people=("by_id", "appointment__customer_id")),
    "appointments.WaitlistEntry": Personal(
        fields=("customer_name", "phone"),
        people=("customer_id",),
        identifiers=("phone",),
        sealed_for="customer_id",
    ),
    "appointments.WaitlistOffer": Personal(
        people=("entry__customer_id", "appointment__customer_id")
    ),
    "appointments.CalendarFeed": Personal(
        fields=("name",), people=("owner_id",), sealed_for="owner_id"
    ),
    # Its address opens the calendar of whoever gave it.
    "appointments.BusyCalendar": Personal(
        fields=("name", "sealed_url", "host"), people=("agent_id",), sealed_for="agent_id"
    ),
    "appointments.BusyTime": Personal(people=("agent_id",)),
    # --- Support ----------------------------------------------------------------------------------
    "support.SupportCase": Personal(
        fields=("title",),
        people=("person_id", "assignee_id"),
        sealed_for="person_id",
        innocent=("subject_id",),
    ),
    # Answers and notes of staff are about the person too.
    "support.CaseMessage": Personal(
        fields=("body",), people=("person_id", "author_id"), sealed_for="person_id"
    ),
    # A name of ours; the file behind it goes with the row.
    "support.CaseAttachment": Personal(people=("person_id",), innocent=("stored_name",)),
    # --- Webhooks ---------------------------------------------------------------------------------
    # Addresses of an organization's own servers, and what those answer.
    "webhooks.Endpoint": Personal(
        innocent=("url", "description", "sealed_secret", "sealed_old_secret")
    ),
    # Ids and facts, as its event.
    "webhooks.Message": Personal(innocent=("body",)),
    "webhooks.Attempt": Personal(innocent=("answer", "error_code")),
    # --- Privacy ----------------------------------------------------------------------------------
    "privacy.Consent": Personal(people=("user_id",)),
    "privacy.Export": Personal(people=("user_id",), innocent=("file", "sealed_key")),
    # Whom to look for, until the erasure is done.
    "privacy.Erasure": Personal(
        fields=("sealed_subject",),
        people=("user_id",),
        sealed_for="user_id",
        innocent=("counts",),
    ),
    # Under a keyed digest of the number; what was answered is sealed.
    "dialogues.BranchLine": Personal(innocent=("missed_call_number",)),
    "dialogues.Conversation": Personal(
        fields=("screen", "recent_branches"), innocent=("phone_digest", "session", "typed")
    ),
    "dialogues.GivenAnswer": Personal(
        fields=("sealed",), innocent=("phone_digest", "event_digest")
    ),
    "privacy.PhoneCode": Personal(innocent=("phone_digest",)),
    "privacy.RegisterEntry": Personal(
        innocent=("name", "purpose", "people", "data", "recipients", "security")
    ),
}


def personal_in(label: str) -> Personal:
    """Return what a model tells about people by its label, "queues.Ticket"; nothing when unlisted."""
    return PERSONAL.get(label, _NOTHING)


_NOTHING = Personal()
