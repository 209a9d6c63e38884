from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q

from smartqueue.common.managers import ScopedManager
from smartqueue.common.models import IdModel
from smartqueue.support.enums import (
    ANSWER_WITHIN,
    BODY_LENGTH,
    OF_A_PLACE,
    TITLE_LENGTH,
    TRANSITIONS,
    UNSETTLED,
    CaseCategory,
    CasePriority,
    CaseState,
    Side,
    SubjectType,
)
from smartqueue.support.errors import IllegalCaseTransition


class CaseRow(IdModel):
    """
    A row of one organization (none: the platform) that concerns one person; reading it without
    saying whose raises. The person is empty once erased, and for a ticket without an account.
    """

    of_platform: ClassVar[bool] = True

    if TYPE_CHECKING:
        objects: ClassVar[Any]
    else:
        objects = ScopedManager(organization="organization_id", customer="person_id")

    organization = models.ForeignKey(
        "business.Organization", on_delete=models.CASCADE, null=True, related_name="+"
    )
    person = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )

    class Meta:
        abstract = True


class SupportCase(CaseRow):
    """
    A question or complaint and its answers. `version` counts its changes.

    `holder_ticket_id` is the ticket whose token opened it, for people without an account.
    `first_answer_open_seconds` is how much of the time until the first answer the branch was open,
    by its hours then; null for the platform, and where no hours are known.
    """

    points_at: ClassVar[dict[str, str]] = {"holder_ticket_id": "queues.Ticket"}

    branch = models.ForeignKey(
        "business.Branch", on_delete=models.CASCADE, null=True, related_name="+"
    )
    holder_ticket_id = models.UUIDField(null=True)
    opened_side = models.CharField(max_length=6, choices=Side.choices)
    subject_type = models.CharField(max_length=10, choices=SubjectType.choices)
    subject_id = models.UUIDField(null=True)
    category = models.CharField(max_length=12, choices=CaseCategory.choices)
    title = models.CharField(max_length=TITLE_LENGTH, blank=True)
    state = models.CharField(max_length=20, choices=CaseState.choices, default=CaseState.OPEN)
    priority = models.CharField(
        max_length=8, choices=CasePriority.choices, default=CasePriority.NORMAL
    )
    assignee = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    version = models.PositiveIntegerField(default=1)
    message_count = models.PositiveSmallIntegerField(default=0)
    times_reopened = models.PositiveSmallIntegerField(default=0)
    opened_at = models.DateTimeField()
    changed_at = models.DateTimeField()
    first_answer_at = models.DateTimeField(null=True)
    first_answer_open_seconds = models.PositiveIntegerField(null=True)
    settled_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(
                    subject_type__in=sorted(OF_A_PLACE),
                    organization__isnull=False,
                    branch__isnull=False,
                    subject_id__isnull=False,
                )
                | (
                    ~Q(subject_type__in=sorted(OF_A_PLACE))
                    & Q(organization__isnull=True, branch__isnull=True, subject_id__isnull=True)
                ),
                name="case_belongs_where_its_subject_does",
            ),
            models.CheckConstraint(
                condition=Q(state__in=UNSETTLED, settled_at__isnull=True)
                | (~Q(state__in=UNSETTLED) & Q(settled_at__isnull=False)),
                name="case_settled_has_time",
            ),
        ]
        indexes = [
            models.Index(
                fields=["organization", "branch", "-changed_at"], name="case_by_organization"
            ),
            models.Index(
                fields=["person", "-opened_at"],
                condition=Q(person__isnull=False),
                name="case_by_person",
            ),
            models.Index(
                fields=["holder_ticket_id"],
                condition=Q(holder_ticket_id__isnull=False),
                name="case_by_holder",
            ),
            models.Index(
                fields=["settled_at"], condition=Q(state="resolved"), name="case_resolved"
            ),
        ]

    def __str__(self) -> str:
        return self.title or str(self.pk)

    @property
    def has_reader(self) -> bool:
        """Whether there is somebody on the other side who can read an answer."""
        return self.person_id is not None or self.holder_ticket_id is not None

    @property
    def is_settled(self) -> bool:
        """Whether nobody is expected to do anything."""
        return self.state not in UNSETTLED

    @property
    def answer_by(self) -> datetime | None:
        """Until when the law wants this kind of case settled, if it says so."""
        allowed = ANSWER_WITHIN.get(CaseCategory(self.category))
        return self.opened_at + allowed if allowed else None

    def move_to(self, state: CaseState) -> None:
        """
        Change the state; only `support.operations` calls this.

        :raises IllegalCaseTransition: not allowed from the present state
        """
        present = CaseState(self.state)
        if state not in TRANSITIONS[present]:
            raise IllegalCaseTransition(state=present.value)
        self.state = state


class CaseMessage(CaseRow):
    """
    What somebody wrote; `position` counts from 1. An internal note is for staff alone; an erased
    message has no words left.
    """

    case = models.ForeignKey(SupportCase, on_delete=models.CASCADE, related_name="messages")
    position = models.PositiveSmallIntegerField()
    author = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    side = models.CharField(max_length=6, choices=Side.choices)
    is_internal = models.BooleanField(default=False)
    body = models.TextField(max_length=BODY_LENGTH, blank=True)
    written_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["case", "position"], name="message_position_once"),
            models.CheckConstraint(
                condition=Q(is_internal=False) | Q(side="staff"), name="note_is_of_staff"
            ),
        ]


class CaseAttachment(CaseRow):
    """
    A file that goes with a message. `stored_name` is where it is kept; a row with `removed_at` is
    no longer given out and goes with its file.
    """

    message = models.ForeignKey(CaseMessage, on_delete=models.CASCADE, related_name="attachments")
    position = models.PositiveSmallIntegerField()
    stored_name = models.CharField(max_length=120, unique=True)
    media_type = models.CharField(max_length=30)
    size = models.PositiveIntegerField()
    attached_at = models.DateTimeField()
    removed_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["message", "position"], name="attachment_position_once"
            ),
        ]
        indexes = [
            models.Index(
                fields=["removed_at"],
                condition=Q(removed_at__isnull=False),
                name="attachment_removed",
            ),
        ]
