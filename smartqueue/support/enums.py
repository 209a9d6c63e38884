from datetime import timedelta
from typing import Final

from django.db import models
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy


class CaseState(models.TextChoices):
    OPEN = "open", pgettext_lazy("case", "New")
    WAITING_FOR_PERSON = "waiting_for_person", pgettext_lazy("case", "Waiting for the person")
    WAITING_FOR_STAFF = "waiting_for_staff", pgettext_lazy("case", "Waiting for the staff")
    RESOLVED = "resolved", pgettext_lazy("case", "Resolved")
    CLOSED = "closed", pgettext_lazy("case", "Closed")


_S = CaseState

TRANSITIONS: Final[dict[CaseState, frozenset[CaseState]]] = {
    _S.OPEN: frozenset({_S.WAITING_FOR_PERSON, _S.RESOLVED, _S.CLOSED}),
    _S.WAITING_FOR_PERSON: frozenset({_S.WAITING_FOR_STAFF, _S.RESOLVED, _S.CLOSED}),
    _S.WAITING_FOR_STAFF: frozenset({_S.WAITING_FOR_PERSON, _S.RESOLVED, _S.CLOSED}),
    _S.RESOLVED: frozenset({_S.WAITING_FOR_STAFF, _S.CLOSED}),
    _S.CLOSED: frozenset({_S.WAITING_FOR_STAFF}),
}

UNSETTLED: Final = (_S.OPEN, _S.WAITING_FOR_PERSON, _S.WAITING_FOR_STAFF)


class SubjectType(models.TextChoices):
    """What a case is about; the last two concern the platform and name no row."""

    TICKET = "ticket", _("A ticket")
    BRANCH = "branch", _("A place")
    ACCOUNT = "account", _("My account")
    PAYMENT = "payment", _("A payment")


OF_A_PLACE: Final = frozenset({SubjectType.TICKET, SubjectType.BRANCH})


class CaseCategory(models.TextChoices):
    WAIT = "wait", _("The wait or the order of the line")
    SERVICE = "service", _("The service at the counter")
    TICKET = "ticket", _("A ticket that does not work")
    ACCESS = "access", _("Access for people with a disability")
    PAYMENT = "payment", _("Money paid or owed")
    ACCOUNT = "account", _("Signing in or my account")
    PRIVACY = "privacy", _("My data and my rights")
    SUGGESTION = "suggestion", _("An idea or thanks")
    OTHER = "other", _("Something else")


class CasePriority(models.TextChoices):
    LOW = "low", pgettext_lazy("case", "Low")
    NORMAL = "normal", pgettext_lazy("case", "Normal")
    HIGH = "high", pgettext_lazy("case", "High")
    URGENT = "urgent", pgettext_lazy("case", "Urgent")


class Side(models.TextChoices):
    """From which side of the counter somebody writes."""

    PERSON = "person", pgettext_lazy("case", "Person")
    STAFF = "staff", pgettext_lazy("case", "Staff")


# The law gives whoever is asked about somebody's data so long to answer.
PRIVACY_DAYS: Final = 30
ANSWER_WITHIN: Final = {CaseCategory.PRIVACY: timedelta(days=PRIVACY_DAYS)}

MOST_UNSETTLED_OF_PERSON: Final = 5
MOST_UNSETTLED_OF_TICKET: Final = 2
MOST_MESSAGES: Final = 200
MOST_FILES: Final = 4
TITLE_LENGTH: Final = 120
BODY_LENGTH: Final = 4000
# A case that was settled is opened again by writing for so long, and closes for good afterwards.
REOPENING_DAYS: Final = 14
REOPENING: Final = timedelta(days=REOPENING_DAYS)
