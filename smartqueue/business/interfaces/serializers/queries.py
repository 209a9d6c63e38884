"""What lists can be asked."""

from typing import Any

from django.utils.translation import gettext_lazy as _
from rest_framework import serializers

from smartqueue.accounts.enums import Role
from smartqueue.business.enums import Category
from smartqueue.business.interfaces.serializers.fields import MAX_WITHIN_METRES
from smartqueue.common.rest.fields import NearField


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
