from django.urls import path

from smartqueue.notifications.interfaces import callbacks, devices, messages, rest, templates

TEMPLATE = "templates/<slug:code>/<slug:channel>/<slug:language>/"

urlpatterns = [
    path("notifications/", rest.NotificationListView.as_view(), name="notification-list"),
    path("notifications/read/", rest.ReadAllView.as_view(), name="notification-read-all"),
    path(
        "notifications/<uuid:notification_id>/read/",
        rest.ReadView.as_view(),
        name="notification-read",
    ),
    path("send-sms/", messages.SendSmsView.as_view(), name="send-sms"),
    path("send-email/", messages.SendEmailView.as_view(), name="send-email"),
    path("sms-providers/", messages.SmsProvidersView.as_view(), name="sms-providers"),
    path("sms-account/", messages.SmsAccountView.as_view(), name="sms-account"),
    path("messages/", messages.MessageListView.as_view(), name="message-list"),
    path("messages/<uuid:message_id>/", messages.MessageView.as_view(), name="message"),
    path("templates/", templates.TemplateListView.as_view(), name="template-list"),
    path(TEMPLATE, templates.TemplateView.as_view(), name="template"),
    path(
        TEMPLATE + "versions/", templates.TemplateVersionsView.as_view(), name="template-versions"
    ),
    path(TEMPLATE + "preview/", templates.TemplatePreviewView.as_view(), name="template-preview"),
    path(TEMPLATE + "restore/", templates.TemplateRestoreView.as_view(), name="template-restore"),
    path("preferences/", templates.PreferencesView.as_view(), name="preferences"),
    path("batches/", messages.BatchListView.as_view(), name="batch-list"),
    path("batches/<uuid:batch_id>/", messages.BatchView.as_view(), name="batch"),
    path(
        "batches/<uuid:batch_id>/cancel/",
        messages.CancelBatchView.as_view(),
        name="batch-cancel",
    ),
    path("push-tokens/", devices.PushTokenListView.as_view(), name="push-token-list"),
    path("push-tokens/<uuid:push_token_id>/", devices.PushTokenView.as_view(), name="push-token"),
    path("browsers/", devices.BrowsersView.as_view(), name="browsers"),
    path("browsers/remove/", devices.RemoveBrowserView.as_view(), name="browser-remove"),
    path(
        "webhooks/<slug:provider>/<slug:kind>/<str:secret>/",
        callbacks.provider_calls,
        name="provider-calls",
    ),
]
