from django.urls import URLPattern, URLResolver, path

from smartqueue.privacy.interfaces import rest

urlpatterns: list[URLPattern | URLResolver] = [
    path("exports/", rest.ExportListView.as_view(), name="exports"),
    path(
        "exports/<uuid:export_id>/download/",
        rest.ExportDownloadView.as_view(),
        name="export-download",
    ),
    path("consents/", rest.ConsentListView.as_view(), name="consents"),
    path("consents/history/", rest.ConsentHistoryView.as_view(), name="consent-history"),
    path("requests/", rest.RightsRequestView.as_view(), name="rights-requests"),
    path("erasures/", rest.ErasureView.as_view(), name="erasures"),
    path("erasures/confirm/", rest.ErasureConfirmView.as_view(), name="erasure-confirm"),
    path("retention/", rest.RetentionView.as_view(), name="retention"),
    path("register-entries/", rest.EntryListView.as_view(), name="register-entries"),
    path("register-entries/<uuid:pk>/", rest.EntryView.as_view(), name="register-entry"),
]
