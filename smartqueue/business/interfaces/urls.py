from django.urls import URLPattern, URLResolver, path

from smartqueue.business.interfaces.rest import access, members, organizations, places, settings

urlpatterns: list[URLPattern | URLResolver] = [
    path("organizations/", organizations.OrganizationListView.as_view(), name="organizations"),
    path("organizations/<uuid:pk>/", organizations.OrganizationView.as_view(), name="organization"),
    path(
        "organizations/<uuid:pk>/services/",
        organizations.OrganizationServicesView.as_view(),
        name="organization-services",
    ),
    path("branches/", places.BranchListView.as_view(), name="branches"),
    path("branches/<uuid:pk>/", places.BranchView.as_view(), name="branch"),
    path(
        "branches/<uuid:pk>/opening-hours/",
        places.OpeningHoursView.as_view(),
        name="opening-hours",
    ),
    path(
        "opening-exceptions/",
        places.OpeningExceptionListView.as_view(),
        name="opening-exceptions",
    ),
    path(
        "opening-exceptions/<uuid:pk>/",
        places.OpeningExceptionView.as_view(),
        name="opening-exception",
    ),
    path(
        "holiday-overrides/",
        organizations.HolidayOverrideListView.as_view(),
        name="holiday-overrides",
    ),
    path(
        "holiday-overrides/<uuid:pk>/",
        organizations.HolidayOverrideView.as_view(),
        name="holiday-override",
    ),
    path("services/", places.ServiceListView.as_view(), name="services"),
    path("services/<uuid:pk>/", places.ServiceView.as_view(), name="service"),
    path("counters/", places.CounterListView.as_view(), name="counters"),
    path("counters/<uuid:pk>/", places.CounterView.as_view(), name="counter"),
    path("members/", members.MemberListView.as_view(), name="members"),
    path("members/<uuid:pk>/", members.MemberView.as_view(), name="member"),
    path("invitations/", members.InvitationListView.as_view(), name="invitations"),
    path("invitations/accept/", members.AcceptInvitationView.as_view(), name="accept-invitation"),
    path(
        "invitations/<uuid:pk>/resend/",
        members.InvitationResendView.as_view(),
        name="resend-invitation",
    ),
    path(
        "organizations/<uuid:pk>/settings/",
        settings.SettingsView.as_view(),
        name="organization-settings",
    ),
    path(
        "organizations/<uuid:pk>/settings/logo/",
        settings.LogoView.as_view(),
        name="organization-logo",
    ),
    path(
        "organizations/<uuid:pk>/settings/history/",
        settings.SettingsHistoryView.as_view(),
        name="organization-settings-history",
    ),
    path(
        "organizations/<uuid:pk>/settings/restore/",
        settings.SettingsRestoreView.as_view(),
        name="restore-organization-settings",
    ),
    path("devices/", access.DeviceListView.as_view(), name="devices"),
    path("devices/pair/", access.PairView.as_view(), name="pair-device"),
    path("devices/<uuid:pk>/", access.DeviceView.as_view(), name="device"),
    path("devices/<uuid:pk>/code/", access.DeviceCodeView.as_view(), name="device-code"),
    path("support-accesses/", access.SupportListView.as_view(), name="support-accesses"),
    path(
        "support-accesses/<uuid:pk>/close/",
        access.SupportCloseView.as_view(),
        name="close-support-access",
    ),
    path("invitations/<uuid:pk>/", members.InvitationView.as_view(), name="invitation"),
]
