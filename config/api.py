"""The API's own way through Django: its chain of middleware, and less work on each request."""

import functools
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any
from uuid import UUID

from django.conf import settings
from django.core.handlers.exception import convert_exception_to_response
from django.core.handlers.wsgi import WSGIHandler, WSGIRequest, get_script_name
from django.http import HttpRequest
from django.http.request import HttpHeaders
from django.urls import ResolverMatch, set_script_prefix
from django.utils.module_loading import import_string

_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_UNPREFIXED = frozenset({"CONTENT_TYPE", "CONTENT_LENGTH"})


@functools.cache
def _key_of(name: str) -> str:
    key = name.upper().replace("-", "_")
    return key if key in _UNPREFIXED else f"HTTP_{key}"


class Headers(Mapping[str, str]):
    """The headers of a request, found when asked for; Django copies all of them first."""

    def __init__(self, environ: Mapping[str, Any]) -> None:
        self._environ = environ

    def __getitem__(self, name: str) -> str:
        value: str = self._environ[_key_of(name)]
        return value

    def get(self, name: str, default: Any = None) -> Any:
        """Return a header, whatever the case of its name."""
        return self._environ.get(_key_of(name), default)

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and _key_of(name) in self._environ

    def __iter__(self) -> Iterator[str]:
        return iter(HttpHeaders(self._environ))

    def __len__(self) -> int:
        return len(HttpHeaders(self._environ))


class ApiWsgiRequest(WSGIRequest):
    """Django's request with such headers."""

    @functools.cached_property
    def headers(self) -> Any:
        return Headers(self.META)


class Routes:
    """
    Remembers which route an address led to, by its shape: the address without the ids in it.

    Only where the ids are all that the route takes from the address, so that two addresses of one
    shape cannot lead to two places, and there are no more shapes than routes.
    """

    def __init__(self) -> None:
        self._known: dict[str, tuple[list[str], dict[str, Any]]] = {}

    def find(self, path: str) -> ResolverMatch | None:
        """Return the route of an address, if one of its shape has been seen."""
        ids = _ID.findall(path)
        names, values = self._known.get(_ID.sub("*", path), (None, {}))
        if names is None or len(names) != len(ids):
            return None
        found = ResolverMatch.__new__(ResolverMatch)
        found.__dict__.update(values)
        found.kwargs = {name: UUID(id_) for name, id_ in zip(names, ids, strict=True)}
        vars(found)["captured_kwargs"] = found.kwargs.copy()
        return found

    def remember(self, path: str, found: ResolverMatch) -> None:
        """Keep a route that takes nothing but ids."""
        taken: dict[str, Any] = vars(found)["captured_kwargs"]
        takes_ids = all(isinstance(value, UUID) for value in taken.values())
        is_plain = not found.args and taken == found.kwargs and "*" not in path
        if takes_ids and is_plain and list(map(str, taken.values())) == _ID.findall(path):
            self._known[_ID.sub("*", path)] = list(taken), dict(vars(found))


class ApiHandler(WSGIHandler):
    """Django with the API's middleware."""

    request_class = ApiWsgiRequest

    def __init__(self) -> None:
        self._routes = Routes()
        super().__init__()

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Any:
        """
        Answer a request as Django does, but for the signal of its beginning, which would only look
        again at connections that were looked at when the request before ended.
        """
        set_script_prefix(get_script_name(environ))
        request = self.request_class(environ)
        response: Any = self.get_response(request)
        response._handler_class = type(self)
        cookies = (("Set-Cookie", c.output(header="")) for c in response.cookies.values())
        status = f"{response.status_code} {response.reason_phrase}"
        start_response(status, [*response.items(), *cookies])
        file, wrapper = getattr(response, "file_to_stream", None), environ.get("wsgi.file_wrapper")
        if file is None or not wrapper:
            return response
        # The server closes the wrapper and not the answer.
        file.close = response.close
        return wrapper(file, response.block_size)

    def load_middleware(self, is_async: bool = False) -> None:
        """Build the chain from API_MIDDLEWARE, the last first, as Django does from MIDDLEWARE."""
        # Django's types leave these names out.
        chain: Any = self
        chain._view_middleware = []
        chain._template_response_middleware = []
        chain._exception_middleware = []
        handler = convert_exception_to_response(chain._get_response)
        for name in reversed(settings.API_MIDDLEWARE):
            middleware = import_string(name)(handler)
            if hasattr(middleware, "process_view"):
                chain._view_middleware.insert(0, middleware.process_view)
            if hasattr(middleware, "process_exception"):
                chain._exception_middleware.append(middleware.process_exception)
            handler = convert_exception_to_response(middleware)
        chain._middleware_chain = handler

    def resolve_request(self, request: HttpRequest) -> ResolverMatch:
        """Return the route of a request's address, and note it in the request."""
        found = self._routes.find(request.path_info)
        if found is None or hasattr(request, "urlconf"):
            found = super().resolve_request(request)
            self._routes.remember(request.path_info, found)
        request.resolver_match = found
        return found
