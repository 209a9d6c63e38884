"""The shapes of requests and answers."""

from datetime import time
from typing import Any

from django.utils.translation import gettext_lazy as _
from rest_framework import serializers

from smartqueue.appointments.enums import (
    AppointmentState,
    BookingChannel,
    ExceptionKind,
    Punctuality,
    QuestionKind,
    Side,
    WaitlistState,
)
from smartqueue.appointments.models import (
    AgentAbsence,
    AppointmentSlot,
    BookingRules,
    SlotException,
)
from smartqueue.appointments.operations.booking import MOST_OF_A_SERIES
from smartqueue.common.rest.fields import NearField, PhoneField

Data = dict[str, Any]
SMALLEST = 1
LARGEST = 1000


class SlotChanges(serializers.Serializer[Data]):
    """A weekly slot; `end` 00:00 is midnight, `weeks_of_month` counts from 1 with -1 as the last."""

    day_of_week = serializers.IntegerField(min_value=0, max_value=6, help_text="0 is Monday.")
    start = serializers.TimeField(source="start_time")
    end = serializers.TimeField(source="end_time")
    interval_minutes = serializers.IntegerField(min_value=5, max_value=480, required=False)
    capacity = serializers.IntegerField(min_value=1, max_value=LARGEST, required=False)
    public_capacity = serializers.IntegerField(min_value=0, max_value=LARGEST, required=False)
    weeks_of_month = serializers.ListField(
        child=serializers.ChoiceField(choices=(-1, 1, 2, 3, 4, 5)), max_length=6, required=False
    )
    valid_from = serializers.DateField(required=False)
    valid_until = serializers.DateField(required=False, allow_null=True)
    agent = serializers.UUIDField(source="agent_id", required=False, allow_null=True)


class SlotInput(SlotChanges):
    branch = serializers.UUIDField(source="branch_id")
    service = serializers.UUIDField(source="service_id")


class SlotOutput(serializers.ModelSerializer[AppointmentSlot]):
    """A weekly slot as anybody may see it."""

    start = serializers.TimeField(source="start_time")
    end = serializers.TimeField(source="end_time")

    class Meta:
        model = AppointmentSlot
        fields = (
            "id",
            "organization",
            "branch",
            "service",
            "agent",
            "day_of_week",
            "start",
            "end",
            "interval_minutes",
            "capacity",
            "public_capacity",
            "weeks_of_month",
            "valid_from",
            "valid_until",
            "version",
        )


class GenerateInput(serializers.Serializer[Data]):
    branch = serializers.UUIDField(source="branch_id")
    service = serializers.UUIDField(source="service_id")
    capacity = serializers.IntegerField(min_value=1, max_value=LARGEST, default=1)
    public_capacity = serializers.IntegerField(min_value=0, max_value=LARGEST, required=False)


class GeneratedOutput(serializers.Serializer[Data]):
    slots = SlotOutput(many=True)


class SlotExceptionChanges(serializers.Serializer[Data]):
    date = serializers.DateField()
    kind = serializers.ChoiceField(choices=ExceptionKind.choices)
    start = serializers.TimeField(source="start_time", required=False, allow_null=True)
    end = serializers.TimeField(source="end_time", required=False, allow_null=True)
    interval_minutes = serializers.IntegerField(
        min_value=5, max_value=480, required=False, allow_null=True
    )
    capacity = serializers.IntegerField(
        min_value=0, max_value=LARGEST, required=False, allow_null=True
    )
    public_capacity = serializers.IntegerField(
        min_value=0, max_value=LARGEST, required=False, allow_null=True
    )
    reason = serializers.CharField(max_length=120, allow_blank=True, required=False)


class SlotExceptionInput(SlotExceptionChanges):
    branch = serializers.UUIDField(source="branch_id")
    service = serializers.UUIDField(source="service_id", required=False, allow_null=True)


class SlotExceptionOutput(serializers.ModelSerializer[SlotException]):
    start = serializers.TimeField(source="start_time", allow_null=True)
    end = serializers.TimeField(source="end_time", allow_null=True)

    class Meta:
        model = SlotException
        fields = (
            "id",
            "organization",
            "branch",
            "service",
            "date",
            "kind",
            "start",
            "end",
            "interval_minutes",
            "capacity",
            "public_capacity",
            "reason",
            "version",
        )


class QuestionSerializer(serializers.Serializer[Data]):
    code = serializers.SlugField(max_length=40)
    label = serializers.CharField(max_length=200)  # type: ignore[assignment]  # its name on the wire
    kind = serializers.ChoiceField(choices=QuestionKind.choices, default=QuestionKind.TEXT)
    choices = serializers.ListField(
        child=serializers.CharField(max_length=100), max_length=20, required=False
    )
    is_required = serializers.BooleanField(default=False)


class RulesInput(serializers.Serializer[Data]):
    """How appointments for a service are made and kept; minutes unless named otherwise."""

    is_bookable = serializers.BooleanField(required=False)
    allows_anonymous = serializers.BooleanField(required=False)
    needs_approval = serializers.BooleanField(required=False)
    buffer_before_minutes = serializers.IntegerField(min_value=0, max_value=240, required=False)
    buffer_after_minutes = serializers.IntegerField(min_value=0, max_value=240, required=False)
    lead_minutes = serializers.IntegerField(min_value=0, max_value=43_200, required=False)
    window_days = serializers.IntegerField(min_value=1, max_value=366, required=False)
    most_people = serializers.IntegerField(min_value=1, max_value=100, required=False)
    most_per_day = serializers.IntegerField(min_value=1, max_value=100, required=False)
    most_ahead = serializers.IntegerField(min_value=1, max_value=100, required=False)
    hold_seconds = serializers.IntegerField(min_value=30, max_value=3600, required=False)
    cancel_until_minutes = serializers.IntegerField(min_value=0, max_value=43_200, required=False)
    move_until_minutes = serializers.IntegerField(min_value=0, max_value=43_200, required=False)
    most_moves = serializers.IntegerField(min_value=0, max_value=100, required=False)
    resale_delay_minutes = serializers.IntegerField(min_value=0, max_value=1440, required=False)
    offer_minutes = serializers.IntegerField(min_value=5, max_value=1440, required=False)
    early_minutes = serializers.IntegerField(min_value=0, max_value=720, required=False)
    late_minutes = serializers.IntegerField(min_value=0, max_value=240, required=False)
    head_start_minutes = serializers.IntegerField(min_value=0, max_value=240, required=False)
    no_show_limit = serializers.IntegerField(min_value=0, max_value=100, required=False)
    no_show_days = serializers.IntegerField(min_value=1, max_value=366, required=False)
    reminder_minutes = serializers.ListField(
        child=serializers.IntegerField(min_value=5, max_value=43_200), max_length=5, required=False
    )
    questions = QuestionSerializer(many=True, required=False)

    def validate_questions(self, rows: list[Data]) -> list[Data]:
        return [dict(row) for row in rows]


class RulesOutput(serializers.ModelSerializer[BookingRules]):
    questions = QuestionSerializer(many=True)

    class Meta:
        model = BookingRules
        exclude = ("id", "organization")


class AvailableQuery(serializers.Serializer[Data]):
    """
    At least a service, a branch or an organization, over at most 92 days. With `near` only the
    slots of the nearest branch that has any.
    """

    service = serializers.UUIDField(required=False)
    branch = serializers.UUIDField(required=False)
    organization = serializers.UUIDField(required=False)
    date_from = serializers.DateField(required=False, help_text="Today, unless told.")
    date_to = serializers.DateField(required=False, help_text="Six days later, unless told.")
    people = serializers.IntegerField(min_value=SMALLEST, max_value=100, default=1)
    near = NearField(required=False)

    def validate(self, attrs: Data) -> Data:
        if not {"service", "branch", "organization"} & set(attrs):
            raise serializers.ValidationError(
                {"service": _("Name a service, a branch or an organization.")}, code="required"
            )
        return attrs


class FreeSlotOutput(serializers.Serializer[Data]):
    """A start that can be booked now, in the branch's time."""

    service = serializers.UUIDField()
    branch = serializers.UUIDField()
    agent = serializers.UUIDField(allow_null=True)
    starts_at = serializers.DateTimeField()
    ends_at = serializers.DateTimeField()
    free = serializers.IntegerField(help_text="Places left.")


class WishInput(serializers.Serializer[Data]):
    service = serializers.UUIDField()
    branch = serializers.UUIDField()
    starts_at = serializers.DateTimeField()
    people = serializers.IntegerField(min_value=1, max_value=100, default=1)
    agent = serializers.UUIDField(required=False, allow_null=True)


class PersonInput(serializers.Serializer[Data]):
    """`customer_name` where the appointment is for somebody else; `note` is the staff's."""

    customer_name = serializers.CharField(max_length=80, allow_blank=True, default="")
    phone = PhoneField(max_length=20, allow_blank=True, default="")
    answers = serializers.DictField(child=serializers.CharField(max_length=500), required=False)
    note = serializers.CharField(max_length=500, allow_blank=True, default="")


class BookingInput(WishInput, PersonInput):
    """`hold` keeps the place while a form is filled; somebody without an account always holds."""

    hold = serializers.BooleanField(default=False)
    channel = serializers.ChoiceField(choices=BookingChannel.choices, required=False)


class VisitInput(PersonInput):
    wishes = serializers.ListField(child=WishInput(), min_length=1, max_length=8)


class SeriesInput(WishInput, PersonInput):
    every_days = serializers.IntegerField(min_value=1, max_value=366)
    times = serializers.IntegerField(min_value=2, max_value=MOST_OF_A_SERIES)


class MoveInput(serializers.Serializer[Data]):
    starts_at = serializers.DateTimeField()
    agent = serializers.UUIDField(required=False, allow_null=True)


class BookingReasonInput(serializers.Serializer[Data]):
    reason = serializers.CharField(max_length=200, allow_blank=True, default="")


class NothingInput(serializers.Serializer[Data]):
    """No body is needed."""


class CodeRequest(serializers.Serializer[Data]):
    phone = serializers.CharField(max_length=20)


class BookingCodeSent(serializers.Serializer[Data]):
    expires_at = serializers.DateTimeField()


class BookingCodeInput(serializers.Serializer[Data]):
    code = serializers.CharField(max_length=10)


class CheckInInput(serializers.Serializer[Data]):
    queue = serializers.UUIDField(required=False, allow_null=True)


class DoorInput(serializers.Serializer[Data]):
    """`code` is the reference of the appointment, or the phone that it was booked with."""

    branch = serializers.UUIDField()
    code = serializers.CharField(max_length=20)


class AppointmentOutput(serializers.Serializer[Data]):
    """An appointment as its holder sees it; `token` opens it without an account."""

    id = serializers.UUIDField()
    token = serializers.CharField(required=False)
    ticket_token = serializers.CharField(required=False)
    reference = serializers.CharField()
    state = serializers.ChoiceField(choices=AppointmentState.choices)
    service = serializers.UUIDField()
    service_name = serializers.CharField()
    branch = serializers.UUIDField()
    branch_name = serializers.CharField()
    agent = serializers.UUIDField(allow_null=True)
    starts_at = serializers.DateTimeField()
    ends_at = serializers.DateTimeField()
    people = serializers.IntegerField()
    customer_name = serializers.CharField(allow_blank=True)
    phone = serializers.CharField(allow_blank=True)
    answers = serializers.DictField(child=serializers.CharField())
    held_until = serializers.DateTimeField(allow_null=True)
    visit = serializers.UUIDField(allow_null=True)
    series = serializers.UUIDField(allow_null=True)
    moves = serializers.IntegerField()
    moved_from = serializers.DateTimeField(allow_null=True)
    checked_in_at = serializers.DateTimeField(allow_null=True)
    punctuality = serializers.ChoiceField(choices=Punctuality.choices, allow_blank=True)
    attendance_at = serializers.DateTimeField(allow_null=True)
    ticket = serializers.UUIDField(allow_null=True)
    ticket_number = serializers.CharField(allow_null=True)
    uid = serializers.CharField(help_text="The name for calendar programs; it never changes.")
    sequence = serializers.IntegerField()
    version = serializers.IntegerField()


class StaffAppointmentOutput(AppointmentOutput):
    """An appointment in a list for staff; the last four are there for staff alone."""

    channel = serializers.ChoiceField(choices=BookingChannel.choices, required=False)
    note = serializers.CharField(allow_blank=True, required=False)
    ended_by = serializers.ChoiceField(choices=Side.choices, allow_blank=True, required=False)
    end_reason = serializers.CharField(allow_blank=True, required=False)


class AppointmentsOutput(serializers.Serializer[Data]):
    appointments = AppointmentOutput(many=True)


class WaitlistInput(serializers.Serializer[Data]):
    """A wish for a place between two dates; `from_time` and `until_time` narrow the hours."""

    service = serializers.UUIDField(source="service_id")
    branch = serializers.UUIDField(source="branch_id")
    from_date = serializers.DateField()
    until_date = serializers.DateField()
    from_time = serializers.TimeField(required=False, allow_null=True)
    until_time = serializers.TimeField(required=False, allow_null=True)
    people = serializers.IntegerField(min_value=1, max_value=100, default=1)
    customer_name = serializers.CharField(max_length=80, allow_blank=True, default="")
    phone = PhoneField(max_length=20, allow_blank=True, default="")

    def validate(self, attrs: Data) -> Data:
        since: time | None = attrs.get("from_time")
        until: time | None = attrs.get("until_time")
        if since is not None and until is not None and until <= since:
            raise serializers.ValidationError(
                {"until_time": _("The end must come after the start.")}, code="invalid"
            )
        return attrs


class OfferOutput(serializers.Serializer[Data]):
    appointment = serializers.UUIDField()
    starts_at = serializers.DateTimeField()
    expires_at = serializers.DateTimeField()


class WaitlistOutput(serializers.Serializer[Data]):
    id = serializers.UUIDField()
    token = serializers.CharField(required=False)
    state = serializers.ChoiceField(choices=WaitlistState.choices)
    service = serializers.UUIDField()
    branch = serializers.UUIDField()
    from_date = serializers.DateField()
    until_date = serializers.DateField()
    from_time = serializers.CharField(allow_null=True)
    until_time = serializers.CharField(allow_null=True)
    people = serializers.IntegerField()
    created_at = serializers.DateTimeField()
    offer = OfferOutput(allow_null=True)


class AbsenceInput(serializers.Serializer[Data]):
    organization = serializers.UUIDField(source="organization_id")
    agent = serializers.UUIDField(source="agent_id")
    starts_at = serializers.DateTimeField()
    ends_at = serializers.DateTimeField()
    reason = serializers.CharField(max_length=120, allow_blank=True, default="")


class AbsenceOutput(serializers.Serializer[AgentAbsence]):
    id = serializers.UUIDField()
    agent = serializers.UUIDField(source="agent_id")
    starts_at = serializers.DateTimeField()
    ends_at = serializers.DateTimeField()
    reason = serializers.CharField(allow_blank=True)
