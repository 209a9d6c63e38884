"""Forms of lines on the wire."""

from typing import Any

from rest_framework import serializers


class LineInput(serializers.Serializer[Any]):
    code = serializers.CharField(max_length=20)
    missed_call_number = serializers.CharField(max_length=24, allow_blank=True, default="")
    missed_call_queue = serializers.UUIDField(allow_null=True, default=None)


class LineOutput(serializers.Serializer[Any]):
    """How a branch is reached by phone; `code` is empty while nobody has set it."""

    branch = serializers.UUIDField()
    code = serializers.CharField()
    suggested_code = serializers.CharField()
    missed_call_number = serializers.CharField()
    missed_call_queue = serializers.UUIDField(allow_null=True)
