"""The wire's form of business things; rules are the operations'."""

from collections.abc import Iterable
from datetime import time
from typing import Any

from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _
from rest_framework import serializers

from smartqueue.accounts.enums import Role
from smartqueue.business import hours
from smartqueue.business.enums import Category
from smartqueue.business.hours import Schedule
from smartqueue.business.models import (
    Branch,
    Counter,
    HolidayOverride,
    Invitation,
    Membership,
    OpeningException,
    Organization,
    Service,
)
from smartqueue.business.operations import WeekHours
from smartqueue.common.rest.fields import NearField, PointField, WholeSerializer

LANGUAGES = ("fr", "en", "ar")
MAX_TEXT = 4000
MAX_INTERVALS = 70
MAX_WITHIN_METRES = 1_000_000


def texts_in(values: dict[str, Any], *fields: str) -> dict[str, Any]:
    """Take the texts out of `values`; a plain one is in the caller's language."""
    language = (get_language() or "fr")[:2]
    found: dict[str, Any] = {}
    for field in fields:
        if field in values:
            found[f"{field}_{language}"] = values.pop(field)
        for code in LANGUAGES:
            if f"{field}_{code}" in values:
                found[f"{field}_{code}"] = values.pop(f"{field}_{code}")
    return found


def _texts_of(row: Organization | Service, fields: Iterable[str]) -> dict[str, str]:
    shown = {}
    for field in fields:
        shown[field] = getattr(row, field) or ""
        for code in LANGUAGES:
            shown[f"{field}_{code}"] = getattr(row, f"{field}_{code}") or ""
    return shown


class _LongText(serializers.CharField):
    def __init__(self, **kwargs: Any) -> None:
        super().__init__(
            **{"required": False, "allow_blank": True, "max_length": MAX_TEXT, **kwargs}
        )


class _Name(serializers.CharField):
    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{"required": False, "allow_blank": True, "max_length": 120, **kwargs})


class PlaceQuery(serializers.Serializer[Any]):
    search = serializers.CharField(
        required=False, allow_blank=True, max_length=100, help_text="Accents do not count."
    )
    category = serializers.ChoiceField(choices=Category.choices, required=False)
    commune = serializers.CharField(
        required=False, allow_blank=True, max_length=20, help_text="ANSD code."
    )
    near = NearField(required=False, max_length=60, help_text="`lat,lon`; nearest first.")
    within = serializers.IntegerField(
        required=False,
        min_value=1,
        max_value=MAX_WITHIN_METRES,
        help_text="Metres around `near`.",
    )
    ordering = serializers.ChoiceField(
        choices=["name", "-name", "created_at", "-created_at"], required=False
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if "within" in attrs and "near" not in attrs:
            raise serializers.ValidationError(
                {"near": [_("Say around which point: near=lat,lon.")]}, code="required"
            )
        return attrs


class BranchQuery(PlaceQuery):
    organization = serializers.UUIDField(required=False)


class ServiceQuery(serializers.Serializer[Any]):
    organization = serializers.UUIDField(required=False)
    search = serializers.CharField(required=False, allow_blank=True, max_length=100)
    category = serializers.ChoiceField(choices=Category.choices, required=False)
    ordering = serializers.ChoiceField(
        choices=["name", "-name", "duration_minutes", "-duration_minutes", "created_at"],
        required=False,
    )


class OrganizationServiceQuery(serializers.Serializer[Any]):
    search = serializers.CharField(required=False, allow_blank=True, max_length=100)


class CounterQuery(serializers.Serializer[Any]):
    branch = serializers.UUIDField(required=False)
    organization = serializers.UUIDField(required=False)


class BranchNamedQuery(serializers.Serializer[Any]):
    branch = serializers.UUIDField()


class OrganizationNamedQuery(serializers.Serializer[Any]):
    organization = serializers.UUIDField()


class MemberQuery(OrganizationNamedQuery):
    role = serializers.ChoiceField(choices=Role.choices, required=False)
    search = serializers.CharField(required=False, allow_blank=True, max_length=100)


# --- Organizations ------------------------------------------------------------------------------


class OrganizationInput(serializers.Serializer[Any]):
    name = serializers.CharField(max_length=120)
    category = serializers.ChoiceField(choices=Category.choices)
    description = _LongText(help_text="In the language of the request.")
    description_fr = _LongText()
    description_en = _LongText()
    description_ar = _LongText()
    phone = serializers.CharField(required=False, allow_blank=True, max_length=30)
    website = serializers.URLField(required=False, allow_blank=True, max_length=200)


def _distance(row: Any) -> int | None:
    distance = getattr(row, "distance", None)
    return None if distance is None else round(getattr(distance, "m", distance))


class OrganizationSerializer(serializers.ModelSerializer[Organization]):
    description = serializers.CharField(read_only=True)
    description_fr = serializers.CharField(read_only=True)
    description_en = serializers.CharField(read_only=True)
    description_ar = serializers.CharField(read_only=True)
    distance_metres = serializers.IntegerField(
        read_only=True, allow_null=True, help_text="To its nearest branch, when asked with `near`."
    )

    class Meta:
        model = Organization
        fields = [
            "id",
            "name",
            "slug",
            "category",
            "description",
            "description_fr",
            "description_en",
            "description_ar",
            "phone",
            "website",
            "created_at",
            "distance_metres",
        ]
        read_only_fields = fields

    def to_representation(self, instance: Organization) -> dict[str, Any]:
        return {
            "id": str(instance.pk),
            "name": instance.name,
            "slug": instance.slug,
            "category": instance.category,
            **_texts_of(instance, ["description"]),
            "phone": instance.phone,
            "website": instance.website,
            "created_at": instance.created_at.isoformat(),
            "distance_metres": _distance(instance),
        }


# --- Branches -----------------------------------------------------------------------------------


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
            "distance_metres": _distance(instance),
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


# --- Services and counters ----------------------------------------------------------------------


class PriceSerializer(WholeSerializer):
    amount = serializers.IntegerField(
        min_value=0, max_value=1_000_000_000_000, help_text="Minor units; francs have none."
    )
    currency = serializers.CharField(max_length=3, min_length=3, default="XOF")


class ServiceInput(serializers.Serializer[Any]):
    name = _Name(help_text="In the language of the request.")
    name_fr = _Name()
    name_en = _Name()
    name_ar = _Name()
    description = _LongText()
    description_fr = _LongText()
    description_en = _LongText()
    description_ar = _LongText()
    required_papers = _LongText(help_text="One a line.")
    required_papers_fr = _LongText()
    required_papers_en = _LongText()
    required_papers_ar = _LongText()
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
            **_texts_of(instance, SERVICE_TEXTS),
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


# --- Members ------------------------------------------------------------------------------------


class MemberInput(serializers.Serializer[Any]):
    role = serializers.ChoiceField(choices=Role.choices)
    branches = serializers.ListField(
        child=serializers.UUIDField(),
        required=False,
        max_length=200,
        help_text="None named: all of them.",
    )


class NewMemberInput(MemberInput):
    organization = serializers.UUIDField()
    identifier = serializers.CharField(max_length=254, help_text="E-mail address or phone number.")


class AcceptInput(serializers.Serializer[Any]):
    token = serializers.CharField(max_length=100)


class MemberUserSerializer(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    name = serializers.CharField()
    email = serializers.CharField(allow_null=True)
    phone = serializers.CharField(allow_null=True)


class MemberSerializer(serializers.Serializer[Any]):
    """A member, or with `status` invited somebody who may become one."""

    id = serializers.UUIDField(read_only=True)
    organization = serializers.UUIDField(read_only=True)
    status = serializers.ChoiceField(choices=["active", "invited"], read_only=True)
    identifier = serializers.CharField(read_only=True)
    user = MemberUserSerializer(read_only=True, allow_null=True)
    role = serializers.ChoiceField(choices=Role.choices, read_only=True)
    branches = serializers.ListField(child=serializers.UUIDField(), read_only=True)
    created_at = serializers.DateTimeField(read_only=True)
    expires_at = serializers.DateTimeField(read_only=True, allow_null=True)

    def to_representation(self, instance: Membership | Invitation) -> dict[str, Any]:
        shared = {
            "id": str(instance.pk),
            "organization": str(instance.organization_id),
            "role": instance.role,
            "branches": [str(branch) for branch in instance.branch_ids],  # type: ignore[union-attr]
            "created_at": instance.created_at.isoformat(),
        }
        if isinstance(instance, Invitation):
            return shared | {
                "status": "invited",
                "identifier": instance.identifier,
                "user": None,
                "expires_at": instance.expires_at.isoformat(),
            }
        user = instance.user
        return shared | {
            "status": "active",
            "identifier": user.email or user.phone or "",
            "user": {
                "id": str(user.pk),
                "name": user.get_full_name(),
                "email": user.email,
                "phone": user.phone,
            },
            "expires_at": None,
        }
