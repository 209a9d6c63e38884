"""An organization's settings and their history on the wire."""

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext_lazy as _
from rest_framework import serializers

from smartqueue.accounts.enums import Language
from smartqueue.business import colours, queries
from smartqueue.business.enums import DisplayDetail, Switch
from smartqueue.business.models import USUAL_NIGHT, OrganizationSettings, SettingsVersion
from smartqueue.business.switches import REGISTRY
from smartqueue.common.uploads import public_url

MOST_DAYS = 36_500


class SwitchesField(serializers.DictField):
    """Features by name, on or off; null goes back to the default."""

    child = serializers.BooleanField(allow_null=True)

    def to_internal_value(self, data: Any) -> Any:
        given = super().to_internal_value(data)
        if unknown := sorted(set(given) - {str(name) for name in Switch}):
            raise serializers.ValidationError({unknown[0]: [_("There is no such feature.")]})
        return given


class SettingsInput(serializers.Serializer[Any]):
    """What is not named stays as it is, or with PUT goes back to the default."""

    display_name = serializers.CharField(max_length=120, allow_blank=True, default="")
    primary_color = serializers.CharField(
        max_length=7, allow_blank=True, default="", help_text="#rrggbb, or empty for ours."
    )
    languages = serializers.ListField(
        child=serializers.ChoiceField(choices=Language.choices),
        min_length=1,
        max_length=len(Language),
        default=list(Language.values),
    )
    default_language = serializers.ChoiceField(
        choices=Language.choices, default=Language.FRENCH.value
    )
    display_detail = serializers.ChoiceField(
        choices=DisplayDetail.choices, default=DisplayDetail.NUMBERS_AND_COUNTERS.value
    )
    shows_waiting_count = serializers.BooleanField(default=True)
    shows_estimate = serializers.BooleanField(default=True)
    quiet_hours = serializers.CharField(
        max_length=11,
        allow_blank=True,
        default=USUAL_NIGHT,
        help_text="When people are left alone who said nothing of their own; empty for never.",
    )
    requires_second_factor = serializers.BooleanField(default=False, help_text="Owners only.")
    retention_days = serializers.DictField(
        child=serializers.IntegerField(min_value=1, max_value=MOST_DAYS, allow_null=True),
        default=dict,
        help_text="Days by kind of data; null goes back to the platform's. Owners only.",
    )
    switches = SwitchesField(default=dict)
    version = serializers.IntegerField(
        required=False,
        min_value=0,
        help_text="The version these changes start from; another one is refused.",
    )


class LogoInput(serializers.Serializer[Any]):
    """A form with the picture."""

    file = serializers.FileField()


class SwitchSerializer(serializers.Serializer[Any]):
    name = serializers.ChoiceField(choices=[str(name) for name in Switch])
    is_on = serializers.BooleanField()
    is_default = serializers.BooleanField()
    title = serializers.CharField()
    effect = serializers.CharField()


class SettingsSerializer(serializers.ModelSerializer[OrganizationSettings]):
    organization = serializers.UUIDField(read_only=True)
    logo = serializers.CharField(read_only=True, help_text="Address of the picture, or empty.")
    text_color = serializers.CharField(
        read_only=True, allow_null=True, help_text="White or black: what can be read on the colour."
    )
    retention_days = serializers.DictField(child=serializers.IntegerField(), read_only=True)
    features = SwitchSerializer(many=True, read_only=True)

    class Meta:
        model = OrganizationSettings
        fields = [
            "organization",
            "display_name",
            "logo",
            "primary_color",
            "text_color",
            "languages",
            "default_language",
            "display_detail",
            "shows_waiting_count",
            "shows_estimate",
            "quiet_hours",
            "requires_second_factor",
            "retention_days",
            "features",
            "updated_at",
            "version",
        ]
        read_only_fields = fields

    def to_representation(self, instance: OrganizationSettings) -> dict[str, Any]:
        values = queries.settings_values(instance)
        chosen = values.pop("switches")
        color = values["primary_color"]
        return {
            "organization": str(instance.organization_id),
            **values,
            "logo": public_url(values["logo"]),
            "text_color": colours.text_on(color) if color else None,
            "features": features_of(chosen),
            "updated_at": instance.updated_at.isoformat() if instance.updated_at else None,
            "version": instance.version,
        }


def features_of(chosen: Mapping[str, bool]) -> list[dict[str, Any]]:
    """Return every feature with its words, and whether it is on."""
    return [
        {
            "name": name.value,
            "is_on": chosen.get(name, feature.default),
            "is_default": name not in chosen,
            "title": str(feature.title),
            "effect": str(feature.effect),
        }
        for name, feature in REGISTRY.items()
    ]


class SettingsVersionSerializer(serializers.ModelSerializer[SettingsVersion]):
    """One change: who, when, and the changed values before and after."""

    by = serializers.UUIDField(source="by_id", read_only=True, allow_null=True)
    by_name = serializers.CharField(read_only=True)
    changed = serializers.ListField(child=serializers.CharField(), read_only=True)
    before = serializers.DictField(read_only=True)
    after = serializers.DictField(read_only=True)

    class Meta:
        model = SettingsVersion
        fields = [
            "version",
            "at",
            "by",
            "by_name",
            "changed",
            "before",
            "after",
            "restored_version",
        ]
        read_only_fields = fields

    def to_representation(self, instance: SettingsVersion) -> dict[str, Any]:
        changed = queries.changed_settings(instance)
        return {
            "version": instance.version,
            "at": instance.at.isoformat(),
            "by": str(instance.by_id) if instance.by_id else None,
            "by_name": instance.by.get_full_name() if instance.by else "",
            "changed": changed,
            "before": {name: instance.before[name] for name in changed},
            "after": {name: instance.after[name] for name in changed},
            "restored_version": instance.restored_version,
        }


class RestoreInput(serializers.Serializer[Any]):
    version = serializers.IntegerField(min_value=1)
