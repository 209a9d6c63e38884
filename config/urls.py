"""Every path of the product."""

from django.contrib import admin
from django.urls import include, path
from drf_spectacular.views import SpectacularSwaggerSplitView

from config import labels
from config.description import DescriptionView
from smartqueue.appointments.interfaces import calendars
from smartqueue.common import health, uploads

labels.name_everything()

urlpatterns = [
    path("healthz", health.healthz),
    path("readyz", health.readyz),
    path("metrics", health.metrics),
    path("media/public/<uuid:organization_id>/<str:file>", uploads.public_file, name="media"),
    path("admin/", admin.site.urls),
    path("api/schema/", DescriptionView.as_view(), name="schema"),
    path(
        "api/docs/",
        SpectacularSwaggerSplitView.as_view(template_name="web/api_docs.html"),
        name="docs",
    ),
    path("api/accounts/", include("smartqueue.accounts.interfaces.urls")),
    path("api/audit/", include("smartqueue.audit.interfaces.urls")),
    path("api/notifications/", include("smartqueue.notifications.interfaces.urls")),
    path("api/locations/", include("smartqueue.locations.interfaces.urls")),
    path("api/business/", include("smartqueue.business.interfaces.urls")),
    path("api/agents/", include("smartqueue.agents.interfaces.urls")),
    path("api/analytics/", include("smartqueue.analytics.interfaces.urls")),
    path("api/appointments/", include("smartqueue.appointments.interfaces.urls")),
    path("api/appointments/", include("smartqueue.appointments.interfaces.calendar_urls")),
    path("api/dialogues/", include("smartqueue.dialogues.interfaces.urls")),
    path("api/privacy/", include("smartqueue.privacy.interfaces.urls")),
    path("api/support/", include("smartqueue.support.interfaces.urls")),
    path("api/webhooks/", include("smartqueue.webhooks.interfaces.urls")),
    path("api/", include("smartqueue.queues.interfaces.urls")),
    path("calendar/<str:token>.ics", calendars.calendar_file, name="calendar-file"),
    path("", include("smartqueue.web.urls")),
]

handler400 = "smartqueue.web.views.errors.unreadable"
handler403 = "smartqueue.web.views.errors.forbidden"
handler404 = "smartqueue.web.views.errors.not_found"
handler500 = "smartqueue.web.views.errors.broken"
