from django.urls import path

from smartqueue.support.interfaces import rest

CASE = "cases/<uuid:case_id>/"

urlpatterns = [
    path("cases/", rest.CaseListView.as_view(), name="case-list"),
    path(CASE, rest.CaseView.as_view(), name="case"),
    path(CASE + "messages/", rest.MessageListView.as_view(), name="case-messages"),
    path(CASE + "attachments/", rest.AttachmentListView.as_view(), name="case-attachments"),
    path(
        CASE + "attachments/<uuid:attachment_id>/",
        rest.AttachmentView.as_view(),
        name="case-attachment",
    ),
    path(CASE + "assign/", rest.AssignView.as_view(), name="case-assign"),
    path(CASE + "resolve/", rest.ResolveView.as_view(), name="case-resolve"),
    path(CASE + "close/", rest.CloseView.as_view(), name="case-close"),
    path(CASE + "reopen/", rest.ReopenView.as_view(), name="case-reopen"),
    path("figures/", rest.CaseFiguresView.as_view(), name="case-figures"),
]
