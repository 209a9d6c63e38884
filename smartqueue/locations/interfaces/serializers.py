from typing import Any

from rest_framework import serializers

from smartqueue.common.rest.fields import PointField
from smartqueue.locations.models import Commune


class CommuneQuery(serializers.Serializer[Any]):
    search = serializers.CharField(
        required=False, allow_blank=True, max_length=100, help_text="Accents do not count."
    )
    region = serializers.CharField(required=False, allow_blank=True, max_length=40)
    department = serializers.CharField(required=False, allow_blank=True, max_length=40)


class CommuneSerializer(serializers.ModelSerializer[Commune]):
    point = PointField(read_only=True)

    class Meta:
        model = Commune
        fields = [
            "code",
            "name",
            "other_names",
            "region",
            "department",
            "arrondissement",
            "population",
            "point",
        ]
        read_only_fields = fields


class CommunePageSerializer(serializers.Serializer[Any]):
    count = serializers.IntegerField()
    next = serializers.URLField(allow_null=True)
    previous = serializers.URLField(allow_null=True)
    results = CommuneSerializer(many=True)
    attribution = serializers.CharField()


class FeatureSerializer(serializers.Serializer[Any]):
    type = serializers.CharField()
    id = serializers.CharField()
    geometry = serializers.JSONField()
    properties = serializers.JSONField()


class FeatureCollectionSerializer(serializers.Serializer[Any]):
    """RFC 7946; coordinates are longitude, latitude."""

    type = serializers.CharField()
    attribution = serializers.CharField()
    features = FeatureSerializer(many=True)
