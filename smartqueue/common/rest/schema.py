"""How views describe themselves in the OpenAPI document."""

from typing import Any, Literal

from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import OpenApiParameter
from rest_framework import serializers

Direction = Literal["request", "response"]


class FieldErrorSerializer(serializers.Serializer[Any]):
    field = serializers.CharField()
    code = serializers.CharField()
    message = serializers.CharField()


class ProblemSerializer(serializers.Serializer[Any]):
    """RFC 9457 problem details; match on `code`."""

    type = serializers.CharField()
    title = serializers.CharField()
    status = serializers.IntegerField()
    code = serializers.CharField()
    detail = serializers.CharField(required=False)
    errors = FieldErrorSerializer(many=True, required=False)  # type: ignore[assignment]  # a member


IDEMPOTENCY_KEY = OpenApiParameter(
    "Idempotency-Key",
    {"type": "string", "format": "uuid"},
    OpenApiParameter.HEADER,
    description="The same key and body give the same answer.",
)
TICKET_TOKEN = OpenApiParameter(
    "X-Ticket-Token",
    {"type": "string"},
    OpenApiParameter.HEADER,
    description="The token of a ticket's holder without an account.",
)

PROBLEM_MEDIA_TYPE = "application/problem+json"
COMMON_PROBLEMS = ("400", "401", "404", "405", "406", "409", "415", "422", "429", "503")


class ProblemAutoSchema(AutoSchema):
    """Adds the problem answers that any operation may give, and the shared headers."""

    def get_override_parameters(self) -> list[Any]:
        shared = [TICKET_TOKEN]
        handler = getattr(self.view, self.method.lower(), None)
        if getattr(handler, "is_idempotent", False):
            shared.append(IDEMPOTENCY_KEY)
        return shared

    def _get_response_bodies(self, direction: Direction = "response") -> dict[str, Any]:
        responses: dict[str, Any] = super()._get_response_bodies(direction)
        component = self.resolve_serializer(ProblemSerializer(), direction)
        for code in COMMON_PROBLEMS:
            responses.setdefault(
                code,
                {
                    "content": {PROBLEM_MEDIA_TYPE: {"schema": component.ref}},
                    "description": "Problem details",
                },
            )
        return responses
