"""Branches, their opening, services and counters on the wire."""

from datetime import time
from typing import Any

from django.utils.translation import gettext_lazy as _
from rest_framework import serializers

from smartqueue.business import hours
from smartqueue.business.enums import Category
from smartqueue.business.hours import Schedule
from smartqueue.business.interfaces.serializers.fields import (
    MAX_INTERVALS,
    LongText,
    Name,
    distance_of,
    texts_in,
    texts_of_row,
)
from smartqueue.business.models import (
    Branch,
    Counter,
    HolidayOverride,
    OpeningException,
    Service,
)
from smartqueue.business.operations import WeekHours
from smartqueue.common.rest.fields import PointField, WholeSerializer


class ClockField(serializers.TimeField):
    """A wall clock time, "08:30"; "24:00" is taken as the end of the day, "00:00"."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{"format": "%H:%M", **kwargs})

    def to_internal_value(self, value: Any) -> time:
        return super().to_internal_value("00:00" if value in ("24:00", "24:00:00") else value)


class WeekHoursSerializer(WholeSerializer):
    weekday = serializers.IntegerField(min_value=0, max_value=6, help_text="0 is Monday.")
    opens_at = ClockField()
    closes_at = ClockField(help_text="00:00 is the end of the day.")


class BranchInput(serializers.Serializer[Any]):
    name = serializers.CharField(max_length=120)
    point = PointField()
    address = serializers.CharField(required=False, allow_blank=True, max_length=200)
    commune = serializers.CharField(
        required=False, allow_null=True, allow_blank=True, max_length=20, help_text="ANSD code."
    )
    timezone = serializers.CharField(required=False, max_length=40)
    country = serializers.CharField(
        required=False, max_length=2, help_text="ISO 3166; decides the public holidays."
    )
    phone = serializers.CharField(required=False, allow_blank=True, max_length=30)
    opening_hours = serializers.ListField(
        child=WeekHoursSerializer(), required=False, max_length=MAX_INTERVALS
    )

    def values(self) -> tuple[dict[str, Any], list[WeekHours] | None]:
        """Return what was given, and apart from it the week."""
        values = dict(self.validated_data)
        week = values.pop("opening_hours", None)
        return values, None if week is None else [WeekHours(**hours) for hours in week]


class NewBranchInput(BranchInput):
    organization = serializers.UUIDField()


class OpeningHoursInput(serializers.Serializer[Any]):
    opening_hours = serializers.ListField(child=WeekHoursSerializer(), max_length=MAX_INTERVALS)


class BranchSerializer(serializers.ModelSerializer[Branch]):
    """`context["schedules"]` and `context["now"]` say when it is open."""

    organization = serializers.UUIDField(read_only=True)
    organization_name = serializers.CharField(read_only=True)
    category = serializers.ChoiceField(choices=Category.choices, read_only=True)
    point = PointField(read_only=True)
    commune = serializers.CharField(read_only=True, allow_null=True)
    commune_name = serializers.CharField(read_only=True, allow_null=True)
    opening_hours = WeekHoursSerializer(many=True, read_only=True)
    is_open = serializers.BooleanField(read_only=True)
    next_opening = serializers.DateTimeField(read_only=True, allow_null=True)
    closing_time = serializers.DateTimeField(read_only=True, allow_null=True)
    distance_metres = serializers.IntegerField(
        read_only=True, allow_null=True, help_text="When asked with `near`."
    )

    class Meta:
        model = Branch
        fields = [
            "id",
            "organization",
            "organization_name",
            "category",
            "name",
            "slug",
            "point",
            "address",
            "commune",
            "commune_name",
            "timezone",
            "country",
            "phone",
            "opening_hours",
            "is_open",
            "next_opening",
            "closing_time",
            "created_at",
            "distance_metres",
        ]
        read_only_fields = fields

    def to_representation(self, instance: Branch) -> dict[str, Any]:
        schedule: Schedule = self.context["schedules"][instance.pk]
        now = self.context["now"]
        is_open = hours.is_open(schedule, now)
        opens = None if is_open else hours.next_opening(schedule, now)
        closes = hours.closing_time(schedule, now) if is_open else None
        return {
            "id": str(instance.pk),
            "organization": str(instance.organization_id),
            "organization_name": instance.organization.name,
            "category": instance.organization.category,
            "name": instance.name,
            "slug": instance.slug,
            "point": PointField().to_representation(instance.point),
            "address": instance.address,
            "commune": instance.commune.code if instance.commune else None,
            "commune_name": instance.commune.name if instance.commune else None,
            "timezone": instance.timezone,
            "country": instance.country,
            "phone": instance.phone,
            "opening_hours": week_of(schedule),
            "is_open": is_open,
            "next_opening": opens.isoformat() if opens else None,
            "closing_time": closes.isoformat() if closes else None,
            "created_at": instance.created_at.isoformat(),
            "distance_metres": distance_of(instance),
        }


def week_of(schedule: Schedule) -> list[dict[str, Any]]:
    """Return a week's hours as they are on the wire."""
    return [
        {"weekday": weekday, "opens_at": f"{opens:%H:%M}", "closes_at": f"{closes:%H:%M}"}
        for weekday in sorted(schedule.week)
        for opens, closes in schedule.week[weekday]
    ]


class OpeningExceptionInput(serializers.Serializer[Any]):
    date = serializers.DateField()
    opens_at = ClockField(required=False, allow_null=True)
    closes_at = ClockField(required=False, allow_null=True)
    reason = serializers.CharField(required=False, allow_blank=True, max_length=120)


class NewOpeningExceptionInput(OpeningExceptionInput):
    branch = serializers.UUIDField()


class OpeningExceptionSerializer(serializers.ModelSerializer[OpeningException]):
    """A date with other hours; without times the branch is closed that day."""

    branch = serializers.UUIDField(source="branch_id", read_only=True)
    opens_at = ClockField(read_only=True, allow_null=True)
    closes_at = ClockField(read_only=True, allow_null=True)

    class Meta:
        model = OpeningException
        fields = ["id", "branch", "date", "opens_at", "closes_at", "reason"]
        read_only_fields = fields


class HolidayOverrideInput(serializers.Serializer[Any]):
    is_holiday = serializers.BooleanField()
    name = serializers.CharField(required=False, allow_blank=True, max_length=120)


class NewHolidayOverrideInput(HolidayOverrideInput):
    organization = serializers.UUIDField()
    date = serializers.DateField()


class HolidayOverrideSerializer(serializers.ModelSerializer[HolidayOverride]):
    organization = serializers.UUIDField(source="organization_id", read_only=True)

    class Meta:
        model = HolidayOverride
        fields = ["id", "organization", "date", "is_holiday", "name"]
        read_only_fields = fields


class PriceSerializer(WholeSerializer):
    amount = serializers.IntegerField(
        min_value=0, max_value=1_000_000_000_000, help_text="Minor units; francs have none."
    )
    currency = serializers.CharField(max_length=3, min_length=3, default="XOF")


class ServiceInput(serializers.Serializer[Any]):
    name = Name(help_text="In the language of the request.")
    name_fr = Name()
    name_en = Name()
    name_ar = Name()
    description = LongText()
    description_fr = LongText()
    description_en = LongText()
    description_ar = LongText()
    required_papers = LongText(help_text="One a line.")
    required_papers_fr = LongText()
    required_papers_en = LongText()
    required_papers_ar = LongText()
    duration_minutes = serializers.IntegerField(min_value=1, max_value=480)
    price = PriceSerializer(required=False)
    languages = serializers.ListField(
        child=serializers.CharField(max_length=3),
        required=False,
        max_length=20,
        help_text="ISO 639 codes of the languages it is given in.",
    )

    def values(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """Return the texts by column, and everything else."""
        values = dict(self.validated_data)
        texts = texts_in(values, "name", "description", "required_papers")
        price = values.pop("price", None)
        if price is not None:
            values |= {"price_minor": price["amount"], "currency": price["currency"]}
        return texts, values

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        named = [name for name in ("name", "name_fr", "name_en", "name_ar") if attrs.get(name)]
        if not self.partial and not named:
            raise serializers.ValidationError(
                {"name": [_("This field is required.")]}, code="required"
            )
        return attrs


class NewServiceInput(ServiceInput):
    organization = serializers.UUIDField()


SERVICE_TEXTS = ("name", "description", "required_papers")


class ServiceSerializer(serializers.ModelSerializer[Service]):
    organization = serializers.UUIDField(source="organization_id", read_only=True)
    name = serializers.CharField(read_only=True)
    name_fr = serializers.CharField(read_only=True)
    name_en = serializers.CharField(read_only=True)
    name_ar = serializers.CharField(read_only=True)
    description = serializers.CharField(read_only=True)
    description_fr = serializers.CharField(read_only=True)
    description_en = serializers.CharField(read_only=True)
    description_ar = serializers.CharField(read_only=True)
    required_papers = serializers.CharField(read_only=True)
    required_papers_fr = serializers.CharField(read_only=True)
    required_papers_en = serializers.CharField(read_only=True)
    required_papers_ar = serializers.CharField(read_only=True)
    price = PriceSerializer(read_only=True)

    class Meta:
        model = Service
        fields = [
            "id",
            "organization",
            *(f"{text}{suffix}" for text in SERVICE_TEXTS for suffix in ("", "_fr", "_en", "_ar")),
            "duration_minutes",
            "price",
            "languages",
            "created_at",
        ]
        read_only_fields = fields

    def to_representation(self, instance: Service) -> dict[str, Any]:
        return {
            "id": str(instance.pk),
            "organization": str(instance.organization_id),
            **texts_of_row(instance, SERVICE_TEXTS),
            "duration_minutes": instance.duration_minutes,
            "price": {"amount": instance.price_minor, "currency": instance.currency},
            "languages": instance.languages,
            "created_at": instance.created_at.isoformat(),
        }


class CounterInput(serializers.Serializer[Any]):
    name = serializers.CharField(max_length=40)


class NewCounterInput(CounterInput):
    branch = serializers.UUIDField()


class CounterSerializer(serializers.ModelSerializer[Counter]):
    branch = serializers.UUIDField(source="branch_id", read_only=True)
    organization = serializers.UUIDField(source="organization_id", read_only=True)

    class Meta:
        model = Counter
        fields = ["id", "branch", "organization", "name", "created_at"]
        read_only_fields = fields
