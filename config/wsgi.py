"""
HTTP: pages and API, each through its own chain of middleware.

A call of the API costs the server half as much without the chain of the pages.
"""

import os
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.core.handlers.exception import convert_exception_to_response
from django.core.handlers.wsgi import WSGIHandler
from django.core.wsgi import get_wsgi_application
from django.utils.module_loading import import_string

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.local")

API = "/api/"
PAGES_OF_THE_API = ("/api/docs/", "/api/schema/")

Application = Callable[[dict[str, Any], Callable[..., Any]], Any]


class ApiHandler(WSGIHandler):
    """Django with the API's middleware."""

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


def by_path(pages: Application, api: Application) -> Application:
    """Return the application that gives each request to its chain."""

    def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Any:
        path = environ["PATH_INFO"]
        is_api = path.startswith(API) and not path.startswith(PAGES_OF_THE_API)
        return (api if is_api else pages)(environ, start_response)

    return application


_pages: Any = get_wsgi_application()
_api: Any = ApiHandler()
application = by_path(_pages, _api)
