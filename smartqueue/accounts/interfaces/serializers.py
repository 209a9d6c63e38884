from typing import Any

from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from smartqueue.accounts.device import describe
from smartqueue.accounts.enums import Channel, DeviceKind, Language, Method, Role, Voucher
from smartqueue.accounts.models import AccountAccess, ContactChange, FactorReset, Session, User

NAME = 80
EMAIL = 254
PHONE = 32
PASSWORD = 128
TOKEN = 128


class DeviceSerializer(serializers.Serializer[Any]):
    kind = serializers.ChoiceField(DeviceKind.choices)
    name = serializers.CharField(help_text='"Chrome, Android", or what the application says.')


class RegisterInput(serializers.Serializer[Any]):
    """One of e-mail and phone is needed; with both, the code goes to each."""

    email = serializers.CharField(max_length=EMAIL, required=False, allow_null=True)
    phone = serializers.CharField(max_length=PHONE, required=False, allow_null=True)
    password = serializers.CharField(max_length=PASSWORD, trim_whitespace=False)
    first_name = serializers.CharField(max_length=NAME)
    last_name = serializers.CharField(max_length=NAME)
    language = serializers.ChoiceField(Language.choices, required=False)


class IdentifierInput(serializers.Serializer[Any]):
    identifier = serializers.CharField(max_length=EMAIL, help_text="E-mail address or phone.")


class VerifyInput(IdentifierInput):
    code = serializers.CharField(max_length=16)


class LoginInput(IdentifierInput):
    password = serializers.CharField(max_length=PASSWORD, trim_whitespace=False)


class MfaInput(serializers.Serializer[Any]):
    """`code` for an app, a recovery code or a code of support; `credential` for a passkey."""

    token = serializers.CharField(max_length=TOKEN)
    method = serializers.ChoiceField(Method.choices)
    code = serializers.CharField(max_length=32, required=False)
    credential = serializers.DictField(
        required=False, help_text="What the device answered to `auth/mfa/options/`."
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Hand on the one answer that belongs to the method, as `code`."""
        wanted = "credential" if attrs["method"] == Method.PASSKEY else "code"
        if wanted not in attrs:
            required = self.fields[wanted].error_messages["required"]
            raise serializers.ValidationError({wanted: required}, code="required")
        return {"token": attrs["token"], "method": attrs["method"], "code": attrs[wanted]}


class CodeInput(serializers.Serializer[Any]):
    token = serializers.CharField(max_length=TOKEN, help_text="From the answer to asking.")
    code = serializers.CharField(max_length=16)


class ReauthenticateInput(serializers.Serializer[Any]):
    """The password, or a code that was asked for with its token."""

    password = serializers.CharField(max_length=PASSWORD, trim_whitespace=False, required=False)
    token = serializers.CharField(max_length=TOKEN, required=False)
    code = serializers.CharField(max_length=16, required=False)

    def validate(self, given: dict[str, Any]) -> dict[str, Any]:
        if set(given) not in ({"password"}, {"token", "code"}):
            raise serializers.ValidationError(
                {"password": _("Give the password, or a code and its token.")}
            )
        return given


class ReauthenticateCodeInput(serializers.Serializer[Any]):
    channel = serializers.ChoiceField(Channel.choices)


class AskedCodeSerializer(serializers.Serializer[Any]):
    token = serializers.CharField(help_text="To be given back with the code.")
    channel = serializers.ChoiceField(Channel.choices)
    expires_at = serializers.DateTimeField()


class GrantSerializer(serializers.Serializer[Any]):
    grant = serializers.CharField(help_text="Good for one new password within ten minutes.")


class NewPasswordInput(serializers.Serializer[Any]):
    grant = serializers.CharField(max_length=TOKEN)
    password = serializers.CharField(max_length=PASSWORD, trim_whitespace=False)


class ChangePasswordInput(serializers.Serializer[Any]):
    old_password = serializers.CharField(max_length=PASSWORD, trim_whitespace=False)
    password = serializers.CharField(max_length=PASSWORD, trim_whitespace=False)


class SessionSerializer(serializers.ModelSerializer[Session]):
    """Where somebody is signed in; `network` is the address, cut short."""

    device = serializers.SerializerMethodField()
    is_current = serializers.SerializerMethodField()

    class Meta:
        model = Session
        fields = ["id", "kind", "device", "network", "created_at", "last_used_at", "is_current"]
        read_only_fields = fields

    @extend_schema_field(DeviceSerializer)
    def get_device(self, session: Session) -> "dict[str, Any]":
        return dict(DeviceSerializer(describe(session.device_name)).data)

    def get_is_current(self, session: Session) -> bool:
        return bool(session.pk == self.context["request"].actor.session_id)


class SignOutAllInput(serializers.Serializer[Any]):
    keep_current = serializers.BooleanField(default=True)


class EndedSerializer(serializers.Serializer[Any]):
    ended = serializers.IntegerField(help_text="How many sessions there were.")


class ContactChangeInput(serializers.Serializer[Any]):
    channel = serializers.ChoiceField(Channel.choices)
    value = serializers.CharField(
        max_length=EMAIL, allow_blank=True, help_text="Empty removes the identifier."
    )
    voucher = serializers.ChoiceField(Voucher.choices, default=Voucher.REPLACED)


class ContactChangeSerializer(serializers.ModelSerializer[ContactChange]):
    """A change of contact; it is done once both ends are confirmed."""

    is_new_confirmed = serializers.SerializerMethodField()
    is_old_confirmed = serializers.SerializerMethodField()
    is_done = serializers.SerializerMethodField()

    class Meta:
        model = ContactChange
        fields = [
            "id",
            "channel",
            "old_value",
            "new_value",
            "voucher",
            "is_new_confirmed",
            "is_old_confirmed",
            "is_done",
            "expires_at",
        ]
        read_only_fields = fields

    def get_is_new_confirmed(self, change: ContactChange) -> bool:
        return change.new_confirmed_at is not None

    def get_is_old_confirmed(self, change: ContactChange) -> bool:
        return change.old_confirmed_at is not None

    def get_is_done(self, change: ContactChange) -> bool:
        return change.done_at is not None


class ContactCodesInput(serializers.Serializer[Any]):
    """The codes that came to the two ends, together or one after the other."""

    codes = serializers.ListField(
        child=serializers.CharField(max_length=16), min_length=1, max_length=2
    )


class RefreshInput(serializers.Serializer[Any]):
    refresh = serializers.CharField(max_length=TOKEN)


class UserSerializer(serializers.ModelSerializer[User]):
    is_platform_admin = serializers.BooleanField(source="is_superuser", read_only=True)

    class Meta:
        model = User
        fields = [
            "id",
            "email",
            "phone",
            "first_name",
            "last_name",
            "language",
            "is_platform_admin",
            "date_joined",
        ]
        read_only_fields = fields


class AccountAccessInput(serializers.Serializer[Any]):
    """`user` names the account by its id, `identifier` by a proven e-mail address or phone number."""

    user = serializers.UUIDField(required=False, default=None)
    identifier = serializers.CharField(required=False, default="", max_length=EMAIL)
    reason = serializers.CharField(max_length=300, help_text="The person reads it.")


class AccountAccessSerializer(serializers.ModelSerializer[AccountAccess]):
    user = serializers.UUIDField(source="user_id", read_only=True)
    admin = serializers.UUIDField(source="admin_id", read_only=True, allow_null=True)

    class Meta:
        model = AccountAccess
        fields = ["id", "user", "admin", "reason", "opened_at", "expires_at", "closed_at"]
        read_only_fields = fields


class FactorResetInput(AccountAccessInput):
    """An owner names a colleague by `user`; platform staff anybody, by either."""

    reason = serializers.CharField(
        max_length=300, help_text="How you made sure who it is. The person reads it."
    )


class FactorResetSerializer(serializers.ModelSerializer[FactorReset]):
    user = serializers.UUIDField(source="user_id", read_only=True)
    issuer = serializers.UUIDField(source="issuer_id", read_only=True, allow_null=True)

    class Meta:
        model = FactorReset
        fields = [
            "id",
            "user",
            "issuer",
            "reason",
            "created_at",
            "usable_at",
            "expires_at",
            "used_at",
            "cancelled_at",
        ]
        read_only_fields = fields


class IssuedFactorResetSerializer(FactorResetSerializer):
    code = serializers.CharField(help_text="For the person alone; shown this once.")

    class Meta(FactorResetSerializer.Meta):
        fields = [*FactorResetSerializer.Meta.fields, "code"]
        read_only_fields = fields


class MembershipSerializer(serializers.Serializer[Any]):
    organization = serializers.UUIDField(source="organization_id")
    role = serializers.ChoiceField(Role.choices)
    branches = serializers.ListField(
        child=serializers.UUIDField(),
        source="branch_ids",
        allow_null=True,
        help_text="null is every branch.",
    )


class MeSerializer(UserSerializer):
    memberships = serializers.SerializerMethodField()
    needs_second_factor = serializers.SerializerMethodField(
        help_text="Whether a second factor has to be added before working for an organization."
    )

    class Meta(UserSerializer.Meta):
        fields = [*UserSerializer.Meta.fields, "memberships", "needs_second_factor"]
        read_only_fields = fields

    def get_memberships(self, user: User) -> "list[dict[str, Any]]":
        return list(MembershipSerializer(self.context["actor"].memberships, many=True).data)

    def get_needs_second_factor(self, user: User) -> bool:
        return bool(self.context["actor"].needs_second_factor)


class VerificationSerializer(serializers.Serializer[Any]):
    channel = serializers.CharField()
    expires_at = serializers.DateTimeField()


class RegisteredUserSerializer(serializers.Serializer[Any]):
    id = serializers.UUIDField(source="user_id")
    email = serializers.CharField(allow_null=True)
    phone = serializers.CharField(allow_null=True)
    first_name = serializers.CharField()
    last_name = serializers.CharField()
    language = serializers.CharField()


class RegistrationSerializer(serializers.Serializer[Any]):
    user = RegisteredUserSerializer(source="*")
    verification = VerificationSerializer()


class TokensSerializer(serializers.Serializer[Any]):
    access = serializers.CharField()
    refresh = serializers.CharField()


class SignedInSerializer(TokensSerializer):
    user = UserSerializer()


class SocketTicketSerializer(serializers.Serializer[Any]):
    ticket = serializers.CharField()
    expires_in = serializers.IntegerField(help_text="Seconds.")


class ProfileInput(serializers.Serializer[Any]):
    """
    A new e-mail address or phone counts once the codes sent to it and to the one it replaces have
    come back, through `verify` or `auth/contact-changes`.
    """

    first_name = serializers.CharField(max_length=NAME)
    last_name = serializers.CharField(max_length=NAME)
    language = serializers.ChoiceField(Language.choices)
    email = serializers.CharField(max_length=EMAIL, required=False, allow_null=True)
    phone = serializers.CharField(max_length=PHONE, required=False, allow_null=True)


class ChangedUserSerializer(UserSerializer):
    verification = VerificationSerializer(
        required=False, help_text="Where a code went for a new identifier."
    )
    contact_changes = ContactChangeSerializer(
        many=True, required=False, help_text="What waits to be confirmed on both ends."
    )

    class Meta(UserSerializer.Meta):
        fields = [*UserSerializer.Meta.fields, "verification", "contact_changes"]
        read_only_fields = fields
