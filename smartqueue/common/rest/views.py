"""The base of every REST view: parse, one call, answer."""

import functools
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar

from django.http import HttpRequest, HttpResponse
from django.middleware.csrf import CsrfViewMiddleware
from django.utils.datastructures import MultiValueDict
from rest_framework.generics import GenericAPIView
from rest_framework.permissions import SAFE_METHODS
from rest_framework.request import Empty, Request
from rest_framework.response import Response
from rest_framework.views import APIView

from smartqueue.common.errors import NotFound, NotSignedIn
from smartqueue.common.rest.negotiation import JSON
from smartqueue.common.rest.parsers import BoundedJsonParser, parsed

if TYPE_CHECKING:
    from smartqueue.accounts.actor import Actor


class ApiRequest(Request):
    """A request as the views get it: the entrance has set who asks, when, and in which language."""

    actor: "Actor"
    now: datetime
    LANGUAGE_CODE: str
    # The framework's, which has no types for them.
    _full_data: Any
    _data: Any
    _files: Any

    def __init__(self, request: HttpRequest, *args: Any, **kwargs: Any) -> None:
        super().__init__(request, *args, **kwargs)
        # What is asked for most, at hand; the rest is sent on to the other request each time.
        given = request.__dict__
        self.__dict__.update({name: given[name] for name in _AT_HAND if name in given})

    @property
    def data(self) -> Any:
        """Return the body, read by the shortest way where it is plain JSON."""
        if self._full_data is Empty and self._is_plain_json():
            self._full_data = self._data = {}
            self._files = MultiValueDict()
            if body := self._request.body:
                self._full_data = self._data = parsed(body)
        return super().data

    def _is_plain_json(self) -> bool:
        return (
            self.content_type == JSON
            and not vars(self._request).get("_read_started")
            and any(isinstance(parser, BoundedJsonParser) for parser in self.parsers or ())
        )


_AT_HAND = ("LANGUAGE_CODE", "META", "method", "now", "path")


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

    def initialize_request(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Request:
        """Wrap Django's request."""
        return ApiRequest(
            request,
            parsers=self.get_parsers(),
            negotiator=self.get_content_negotiator(),
            parser_context=self.get_parser_context(request),
        )

    @property
    def default_response_headers(self) -> dict[str, str]:
        """Return the headers of every answer of the view."""
        return dict(_headers_of(type(self)))  # type: ignore[arg-type]  # for mypy its objects' hash is the class's

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Agree on a form, then let in whoever may ask; there is no authenticator to run."""
        self.format_kwarg = None
        request.accepted_renderer, request.accepted_media_type = self.perform_content_negotiation(
            request
        )
        asked: Any = request._request
        reads = request.method in SAFE_METHODS
        if asked.uses_session and not reads:
            _refuse_forged(asked)
        request.actor = asked.actor  # type: ignore[attr-defined]  # ApiRequest's
        is_public = self.public or (self.public_reads and reads)
        if not is_public and asked.actor.user_id is None:
            raise NotSignedIn
        self.check_throttles(request)
        # Looked at by now, it is the actor itself and not what stood for it.
        request.actor = asked.actor  # type: ignore[attr-defined]  # ApiRequest's


@functools.cache
def _headers_of(view: type[ApiView]) -> dict[str, str]:
    # A property of the framework's, which looks for each method anew.
    headers: dict[str, str] = APIView.default_response_headers.fget(view())  # type: ignore[attr-defined]
    return headers


class ApiListView(ApiView, GenericAPIView[Any]):
    """A paged, filtered, ordered list; `get_queryset` calls a query."""

    def list_response(self, request: Request) -> Response:
        """Return one page of the filtered queryset."""
        page = self.paginate_queryset(self.filter_queryset(self.get_queryset()))
        return self.get_paginated_response(self.get_serializer(page, many=True).data)
