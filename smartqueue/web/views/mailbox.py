"""The development mailbox: what went out by e-mail and text message."""

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from smartqueue.common.errors import NotFound
from smartqueue.notifications import queries as notification_queries
from smartqueue.web.views.kit import page

MESSAGES_SHOWN = 50


@never_cache
@require_safe
def mailbox(request: HttpRequest) -> HttpResponse:
    """
    List the latest messages, newest first.

    :raises NotFound: not a development installation
    """
    if not settings.DEVELOPMENT_MAILBOX:
        raise NotFound
    messages = notification_queries.list_mailbox()[:MESSAGES_SHOWN]
    return page(request, "mailbox.html", {"letters": messages})
