from django.urls import URLPattern, URLResolver, path

from smartqueue.business.interfaces import rest

urlpatterns: list[URLPattern | URLResolver] = [
    path("organizations/", rest.OrganizationListView.as_view(), name="organizations"),
    path("organizations/<uuid:pk>/", rest.OrganizationView.as_view(), name="organization"),
    path(
        "organizations/<uuid:pk>/services/",
        rest.OrganizationServicesView.as_view(),
        name="organization-services",
    ),
    path("branches/", rest.BranchListView.as_view(), name="branches"),
    path("branches/<uuid:pk>/", rest.BranchView.as_view(), name="branch"),
    path(
        "branches/<uuid:pk>/opening-hours/",
        rest.OpeningHoursView.as_view(),
        name="opening-hours",
    ),
    path(
        "opening-exceptions/",
        rest.OpeningExceptionListView.as_view(),
        name="opening-exceptions",
    ),
    path(
        "opening-exceptions/<uuid:pk>/",
        rest.OpeningExceptionView.as_view(),
        name="opening-exception",
    ),
    path("holiday-overrides/", rest.HolidayOverrideListView.as_view(), name="holiday-overrides"),
    path(
        "holiday-overrides/<uuid:pk>/",
        rest.HolidayOverrideView.as_view(),
        name="holiday-override",
    ),
    path("services/", rest.ServiceListView.as_view(), name="services"),
    path("services/<uuid:pk>/", rest.ServiceView.as_view(), name="service"),
    path("counters/", rest.CounterListView.as_view(), name="counters"),
    path("counters/<uuid:pk>/", rest.CounterView.as_view(), name="counter"),
    path("members/", rest.MemberListView.as_view(), name="members"),
    path("members/<uuid:pk>/", rest.MemberView.as_view(), name="member"),
    path("invitations/", rest.InvitationListView.as_view(), name="invitations"),
    path("invitations/accept/", rest.AcceptInvitationView.as_view(), name="accept-invitation"),
    path("invitations/<uuid:pk>/", rest.InvitationView.as_view(), name="invitation"),
]
