"""
No more e-mails, without signing in. A mail program posts (RFC 8058) and is done; a person who follows
the link is asked, because programs that look at links in mails must not stop anything.
"""

from django.http import HttpRequest, HttpResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from smartqueue.notifications import operations
from smartqueue.web.views.kit import now_of, page


# The token is the proof; a mail program has no cookie and no form.
@csrf_exempt
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def unsubscribe(request: HttpRequest, token: str) -> HttpResponse:
    """Show whether the mails are stopped, and stop or resume them."""
    if request.method == "POST":
        if request.POST.get("again"):
            operations.subscribe_again(token=token, now=now_of(request))
        else:
            operations.unsubscribe(token=token, now=now_of(request))
    is_stopped = operations.is_unsubscribed(token)
    return page(request, "unsubscribe.html", {"is_stopped": is_stopped})
