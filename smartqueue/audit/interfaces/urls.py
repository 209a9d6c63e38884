from django.urls import URLPattern, URLResolver, path

from smartqueue.audit.interfaces import rest

urlpatterns: list[URLPattern | URLResolver] = [
    path("entries/", rest.EntryListView.as_view(), name="journal-entries"),
    path("entries/export/", rest.EntryExportView.as_view(), name="journal-export"),
]
