"""What clients may send, field by field; and, for the schema, what they get."""

from typing import Any

from rest_framework import serializers

from smartqueue.support.enums import (
    BODY_LENGTH,
    TITLE_LENGTH,
    CaseCategory,
    CasePriority,
    CaseState,
    Side,
    SubjectType,
)

Data = dict[str, Any]


class CaseInput(serializers.Serializer[Data]):
    """`subject_id` for a ticket or a branch; an account and a payment take none."""

    subject_type = serializers.ChoiceField(choices=SubjectType.choices)
    subject_id = serializers.UUIDField(required=False, allow_null=True, default=None)
    category = serializers.ChoiceField(choices=CaseCategory.choices)
    title = serializers.CharField(max_length=TITLE_LENGTH)
    body = serializers.CharField(max_length=BODY_LENGTH)


class CaseChanges(serializers.Serializer[Data]):
    category = serializers.ChoiceField(choices=CaseCategory.choices, required=False)
    priority = serializers.ChoiceField(choices=CasePriority.choices, required=False)


class MessageInput(serializers.Serializer[Data]):
    """`version`: refuse when somebody changed the case since it was read."""

    body = serializers.CharField(max_length=BODY_LENGTH)
    is_internal = serializers.BooleanField(default=False)
    version = serializers.IntegerField(min_value=1, required=False, allow_null=True, default=None)


class AssignInput(serializers.Serializer[Data]):
    assignee = serializers.UUIDField(allow_null=True)
    version = serializers.IntegerField(min_value=1)


class AttachmentInput(serializers.Serializer[Data]):
    """A form: the file, and which message of one's own it goes with."""

    message = serializers.UUIDField()
    file = serializers.FileField()


class MessageNamed(serializers.Serializer[Data]):
    message = serializers.UUIDField()


class NothingInput(serializers.Serializer[Data]):
    """No body is needed."""


class AttachmentOutput(serializers.Serializer[Data]):
    """`url` gives the file as a download, to whoever may read the case."""

    id = serializers.UUIDField()
    media_type = serializers.CharField()
    size = serializers.IntegerField(help_text="Bytes.")
    url = serializers.CharField()


class MessageOutput(serializers.Serializer[Data]):
    """`author` is told to staff, and of the caller's own messages."""

    id = serializers.UUIDField()
    side = serializers.ChoiceField(choices=Side.choices)
    is_internal = serializers.BooleanField()
    author = serializers.UUIDField(allow_null=True)
    body = serializers.CharField(allow_blank=True)
    written_at = serializers.DateTimeField()
    attachments = AttachmentOutput(many=True)


class CaseOutput(serializers.Serializer[Data]):
    """A case in a list; `assignee` and `priority` are told to staff alone."""

    id = serializers.UUIDField()
    organization = serializers.UUIDField(allow_null=True)
    organization_name = serializers.CharField(allow_blank=True)
    branch = serializers.UUIDField(allow_null=True)
    branch_name = serializers.CharField(allow_blank=True)
    subject_type = serializers.ChoiceField(choices=SubjectType.choices)
    subject_id = serializers.UUIDField(allow_null=True)
    category = serializers.ChoiceField(choices=CaseCategory.choices)
    title = serializers.CharField(allow_blank=True)
    state = serializers.ChoiceField(choices=CaseState.choices)
    priority = serializers.ChoiceField(choices=CasePriority.choices, required=False)
    assignee = serializers.UUIDField(allow_null=True, required=False)
    message_count = serializers.IntegerField(help_text="Notes of the staff included.")
    opened_at = serializers.DateTimeField()
    changed_at = serializers.DateTimeField()
    first_answer_at = serializers.DateTimeField(allow_null=True)
    first_answer_open_seconds = serializers.IntegerField(
        allow_null=True, help_text="Of the time until the first answer, while the place was open."
    )
    settled_at = serializers.DateTimeField(allow_null=True)
    answer_by = serializers.DateTimeField(
        allow_null=True, help_text="Until when the law wants it settled, where it says so."
    )
    version = serializers.IntegerField()


class WholeCaseOutput(CaseOutput):
    """A case with its conversation; notes are told to staff alone."""

    messages = MessageOutput(many=True)


class CaseFiguresQuery(serializers.Serializer[Data]):
    """Without an organization, the platform's own cases."""

    organization = serializers.UUIDField(required=False, default=None)


class CaseFiguresOutput(serializers.Serializer[Data]):
    """Cases now, and of the last 30 days; seconds by the wall clock, null when there were none."""

    open_count = serializers.IntegerField()
    unassigned_count = serializers.IntegerField()
    waiting_count = serializers.IntegerField(help_text="Those whose turn is the staff's.")
    opened_count = serializers.IntegerField(help_text="Opened in the last 30 days.")
    first_answer_seconds = serializers.IntegerField(allow_null=True, help_text="Median.")
    first_answer_open_seconds = serializers.IntegerField(
        allow_null=True, help_text="Median, of the time while the place was open."
    )
    resolution_seconds = serializers.IntegerField(allow_null=True, help_text="Median.")
