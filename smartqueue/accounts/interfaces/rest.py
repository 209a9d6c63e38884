from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.utils.translation import get_language
from drf_spectacular.utils import extend_schema
from rest_framework.response import Response
from rest_framework.serializers import Serializer

from smartqueue.accounts import operations, policies, queries
from smartqueue.accounts.actor import Actor
from smartqueue.accounts.device import Device
from smartqueue.accounts.enums import Channel, CodePurpose, Language, Voucher
from smartqueue.accounts.interfaces.serializers import (
    AccountAccessInput,
    AccountAccessSerializer,
    AskedCodeSerializer,
    ChangedUserSerializer,
    ChangePasswordInput,
    CodeInput,
    ContactChangeInput,
    ContactChangeSerializer,
    ContactCodesInput,
    EndedSerializer,
    GrantSerializer,
    IdentifierInput,
    LoginInput,
    MeSerializer,
    MfaInput,
    NewPasswordInput,
    ProfileInput,
    ReauthenticateCodeInput,
    ReauthenticateInput,
    RefreshInput,
    RegisterInput,
    RegistrationSerializer,
    SessionSerializer,
    SignedInSerializer,
    SignOutAllInput,
    SocketTicketSerializer,
    TokensSerializer,
    UserSerializer,
    VerificationSerializer,
    VerifyInput,
)
from smartqueue.accounts.models import AccountAccess, Session, User
from smartqueue.common.rest.views import ApiListView, ApiRequest, ApiView
from smartqueue.idempotency.rest import idempotent


def _read(serializer: type[Serializer[Any]], request: ApiRequest, **options: Any) -> dict[str, Any]:
    given = serializer(data=request.data, **options)
    given.is_valid(raise_exception=True)
    return dict(given.validated_data)


def _signed_in(request: ApiRequest, user: User, continued: Actor | None = None) -> Response:
    started = operations.sign_in(
        user=user,
        device=Device.of_headers(request.headers),
        now=request.now,
        continued=continued,
    )
    return Response(
        {"access": started.access, "refresh": started.refresh, "user": UserSerializer(user).data}
    )


def _language() -> str:
    preferred = (get_language() or "")[:2]
    return preferred if preferred in Language.values else Language.FRENCH.value


class RegisterView(ApiView):
    """Ask for an account; a code goes to the e-mail address or phone."""

    public = True

    @extend_schema(request=RegisterInput, responses={201: RegistrationSerializer})
    def post(self, request: ApiRequest) -> Response:
        given = _read(RegisterInput, request)
        registration = operations.register(
            email=given.get("email"),
            phone=given.get("phone"),
            password=given["password"],
            first_name=given["first_name"],
            last_name=given["last_name"],
            language=given.get("language") or _language(),
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
        return _signed_in(request, user, continued=request.actor)


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


class AskCodeView(ApiView):
    """Ask for a code to sign in with; the answer is the same for an unknown identifier."""

    public = True
    purpose = CodePurpose.SIGN_IN

    @extend_schema(request=IdentifierInput, responses={202: AskedCodeSerializer})
    def post(self, request: ApiRequest) -> Response:
        given = _read(IdentifierInput, request)
        asked = operations.ask_code(
            purpose=self.purpose, language=_language(), now=request.now, **given
        )
        return Response(AskedCodeSerializer(asked).data, status=202)


class ConfirmCodeView(ApiView):
    """Sign in with the code; 401 `mfa_required` asks for the second factor."""

    public = True

    @extend_schema(request=CodeInput, responses=SignedInSerializer)
    def post(self, request: ApiRequest) -> Response:
        given = _read(CodeInput, request)
        return _signed_in(request, operations.sign_in_with_code(now=request.now, **given))


class PasswordResetView(AskCodeView):
    """Ask for a code for a new password; the answer is the same for an unknown identifier."""

    purpose = CodePurpose.PASSWORD_RESET


class ConfirmPasswordResetView(ApiView):
    """Give the code back for the leave to set a password; 401 `mfa_required` asks for more."""

    public = True

    @extend_schema(request=CodeInput, responses=GrantSerializer)
    def post(self, request: ApiRequest) -> Response:
        given = _read(CodeInput, request)
        return Response({"grant": operations.open_password_reset(now=request.now, **given)})


class PasswordResetMfaView(ApiView):
    """Give the second factor for the leave to set a password."""

    public = True

    @extend_schema(request=MfaInput, responses=GrantSerializer)
    def post(self, request: ApiRequest) -> Response:
        grant = operations.open_password_reset_with_second_factor(
            now=request.now, **_read(MfaInput, request)
        )
        return Response({"grant": grant})


class CompletePasswordResetView(ApiView):
    """Set the new password; every session of the person ends."""

    public = True

    @extend_schema(request=NewPasswordInput, responses={204: None})
    def post(self, request: ApiRequest) -> Response:
        operations.reset_password(now=request.now, **_read(NewPasswordInput, request))
        return Response(status=204)


class ChangePasswordView(ApiView):
    """Replace the password by whoever knows it; every other session of theirs ends."""

    @extend_schema(request=ChangePasswordInput, responses={204: None})
    def post(self, request: ApiRequest) -> Response:
        operations.change_password(
            actor=request.actor, now=request.now, **_read(ChangePasswordInput, request)
        )
        return Response(status=204)


class SessionListView(ApiListView):
    """Where the caller is signed in, last used first."""

    serializer_class = SessionSerializer
    queryset = Session.objects.none()

    def get_queryset(self) -> "QuerySet[Session]":
        return queries.list_sessions(self.request.actor.require_user())

    @extend_schema(responses=SessionSerializer(many=True))
    def get(self, request: ApiRequest) -> Response:
        return self.list_response(request)


class SessionView(ApiView):
    """One sign-in on one device."""

    @extend_schema(responses={204: None})
    def delete(self, request: ApiRequest, session_id: UUID) -> Response:
        """End a session at once, with its tokens and sockets; another device's asks who one is."""
        operations.end_own_session(actor=request.actor, session_id=session_id, now=request.now)
        return Response(status=204)


class SignOutAllView(ApiView):
    """Sign out everywhere, or everywhere else."""

    @extend_schema(request=SignOutAllInput, responses=EndedSerializer)
    @idempotent
    def post(self, request: ApiRequest) -> Response:
        given = _read(SignOutAllInput, request)
        ended = operations.sign_out_everywhere(actor=request.actor, now=request.now, **given)
        return Response({"ended": ended})


class ContactChangeListView(ApiView):
    """Ask for a new e-mail address or phone number; codes go to both ends."""

    @extend_schema(request=ContactChangeInput, responses={202: ContactChangeSerializer})
    def post(self, request: ApiRequest) -> Response:
        given = _read(ContactChangeInput, request)
        change = operations.start_contact_change(
            actor=request.actor,
            user_id=request.actor.require_user(),
            channel=Channel(given["channel"]),
            value=given["value"],
            voucher=Voucher(given["voucher"]),
            now=request.now,
        )
        return Response(ContactChangeSerializer(change).data, status=202)


class ContactChangeView(ApiView):
    """A change of contact on its way."""

    @extend_schema(responses=ContactChangeSerializer)
    def get(self, request: ApiRequest, change_id: UUID) -> Response:
        change = policies.access_contact_change(request.actor, change_id)
        return Response(ContactChangeSerializer(change).data)


class ConfirmContactChangeView(ApiView):
    """Give the codes of a change of contact, together or one by one."""

    @extend_schema(request=ContactCodesInput, responses=ContactChangeSerializer)
    def post(self, request: ApiRequest, change_id: UUID) -> Response:
        # Before the fields are looked at: a stranger learns nothing from what is wrong with them.
        policies.access_contact_change(request.actor, change_id)
        change = operations.confirm_contact_change(
            actor=request.actor,
            change_id=change_id,
            now=request.now,
            **_read(ContactCodesInput, request),
        )
        return Response(ContactChangeSerializer(change).data)


class ReauthenticateView(ApiView):
    """Give the password again before a dangerous change; 401 `mfa_required` asks for more."""

    @extend_schema(request=ReauthenticateInput, responses={204: None})
    def post(self, request: ApiRequest) -> Response:
        given = _read(ReauthenticateInput, request)
        if "code" in given:
            operations.reauthenticate_with_code(actor=request.actor, now=request.now, **given)
        else:
            operations.reauthenticate(actor=request.actor, now=request.now, **given)
        return Response(status=204)


class ReauthenticateCodeView(ApiView):
    """Ask for a code to one's own e-mail address or phone, in place of the password."""

    @extend_schema(request=ReauthenticateCodeInput, responses={202: AskedCodeSerializer})
    def post(self, request: ApiRequest) -> Response:
        given = _read(ReauthenticateCodeInput, request)
        asked = operations.ask_code_again(
            actor=request.actor, channel=Channel(given["channel"]), now=request.now
        )
        return Response(AskedCodeSerializer(asked).data, status=202)


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


class AccountAccessListView(ApiListView):
    """Times at which platform staff could reach an account."""

    serializer_class = AccountAccessSerializer
    queryset = AccountAccess.objects.none()

    def get_queryset(self) -> "QuerySet[Any]":
        return queries.list_accesses(self.request.actor.require_user())

    @extend_schema(responses=AccountAccessSerializer(many=True))
    def get(self, request: ApiRequest) -> Response:
        """List accesses to one's own account; for platform staff also those they opened."""
        return self.list_response(request)

    @extend_schema(request=AccountAccessInput, responses={201: AccountAccessSerializer})
    @idempotent
    def post(self, request: ApiRequest) -> Response:
        """Open access to somebody's account for an hour, saying why; the person is told."""
        values = _read(AccountAccessInput, request)
        access = operations.open_account_access(
            actor=request.actor,
            whose=values["user"] or values["identifier"],
            reason=values["reason"],
            now=request.now,
        )
        return Response(AccountAccessSerializer(access).data, status=201)


class AccountAccessCloseView(ApiView):
    @extend_schema(request=None, responses=AccountAccessSerializer)
    @idempotent
    def post(self, request: ApiRequest, access_id: UUID) -> Response:
        """End an access before its time, as its administrator or as the person."""
        access = operations.close_account_access(
            actor=request.actor, access_id=access_id, now=request.now
        )
        return Response(AccountAccessSerializer(access).data)


class UserView(ApiView):
    """One account: one's own, or one that a platform administrator has opened access to."""

    @extend_schema(responses=UserSerializer)
    def get(self, request: ApiRequest, user_id: UUID) -> Response:
        """Read an account: one's own, or one that the caller has opened access to."""
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
        if change.contact_changes:
            first = change.contact_changes[0]
            body["verification"] = VerificationSerializer(first).data
            body["contact_changes"] = ContactChangeSerializer(
                change.contact_changes, many=True
            ).data
        return Response(body)
