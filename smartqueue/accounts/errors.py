"""What can go wrong when somebody says who they are."""

from django.utils.translation import gettext_lazy as _

from smartqueue.common.errors import NotSignedIn, Problem


class InvalidCredentials(Problem):
    """Unknown person or wrong password: the same answer on purpose."""

    status = 401
    code = "invalid_credentials"
    title = _("This identifier and password do not go together.")
    detail = _(
        "Check both. If you have just registered, enter the code that was sent to you first."
    )


class MfaRequired(Problem):
    """The password is right; `mfa` in the body names the methods and carries the token to answer with."""

    status = 401
    code = "mfa_required"
    title = _("Confirm that it is you with your second factor.")


class MfaExpired(Problem):
    """The sign-in waited too long for its second factor, or was answered already."""

    status = 401
    code = "mfa_expired"
    title = _("This sign-in is no longer open. Enter your password again.")


class ReauthenticationNeeded(Problem):
    """A dangerous change by somebody whose last proof of who they are is more than ten minutes old."""

    status = 403
    code = "reauthentication_needed"
    title = _("Confirm that it is you first.")
    detail = _("This change needs your password again. Nothing was changed.")


class WrongPassword(Problem):
    status = 400
    code = "wrong_password"
    title = _("This is not your password.")


class InvalidToken(NotSignedIn):
    """Not a refresh token of ours, or too old."""

    code = "invalid_token"
    title = _("This session cannot be continued. Sign in again.")


class SessionEnded(NotSignedIn):
    code = "session_ended"
    title = _("This session has ended. Sign in again.")


class TokenReused(NotSignedIn):
    code = "token_reused"
    title = _(
        "This refresh token was used already. Use the one that followed it, or sign in again."
    )


class WrongCode(Problem):
    status = 400
    code = "wrong_code"
    title = _("This code is not right. Check it, or ask for a new one.")


class CodeExpired(Problem):
    status = 400
    code = "code_expired"
    title = _("This code has expired. Ask for a new one.")


class TooManyTries(Problem):
    """The code is dead after too many wrong answers; waiting does not bring it back."""

    status = 400
    code = "too_many_tries"
    title = _("Too many wrong codes. Ask for a new one.")


class VoucherUnavailable(Problem):
    """What should vouch for a change of contact is not there, or has not been theirs for a day."""

    status = 400
    code = "voucher_unavailable"
    title = _("This cannot confirm the change.")
    detail = _(
        "Another address, number or second factor can stand in once it has been yours for a day."
    )


class ResetExpired(Problem):
    status = 400
    code = "reset_expired"
    title = _("This way to a new password is closed. Ask for a new code.")


class ChannelUnavailable(Problem):
    status = 503
    code = "channel_unavailable"
    title = _("Messages cannot be sent this way for now. Use the other way to be reached.")


class SecondFactorRequired(Problem):
    """The organization, or the platform of its administrators, wants a second factor first."""

    status = 403
    code = "second_factor_required"
    title = _("This needs a second factor. Add one to your account first.")


class AccountAccessNeeded(Problem):
    """Platform staff reach an account only while their access to it, with its reason, is open."""

    status = 403
    code = "account_access_needed"
    title = _("Open access to this account with a reason first.")


class AccountAccessOpen(Problem):
    status = 409
    code = "account_access_already_open"
    title = _("You have access to this account already.")


class SupportOnly(Problem):
    """An owner vouches for who works for that organization alone, and for no platform staff."""

    status = 403
    code = "support_only"
    title = _("For this account only SmartQueue support can do this.")


class FactorResetOpen(Problem):
    status = 409
    code = "factor_reset_already_open"
    title = _("A code for this account is out already. Withdraw it before you give another.")


class NewFactorAwaited(Problem):
    """Its second factors were just removed: nobody begins another session before there is a new one."""

    status = 403
    code = "new_factor_awaited"
    title = _("This account is getting a new second factor. Add it where you used the code.")


class EnrolmentExpired(Problem):
    """No authenticator app is being added, or it took too long."""

    status = 409
    code = "enrolment_expired"
    title = _("Adding the authenticator app took too long. Begin again.")


class NoFactorToReset(Problem):
    status = 409
    code = "no_factor_to_reset"
    title = _("This account has no second factor that could be lost.")


class NoSecondFactor(Problem):
    """Recovery codes stand in for a second factor, and there is none."""

    status = 409
    code = "no_second_factor"
    title = _("Add an authenticator app or a passkey first.")


class PasskeyRefused(Problem):
    """Forged, replayed, too old, from another site, copied, or of nobody: the same answer on purpose."""

    status = 400
    code = "passkey_refused"
    title = _("This passkey was not accepted. Try again, or use another way.")


class PasskeyKnown(Problem):
    status = 409
    code = "passkey_known"
    title = _("This passkey was added already.")


class TooManyPasskeys(Problem):
    status = 409
    code = "too_many_passkeys"
    title = _("Remove a passkey before you add another.")
