"""
The register of processing, generated: what is done with people's data, whose, why, for how long,
who gets it. Data and periods are those of the retention table, so that both always agree.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from django.conf import settings
from django.utils.translation import gettext_lazy as _

from smartqueue.common.errors import Text
from smartqueue.privacy import retention
from smartqueue.privacy.retention import Kind

CUSTOMERS: Final = _("People who take a ticket, with or without an account")
STAFF: Final = _("Members of the organization")
ACCOUNTS: Final = _("People with an account")

STAFF_OF_ORGANIZATION: Final = _("Staff of the organization, by their role and branch")
OPERATOR: Final = _("Whoever runs SmartQueue, for support, with a record in the journal")
SMS_OPERATORS: Final = _("Telephone operators that carry text messages (phone number and text)")
MAIL_SERVERS: Final = _("E-mail servers (address and text)")

SECURITY: Final[tuple[Text, ...]] = (
    _("Passwords are stored as Argon2 hashes; codes and tokens as keyed digests."),
    _("A second factor can be switched on, and protects every way to sign in."),
    _("Connections are encrypted (TLS); cookies are closed to scripts and other sites."),
    _("Each organization's rows are kept apart by checks that refuse when they are forgotten."),
    _("Rights follow roles and branches; every change names who made it, and when."),
    _("Attempts to sign in, to guess codes and to send messages are limited."),
    _("Texts of messages and archives of people's data are stored encrypted."),
    _("What is over is deleted every night by a job that follows the table of periods."),
)


@dataclass(frozen=True, kw_only=True)
class Activity:
    """One processing: `kinds` are the codes of the data it uses."""

    code: str
    name: Text
    purpose: Text
    people: Text
    kinds: tuple[str, ...]
    recipients: tuple[Text, ...]

    @property
    def data(self) -> list[Kind]:
        """The kinds of data, with their periods."""
        return [retention.BY_CODE[code] for code in self.kinds]


ACTIVITIES: Final[tuple[Activity, ...]] = (
    Activity(
        code="queues",
        name=_("Queues and tickets"),
        purpose=_("To give places in line, to call people and to serve them"),
        people=CUSTOMERS,
        kinds=("ticket_identity", "ticket_link", "shown_wait", "step", "topic", "answer"),
        recipients=(STAFF_OF_ORGANIZATION, OPERATOR),
    ),
    Activity(
        code="appointments",
        name=_("Appointments and waitlists"),
        purpose=_("To keep places for people at a time, and to expect them"),
        people=CUSTOMERS,
        kinds=("appointment_identity", "appointment_link"),
        recipients=(STAFF_OF_ORGANIZATION, OPERATOR, SMS_OPERATORS),
    ),
    Activity(
        code="accounts",
        name=_("Accounts and sign-in"),
        purpose=_("To recognise people and to protect their account"),
        people=ACCOUNTS,
        kinds=("account", "registration", "code", "session", "cookie"),
        recipients=(OPERATOR, SMS_OPERATORS, MAIL_SERVERS),
    ),
    Activity(
        code="messages",
        name=_("Notifications and messages"),
        purpose=_("To tell people what concerns their ticket and their account"),
        people=CUSTOMERS,
        kinds=("notification", "message", "device"),
        recipients=(OPERATOR, SMS_OPERATORS, MAIL_SERVERS),
    ),
    Activity(
        code="dialogues",
        name=_("Tickets by text message, USSD and missed call"),
        purpose=_("To serve people by their phone number alone, without internet"),
        people=CUSTOMERS,
        kinds=("dialogue", "dialogue_answer"),
        recipients=(OPERATOR, SMS_OPERATORS),
    ),
    Activity(
        code="support",
        name=_("Questions and complaints"),
        purpose=_("To answer people about a ticket, a payment or a device"),
        people=CUSTOMERS,
        kinds=("case",),
        recipients=(STAFF_OF_ORGANIZATION, OPERATOR),
    ),
    Activity(
        code="staff",
        name=_("Members and their work"),
        purpose=_("To say who may do what, and to plan the staff of a branch"),
        people=STAFF,
        kinds=("membership", "invitation", "work"),
        recipients=(STAFF_OF_ORGANIZATION, OPERATOR, MAIL_SERVERS, SMS_OPERATORS),
    ),
    Activity(
        code="journal",
        name=_("Record of what was done"),
        purpose=_("To answer who did what, and to find out about faults and misuse"),
        people=_("People with an account, members of organizations, administrators"),
        kinds=("event", "change", "delivery", "address", "administration", "log"),
        recipients=(_("Owners of the organization, for its own record"), OPERATOR),
    ),
    Activity(
        code="rights",
        name=_("People's rights"),
        purpose=_("To carry out access, erasure and consent, and to prove it"),
        people=CUSTOMERS,
        kinds=("consent", "export", "erasure", "erasure_code"),
        recipients=(_("The person alone"),),
    ),
)


@dataclass(frozen=True, slots=True)
class Line:
    """A kind of data as a register shows it for one organization."""

    kind: Kind
    period: str
    is_shortened: bool


def lines_of(kinds: Iterable[Kind], organization_id: UUID | None) -> list[Line]:
    """Return kinds of data with the periods that hold for an organization."""
    lines = []
    for kind in kinds:
        period = retention.effective_period(kind, organization_id)
        lines.append(
            Line(
                kind,
                "" if period is None else retention.in_words(period),
                is_shortened=period != kind.period,
            )
        )
    return lines


def hosting() -> str:
    """Return where the servers stand, as whoever runs them says; empty when they have not said."""
    place: str = settings.DATA_LOCATION
    return place


def contact() -> str:
    """Return whom to write to about personal data; empty when nobody was named."""
    address: str = settings.PRIVACY_CONTACT
    return address
