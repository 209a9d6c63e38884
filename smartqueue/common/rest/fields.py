"""Fields that several apps' serializers share."""

import math
from typing import Any

from django.contrib.gis.geos import Point
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema_field
from phonenumber_field.phonenumber import to_python
from rest_framework import serializers

from smartqueue.common import geo


class _Degrees(serializers.FloatField):
    """A finite number of degrees; JSON readers let NaN through, people's places do not."""

    default_error_messages = {"not_finite": _("Give a number.")}

    def to_internal_value(self, data: Any) -> float:
        if isinstance(data, bool):
            self.fail("not_finite")
        try:
            value = super().to_internal_value(data)
        except OverflowError:
            self.fail("not_finite")
        if not math.isfinite(value):
            self.fail("not_finite")
        return value


class PhoneField(serializers.CharField):
    """A phone number, national for Senegal or international; its value is E.164."""

    def to_internal_value(self, data: Any) -> str:
        text: str = super().to_internal_value(data)
        if not text.strip():
            return ""
        number = to_python(text, region="SN")
        if number is None or not number.is_valid():
            raise serializers.ValidationError(
                _("This is not a phone number."), code="invalid_phone"
            )
        return str(number.as_e164)


class WholeSerializer(serializers.Serializer[Any]):
    """An object inside a body, given whole or not at all: a PATCH of its owner is no PATCH of it."""

    def to_internal_value(self, data: Any) -> Any:
        values = super().to_internal_value(data)
        missing = [
            name for name, field in self.fields.items() if field.required and name not in values
        ]
        if missing:
            raise serializers.ValidationError(
                {name: [self.fields[name].error_messages["required"]] for name in missing},
                code="required",
            )
        for name, field in self.fields.items():
            if name not in values and field.default is not serializers.empty:
                values[name] = field.default
        return values


class PointField(WholeSerializer):
    """A point as `{"lat", "lon"}` in degrees (WGS 84)."""

    lat = _Degrees(min_value=-90, max_value=90)
    lon = _Degrees(min_value=-180, max_value=180)

    def to_internal_value(self, data: Any) -> Any:
        values = super().to_internal_value(data)
        return geo.point(lat=values["lat"], lon=values["lon"])

    def to_representation(self, instance: Point) -> dict[str, Any]:
        return {"lat": round(instance.y, 6), "lon": round(instance.x, 6)}


@extend_schema_field({"type": "string", "example": "14.6937,-17.4441"})
class NearField(serializers.CharField):
    """A query parameter `lat,lon` in degrees; becomes a point."""

    default_error_messages = {
        "not_a_place": _("Give a latitude and a longitude in degrees, such as 14.69,-17.44."),
    }

    def to_internal_value(self, data: Any) -> Any:
        parts = super().to_internal_value(data).split(",")
        try:
            lat, lon = (float(part) for part in parts)
            return geo.point(lat=lat, lon=lon)
        except ValueError:
            self.fail("not_a_place")
