from django.urls import path

from smartqueue.accounts.interfaces import factors, rest

urlpatterns = [
    path("auth/register/", rest.RegisterView.as_view(), name="register"),
    path("auth/verify/", rest.VerifyView.as_view(), name="verify"),
    path("auth/login/", rest.LoginView.as_view(), name="login"),
    path("auth/mfa/", rest.MfaView.as_view(), name="mfa"),
    path("auth/code/", rest.AskCodeView.as_view(), name="code"),
    path("auth/code/confirm/", rest.ConfirmCodeView.as_view(), name="code-confirm"),
    path("auth/password/change/", rest.ChangePasswordView.as_view(), name="password-change"),
    path("auth/password/reset/", rest.PasswordResetView.as_view(), name="password-reset"),
    path(
        "auth/password/reset/confirm/",
        rest.ConfirmPasswordResetView.as_view(),
        name="password-reset-confirm",
    ),
    path(
        "auth/password/reset/mfa/",
        rest.PasswordResetMfaView.as_view(),
        name="password-reset-mfa",
    ),
    path(
        "auth/password/reset/complete/",
        rest.CompletePasswordResetView.as_view(),
        name="password-reset-complete",
    ),
    path(
        "auth/reauthenticate/code/",
        rest.ReauthenticateCodeView.as_view(),
        name="reauthenticate-code",
    ),
    path("auth/mfa/options/", factors.MfaOptionsView.as_view(), name="mfa-options"),
    path("auth/passkey/", factors.PasskeySignInView.as_view(), name="passkey-sign-in"),
    path(
        "auth/passkey/options/",
        factors.PasskeySignInOptionsView.as_view(),
        name="passkey-sign-in-options",
    ),
    path("auth/reauthenticate/", rest.ReauthenticateView.as_view(), name="reauthenticate"),
    path(
        "auth/reauthenticate/mfa/",
        rest.ReauthenticateMfaView.as_view(),
        name="reauthenticate-mfa",
    ),
    path(
        "auth/reauthenticate/passkey/",
        factors.ReauthenticatePasskeyView.as_view(),
        name="reauthenticate-passkey",
    ),
    path("auth/refresh/", rest.RefreshView.as_view(), name="refresh"),
    path("auth/logout/", rest.LogoutView.as_view(), name="logout"),
    path("auth/socket-ticket/", rest.SocketTicketView.as_view(), name="socket-ticket"),
    path("sessions/", rest.SessionListView.as_view(), name="sessions"),
    path("sessions/sign-out-all/", rest.SignOutAllView.as_view(), name="sign-out-all"),
    path("sessions/<uuid:session_id>/", rest.SessionView.as_view(), name="session"),
    path("auth/contact-changes/", rest.ContactChangeListView.as_view(), name="contact-changes"),
    path(
        "auth/contact-changes/<uuid:change_id>/",
        rest.ContactChangeView.as_view(),
        name="contact-change",
    ),
    path(
        "auth/contact-changes/<uuid:change_id>/confirm/",
        rest.ConfirmContactChangeView.as_view(),
        name="contact-change-confirm",
    ),
    path("factors/", factors.FactorsView.as_view(), name="factors"),
    path("factors/totp/", factors.AppView.as_view(), name="factors-totp"),
    path("factors/totp/confirm/", factors.AppConfirmView.as_view(), name="factors-totp-confirm"),
    path(
        "factors/recovery-codes/",
        factors.RecoveryCodesView.as_view(),
        name="factors-recovery-codes",
    ),
    path("factors/passkeys/", factors.PasskeysView.as_view(), name="passkeys"),
    path("factors/passkeys/options/", factors.PasskeyOptionsView.as_view(), name="passkey-options"),
    path("factors/passkeys/<uuid:passkey_id>/", factors.PasskeyView.as_view(), name="passkey"),
    path("factor-resets/", factors.FactorResetsView.as_view(), name="factor-resets"),
    path(
        "factor-resets/<uuid:reset_id>/cancel/",
        factors.FactorResetCancelView.as_view(),
        name="factor-reset-cancel",
    ),
    path("account-accesses/", rest.AccountAccessListView.as_view(), name="account-accesses"),
    path(
        "account-accesses/<uuid:access_id>/close/",
        rest.AccountAccessCloseView.as_view(),
        name="account-access-close",
    ),
    path("users/me/", rest.MeView.as_view(), name="me"),
    path("users/<uuid:user_id>/", rest.UserView.as_view(), name="user"),
]
