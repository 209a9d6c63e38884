"""What a person was told in the application."""

from uuid import UUID

from django.conf import settings
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from smartqueue.notifications import operations, queries
from smartqueue.notifications.models import Notification
from smartqueue.web.views.kit import actor_of, language_of, now_of, page, signed_in, uuid_or_none

PAGE_SIZE = 20


@never_cache
@signed_in
@require_http_methods(["GET", "HEAD", "POST"])
def index(request: HttpRequest) -> HttpResponse:
    """List what a person was told, newest first; a sent form marks what they have seen as read."""
    actor = actor_of(request)
    if request.method == "POST":
        until = uuid_or_none(request.POST.get("until"))
        if until is not None:
            operations.read_notifications(actor=actor, until=until, now=now_of(request))
        return HttpResponseRedirect(reverse("web:notifications"))
    rows = queries.list_notifications(actor.require_user())
    shown = Paginator(rows, PAGE_SIZE).get_page(request.GET.get("page"))
    language = language_of(request)
    context = {
        "page": shown,
        "rows": [(row, queries.as_wire(row, language), _link_of(row)) for row in shown],
        "newest": rows.values_list("pk", flat=True).first(),
        "unread": rows.filter(read_at=None).count(),
    }
    return page(request, "notifications.html", context)


@signed_in
@require_POST
def opened(request: HttpRequest, notification_id: UUID) -> HttpResponse:
    """Mark one as read, and go where it leads."""
    notification = operations.read_notification(
        actor=actor_of(request), notification_id=notification_id, now=now_of(request)
    )
    return HttpResponseRedirect(_link_of(notification) or reverse("web:notifications"))


def _link_of(notification: Notification) -> str:
    """Return where a notification leads within the product; empty where nowhere."""
    link = str(notification.data.get("link", ""))
    site = settings.PUBLIC_URL.rstrip("/")
    path = link.removeprefix(site)
    is_own = path.startswith("/") and url_has_allowed_host_and_scheme(path, allowed_hosts=None)
    return path if is_own else ""
