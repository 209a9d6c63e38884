"""Second factors and passkeys: what confirms a sign-in, and signing in without a password."""

from typing import TYPE_CHECKING, Any
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework.response import Response

from smartqueue.accounts import operations, queries
from smartqueue.accounts.enums import KeyKind
from smartqueue.accounts.interfaces.factor_serializers import (
    AppCodeInput,
    AppSetupSerializer,
    CeremonySerializer,
    FactorsSerializer,
    KeyKindInput,
    MfaTokenInput,
    NewPasskeySerializer,
    OptionsSerializer,
    PasskeyInput,
    PasskeyNameInput,
    PasskeySerializer,
    PasskeySignInInput,
    RecoveryCodesSerializer,
)
from smartqueue.accounts.interfaces.rest import _read, _signed_in
from smartqueue.accounts.interfaces.serializers import (
    FactorResetInput,
    FactorResetSerializer,
    IssuedFactorResetSerializer,
    SignedInSerializer,
)
from smartqueue.accounts.models import FactorReset, Passkey
from smartqueue.common.rest.views import ApiListView, ApiRequest, ApiView
from smartqueue.idempotency.rest import idempotent

if TYPE_CHECKING:
    from django.db.models import QuerySet


class FactorsView(ApiView):
    """What confirms the caller's sign-ins."""

    @extend_schema(responses=FactorsSerializer)
    def get(self, request: ApiRequest) -> Response:
        actor = request.actor
        factors = queries.factors_of(actor.require_user(), is_required=actor.needs_second_factor)
        return Response(FactorsSerializer(factors).data)


class AppView(ApiView):
    """The authenticator app."""

    @extend_schema(request=None, responses=AppSetupSerializer)
    def post(self, request: ApiRequest) -> Response:
        """Make the secret for a new authenticator app; it counts once it was confirmed."""
        setup = operations.begin_app(actor=request.actor, now=request.now)
        return Response(AppSetupSerializer(setup).data)

    @extend_schema(responses={204: None})
    def delete(self, request: ApiRequest) -> Response:
        """Remove the authenticator app; the other sessions end."""
        operations.remove_app(actor=request.actor, now=request.now)
        return Response(status=204)


class AppConfirmView(ApiView):
    """Add the authenticator app that shows this code, in place of an earlier one."""

    @extend_schema(request=AppCodeInput, responses=RecoveryCodesSerializer)
    def post(self, request: ApiRequest) -> Response:
        given = _read(AppCodeInput, request)
        codes = operations.confirm_app(actor=request.actor, now=request.now, **given)
        return Response({"recovery_codes": codes})


class RecoveryCodesView(ApiView):
    """Make new recovery codes; the earlier ones are void."""

    @extend_schema(request=None, responses={201: RecoveryCodesSerializer})
    def post(self, request: ApiRequest) -> Response:
        codes = operations.make_recovery_codes(actor=request.actor, now=request.now)
        return Response({"recovery_codes": codes}, status=201)


class PasskeysView(ApiListView):
    """The caller's passkeys and security keys."""

    serializer_class = PasskeySerializer
    queryset = Passkey.objects.none()

    def get_queryset(self) -> "QuerySet[Passkey]":
        return queries.list_passkeys(self.request.actor.require_user())

    @extend_schema(responses=PasskeySerializer(many=True))
    def get(self, request: ApiRequest) -> Response:
        """List the caller's passkeys and security keys, oldest first."""
        return self.list_response(request)

    @extend_schema(request=PasskeyInput, responses={201: NewPasskeySerializer})
    def post(self, request: ApiRequest) -> Response:
        """Add the passkey that a device made for `factors/passkeys/options/`."""
        given = _read(PasskeyInput, request)
        added = operations.add_passkey(actor=request.actor, now=request.now, **given)
        return Response(NewPasskeySerializer(added).data, status=201)


class PasskeyOptionsView(ApiView):
    """What the device is asked in order to become a passkey or a security key."""

    @extend_schema(request=KeyKindInput, responses=CeremonySerializer)
    def post(self, request: ApiRequest) -> Response:
        kind = KeyKind(_read(KeyKindInput, request)["kind"])
        asked = operations.begin_passkey(actor=request.actor, kind=kind, now=request.now)
        return Response(CeremonySerializer(asked).data)


class PasskeyView(ApiView):
    """One of the caller's passkeys."""

    @extend_schema(request=PasskeyNameInput, responses=PasskeySerializer)
    def patch(self, request: ApiRequest, passkey_id: UUID) -> Response:
        """Give a passkey another name."""
        given = _read(PasskeyNameInput, request)
        passkey = operations.rename_passkey(
            actor=request.actor, passkey_id=passkey_id, now=request.now, **given
        )
        return Response(PasskeySerializer(passkey).data)

    @extend_schema(responses={204: None})
    def delete(self, request: ApiRequest, passkey_id: UUID) -> Response:
        """Remove a passkey; the other sessions end."""
        operations.remove_passkey(actor=request.actor, passkey_id=passkey_id, now=request.now)
        return Response(status=204)


class MfaOptionsView(ApiView):
    """What a passkey is asked in order to confirm a sign-in; the answer goes to `auth/mfa/`."""

    public = True

    @extend_schema(request=MfaTokenInput, responses=OptionsSerializer)
    def post(self, request: ApiRequest) -> Response:
        token = _read(MfaTokenInput, request)["token"]
        options = operations.begin_passkey_confirmation(mfa_token=token, now=request.now)
        return Response({"options": options})


class PasskeySignInOptionsView(ApiView):
    """What a passkey is asked in order to sign in; the answer goes to `auth/passkey/`."""

    public = True

    @extend_schema(request=None, responses=CeremonySerializer)
    def post(self, request: ApiRequest) -> Response:
        return Response(CeremonySerializer(operations.begin_passkey_sign_in(now=request.now)).data)


class PasskeySignInView(ApiView):
    """Sign in with a passkey; the device has checked its owner, so nothing more is asked."""

    public = True

    @extend_schema(request=PasskeySignInInput, responses=SignedInSerializer)
    def post(self, request: ApiRequest) -> Response:
        given: dict[str, Any] = _read(PasskeySignInInput, request)
        return _signed_in(request, operations.sign_in_with_passkey(now=request.now, **given))


class ReauthenticatePasskeyView(ApiView):
    """Use a passkey instead of the password before a dangerous change."""

    @extend_schema(request=PasskeySignInInput, responses={204: None})
    def post(self, request: ApiRequest) -> Response:
        given = _read(PasskeySignInInput, request)
        operations.reauthenticate_with_passkey(actor=request.actor, now=request.now, **given)
        return Response(status=204)


class FactorResetsView(ApiListView):
    """Codes that stand in, once, for second factors that somebody has lost."""

    serializer_class = FactorResetSerializer
    queryset = FactorReset.objects.none()

    def get_queryset(self) -> "QuerySet[FactorReset]":
        return queries.list_factor_resets(self.request.actor.require_user())

    @extend_schema(responses=FactorResetSerializer(many=True))
    def get(self, request: ApiRequest) -> Response:
        """List the codes for lost second factors that the caller was given or gave, newest first."""
        return self.list_response(request)

    @extend_schema(request=FactorResetInput, responses={201: IssuedFactorResetSerializer})
    def post(self, request: ApiRequest) -> Response:
        """
        Give somebody who lost every second factor a code for one sign-in, having made sure who they
        are. It counts after `usable_at`; the person is told, and can withdraw it. Using it removes
        every second factor and ends every session. An owner vouches for who works for that
        organization alone, the platform's staff for anybody.
        """
        given = _read(FactorResetInput, request)
        issued = operations.issue_factor_reset(
            actor=request.actor,
            whose=given["user"] or given["identifier"],
            reason=given["reason"],
            now=request.now,
        )
        told = FactorResetSerializer(issued.reset).data
        return Response({**told, "code": issued.code}, status=201)


class FactorResetCancelView(ApiView):
    @extend_schema(request=None, responses=FactorResetSerializer)
    @idempotent
    def post(self, request: ApiRequest, reset_id: UUID) -> Response:
        """Withdraw a code for lost second factors, as the person or as who could have given it."""
        reset = operations.cancel_factor_reset(
            actor=request.actor, reset_id=reset_id, now=request.now
        )
        return Response(FactorResetSerializer(reset).data)
