from decimal import Decimal
from typing import Any

from rest_framework import serializers

from smartqueue.accounts.enums import Role
from smartqueue.agents.models import Skill
from smartqueue.business.models import Membership


class WeightField(serializers.DecimalField):
    def __init__(self, **kwargs: Any) -> None:
        bounds = {"min_value": Decimal(0), "max_value": Decimal(10)}
        super().__init__(max_digits=3, decimal_places=1, **(bounds | kwargs))


class SkillQuery(serializers.Serializer[Any]):
    organization = serializers.UUIDField()
    user = serializers.UUIDField(required=False)
    service = serializers.UUIDField(required=False)


class AgentQuery(serializers.Serializer[Any]):
    organization = serializers.UUIDField()
    branch = serializers.UUIDField(required=False)


class SkillInput(serializers.Serializer[Any]):
    weight = WeightField(help_text="1 is ordinary, 2 counts a wait twice, 0 is never.")


class NewSkillInput(SkillInput):
    organization = serializers.UUIDField()
    user = serializers.UUIDField()
    service = serializers.UUIDField()


class SkillSerializer(serializers.ModelSerializer[Skill]):
    organization = serializers.UUIDField(source="organization_id", read_only=True)
    user = serializers.UUIDField(source="user_id", read_only=True)
    service = serializers.UUIDField(source="service_id", read_only=True)
    weight = WeightField(read_only=True)

    class Meta:
        model = Skill
        fields = ["id", "organization", "user", "service", "weight"]
        read_only_fields = fields


class AgentSkillSerializer(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    service = serializers.UUIDField(source="service_id")
    weight = WeightField()


class AgentSerializer(serializers.Serializer[Membership]):
    """A member who serves. `id` is the account's."""

    id = serializers.UUIDField(source="user_id", read_only=True)
    membership = serializers.UUIDField(source="pk", read_only=True)
    name = serializers.CharField(source="user", read_only=True)
    role = serializers.ChoiceField(choices=Role.choices, read_only=True)
    branches = serializers.ListField(
        source="branch_ids", child=serializers.UUIDField(), read_only=True
    )
    skills = AgentSkillSerializer(source="user.skills_here", many=True, read_only=True)
