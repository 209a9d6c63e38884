"""The base of every REST view: parse, one call, answer."""

from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar

from django.http import HttpRequest, HttpResponse
from django.middleware.csrf import CsrfViewMiddleware
from rest_framework.generics import GenericAPIView
from rest_framework.permissions import SAFE_METHODS
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from smartqueue.common.errors import NotFound, NotSignedIn

if TYPE_CHECKING:
    from smartqueue.accounts.actor import Actor


class ApiRequest(Request):
    """A request as the views get it: the entrance has set who asks, when, and in which language."""

    actor: "Actor"
    now: datetime
    LANGUAGE_CODE: str


class _CsrfCheck(CsrfViewMiddleware):
    def _reject(self, request: HttpRequest, reason: str) -> Any:
        return reason


def _refuse_forged(request: HttpRequest) -> None:
    """A session cookie is sent by any page that asks; such a request must carry the CSRF token."""
    check = _CsrfCheck(lambda _: HttpResponse())
    check.process_request(request)
    if check.process_view(request, lambda _: HttpResponse(), (), {}):
        raise NotFound


class ApiView(APIView):
    """
    A view of the API. Only public (wholly, or to read) or signed-in is declared here; rights are
    the policies' word.

    `request.actor` and `request.now` come from the entrance.
    """

    request: ApiRequest
    public: ClassVar[bool] = False
    public_reads: ClassVar[bool] = False

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Agree on a form, then let in whoever may ask; there is no authenticator to run."""
        self.format_kwarg = None
        request.accepted_renderer, request.accepted_media_type = self.perform_content_negotiation(
            request
        )
        asked: Any = request._request
        actor = asked.actor
        reads = request.method in SAFE_METHODS
        if asked.uses_session and not reads:
            _refuse_forged(asked)
        # At hand for the views, which would each time be sent on to the other request.
        request.actor = actor  # type: ignore[attr-defined]  # ApiRequest's
        is_public = self.public or (self.public_reads and reads)
        if not is_public and actor.user_id is None:
            raise NotSignedIn
        self.check_throttles(request)


class ApiListView(ApiView, GenericAPIView[Any]):
    """A paged, filtered, ordered list; `get_queryset` calls a query."""

    def list_response(self, request: Request) -> Response:
        """Return one page of the filtered queryset."""
        page = self.paginate_queryset(self.filter_queryset(self.get_queryset()))
        return self.get_paginated_response(self.get_serializer(page, many=True).data)
