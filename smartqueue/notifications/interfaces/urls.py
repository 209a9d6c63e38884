from django.urls import path

from smartqueue.notifications.interfaces import rest

urlpatterns = [
    path("notifications/", rest.NotificationListView.as_view(), name="notification-list"),
    path(
        "notifications/<uuid:notification_id>/read/",
        rest.ReadView.as_view(),
        name="notification-read",
    ),
]
