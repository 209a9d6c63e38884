"""Which form an answer takes: nearly always the one that there is."""

from collections.abc import Iterable
from typing import Any

from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.renderers import BaseRenderer

JSON = "application/json"
TAKES_JSON = frozenset({"", "*/*", JSON})


class JsonAtOnce(DefaultContentNegotiation):
    """Answers in JSON at once whoever takes it plainly; the rest is negotiated as usual."""

    def select_renderer(
        self, request: Any, renderers: Iterable[BaseRenderer], format_suffix: str | None = None
    ) -> tuple[BaseRenderer, str]:
        """Return the renderer and the media type of the answer."""
        first, *others = renderers
        meta = request.META
        if (
            first.media_type == JSON
            and not format_suffix
            and meta.get("HTTP_ACCEPT", "") in TAKES_JSON
            and "format=" not in meta.get("QUERY_STRING", "")
        ):
            return first, JSON
        found: tuple[BaseRenderer, str] = super().select_renderer(
            request, [first, *others], format_suffix
        )
        return found
