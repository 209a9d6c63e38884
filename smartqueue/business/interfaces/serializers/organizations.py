"""Organizations on the wire."""

from typing import Any

from rest_framework import serializers

from smartqueue.business.enums import Category
from smartqueue.business.interfaces.serializers.fields import LongText, distance_of, texts_of_row
from smartqueue.business.models import (
    Organization,
)


class OrganizationInput(serializers.Serializer[Any]):
    name = serializers.CharField(max_length=120)
    category = serializers.ChoiceField(choices=Category.choices)
    description = LongText(help_text="In the language of the request.")
    description_fr = LongText()
    description_en = LongText()
    description_ar = LongText()
    phone = serializers.CharField(required=False, allow_blank=True, max_length=30)
    website = serializers.URLField(required=False, allow_blank=True, max_length=200)


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
            **texts_of_row(instance, ["description"]),
            "phone": instance.phone,
            "website": instance.website,
            "created_at": instance.created_at.isoformat(),
            "distance_metres": distance_of(instance),
        }
