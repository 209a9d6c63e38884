from django.urls import path

from smartqueue.dialogues.interfaces import rest

urlpatterns = [
    path("branches/<uuid:branch_id>/line/", rest.BranchLineView.as_view(), name="branch-line"),
]
