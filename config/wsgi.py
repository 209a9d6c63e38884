"""
HTTP: pages and API, each through its own chain of middleware.

A call of the API costs the server half as much without the chain of the pages.
"""

import gc
import os
from collections.abc import Callable
from typing import Any

from django.core.wsgi import get_wsgi_application

from config.api import ApiHandler

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.local")

API = "/api/"
PAGES_OF_THE_API = ("/api/docs/", "/api/schema/")

Application = Callable[[dict[str, Any], Callable[..., Any]], Any]


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

# What has been made by now stays: the collector need not go through it again and again.
gc.collect()
gc.freeze()
