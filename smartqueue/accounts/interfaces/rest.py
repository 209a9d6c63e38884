from typing import Any
from uuid import UUID

from django.utils.translation import get_language
from drf_spectacular.utils import extend_schema
from rest_framework.response import Response
from rest_framework.serializers import Serializer

from smartqueue.accounts import operations, policies
from smartqueue.accounts.device import Device
from smartqueue.accounts.enums import Language
from smartqueue.accounts.interfaces.serializers import (
    ChangedUserSerializer,
    LoginInput,
    MeSerializer,
    MfaInput,
    ProfileInput,
    ReauthenticateInput,
    RefreshInput,
    RegisterInput,
    RegistrationSerializer,
    SignedInSerializer,
    SocketTicketSerializer,
    TokensSerializer,
    UserSerializer,
    VerificationSerializer,
    VerifyInput,
)
from smartqueue.accounts.models import User
from smartqueue.common.rest.views import ApiRequest, ApiView


def _read(serializer: type[Serializer[Any]], request: ApiRequest, **options: Any) -> dict[str, Any]:
    given = serializer(data=request.data, **options)
    given.is_valid(raise_exception=True)
    return dict(given.validated_data)


def _signed_in(request: ApiRequest, user: User) -> Response:
    started = operations.sign_in(
        user=user, device=Device.of_headers(request.headers), now=request.now
    )
    return Response(
        {"access": started.access, "refresh": started.refresh, "user": UserSerializer(user).data}
    )


class RegisterView(ApiView):
    """Ask for an account; a code goes to the e-mail address or phone."""

    public = True

    @extend_schema(request=RegisterInput, responses={201: RegistrationSerializer})
    def post(self, request: ApiRequest) -> Response:
        given = _read(RegisterInput, request)
        preferred = (get_language() or "")[:2]
        registration = operations.register(
            email=given.get("email"),
            phone=given.get("phone"),
            password=given["password"],
            first_name=given["first_name"],
            last_name=given["last_name"],
            language=given.get("language")
            or (preferred if preferred in Language.values else Language.FRENCH.value),
            now=request.now,
        )
        return Response(RegistrationSerializer(registration).data, status=201)


class VerifyView(ApiView):
    """Give the code back: the identifier is proven and the person signed in."""

    public = True

    @extend_schema(request=VerifyInput, responses=SignedInSerializer)
    def post(self, request: ApiRequest) -> Response:
        given = _read(VerifyInput, request)
        user = operations.verify_code(actor=request.actor, now=request.now, **given)
        return _signed_in(request, user)


class LoginView(ApiView):
    """Sign in; 401 `mfa_required` asks for the second factor."""

    public = True

    @extend_schema(request=LoginInput, responses=SignedInSerializer)
    def post(self, request: ApiRequest) -> Response:
        given = _read(LoginInput, request)
        return _signed_in(request, operations.authenticate(now=request.now, **given))


class MfaView(ApiView):
    """Confirm a sign-in by the second factor."""

    public = True

    @extend_schema(request=MfaInput, responses=SignedInSerializer)
    def post(self, request: ApiRequest) -> Response:
        given = _read(MfaInput, request)
        return _signed_in(request, operations.confirm_second_factor(now=request.now, **given))


class ReauthenticateView(ApiView):
    """Give the password again before a dangerous change; 401 `mfa_required` asks for more."""

    @extend_schema(request=ReauthenticateInput, responses={204: None})
    def post(self, request: ApiRequest) -> Response:
        given = _read(ReauthenticateInput, request)
        operations.reauthenticate(actor=request.actor, now=request.now, **given)
        return Response(status=204)


class ReauthenticateMfaView(ApiView):
    """Give the second factor too; the sign-in then counts as recent for ten minutes."""

    @extend_schema(request=MfaInput, responses={204: None})
    def post(self, request: ApiRequest) -> Response:
        operations.reauthenticate_with_second_factor(
            actor=request.actor, now=request.now, **_read(MfaInput, request)
        )
        return Response(status=204)


class RefreshView(ApiView):
    """Exchange a refresh token, once, for its successor and a new access token."""

    public = True

    @extend_schema(request=RefreshInput, responses=TokensSerializer)
    def post(self, request: ApiRequest) -> Response:
        given = _read(RefreshInput, request)
        tokens = operations.refresh_tokens(
            device=Device.of_headers(request.headers), now=request.now, **given
        )
        return Response({"access": tokens.access, "refresh": tokens.refresh})


class LogoutView(ApiView):
    """End the session of a refresh token, with its access tokens and sockets."""

    public = True

    @extend_schema(request=RefreshInput, responses={204: None})
    def post(self, request: ApiRequest) -> Response:
        operations.sign_out(now=request.now, **_read(RefreshInput, request))
        return Response(status=204)


class SocketTicketView(ApiView):
    """A ticket that opens one socket within 30 s; for a person or a ticket's holder."""

    public = True

    @extend_schema(request=None, responses=SocketTicketSerializer)
    def post(self, request: ApiRequest) -> Response:
        ticket = operations.make_socket_ticket(actor=request.actor, now=request.now)
        return Response({"ticket": ticket, "expires_in": operations.SOCKET_TICKET_SECONDS})


class MeView(ApiView):
    """The caller's own profile and roles."""

    @extend_schema(responses=MeSerializer)
    def get(self, request: ApiRequest) -> Response:
        user = policies.access_user(request.actor, request.actor.require_user())
        return Response(MeSerializer(user, context={"actor": request.actor}).data)


class UserView(ApiView):
    """One account: one's own, or any for a platform administrator."""

    @extend_schema(responses=UserSerializer)
    def get(self, request: ApiRequest, user_id: UUID) -> Response:
        """Read an account: one's own, or any for a platform administrator."""
        return Response(UserSerializer(policies.access_user(request.actor, user_id)).data)

    @extend_schema(request=ProfileInput, responses=ChangedUserSerializer)
    def put(self, request: ApiRequest, user_id: UUID) -> Response:
        """Replace the profile; a new e-mail address or phone has to be verified."""
        return self._change(request, user_id, partial=False)

    @extend_schema(request=ProfileInput, responses=ChangedUserSerializer)
    def patch(self, request: ApiRequest, user_id: UUID) -> Response:
        """Change parts of the profile; a new e-mail address or phone has to be verified."""
        return self._change(request, user_id, partial=True)

    @extend_schema(responses={204: None})
    def delete(self, request: ApiRequest, user_id: UUID) -> Response:
        """Erase an account: personal data is removed, history stays without it."""
        operations.erase_user(actor=request.actor, user_id=user_id, now=request.now)
        return Response(status=204)

    def _change(self, request: ApiRequest, user_id: UUID, *, partial: bool) -> Response:
        # Before the fields are looked at: a stranger learns nothing from what is wrong with them.
        policies.access_user(request.actor, user_id)
        change = operations.change_profile(
            actor=request.actor,
            user_id=user_id,
            changes=_read(ProfileInput, request, partial=partial),
            now=request.now,
        )
        body = dict(UserSerializer(change.user).data)
        if change.verification:
            body["verification"] = VerificationSerializer(change.verification).data
        return Response(body)
