"""The shapes of requests and answers."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from smartqueue.audit import wording
from smartqueue.audit.enums import EntryKind
from smartqueue.audit.models import Entry
from smartqueue.audit.queries import ERASED, SECRET, Asked


class EntryQuery(serializers.Serializer[Any]):
    organization = serializers.UUIDField()
    actor = serializers.CharField(
        required=False, max_length=80, help_text="A label, a person's id, or part of a name."
    )
    subject = serializers.CharField(
        required=False, max_length=64, help_text="The id of what it happened to."
    )
    type = serializers.CharField(
        required=False, max_length=80, help_text="The beginning of a type: `queues.ticket.`"
    )
    kind = serializers.ChoiceField(choices=EntryKind.choices, required=False)
    branch = serializers.UUIDField(required=False)
    since = serializers.DateTimeField(required=False)
    until = serializers.DateTimeField(required=False, help_text="Not included.")
    text = serializers.CharField(required=False, max_length=100)
    direct = serializers.BooleanField(
        required=False, allow_null=True, default=None, help_text="Changed by SQL, not by us."
    )

    def asked(self) -> Asked:
        """Return what is looked for, without the organization."""
        values = dict(self.validated_data)
        values.pop("organization")
        return Asked(**values)


class ChangeSerializer(serializers.Serializer[Any]):
    field = serializers.CharField()
    before = serializers.JSONField(allow_null=True)
    after = serializers.JSONField(allow_null=True)
    hidden = serializers.ChoiceField(
        choices=["erased", "secret"],
        allow_null=True,
        help_text="Why a value is not shown: its person was erased, or it is a secret.",
    )


class EntrySerializer(serializers.Serializer[Entry]):
    id = serializers.UUIDField()
    at = serializers.DateTimeField()
    kind = serializers.ChoiceField(choices=EntryKind.choices)
    type = serializers.CharField()
    sentence = serializers.SerializerMethodField()
    is_direct = serializers.BooleanField()
    actor = serializers.CharField()
    actor_name = serializers.SerializerMethodField()
    subject_type = serializers.CharField()
    subject_id = serializers.CharField()
    branch = serializers.UUIDField(source="branch_id", allow_null=True)
    payload = serializers.JSONField(allow_null=True)
    changes = serializers.SerializerMethodField()
    address = serializers.IPAddressField(allow_null=True)
    request_id = serializers.CharField()
    transaction_id = serializers.IntegerField(allow_null=True)

    def get_sentence(self, entry: Entry) -> str:
        return wording.sentence_of(entry)

    def get_actor_name(self, entry: Entry) -> str:
        return wording.actor_name(entry.actor, self.context["names"])

    @extend_schema_field(ChangeSerializer(many=True))
    def get_changes(self, entry: Entry) -> list[dict[str, Any]]:
        return [
            {
                "field": name,
                "before": _shown(before),
                "after": _shown(after),
                "hidden": next((v.why for v in (before, after) if v in (ERASED, SECRET)), None),
            }
            for name, before, after in wording.changes_of(entry)
        ]


def _shown(value: Any) -> Any:
    return None if value in (ERASED, SECRET) else value
