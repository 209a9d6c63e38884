"""REST of the words of messages, and of what people want to be told."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.response import Response

from smartqueue.accounts.enums import Language
from smartqueue.common.rest.views import ApiRequest, ApiView
from smartqueue.idempotency.rest import idempotent
from smartqueue.notifications import operations, policies, queries, texts
from smartqueue.notifications.enums import Channel, Group
from smartqueue.notifications.models import TemplateVersion
from smartqueue.notifications.operations import preferring, wording


class TemplatesQuery(serializers.Serializer[Any]):
    organization = serializers.UUIDField()


class SourceInput(serializers.Serializer[Any]):
    organization = serializers.UUIDField()
    subject = serializers.CharField(max_length=500, allow_blank=True, default="")
    body = serializers.CharField(max_length=5000, trim_whitespace=False)


class TemplateInput(SourceInput):
    number = serializers.IntegerField(
        min_value=0, help_text="The version these words were written over; 0 without one."
    )


class TemplateRestoreInput(serializers.Serializer[Any]):
    organization = serializers.UUIDField()
    number = serializers.IntegerField(
        min_value=0, help_text="The version to say again; 0 for the product's own words."
    )


class TemplateSerializer(serializers.Serializer[Any]):
    code = serializers.CharField()
    channel = serializers.CharField()
    language = serializers.CharField()
    group = serializers.CharField()
    importance = serializers.CharField()
    subject = serializers.CharField()
    body = serializers.CharField()
    variables = serializers.DictField(
        child=serializers.CharField(), help_text="What may be named, each with a sample."
    )
    number = serializers.IntegerField(help_text="0 where the words were never changed.")
    is_default = serializers.BooleanField()


class PreviewSerializer(serializers.Serializer[Any]):
    subject = serializers.CharField()
    body = serializers.CharField()
    alphabet = serializers.CharField(source="length.alphabet", allow_null=True, default=None)
    units = serializers.IntegerField(source="length.units", allow_null=True, default=None)
    segments = serializers.IntegerField(source="length.segments", allow_null=True, default=None)
    widening = serializers.CharField(source="length.widening", allow_null=True, default=None)
    longest_segments = serializers.IntegerField(allow_null=True)
    cost_minor = serializers.IntegerField(allow_null=True)


class VersionSerializer(serializers.ModelSerializer[TemplateVersion]):
    changed_by = serializers.UUIDField(source="changed_by_id", allow_null=True)

    class Meta:
        model = TemplateVersion
        fields = ["number", "subject", "body", "is_default", "changed_by", "changed_at"]
        read_only_fields = fields


def template_facts(
    code: str, channel: str, language: str, version: TemplateVersion | None
) -> dict[str, Any]:
    """Return a message's words as they are in force."""
    text = texts.text_of(code)
    is_default = version is None or version.is_default
    source = texts.source_of(code, language) if version is None or is_default else version
    return {
        "code": code,
        "channel": channel,
        "language": language,
        "group": str(text.group),
        "importance": str(text.importance),
        "subject": source.subject,
        "body": source.body,
        "variables": dict(text.variables),
        "number": version.number if version else 0,
        "is_default": is_default,
    }


class TemplateListView(ApiView):
    """The messages that an organization may put in its own words."""

    @extend_schema(parameters=[TemplatesQuery], responses=TemplateSerializer(many=True))
    def get(self, request: ApiRequest) -> Response:
        """List the words in force, by message, channel and language."""
        asked = TemplatesQuery(data=request.query_params)
        asked.is_valid(raise_exception=True)
        organization_id = asked.validated_data["organization"]
        policies.access_messages(request.actor, organization_id)
        newest = queries.newest_versions(organization_id)
        found = [
            template_facts(code, channel, language, newest.get((code, channel, language)))
            for code in texts.own_codes()
            for channel in wording.WORDED
            for language in Language.values
        ]
        return Response(TemplateSerializer(found, many=True).data)


class TemplateView(ApiView):
    """One message's words on one channel in one language."""

    @extend_schema(parameters=[TemplatesQuery], responses=TemplateSerializer)
    def get(self, request: ApiRequest, code: str, channel: str, language: str) -> Response:
        """Return the words in force, and what they may name."""
        asked = TemplatesQuery(data=request.query_params)
        asked.is_valid(raise_exception=True)
        organization_id = asked.validated_data["organization"]
        policies.access_messages(request.actor, organization_id)
        wording.text_for(code, channel, language)
        version = queries.versions_of(organization_id, code, Channel(channel), language).first()
        return Response(TemplateSerializer(template_facts(code, channel, language, version)).data)

    @extend_schema(request=TemplateInput, responses=TemplateSerializer)
    @idempotent
    def put(self, request: ApiRequest, code: str, channel: str, language: str) -> Response:
        """
        Give the message the organization's own words.

        Refused with the place: `template_broken`, `template_forbidden`, `unknown_template_variable`,
        `template_too_long` (422); `template_changed` (409) where somebody was faster.
        """
        asked = TemplateInput(data=request.data)
        asked.is_valid(raise_exception=True)
        given = asked.validated_data
        version = operations.write_template(
            actor=request.actor,
            organization_id=given["organization"],
            code=code,
            channel=channel,
            language=language,
            source=texts.Source(given["subject"], given["body"]),
            number=given["number"],
            now=request.now,
        )
        return Response(TemplateSerializer(template_facts(code, channel, language, version)).data)


class TemplateVersionsView(ApiView):
    @extend_schema(parameters=[TemplatesQuery], responses=VersionSerializer(many=True))
    def get(self, request: ApiRequest, code: str, channel: str, language: str) -> Response:
        """List what the organization's own words were, newest first, with who changed them when."""
        asked = TemplatesQuery(data=request.query_params)
        asked.is_valid(raise_exception=True)
        organization_id = asked.validated_data["organization"]
        policies.access_messages(request.actor, organization_id)
        wording.text_for(code, channel, language)
        rows = queries.versions_of(organization_id, code, Channel(channel), language)[:100]
        return Response(VersionSerializer(rows, many=True).data)


class TemplatePreviewView(ApiView):
    @extend_schema(request=SourceInput, responses=PreviewSerializer)
    def post(self, request: ApiRequest, code: str, channel: str, language: str) -> Response:
        """Show words with sample values, how long they are and what they cost; keeps nothing."""
        asked = SourceInput(data=request.data)
        asked.is_valid(raise_exception=True)
        given = asked.validated_data
        preview = operations.preview(
            actor=request.actor,
            organization_id=given["organization"],
            code=code,
            channel=channel,
            language=language,
            source=texts.Source(given["subject"], given["body"]),
        )
        return Response(PreviewSerializer(preview).data)


class TemplateRestoreView(ApiView):
    @extend_schema(request=TemplateRestoreInput, responses=TemplateSerializer)
    @idempotent
    def post(self, request: ApiRequest, code: str, channel: str, language: str) -> Response:
        """Say again what an earlier version said, or the product's own words."""
        asked = TemplateRestoreInput(data=request.data)
        asked.is_valid(raise_exception=True)
        given = asked.validated_data
        version = operations.restore_template(
            actor=request.actor,
            organization_id=given["organization"],
            code=code,
            channel=channel,
            language=language,
            restored=given["number"],
            now=request.now,
        )
        return Response(TemplateSerializer(template_facts(code, channel, language, version)).data)


# --- What people want to be told -----------------------------------------------------------------


class ChoiceSerializer(serializers.Serializer[Any]):
    group = serializers.ChoiceField(choices=Group.choices)
    channel = serializers.ChoiceField(choices=Channel.choices)
    is_on = serializers.BooleanField()


class QuietSerializer(serializers.Serializer[Any]):
    begins_at = serializers.TimeField()
    ends_at = serializers.TimeField()
    timezone = serializers.CharField(max_length=40, default="Africa/Dakar")


class PreferencesSerializer(serializers.Serializer[Any]):
    channels = ChoiceSerializer(many=True, required=False)
    quiet_hours = QuietSerializer(required=False, allow_null=True)


class PreferencesView(ApiView):
    """What the caller wants to be told, by which channel, and when not."""

    @extend_schema(responses=PreferencesSerializer)
    def get(self, request: ApiRequest) -> Response:
        """Return every choice there is, and the quiet hours."""
        wishes = queries.wishes_of(request.actor.require_user())
        channels = [
            {"group": group, "channel": channel, "is_on": (group, channel) not in wishes.off}
            for group in Group.values
            for channel in Channel.values
            if queries.may_be_off(Group(group), Channel(channel))
        ]
        shown = {"channels": channels, "quiet_hours": wishes.quiet}
        return Response(PreferencesSerializer(shown).data)

    @extend_schema(request=PreferencesSerializer, responses=PreferencesSerializer)
    @idempotent
    def patch(self, request: ApiRequest) -> Response:
        """Change some choices, or the quiet hours; null ends those."""
        asked = PreferencesSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        given = asked.validated_data
        wanted = {
            (Group(one["group"]), Channel(one["channel"])): one["is_on"]
            for one in given.get("channels", [])
        }
        operations.choose(actor=request.actor, wanted=wanted)
        if "quiet_hours" in given:
            quiet = given["quiet_hours"]
            operations.set_quiet_hours(
                actor=request.actor, quiet=preferring.Quiet(**quiet) if quiet else None
            )
        return self.get(request)
