"""The API's description as clients fetch it."""

from typing import Any, ClassVar

from django.conf import settings
from django.http import HttpResponse
from django.utils import translation
from drf_spectacular.utils import extend_schema
from drf_spectacular.views import SpectacularAPIView
from rest_framework.request import Request


class DescriptionView(SpectacularAPIView):
    """
    Makes the document once in each language and form, and then answers from memory: to make it
    takes a second of work, and anybody may ask for it.
    """

    _made: ClassVar[dict[tuple[str, type], tuple[str | bytes, str]]] = {}

    @extend_schema(exclude=True)
    def get(self, request: Request, *args: Any, **kwargs: Any) -> HttpResponse:
        """Return the document in the language of `lang` or of the request."""
        asked = request.query_params.get("lang")
        known = asked if asked in dict(settings.LANGUAGES) else None
        language = known or translation.get_language() or settings.LANGUAGE_CODE
        renderer = request.accepted_renderer
        key = (language, type(renderer))
        if key not in self._made:
            with translation.override(language):
                document = self._get_schema_response(request)  # type: ignore[no-untyped-call]  # the library leaves it out
                body = renderer.render(document.data, renderer_context={})
            self._made[key] = (body, document.headers["Content-Disposition"])
        body, disposition = self._made[key]
        charset = f"; charset={renderer.charset}" if renderer.charset else ""
        headers = {
            "Content-Type": renderer.media_type + charset,
            "Content-Disposition": disposition,
        }
        return HttpResponse(body, headers=headers)

    def _get_version_parameter(self, request: Request) -> None:
        """There is one version; another that a caller asks for would stay for everybody."""
