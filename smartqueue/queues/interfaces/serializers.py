"""What clients may send, field by field; and, for the schema, what they get."""

from typing import Any

from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _
from rest_framework import serializers

from smartqueue.accounts.enums import Language
from smartqueue.common.rest.fields import PhoneField, WholeSerializer
from smartqueue.queues import live, policies
from smartqueue.queues.enums import (
    JoinChannel,
    Policy,
    QueueState,
    ReentryRule,
    SessionState,
    TicketState,
)
from smartqueue.queues.models import Queue
from smartqueue.queues.rosters import minute_of

Data = dict[str, Any]


class NamedSerializer(WholeSerializer):
    """`name` is in the language of the request; one name is enough, and stands in for the others."""

    code = serializers.SlugField(max_length=20)
    name = serializers.CharField(max_length=60, required=False)
    name_fr = serializers.CharField(max_length=60, required=False)
    name_en = serializers.CharField(max_length=60, required=False)
    name_ar = serializers.CharField(max_length=60, required=False)

    def validate(self, attrs: Data) -> Data:
        if not any(attrs.get(name) for name in ("name", "name_fr", "name_en", "name_ar")):
            raise serializers.ValidationError(
                {"name": [_("Give a name in at least one language.")]}, code="required"
            )
        # A language that is named on its own counts for more than that of the request.
        if name := attrs.pop("name", ""):
            attrs.setdefault(f"name_{(get_language() or Language.FRENCH)[:2]}", name)
        return attrs


class PrioritySerializer(NamedSerializer):
    head_start_minutes = serializers.IntegerField(min_value=0, max_value=240, default=15)
    is_declarable = serializers.BooleanField(default=False)
    is_emergency = serializers.BooleanField(default=False)


class VehicleCategorySerializer(NamedSerializer):
    duration_minutes = serializers.IntegerField(min_value=1, max_value=480)


class QueueSettingsSerializer(serializers.Serializer[Data]):
    """What a manager may change of a queue."""

    name = serializers.CharField(max_length=80)
    services = serializers.ListField(child=serializers.UUIDField(), min_length=1, max_length=50)
    policy = serializers.ChoiceField(choices=Policy.choices, required=False)
    ordinary_per_priority = serializers.IntegerField(min_value=1, max_value=50, required=False)
    overtake_cap = serializers.IntegerField(min_value=0, max_value=100, required=False)
    max_calls = serializers.IntegerField(min_value=1, max_value=20, required=False)
    no_show_grace_minutes = serializers.IntegerField(min_value=0, max_value=480, required=False)
    more_time_limit = serializers.IntegerField(min_value=0, max_value=20, required=False)
    after_transfer = serializers.ChoiceField(choices=ReentryRule.choices, required=False)
    after_no_show = serializers.ChoiceField(choices=ReentryRule.choices, required=False)
    daily_quota = serializers.IntegerField(
        min_value=1, max_value=100_000, required=False, allow_null=True
    )
    tickets_from = serializers.TimeField(required=False, allow_null=True)
    max_waiting = serializers.IntegerField(
        min_value=1, max_value=100_000, required=False, allow_null=True
    )
    follows_opening_hours = serializers.BooleanField(required=False)
    asks_vehicle = serializers.BooleanField(required=False)
    priorities = PrioritySerializer(many=True, required=False)
    vehicle_categories = VehicleCategorySerializer(many=True, required=False)

    def validate_priorities(self, rows: list[Data]) -> list[Data]:
        return _distinct(rows)

    def validate_vehicle_categories(self, rows: list[Data]) -> list[Data]:
        return _distinct(rows)


def _distinct(rows: list[Data]) -> list[Data]:
    codes = [row["code"] for row in rows]
    if len(codes) != len(set(codes)):
        raise serializers.ValidationError(_("Each code may stand once."), code="repeated")
    return rows


class QueueInput(QueueSettingsSerializer):
    branch = serializers.UUIDField()
    prefix = serializers.RegexField(r"^[A-Za-z]{1,3}$", max_length=3)


class QueueOutput(serializers.ModelSerializer[Queue]):
    """A queue as anybody may see it."""

    services = serializers.SerializerMethodField()
    waiting_count = serializers.SerializerMethodField()

    class Meta:
        model = Queue
        fields = (
            "id",
            "organization",
            "branch",
            "name",
            "prefix",
            "services",
            "state",
            "state_reason",
            "policy",
            "ordinary_per_priority",
            "max_calls",
            "no_show_grace_minutes",
            "more_time_limit",
            "daily_quota",
            "tickets_from",
            "max_waiting",
            "follows_opening_hours",
            "asks_vehicle",
            "waiting_count",
            "open_counters",
            "version",
        )

    def get_services(self, queue: Queue) -> list[str]:
        return [str(row.service_id) for row in queue.queue_services.all()]

    def get_waiting_count(self, queue: Queue) -> int | None:
        inside = policies.sees_inside(self.context["request"].actor, queue)
        return live.shown_count(queue, inside=inside)


class LineMessageInput(serializers.Serializer[Any]):
    text = serializers.CharField(max_length=2000, trim_whitespace=False)


class LineMessageOutput(serializers.Serializer[Any]):
    batch = serializers.UUIDField()
    total = serializers.IntegerField(help_text="How many people it goes to.")


class LinePreviewOutput(serializers.Serializer[Any]):
    """What a text to everybody waiting would be; money in minor units of XOF."""

    people = serializers.IntegerField(help_text="How many people it would go to.")
    alphabet = serializers.CharField(source="length.alphabet")
    units = serializers.IntegerField(source="length.units")
    segments = serializers.IntegerField(source="length.segments")
    widening = serializers.CharField(
        source="length.widening", help_text="Letters that make it cost more."
    )
    cost_minor = serializers.IntegerField()
    left_minor = serializers.IntegerField(
        allow_null=True, help_text="Left of the month's budget; null without one."
    )


class TicketsGivenInput(serializers.Serializer[Any]):
    are_given = serializers.BooleanField()


class LongLineInput(serializers.Serializer[Any]):
    people = serializers.IntegerField(min_value=1, max_value=10_000, allow_null=True)


class ReasonInput(serializers.Serializer[Data]):
    reason = serializers.CharField(max_length=200, allow_blank=True, default="")


class OutageInput(ReasonInput):
    """`day` is when the return tickets count: the next one on which the place opens if left out."""

    day = serializers.DateField(allow_null=True, default=None)


class TicketInput(serializers.Serializer[Data]):
    """`service`, `customer_name`, `phone`, `priority`, `channel` may be left out."""

    queue = serializers.UUIDField()
    service = serializers.UUIDField(required=False, allow_null=True)
    customer_name = serializers.CharField(max_length=80, allow_blank=True, default="")
    phone = PhoneField(max_length=20, allow_blank=True, default="")
    priority = serializers.CharField(max_length=20, default="ordinary")
    channel = serializers.ChoiceField(choices=JoinChannel.choices, required=False)
    vehicle_category = serializers.CharField(max_length=20, allow_blank=True, default="")
    plate = serializers.CharField(max_length=20, allow_blank=True, default="")


class TicketChanges(serializers.Serializer[Data]):
    customer_name = serializers.CharField(max_length=80, allow_blank=True, required=False)
    phone = PhoneField(max_length=20, allow_blank=True, required=False)
    plate = serializers.CharField(max_length=20, allow_blank=True, required=False)
    note = serializers.CharField(max_length=500, allow_blank=True, required=False)


class SessionChoice(serializers.Serializer[Data]):
    session = serializers.UUIDField()


class MoreTimeInput(serializers.Serializer[Data]):
    people = serializers.IntegerField(min_value=1, max_value=20, default=3)


class CompleteInput(serializers.Serializer[Data]):
    outcome = serializers.CharField(max_length=40, allow_blank=True, default="")
    note = serializers.CharField(max_length=500, allow_blank=True, default="")


class ParkInput(serializers.Serializer[Data]):
    reason = serializers.CharField(max_length=60, allow_blank=True, default="")


class ReturnInput(serializers.Serializer[Data]):
    to = serializers.ChoiceField(choices=("first", "last"), default="first")


class TransferInput(serializers.Serializer[Data]):
    queue = serializers.UUIDField()
    service = serializers.UUIDField(required=False, allow_null=True)


class CancelInput(serializers.Serializer[Data]):
    reason = serializers.CharField(max_length=60, allow_blank=True, default="")


class NothingInput(serializers.Serializer[Data]):
    """No body is needed."""


class SessionInput(serializers.Serializer[Data]):
    counter = serializers.UUIDField()
    queues = serializers.ListField(
        child=serializers.UUIDField(), min_length=1, max_length=50, required=False
    )


class EstimateOutput(serializers.Serializer[Data]):
    """Seconds from now to the call."""

    low = serializers.IntegerField()
    median = serializers.IntegerField()
    high = serializers.IntegerField()


class WhyOutput(serializers.Serializer[Data]):
    state = serializers.CharField()
    people_ahead = serializers.IntegerField(allow_null=True)
    counters = serializers.IntegerField()
    expected_before = serializers.IntegerField(allow_null=True)
    basis = serializers.CharField()
    starts_at = serializers.DateTimeField(allow_null=True)
    served_chance = serializers.FloatField(allow_null=True)
    text = serializers.CharField()


class CallReasonOutput(serializers.Serializer[Data]):
    code = serializers.CharField()
    priority = serializers.CharField()
    waited_seconds = serializers.IntegerField()


class TicketOutput(serializers.Serializer[Data]):
    """A ticket as its holder and the staff see it; `token` only in the answer to its holder."""

    id = serializers.UUIDField()
    number = serializers.CharField()
    token = serializers.CharField(required=False)
    state = serializers.ChoiceField(choices=TicketState.choices)
    queue = serializers.UUIDField()
    service = serializers.UUIDField(allow_null=True)
    priority = serializers.CharField()
    channel = serializers.ChoiceField(choices=JoinChannel.choices)
    position = serializers.IntegerField(allow_null=True)
    people_ahead = serializers.IntegerField(allow_null=True)
    estimate = EstimateOutput(allow_null=True)
    why = WhyOutput(required=False)
    counter = serializers.CharField(allow_null=True)
    call_reason = CallReasonOutput(allow_null=True)
    calls = serializers.IntegerField()
    joined_at = serializers.DateTimeField()
    called_at = serializers.DateTimeField(allow_null=True)
    started_at = serializers.DateTimeField(allow_null=True)
    ended_at = serializers.DateTimeField(allow_null=True)
    returns_on = serializers.DateField(allow_null=True)
    version = serializers.IntegerField()


class StaffTicketOutput(serializers.Serializer[Data]):
    """A ticket in a list for staff, with the person."""

    id = serializers.UUIDField()
    number = serializers.CharField()
    state = serializers.ChoiceField(choices=TicketState.choices)
    queue = serializers.UUIDField()
    service = serializers.UUIDField(allow_null=True)
    priority = serializers.CharField()
    channel = serializers.ChoiceField(choices=JoinChannel.choices)
    counter = serializers.CharField(allow_null=True)
    call_reason = CallReasonOutput(allow_null=True)
    calls = serializers.IntegerField()
    joined_at = serializers.DateTimeField()
    called_at = serializers.DateTimeField(allow_null=True)
    started_at = serializers.DateTimeField(allow_null=True)
    ended_at = serializers.DateTimeField(allow_null=True)
    returns_on = serializers.DateField(allow_null=True)
    version = serializers.IntegerField()
    customer_name = serializers.CharField(allow_blank=True)
    phone = serializers.CharField(allow_blank=True)
    vehicle_category = serializers.CharField(allow_blank=True)
    plate = serializers.CharField(allow_blank=True)
    note = serializers.CharField(allow_blank=True)
    outcome = serializers.CharField(allow_blank=True)


class CalledOutput(serializers.Serializer[Data]):
    ticket = serializers.UUIDField()
    number = serializers.CharField()
    counter = serializers.CharField(allow_null=True)
    state = serializers.ChoiceField(choices=TicketState.choices)
    called_at = serializers.DateTimeField(allow_null=True)


class StatusOutput(serializers.Serializer[Data]):
    """
    The live state of a queue; `estimate` is for somebody who joins now. `waiting_count` and
    `estimate` are null for the public where the organization does not show them.
    """

    queue = serializers.UUIDField()
    state = serializers.ChoiceField(choices=QueueState.choices)
    version = serializers.IntegerField()
    waiting_count = serializers.IntegerField(allow_null=True)
    open_counters = serializers.IntegerField()
    now_serving = CalledOutput(many=True)
    last_called = CalledOutput(many=True)
    estimate = EstimateOutput(allow_null=True)
    updated_at = serializers.DateTimeField()


class WaitOutput(serializers.Serializer[Data]):
    """The wait of somebody who joins now, and why it is so."""

    estimate = EstimateOutput(allow_null=True)
    why = WhyOutput()


class SpanSerializer(serializers.Serializer[Data]):
    """Counters from a time until another, on quarters of an hour; "24:00" ends the day."""

    since = serializers.RegexField(r"^\d{2}:\d{2}$", max_length=5)
    until = serializers.RegexField(r"^\d{2}:\d{2}$", max_length=5)
    counters = serializers.IntegerField(min_value=1, max_value=200)


class RosterInput(serializers.Serializer[Data]):
    spans = SpanSerializer(many=True)

    def validate_spans(self, rows: list[Data]) -> list[tuple[int, int, int]]:
        """Return spans in minutes of the day."""
        try:
            return [
                (minute_of(row["since"]), minute_of(row["until"]), row["counters"]) for row in rows
            ]
        except ValueError as error:
            raise serializers.ValidationError(
                _("Give times as 08:30."), code="invalid_time"
            ) from error


class RosterDayOutput(serializers.Serializer[Data]):
    """What is planned for a weekday ("0" is Monday) or a date."""

    day = serializers.CharField()
    spans = SpanSerializer(many=True)


class UsualOutput(serializers.Serializer[Data]):
    since = serializers.CharField()
    until = serializers.CharField()
    counters = serializers.FloatField()


class RosterOutput(serializers.Serializer[Data]):
    """A planned day, null where nothing is, beside the counters that are usually open then."""

    day = serializers.CharField()
    spans = SpanSerializer(many=True, allow_null=True)
    usual = UsualOutput(many=True)


class SessionOutput(serializers.Serializer[Data]):
    id = serializers.UUIDField()
    counter = serializers.UUIDField()
    counter_name = serializers.CharField()
    branch = serializers.UUIDField()
    agent = serializers.UUIDField()
    queues = serializers.ListField(child=serializers.UUIDField())
    state = serializers.ChoiceField(choices=SessionState.choices)
    started_at = serializers.DateTimeField()
    ended_at = serializers.DateTimeField(allow_null=True)
    current_ticket = TicketOutput(required=False, allow_null=True)


class QueueAnalyticsQuery(serializers.Serializer[Data]):
    """Service days in the branch's zone, both ends included: the last 7, or at most 92."""

    organization = serializers.UUIDField(required=False)
    branch = serializers.UUIDField(required=False)
    queue = serializers.UUIDField(required=False)
    since = serializers.DateField(required=False)
    until = serializers.DateField(required=False)


class BusinessAnalyticsQuery(QueueAnalyticsQuery):
    per = serializers.ChoiceField(choices=("organization", "branch"), default="organization")


class TimesOutput(serializers.Serializer[Data]):
    """Whole seconds; null when it never happened."""

    mean = serializers.IntegerField(allow_null=True)
    median = serializers.IntegerField(allow_null=True)


class WaitsOutput(TimesOutput):
    p90 = serializers.IntegerField(allow_null=True)


class FiguresOutput(serializers.Serializer[Data]):
    since = serializers.DateField()
    until = serializers.DateField()
    issued = serializers.IntegerField(help_text="Numbers given.")
    served = serializers.IntegerField()
    no_shows = serializers.IntegerField()
    cancelled = serializers.IntegerField()
    expired = serializers.IntegerField()
    waiting_now = serializers.IntegerField()
    wait_seconds = WaitsOutput(help_text="Of the people who were called.")
    service_seconds = TimesOutput()


class BusinessFiguresOutput(FiguresOutput):
    """Figures of an organization, or of a branch."""

    organization = serializers.UUIDField()
    organization_name = serializers.CharField()
    branch = serializers.UUIDField(required=False)
    branch_name = serializers.CharField(required=False)


class QueueFiguresOutput(FiguresOutput):
    """Figures of a queue."""

    organization = serializers.UUIDField()
    organization_name = serializers.CharField()
    branch = serializers.UUIDField()
    branch_name = serializers.CharField()
    queue = serializers.UUIDField()
    queue_name = serializers.CharField()
