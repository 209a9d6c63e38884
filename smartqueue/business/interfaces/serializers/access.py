"""Devices of branches and support access on the wire."""

from typing import Any

from rest_framework import serializers

from smartqueue.business.enums import DeviceKind
from smartqueue.business.models import LONGEST_SUPPORT, BranchCredential, SupportAccess

MOST_MINUTES = int(LONGEST_SUPPORT.total_seconds() // 60)


class NewDeviceInput(serializers.Serializer[Any]):
    branch = serializers.UUIDField()
    kind = serializers.ChoiceField(choices=DeviceKind.choices)
    name = serializers.CharField(max_length=60, help_text="Such as where it stands.")


class BranchDeviceSerializer(serializers.ModelSerializer[BranchCredential]):
    branch = serializers.UUIDField(source="branch_id", read_only=True)
    organization = serializers.UUIDField(source="organization_id", read_only=True)
    created_by = serializers.UUIDField(source="created_by_id", read_only=True, allow_null=True)

    class Meta:
        model = BranchCredential
        fields = [
            "id",
            "organization",
            "branch",
            "kind",
            "name",
            "created_by",
            "created_at",
            "paired_at",
            "last_used_at",
        ]
        read_only_fields = fields


class DeviceWithCodeSerializer(BranchDeviceSerializer):
    code = serializers.CharField(
        read_only=True, help_text="Typed on the device once, within ten minutes; told this once."
    )
    code_expires_at = serializers.DateTimeField(read_only=True)

    class Meta(BranchDeviceSerializer.Meta):
        fields = [*BranchDeviceSerializer.Meta.fields, "code", "code_expires_at"]
        read_only_fields = fields


class PairInput(serializers.Serializer[Any]):
    code = serializers.CharField(max_length=20)


class PairedSerializer(serializers.Serializer[Any]):
    device = serializers.UUIDField()
    branch = serializers.UUIDField()
    kind = serializers.ChoiceField(choices=DeviceKind.choices)
    name = serializers.CharField()
    token = serializers.CharField(
        help_text="Sent in X-Ticket-Token from now on; it is told this once."
    )


class NewSupportInput(serializers.Serializer[Any]):
    organization = serializers.UUIDField()
    reason = serializers.CharField(max_length=300, help_text="The owners read it.")
    minutes = serializers.IntegerField(min_value=1, max_value=MOST_MINUTES, default=60)


class SupportQuery(serializers.Serializer[Any]):
    organization = serializers.UUIDField(
        required=False, help_text="Of an organization you own; else your own."
    )


class SupportSerializer(serializers.ModelSerializer[SupportAccess]):
    organization = serializers.UUIDField(source="organization_id", read_only=True)
    admin = serializers.UUIDField(source="admin_id", read_only=True)
    admin_name = serializers.CharField(source="admin.get_full_name", read_only=True)

    class Meta:
        model = SupportAccess
        fields = [
            "id",
            "organization",
            "admin",
            "admin_name",
            "reason",
            "opened_at",
            "expires_at",
            "closed_at",
        ]
        read_only_fields = fields
