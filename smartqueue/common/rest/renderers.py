"""Answers as JSON, written in one call."""

from collections.abc import Mapping
from typing import Any, Final

import orjson
from rest_framework.renderers import JSONRenderer
from rest_framework.utils.encoders import JSONEncoder

from smartqueue.common.rest.negotiation import JSON

_AS_THE_FRAMEWORK: Final = orjson.OPT_PASSTHROUGH_DATETIME | orjson.OPT_NON_STR_KEYS
_LINE_ENDS: Final = (("\u2028".encode(), rb"\u2028"), ("\u2029".encode(), rb"\u2029"))
_other = JSONEncoder().default


def json_of(value: Any) -> bytes:
    """
    Return a value as the framework's encoder writes it.

    :raises TypeError: it has no form in JSON, or has a number beyond 64 bits
    """
    return orjson.dumps(value, _other, _AS_THE_FRAMEWORK)


class JsonAtOnceRenderer(JSONRenderer):
    """The framework's renderer, but for what is asked for plainly, which needs no options of it."""

    def render(
        self,
        data: Any,
        accepted_media_type: str | None = None,
        renderer_context: Mapping[str, Any] | None = None,
    ) -> bytes:
        """Return the bytes of an answer."""
        if accepted_media_type == JSON and not (renderer_context or {}).get("indent"):
            text = self._at_once(data)
            if text is not None:
                return text
        usual: bytes = super().render(data, accepted_media_type, renderer_context)
        return usual

    @staticmethod
    def _at_once(data: Any) -> bytes | None:
        if data is None:
            return b""
        try:
            text = json_of(data)
        except TypeError:
            # A number beyond 64 bits, which Python's own library can write.
            return None
        for found, escaped in _LINE_ENDS:
            text = text.replace(found, escaped)
        return text
