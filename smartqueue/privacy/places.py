"""
What export, erasure and retention do with each table that leads to a person.

The paths to the person are those of `common/personal.py`; a contract test fails on a table that is
listed there and not placed here, on a column that is neither shown nor withheld, and on personal
fields that erasure would leave.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from django.apps import apps
from django.contrib.sessions.models import Session as Cookie
from django.db import models
from django.db.models import Q, TextField
from django.db.models.functions import Cast, Now
from django.utils.translation import gettext_lazy as _

from smartqueue.common.crypto import keyed_digest
from smartqueue.common.errors import Text
from smartqueue.common.personal import Personal, personal_in
from smartqueue.idempotency.models import IdempotencyKey
from smartqueue.notifications import queries as notification_queries
from smartqueue.outbox.enums import DeliveryState
from smartqueue.privacy.enums import Fate
from smartqueue.privacy.subject import Subject

Finder = Callable[[Subject], Q]

SECRET: Final = _("It proves who you are, so it leaves the system for nobody.")
INNER: Final = _("It serves the machinery and says nothing about you.")
REPEATED: Final = _("It repeats for a short time what the other tables show.")
OTHERS: Final = _("It holds data of other people.")


@dataclass(frozen=True, kw_only=True)
class Place:
    """
    One table that leads to a person.

    `find` says which rows are a subject's where the paths of `common/personal.py` do not, or say
    too much. `shown` columns go into the export; `withheld` ones do not, for the reason given.
    `emptied` are the values that erasure writes where `fate` is EMPTIED. `loosened` are columns of
    other people's rows that name the person, and become null; `loosened_contacts` likewise hold a
    proven phone or address of the person, and are emptied. `telling` are columns whose text is
    removed only where it repeats something of the person. `keeps` are personal columns
    that stay for their period; `kept_because` answers for what stays.
    """

    label: str
    title: Text
    kind: str
    fate: Fate
    shown: tuple[str, ...] = ()
    withheld: Mapping[str, Text] = field(default_factory=dict)
    find: Finder | None = None
    emptied: Mapping[str, Any] = field(default_factory=dict)
    loosened: tuple[str, ...] = ()
    loosened_contacts: tuple[str, ...] = ()
    telling: tuple[str, ...] = ()
    keeps: tuple[str, ...] = ()
    kept_because: Text = ""

    @property
    def model(self) -> Any:
        """The table's model."""
        return apps.get_model(self.label)

    @property
    def personal(self) -> Personal:
        """What the reviewed list says of the table."""
        return personal_in(self.label)

    def of(self, subject: Subject) -> "models.QuerySet[Any]":
        """Return the subject's rows, whatever the organization."""
        return everybody(self.model).filter(self._condition(subject)).order_by("pk")

    def _condition(self, subject: Subject) -> Q:
        if self.find is not None:
            return self.find(subject)
        found = Q(pk__in=())
        if subject.user_id is not None:
            for path in self.personal.people:
                found |= Q(**{path: subject.user_id})
        for column in self.personal.identifiers:
            found |= Q(**{f"{column}__in": subject.contacts})
        return found


def everybody(model: Any) -> "models.QuerySet[Any]":
    """Return the rows of a table over all organizations: a person's data lie across them."""
    manager: Any = model._default_manager
    scoped = getattr(manager, "with_scopes_disabled", None)
    rows: models.QuerySet[Any] = scoped() if scoped else model._base_manager.all()
    return rows


def digest_of_phone(phone: str) -> bytes:
    """Return what stands for a phone whose owner asked for a code."""
    return keyed_digest("erasure phone", phone)


def _all(reason: Text, *columns: str) -> dict[str, Text]:
    return dict.fromkeys(columns, reason)


# --- Finders ------------------------------------------------------------------------------------


def _user(column: str) -> Finder:
    def find(subject: Subject) -> Q:
        return Q(pk__in=()) if subject.user_id is None else Q(**{column: subject.user_id})

    return find


def _cookies(subject: Subject) -> Q:
    """Sessions of the pages: their data can only be read by decoding each."""
    keys = [row.session_key for row in _cookies_telling(subject)]
    return Q(pk__in=keys)


def _cookies_telling(subject: Subject) -> Iterator[Cookie]:
    own = str(subject.user_id)
    for row in Cookie.objects.all().iterator(chunk_size=1000):
        told = row.get_decoded()
        if told.get("_auth_user_id") == own or subject.is_told_by(str(told)):
            yield row


def _dialogues(subject: Subject) -> Q:
    """What a phone said and was told: kept under a digest of its number."""
    digests = [keyed_digest("dialogue phone", contact) for contact in subject.contacts]
    return Q(phone_digest__in=digests)


def _tickets(subject: Subject) -> Q:
    """Tickets of the account, and those under a proven phone that are no other account's."""
    of_phone = Q(phone__in=[*subject.contacts], customer=None) & ~Q(phone="")
    own = _user("customer_id")(subject)
    return own | of_phone | Q(pk__in=subject.tickets)


def _appointments(subject: Subject) -> Q:
    """Appointments of the account, and those under a proven phone that are no other account's."""
    of_phone = Q(phone__in=[*subject.contacts], customer=None) & ~Q(phone="")
    return _user("customer_id")(subject) | of_phone


def _of_appointments(appointment: str) -> Finder:
    def find(subject: Subject) -> Q:
        contacts = {f"{appointment}__phone__in": [*subject.contacts]}
        of_phone = Q(**contacts, **{f"{appointment}__customer": None})
        return _user(f"{appointment}__customer_id")(subject) | of_phone

    return find


def _of_tickets(*people: str) -> Finder:
    def find(subject: Subject) -> Q:
        found = Q(ticket_id__in=subject.tickets)
        for path in people:
            found |= _user(path)(subject)
        return found

    return find


def _of_cases(case: str) -> Finder:
    """Rows of the person, and of cases about a ticket of theirs or opened with its token."""

    def find(subject: Subject) -> Q:
        held = Q(**{f"{case}holder_ticket_id__in": subject.tickets})
        about = Q(**{f"{case}subject_type": "ticket", f"{case}subject_id__in": subject.tickets})
        return _user("person_id")(subject) | held | about

    return find


def _events(subject: Subject) -> Q:
    return Q(subject_id__in=subject.ids) | Q(actor__in=subject.labels)


def _deliveries(subject: Subject) -> Q:
    told = Q(pk__in=())
    for word in subject.words:
        told |= Q(last_error__icontains=word)
    failed = Q(state__in=(DeliveryState.PENDING, DeliveryState.DEAD)) & ~Q(last_error="")
    return failed & (Q(event__subject_id__in=subject.ids) | told)


def _answers(subject: Subject) -> Q:
    told = Q(pk__in=())
    for word in (*subject.words, *map(str, subject.ids)):
        told |= Q(text__icontains=word)
    rows = IdempotencyKey.objects.annotate(text=Cast("answer", TextField())).filter(told)
    return Q(pk__in=list(rows.values_list("pk", flat=True)))


def _topics(subject: Subject) -> Q:
    own = () if subject.user_id is None else (f"user:{subject.user_id}",)
    return Q(topic__in=[*own, *(f"ticket:{ticket}" for ticket in subject.tickets)])


def _messages(subject: Subject) -> Q:
    """What was told to the account, and to their address or phone before it was an account's."""
    return _user("user_id")(subject) | Q(user_id=None, recipient__in=subject.contacts)


def _browsers(subject: Subject) -> Q:
    """Browsers of the account, and those that follow the subject's tickets."""
    return _user("user_id")(subject) | Q(ticket_id__in=subject.tickets)


def _sealed_telling(label: str, opened: Callable[[str], str]) -> Finder:
    """Find rows whose sealed text tells of a person: few, for they are emptied within moments."""

    def find(subject: Subject) -> Q:
        rows = apps.get_model(label)._base_manager.exclude(sealed="")
        kept = rows.values_list("pk", "sealed").iterator(chunk_size=1000)
        return Q(pk__in=[pk for pk, sealed in kept if subject.is_told_by(opened(sealed))])

    return find


def _log_entries(subject: Subject) -> Q:
    about = Q(object_id__in=[str(pk) for pk in subject.ids])
    return about | _user("user_id")(subject)


# --- The table ----------------------------------------------------------------------------------

PLACES: Final[tuple[Place, ...]] = (
    Place(
        label="accounts.User",
        title=_("Account"),
        kind="account",
        fate=Fate.EMPTIED,
        shown=(
            "id",
            "email",
            "phone",
            "phone_verified_at",
            "first_name",
            "last_name",
            "language",
            "last_login",
            "date_joined",
            "is_active",
            "is_staff",
            "is_superuser",
            "erased_at",
        ),
        withheld={"password": SECRET},
        find=_user("id"),
        emptied={
            "email": None,
            "phone": None,
            "phone_verified_at": None,
            "first_name": "",
            "last_name": "",
            "last_login": None,
            "password": "!",
            "is_active": False,
            "is_staff": False,
            "is_superuser": False,
        },
    ),
    Place(
        label="accounts.User_groups",
        title=_("Rights in the administration"),
        kind="account",
        fate=Fate.DELETED,
        shown=("group_id",),
        withheld=_all(INNER, "id", "user_id"),
    ),
    Place(
        label="accounts.User_user_permissions",
        title=_("Rights in the administration"),
        kind="account",
        fate=Fate.DELETED,
        shown=("permission_id",),
        withheld=_all(INNER, "id", "user_id"),
    ),
    Place(
        label="account.EmailAddress",
        title=_("E-mail addresses"),
        kind="account",
        fate=Fate.DELETED,
        shown=("email", "verified", "primary"),
        withheld=_all(INNER, "id", "user_id"),
    ),
    Place(
        label="account.EmailConfirmation",
        title=_("Confirmations of an e-mail address"),
        kind="code",
        fate=Fate.DELETED,
        shown=("created", "sent"),
        withheld={"key": SECRET} | _all(INNER, "id", "email_address_id"),
    ),
    Place(
        label="mfa.Authenticator",
        title=_("Second factors"),
        kind="account",
        fate=Fate.DELETED,
        shown=("type", "created_at", "last_used_at"),
        withheld={"data": SECRET} | _all(INNER, "id", "user_id"),
    ),
    Place(
        label="accounts.Session",
        title=_("Sign-ins"),
        kind="session",
        fate=Fate.DELETED,
        shown=(
            "id",
            "kind",
            "device_name",
            "network",
            "created_at",
            "authenticated_at",
            "last_used_at",
            "expires_at",
            "ended_at",
            "end_reason",
        ),
        withheld=_all(SECRET, "cookie_key", "device") | _all(INNER, "user_id"),
    ),
    Place(
        label="accounts.RefreshToken",
        title=_("Sign-in tokens"),
        kind="session",
        fate=Fate.DELETED,
        shown=("created_at", "expires_at", "used_at"),
        withheld=_all(SECRET, "digest", "device") | _all(INNER, "id", "session_id"),
    ),
    Place(
        label="sessions.Session",
        title=_("Cookies of the pages"),
        kind="cookie",
        fate=Fate.DELETED,
        shown=("expire_date",),
        withheld=_all(SECRET, "session_key", "session_data"),
        find=_cookies,
    ),
    Place(
        label="accounts.VerificationCode",
        title=_("Codes"),
        kind="code",
        fate=Fate.DELETED,
        shown=("channel", "recipient", "created_at", "expires_at", "used_at"),
        withheld=_all(SECRET, "digest", "asker")
        | _all(INNER, "id", "user_id", "purpose", "contact_change_id", "attempts"),
    ),
    Place(
        label="accounts.ContactChange",
        title=_("Changes of an e-mail address or phone"),
        kind="code",
        fate=Fate.DELETED,
        shown=(
            "channel",
            "old_value",
            "new_value",
            "created_at",
            "expires_at",
            "new_confirmed_at",
            "old_confirmed_at",
            "done_at",
        ),
        withheld=_all(INNER, "id", "user_id", "voucher"),
    ),
    Place(
        label="accounts.AccountAccess",
        title=_("Times at which platform staff could reach your account"),
        kind="administration",
        fate=Fate.EMPTIED,
        shown=("reason", "opened_at", "expires_at", "closed_at"),
        withheld={"admin_id": OTHERS} | _all(INNER, "id", "user_id"),
        find=_user("user_id"),
        emptied={"reason": ""},
        loosened=("admin_id",),
        kept_because=_("That staff reached an account can always be seen; why is gone."),
    ),
    Place(
        label="accounts.FactorReset",
        title=_("Codes that stood in for second factors you had lost"),
        kind="administration",
        fate=Fate.EMPTIED,
        shown=("reason", "created_at", "usable_at", "expires_at", "used_at", "cancelled_at"),
        withheld={"issuer_id": OTHERS, "digest": SECRET} | _all(INNER, "id", "user_id"),
        find=_user("user_id"),
        emptied={"reason": ""},
        loosened=("issuer_id",),
        kept_because=_("That somebody vouched for an account can always be seen; why is gone."),
    ),
    Place(
        label="accounts.MfaChallenge",
        title=_("Sign-ins that wait for a second factor"),
        kind="code",
        fate=Fate.DELETED,
        shown=("created_at", "expires_at", "used_at"),
        withheld={"digest": SECRET} | _all(INNER, "id", "user_id", "purpose", "attempts"),
    ),
    Place(
        label="accounts.Passkey",
        title=_("Passkeys and security keys"),
        kind="account",
        fate=Fate.DELETED,
        shown=("name", "created_at", "last_used_at", "is_synced"),
        withheld=_all(SECRET, "credential_id", "credential")
        | _all(INNER, "id", "user_id", "transports", "sign_count", "is_discoverable"),
    ),
    Place(
        label="accounts.PasskeyChallenge",
        title=_("Questions that a passkey was to answer"),
        kind="code",
        fate=Fate.DELETED,
        shown=("purpose", "created_at", "expires_at"),
        withheld=_all(SECRET, "digest", "challenge")
        | _all(INNER, "id", "user_id", "session_id", "mfa_id", "must_verify"),
    ),
    Place(
        label="accounts.TotpEnrolment",
        title=_("Authenticator apps that are being added"),
        kind="code",
        fate=Fate.DELETED,
        shown=("expires_at",),
        withheld={"secret": SECRET} | _all(INNER, "user_id", "session_id"),
    ),
    Place(
        label="accounts.SocketTicket",
        title=_("Tickets for live connections"),
        kind="code",
        fate=Fate.DELETED,
        shown=("kind", "language", "expires_at"),
        withheld={"digest": SECRET}
        | _all(INNER, "id", "user_id", "session_id", "ticket_id", "branch_id", "device_id"),
        find=lambda s: _user("user_id")(s) | Q(ticket_id__in=s.tickets),
    ),
    Place(
        label="admin.LogEntry",
        title=_("Changes made in the administration"),
        kind="administration",
        fate=Fate.EMPTIED,
        shown=("action_time", "action_flag"),
        withheld=_all(OTHERS, "object_id", "object_repr", "change_message")
        | _all(INNER, "id", "user_id", "content_type_id"),
        find=_log_entries,
        emptied={"object_repr": "", "change_message": ""},
        kept_because=_("That an administrator changed something, and when, stays known."),
    ),
    Place(
        label="outbox.DomainEvent",
        title=_("What happened"),
        kind="event",
        fate=Fate.KEPT,
        shown=("type", "occurred_at", "actor", "address", "organization_id", "subject_id"),
        withheld=_all(
            INNER,
            "id",
            "subject_type",
            "subject_version",
            "payload",
            "request_id",
            "transaction_id",
        ),
        find=_events,
        keeps=("address",),
        kept_because=_(
            "Facts with the ids of an account that is empty: they count and name nobody. The network "
            "address stays for its 90 days, so that nobody who misused the service can wipe that out."
        ),
    ),
    Place(
        label="audit.RowChange",
        title=_("What you changed"),
        kind="change",
        fate=Fate.KEPT,
        shown=("at", "table", "kind", "address", "organization_id"),
        withheld=_all(OTHERS, "before", "after")
        | _all(
            INNER, "id", "branch_id", "row_id", "actor", "is_direct", "request_id", "transaction_id"
        ),
        find=lambda s: Q(actor__in=s.labels),
        keeps=("address",),
        kept_because=_(
            "What was written of the person is sealed under their own key, which is destroyed: "
            "nobody can read it any more."
        ),
    ),
    Place(
        label="audit.PersonKey",
        title=_("Key that seals what the record of changes says of you"),
        kind="change",
        fate=Fate.KEPT,
        withheld=_all(SECRET, "person_id", "key", "created_at", "destroyed_at"),
        find=lambda s: Q(person_id__in=s.ids),
        kept_because=_("The key is destroyed; an empty row stays so that it is never made again."),
    ),
    Place(
        label="outbox.Delivery",
        title=_("Failures while something was carried out"),
        kind="delivery",
        fate=Fate.EMPTIED,
        withheld=_all(
            INNER,
            "id",
            "event_id",
            "handler",
            "state",
            "attempts",
            "next_attempt_at",
            "last_error",
            "done_at",
        ),
        find=_deliveries,
        emptied={"last_error": ""},
    ),
    Place(
        label="idempotency.IdempotencyKey",
        title=_("Answers kept so that nothing is done twice"),
        kind="answer",
        fate=Fate.EMPTIED,
        withheld=_all(REPEATED, "id", "digest", "body_digest", "status", "answer", "created_at"),
        find=_answers,
        emptied={"answer": {}},
    ),
    Place(
        label="realtime.TopicEvent",
        title=_("Live updates"),
        kind="topic",
        fate=Fate.DELETED,
        withheld=_all(REPEATED, "topic", "version", "type", "data", "inside", "at"),
        find=_topics,
    ),
    Place(
        label="notifications.Notification",
        title=_("Notifications"),
        kind="notification",
        fate=Fate.DELETED,
        shown=("code", "data", "channel", "organization_id", "created_at", "read_at"),
        withheld=_all(INNER, "id", "user_id", "dedupe_key"),
    ),
    Place(
        label="notifications.Inbox",
        title=_("Notifications"),
        kind="notification",
        fate=Fate.DELETED,
        withheld=_all(INNER, "user_id", "version"),
    ),
    Place(
        label="notifications.OutgoingMessage",
        title=_("Messages sent to you"),
        kind="message",
        fate=Fate.DELETED,
        shown=("channel", "recipient", "template", "subject", "state", "created_at", "sent_at"),
        withheld={"sealed_body": SECRET, "sealed_rest": SECRET}
        | _all(
            INNER,
            "id",
            "user_id",
            "organization_id",
            "batch_id",
            "importance",
            "language",
            "segments",
            "attempts",
            "failures",
            "provider",
            "cost_minor",
            "dedupe_key",
            "fallback_of_id",
            "stored_at",
            "next_attempt_at",
            "claimed_at",
            "expires_at",
            "settle_at",
            "ended_at",
            "last_error",
        ),
        find=_messages,
    ),
    Place(
        label="notifications.PushToken",
        title=_("Phones and browsers that show you messages"),
        kind="device",
        fate=Fate.DELETED,
        shown=("device_id", "platform", "app_version", "created_at", "last_seen_at"),
        withheld={"sealed": SECRET, "key_digest": SECRET}
        | _all(INNER, "id", "user_id", "session_id", "digest"),
    ),
    Place(
        label="notifications.BrowserSubscription",
        title=_("Phones and browsers that show you messages"),
        kind="device",
        fate=Fate.DELETED,
        shown=("created_at", "last_seen_at"),
        withheld={"sealed": SECRET, "auth_digest": SECRET}
        | _all(INNER, "id", "user_id", "session_id", "ticket_id", "digest"),
        find=_browsers,
    ),
    Place(
        label="notifications.ProviderCallback",
        title=_("What providers told of messages to you, until it is understood"),
        kind="message",
        fate=Fate.DELETED,
        withheld=_all(
            REPEATED,
            "id",
            "provider",
            "kind",
            "sealed",
            "state",
            "tries",
            "error_code",
            "received_at",
            "next_try_at",
        ),
        find=_sealed_telling(
            "notifications.ProviderCallback", notification_queries.opened_callback
        ),
    ),
    Place(
        label="notifications.InboundMessage",
        title=_("What you wrote to us, until it is answered"),
        kind="message",
        fate=Fate.DELETED,
        withheld=_all(
            INNER,
            "id",
            "provider",
            "event_id",
            "sealed",
            "tries",
            "error_code",
            "received_at",
            "next_try_at",
            "answered_at",
            "stored_at",
        ),
        find=_sealed_telling("notifications.InboundMessage", notification_queries.opened_callback),
    ),
    Place(
        label="notifications.Batch",
        title=_("Messages to many people that you sent off"),
        kind="message",
        fate=Fate.KEPT,
        shown=("organization_id", "channel", "total", "state", "created_at", "cancelled_at"),
        withheld=_all(INNER, "id", "template", "created_by_id", "expires_at"),
        find=_user("created_by_id"),
        loosened=("created_by_id",),
        kept_because=_("The organization's messages stay, without who sent them off."),
    ),
    Place(
        label="notifications.BatchChunk",
        title=_("Messages to many people that are about to be made"),
        kind="message",
        fate=Fate.KEPT,
        withheld=_all(INNER, "id", "organization_id", "batch_id", "number", "sealed", "made_at"),
        find=lambda _: Q(pk__in=()),
        keeps=("sealed",),
        kept_because=_("It is sealed, and emptied within moments, when the messages are made."),
    ),
    Place(
        label="notifications.TemplateVersion",
        title=_("Words of messages that you wrote for an organization"),
        kind="message",
        fate=Fate.KEPT,
        shown=("organization_id", "code", "channel", "language", "subject", "body", "changed_at"),
        withheld=_all(INNER, "id", "number", "is_default", "changed_by_id"),
        find=_user("changed_by_id"),
        loosened=("changed_by_id",),
        kept_because=_("The organization's words stay, without who wrote them."),
    ),
    Place(
        label="notifications.Preference",
        title=_("What you want to be told"),
        kind="account",
        fate=Fate.DELETED,
        shown=("group", "channel", "is_on"),
        withheld=_all(INNER, "id", "user_id"),
    ),
    Place(
        label="notifications.QuietHours",
        title=_("When you want to be left alone"),
        kind="account",
        fate=Fate.DELETED,
        shown=("begins_at", "ends_at", "timezone"),
        withheld=_all(INNER, "user_id"),
    ),
    Place(
        label="business.Membership",
        title=_("Roles in organizations"),
        kind="membership",
        fate=Fate.DELETED,
        shown=("organization_id", "role", "created_at"),
        withheld=_all(INNER, "id", "user_id", "version"),
    ),
    Place(
        label="business.Membership_branches",
        title=_("Branches of your roles"),
        kind="membership",
        fate=Fate.DELETED,
        shown=("branch_id",),
        withheld=_all(INNER, "id", "membership_id"),
        find=_user("membership__user_id"),
    ),
    Place(
        label="business.Invitation",
        title=_("Invitations to you"),
        kind="invitation",
        fate=Fate.DELETED,
        shown=(
            "organization_id",
            "identifier",
            "role",
            "language",
            "created_at",
            "expires_at",
            "accepted_at",
        ),
        withheld={"invited_by_id": OTHERS} | _all(INNER, "id", "sent_at", "times_sent"),
        find=lambda s: Q(identifier__in=s.contacts),
        loosened=("invited_by_id",),
    ),
    Place(
        label="business.Invitation_branches",
        title=_("Branches of invitations to you"),
        kind="invitation",
        fate=Fate.DELETED,
        shown=("branch_id",),
        withheld=_all(INNER, "id", "invitation_id"),
        find=lambda s: Q(invitation__identifier__in=s.contacts),
    ),
    Place(
        label="business.SettingsVersion",
        title=_("Settings of an organization that you changed"),
        kind="work",
        fate=Fate.KEPT,
        shown=("organization_id", "version", "at"),
        withheld=_all(OTHERS, "before", "after") | _all(INNER, "id", "by_id", "restored_version"),
        find=_user("by_id"),
        loosened=("by_id",),
        kept_because=_("The organization's settings stay, without who changed them."),
    ),
    Place(
        label="business.BranchCredential",
        title=_("Devices of a branch that you added"),
        kind="work",
        fate=Fate.KEPT,
        shown=("organization_id", "branch_id", "kind", "name", "created_at"),
        withheld=_all(SECRET, "code_digest", "digest")
        | _all(
            INNER,
            "id",
            "code_expires_at",
            "is_demonstration",
            "created_by_id",
            "paired_at",
            "last_used_at",
            "revoked_at",
            "version",
        ),
        find=_user("created_by_id"),
        loosened=("created_by_id",),
        kept_because=_("The organization's devices stay, without who added them."),
    ),
    Place(
        label="business.SupportAccess",
        title=_("Your times inside an organization, as platform staff"),
        kind="event",
        fate=Fate.KEPT,
        shown=("organization_id", "reason", "opened_at", "expires_at", "closed_at"),
        withheld=_all(INNER, "id", "admin_id"),
        keeps=("reason",),
        kept_because=_("An organization can always see who of the platform was inside, and why."),
    ),
    Place(
        label="agents.Skill",
        title=_("What you are good at, as an agent"),
        kind="membership",
        fate=Fate.DELETED,
        shown=("organization_id", "service_id", "weight"),
        withheld=_all(INNER, "id", "user_id"),
    ),
    Place(
        label="queues.CounterSession",
        title=_("Your time at counters, as an agent"),
        kind="work",
        fate=Fate.KEPT,
        shown=(
            "id",
            "organization_id",
            "branch_id",
            "counter_id",
            "state",
            "started_at",
            "ended_at",
        ),
        withheld=_all(INNER, "agent_id", "queue_ids"),
        kept_because=_("The organization's figures need it; the account that it names is empty."),
    ),
    Place(
        label="queues.SessionBreak",
        title=_("Your breaks, as an agent"),
        kind="work",
        fate=Fate.KEPT,
        shown=("session_id", "started_at", "ended_at"),
        withheld=_all(INNER, "id", "organization_id"),
        find=_user("session__agent_id"),
        kept_because=_("The organization's figures need it; the account that it names is empty."),
    ),
    Place(
        label="queues.Ticket",
        title=_("Tickets"),
        kind="ticket_identity",
        fate=Fate.EMPTIED,
        shown=(
            "id",
            "organization_id",
            "branch_id",
            "queue_id",
            "service_id",
            "service_date",
            "number",
            "state",
            "priority",
            "channel",
            "customer_name",
            "phone",
            "language",
            "vehicle_category",
            "plate",
            "outcome",
            "note",
            "joined_at",
            "called_at",
            "started_at",
            "ended_at",
        ),
        withheld=_all(
            INNER,
            "issuing_queue_id",
            "sequence",
            "version",
            "order_key",
            "overtaken",
            "customer_id",
            "person_key",
            "session_id",
            "counter_id",
            "calls",
            "call_reason",
            "first_estimate",
            "more_time_used",
            "is_watched",
            "returns_on",
            "return_of_id",
        ),
        find=_tickets,
        emptied={
            "customer_id": None,
            "customer_name": "",
            "phone": "",
            "person_key": "",
            "plate": "",
            "note": "",
        },
        loosened_contacts=("phone",),
        telling=("outcome",),
        kept_because=_("That somebody came, waited and was served counts; who it was is gone."),
    ),
    Place(
        label="queues.TicketPeriod",
        title=_("How your tickets went on"),
        kind="ticket_link",
        fate=Fate.KEPT,
        shown=("ticket_id", "state", "queue_id", "counter_id", "started_at", "ended_at", "reason"),
        withheld={"agent_id": OTHERS} | _all(INNER, "id", "organization_id"),
        find=_of_tickets("ticket__customer_id"),
        telling=("reason",),
        kept_because=_("How long people wait is learned from it; it names nobody."),
    ),
    Place(
        label="queues.ShownEstimate",
        title=_("Waits that you were shown"),
        kind="shown_wait",
        fate=Fate.KEPT,
        shown=(
            "ticket_id",
            "queue_id",
            "made_at",
            "people_ahead",
            "low",
            "median",
            "high",
            "waited",
        ),
        withheld=_all(
            INNER,
            "id",
            "organization_id",
            "at_joining",
            "base",
            "delay",
            "reckoned_from",
            "version",
            "called_at",
            "by_median",
            "by_last",
            "by_mean_of_ten",
            "by_people",
        ),
        find=_of_tickets("ticket__customer_id"),
        kept_because=_(
            "How far the shown waits can be trusted is counted from it; it names nobody."
        ),
    ),
    Place(
        label="queues.TicketStep",
        title=_("Steps that an agent could take back"),
        kind="step",
        fate=Fate.DELETED,
        withheld=_all(
            REPEATED,
            "id",
            "organization_id",
            "ticket_id",
            "agent_id",
            "ticket_version",
            "to_state",
            "before",
            "done_at",
            "undone_at",
        ),
        find=_of_tickets("agent_id", "ticket__customer_id"),
    ),
    Place(
        label="appointments.AppointmentSlot",
        title=_("Times at which people can book you, as an agent"),
        kind="work",
        fate=Fate.DELETED,
        shown=(
            "organization_id",
            "branch_id",
            "service_id",
            "day_of_week",
            "start_time",
            "end_time",
            "interval_minutes",
            "capacity",
            "public_capacity",
            "weeks_of_month",
            "valid_from",
            "valid_until",
        ),
        withheld=_all(INNER, "id", "agent_id", "created_at", "retired_at", "version"),
    ),
    Place(
        label="appointments.AgentAbsence",
        title=_("Your absences, as an agent"),
        kind="work",
        fate=Fate.DELETED,
        shown=("organization_id", "starts_at", "ends_at", "reason"),
        withheld=_all(INNER, "id", "agent_id"),
    ),
    Place(
        label="appointments.CalendarFeed",
        title=_("Addresses at which your calendar programs read appointments"),
        kind="account",
        fate=Fate.DELETED,
        shown=("kind", "branch_id", "name", "created_at", "last_fetched_at"),
        withheld=_all(SECRET, "digest") | _all(INNER, "id", "owner_id"),
    ),
    Place(
        label="appointments.BusyCalendar",
        title=_("Your calendars kept elsewhere, as an agent"),
        kind="work",
        fate=Fate.DELETED,
        shown=("organization_id", "name", "host", "created_at", "fetched_at", "read_at", "error"),
        withheld=_all(SECRET, "sealed_url")
        | _all(
            INNER,
            "id",
            "agent_id",
            "branch_id",
            "service_id",
            "zone",
            "etag",
            "last_modified",
            "next_fetch_at",
            "failures",
            "version",
        ),
    ),
    Place(
        label="appointments.BusyTime",
        title=_("When your calendars kept elsewhere say busy, as an agent"),
        kind="work",
        fate=Fate.DELETED,
        shown=("organization_id", "starts_at", "ends_at"),
        withheld=_all(INNER, "id", "calendar_id", "agent_id", "branch_id", "service_id"),
    ),
    Place(
        label="appointments.WaitlistOffer",
        title=_("Freed places that were offered to you"),
        kind="appointment_link",
        fate=Fate.KEPT,
        shown=("entry_id", "appointment_id", "state", "offered_at", "expires_at", "answered_at"),
        withheld=_all(INNER, "id", "organization_id"),
        find=_of_appointments("entry"),
        kept_because=_("How waitlists work is learned from it; it names nobody."),
    ),
    Place(
        label="appointments.AppointmentStep",
        title=_("How your appointments went on"),
        kind="appointment_link",
        fate=Fate.KEPT,
        shown=("appointment_id", "state", "starts_at", "side", "at"),
        withheld={"by_id": OTHERS} | _all(INNER, "id", "organization_id", "version"),
        find=_of_appointments("appointment"),
        loosened=("by_id",),
        kept_because=_("When people book, move and cancel is learned from it; it names nobody."),
    ),
    Place(
        label="appointments.Appointment",
        title=_("Appointments"),
        kind="appointment_identity",
        fate=Fate.EMPTIED,
        shown=(
            "id",
            "organization_id",
            "branch_id",
            "service_id",
            "date",
            "starts_at",
            "ends_at",
            "state",
            "people",
            "reference",
            "customer_name",
            "phone",
            "language",
            "answers",
            "note",
            "channel",
            "created_at",
            "booked_at",
            "confirmed_at",
            "checked_in_at",
            "punctuality",
            "attendance_at",
            "ended_at",
            "ended_by",
            "end_reason",
            "moves",
            "moved_from",
        ),
        withheld={"booked_by_id": OTHERS, "agent_id": OTHERS}
        | _all(SECRET, "code_digest", "held_for")
        | _all(
            INNER,
            "places_id",
            "is_public",
            "counted",
            "free_at",
            "sequence",
            "version",
            "visit_id",
            "series_id",
            "customer_id",
            "person_key",
            "code_expires_at",
            "code_attempts",
            "phone_verified_at",
            "next_reminder_at",
            "ticket_id",
        ),
        find=_appointments,
        emptied={
            "customer_id": None,
            "customer_name": "",
            "phone": "",
            "person_key": "",
            "answers": {},
            "note": "",
            "end_reason": "",
            "code_digest": None,
            "held_for": None,
        },
        loosened=("booked_by_id", "agent_id"),
        loosened_contacts=("phone",),
        kept_because=_("That somebody booked and came counts; who it was is gone."),
    ),
    Place(
        label="appointments.WaitlistEntry",
        title=_("Your places on waitlists"),
        kind="appointment_identity",
        fate=Fate.EMPTIED,
        shown=(
            "id",
            "organization_id",
            "branch_id",
            "service_id",
            "from_date",
            "until_date",
            "from_time",
            "until_time",
            "people",
            "state",
            "customer_name",
            "phone",
            "language",
            "created_at",
            "ended_at",
        ),
        withheld=_all(INNER, "customer_id", "version"),
        find=_appointments,
        emptied={"customer_id": None, "customer_name": "", "phone": ""},
        loosened_contacts=("phone",),
        kept_because=_("That somebody waited for a place counts; who it was is gone."),
    ),
    Place(
        label="appointments.SlotPlaces",
        title=_("Times at which people booked you, as an agent"),
        kind="work",
        fate=Fate.KEPT,
        shown=("organization_id", "branch_id", "service_id", "starts_at", "ends_at"),
        withheld=_all(
            INNER,
            "id",
            "agent_id",
            "busy_from",
            "busy_until",
            "ceiling",
            "public_ceiling",
            "taken",
            "public_taken",
            "cooling",
            "cooling_until",
        ),
        kept_because=_("The organization's figures need it; the account that it names is empty."),
    ),
    Place(
        label="support.CaseAttachment",
        title=_("Files of your questions and complaints"),
        kind="case",
        fate=Fate.EMPTIED,
        shown=("id", "message_id", "media_type", "size", "attached_at", "removed_at"),
        withheld={"stored_name": SECRET} | _all(INNER, "organization_id", "person_id", "position"),
        find=_of_cases("message__case__"),
        emptied={"person_id": None, "removed_at": Now()},
        kept_because=_("The file goes with the row within minutes; only its removal is noted."),
    ),
    Place(
        label="support.CaseMessage",
        title=_("What was written about your questions and complaints"),
        kind="case",
        fate=Fate.EMPTIED,
        shown=("id", "case_id", "side", "body", "written_at"),
        withheld={"author_id": OTHERS}
        | _all(INNER, "organization_id", "person_id", "is_internal", "position"),
        find=_of_cases("case__"),
        emptied={"body": "", "person_id": None},
        loosened=("author_id",),
        kept_because=_("How long people waited for an answer counts; what was written is gone."),
    ),
    Place(
        label="support.SupportCase",
        title=_("Your questions and complaints"),
        kind="case",
        fate=Fate.EMPTIED,
        shown=(
            "id",
            "organization_id",
            "branch_id",
            "subject_type",
            "subject_id",
            "category",
            "title",
            "state",
            "priority",
            "opened_at",
            "first_answer_at",
            "first_answer_open_seconds",
            "settled_at",
        ),
        withheld={"assignee_id": OTHERS}
        | _all(
            INNER,
            "person_id",
            "holder_ticket_id",
            "opened_side",
            "version",
            "message_count",
            "times_reopened",
            "changed_at",
        ),
        find=_of_cases(""),
        emptied={"title": "", "person_id": None, "holder_ticket_id": None},
        loosened=("assignee_id",),
        kept_because=_("That somebody asked, and how long the answer took, counts."),
    ),
    Place(
        label="privacy.Consent",
        title=_("What you agreed to"),
        kind="consent",
        fate=Fate.KEPT,
        shown=("purpose", "is_given", "text_version", "source", "language", "at"),
        withheld=_all(INNER, "id", "user_id"),
        kept_because=_("It proves that what was done was agreed to; the account is empty."),
    ),
    Place(
        label="privacy.Export",
        title=_("Archives of your data"),
        kind="export",
        fate=Fate.DELETED,
        shown=("state", "requested_at", "ready_at", "expires_at", "downloaded_at", "size"),
        withheld=_all(SECRET, "sealed_key", "file") | _all(INNER, "id", "user_id", "language"),
    ),
    Place(
        label="privacy.PhoneCode",
        title=_("Codes"),
        kind="erasure_code",
        fate=Fate.DELETED,
        shown=("created_at", "expires_at", "used_at"),
        withheld=_all(SECRET, "phone_digest", "digest") | _all(INNER, "id", "attempts"),
        find=lambda s: Q(phone_digest__in=[digest_of_phone(c) for c in s.contacts]),
    ),
    Place(
        label="dialogues.Conversation",
        title=_(
            "Text messages and USSD: your language, where you went last, where you are in the menu"
        ),
        kind="dialogue",
        fate=Fate.DELETED,
        shown=("language", "recent_branches", "screen", "used_at"),
        withheld=_all(SECRET, "phone_digest") | _all(INNER, "id", "session", "typed"),
        find=_dialogues,
    ),
    Place(
        label="dialogues.GivenAnswer",
        title=_("Answers to your text messages, calls and USSD"),
        kind="dialogue_answer",
        fate=Fate.DELETED,
        withheld=_all(SECRET, "phone_digest", "event_digest")
        | _all(REPEATED, "id", "sealed", "ends", "made_at"),
        find=_dialogues,
    ),
    Place(
        label="privacy.Erasure",
        title=_("Erasures"),
        kind="erasure",
        fate=Fate.KEPT,
        withheld=_all(
            INNER, "id", "user_id", "sealed_subject", "counts", "requested_at", "finished_at"
        ),
        keeps=("sealed_subject",),
        kept_because=_("It proves that the erasure was carried out, without saying whose it was."),
    ),
)

BY_LABEL: Final[Mapping[str, Place]] = {place.label: place for place in PLACES}
