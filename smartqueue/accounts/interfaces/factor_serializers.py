from typing import Any

import segno
from rest_framework import serializers

from smartqueue.accounts.enums import KeyKind
from smartqueue.accounts.models import Passkey
from smartqueue.accounts.operations import AppSetup

NAME = 60
TOKEN = 128


class AppCodeInput(serializers.Serializer[Any]):
    code = serializers.CharField(max_length=16)


class KeyKindInput(serializers.Serializer[Any]):
    """A passkey signs in alone; a security key confirms a password."""

    kind = serializers.ChoiceField(KeyKind.choices, default=KeyKind.PASSKEY)


class PasskeyNameInput(serializers.Serializer[Any]):
    name = serializers.CharField(max_length=NAME)


class PasskeyInput(PasskeyNameInput):
    token = serializers.CharField(max_length=TOKEN)
    credential = serializers.DictField(help_text="RegistrationResponseJSON of WebAuthn.")


class PasskeySignInInput(serializers.Serializer[Any]):
    token = serializers.CharField(max_length=TOKEN)
    credential = serializers.DictField(help_text="AuthenticationResponseJSON of WebAuthn.")


class MfaTokenInput(serializers.Serializer[Any]):
    token = serializers.CharField(max_length=TOKEN, help_text="The `mfa.token` of the sign-in.")


class OptionsSerializer(serializers.Serializer[Any]):
    options = serializers.DictField(help_text="For the browser's or the app's WebAuthn functions.")


class CeremonySerializer(OptionsSerializer):
    token = serializers.CharField(help_text="Comes back with the device's answer, once.")
    expires_at = serializers.DateTimeField()


class AppSetupSerializer(serializers.Serializer[Any]):
    secret = serializers.CharField(help_text="In base 32, for typing.")
    uri = serializers.CharField(help_text="otpauth://totp/...")
    qr_svg = serializers.SerializerMethodField(help_text="`uri` as a drawing.")
    expires_at = serializers.DateTimeField()

    def get_qr_svg(self, setup: AppSetup) -> str:
        return segno.make(setup.uri, error="m", micro=False).svg_inline(omitsize=True, border=2)


class RecoveryCodesSerializer(serializers.Serializer[Any]):
    recovery_codes = serializers.ListField(
        child=serializers.CharField(),
        allow_null=True,
        help_text="Shown this once; null where there are some already.",
    )


class PasskeySerializer(serializers.ModelSerializer[Passkey]):
    class Meta:
        model = Passkey
        fields = ["id", "name", "is_discoverable", "is_synced", "created_at", "last_used_at"]
        read_only_fields = fields
        extra_kwargs = {  # as the framework has it
            "is_discoverable": {"help_text": "Signs in without a password."},
            "is_synced": {"help_text": "Kept by the maker's cloud, not in one device alone."},
        }


class NewPasskeySerializer(RecoveryCodesSerializer):
    passkey = PasskeySerializer()


class AppSerializer(serializers.Serializer[Any]):
    created_at = serializers.DateTimeField(source="app_added_at")
    last_used_at = serializers.DateTimeField(source="app_used_at", allow_null=True)


class FactorsSerializer(serializers.Serializer[Any]):
    is_enrolled = serializers.BooleanField(help_text="Whether sign-ins ask for a second factor.")
    is_required = serializers.BooleanField(help_text="Whether one has to be added before working.")
    totp = serializers.SerializerMethodField()
    passkeys = PasskeySerializer(many=True)
    recovery_codes_left = serializers.IntegerField(source="codes_left", allow_null=True)

    def get_totp(self, factors: Any) -> "dict[str, Any] | None":
        return dict(AppSerializer(factors).data) if factors.app_added_at else None
