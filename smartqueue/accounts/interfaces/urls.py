from django.urls import path

from smartqueue.accounts.interfaces import rest

urlpatterns = [
    path("auth/register/", rest.RegisterView.as_view(), name="register"),
    path("auth/verify/", rest.VerifyView.as_view(), name="verify"),
    path("auth/login/", rest.LoginView.as_view(), name="login"),
    path("auth/mfa/", rest.MfaView.as_view(), name="mfa"),
    path("auth/reauthenticate/", rest.ReauthenticateView.as_view(), name="reauthenticate"),
    path(
        "auth/reauthenticate/mfa/",
        rest.ReauthenticateMfaView.as_view(),
        name="reauthenticate-mfa",
    ),
    path("auth/refresh/", rest.RefreshView.as_view(), name="refresh"),
    path("auth/logout/", rest.LogoutView.as_view(), name="logout"),
    path("auth/socket-ticket/", rest.SocketTicketView.as_view(), name="socket-ticket"),
    path("users/me/", rest.MeView.as_view(), name="me"),
    path("users/<uuid:user_id>/", rest.UserView.as_view(), name="user"),
]
