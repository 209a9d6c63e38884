"""Members and invitations on the wire."""

from typing import Any

from rest_framework import serializers

from smartqueue.accounts.enums import Role
from smartqueue.business.models import (
    Invitation,
    Membership,
)


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
