from typing import Any

from rest_framework import serializers

from smartqueue.accounts.enums import Language, Method, Role
from smartqueue.accounts.models import User

NAME = 80
EMAIL = 254
PHONE = 32
PASSWORD = 128
TOKEN = 128


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
    token = serializers.CharField(max_length=TOKEN)
    method = serializers.ChoiceField(Method.choices)
    code = serializers.CharField(max_length=32)


class ReauthenticateInput(serializers.Serializer[Any]):
    password = serializers.CharField(max_length=PASSWORD, trim_whitespace=False)


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

    class Meta(UserSerializer.Meta):
        fields = [*UserSerializer.Meta.fields, "memberships"]
        read_only_fields = fields

    def get_memberships(self, user: User) -> "list[dict[str, Any]]":
        return list(MembershipSerializer(self.context["actor"].memberships, many=True).data)


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
    """A new e-mail address or phone counts once its code has come back through `verify`."""

    first_name = serializers.CharField(max_length=NAME)
    last_name = serializers.CharField(max_length=NAME)
    language = serializers.ChoiceField(Language.choices)
    email = serializers.CharField(max_length=EMAIL, required=False, allow_null=True)
    phone = serializers.CharField(max_length=PHONE, required=False, allow_null=True)


class ChangedUserSerializer(UserSerializer):
    verification = VerificationSerializer(
        required=False, help_text="Where a code went for a new identifier."
    )

    class Meta(UserSerializer.Meta):
        fields = [*UserSerializer.Meta.fields, "verification"]
        read_only_fields = fields
