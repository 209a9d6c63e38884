from django.urls import path

from smartqueue.webhooks.interfaces import rest

ENDPOINT = "endpoints/<uuid:endpoint_id>/"
MESSAGE = "messages/<uuid:message_id>/"

urlpatterns = [
    path("endpoints/", rest.EndpointListView.as_view(), name="webhook-list"),
    path(ENDPOINT, rest.EndpointView.as_view(), name="webhook"),
    path(ENDPOINT + "rotate/", rest.RotateView.as_view(), name="webhook-rotate"),
    path(ENDPOINT + "pause/", rest.PauseView.as_view(), name="webhook-pause"),
    path(ENDPOINT + "resume/", rest.ResumeView.as_view(), name="webhook-resume"),
    path(ENDPOINT + "test/", rest.TestView.as_view(), name="webhook-test"),
    path(ENDPOINT + "replay/", rest.ReplayFailedView.as_view(), name="webhook-replay-failed"),
    path(ENDPOINT + "messages/", rest.MessageListView.as_view(), name="webhook-messages"),
    path(MESSAGE, rest.MessageView.as_view(), name="webhook-message"),
    path(MESSAGE + "replay/", rest.ReplayView.as_view(), name="webhook-message-replay"),
    path("event-types/", rest.EventTypesView.as_view(), name="webhook-event-types"),
]
