"""The body of a request as JSON, or as a form with files where one is taken, within bounds."""

import json
from collections.abc import Mapping
from typing import IO, Any, Final

import orjson
from rest_framework.exceptions import ParseError
from rest_framework.parsers import JSONParser, MultiPartParser
from rest_framework.utils.json import strict_constant

MOST_LEVELS: Final = 50


class BoundedJsonParser(JSONParser):
    """
    Reads UTF-8, and no deeper than MOST_LEVELS, so that nothing behind it meets a value that it
    cannot walk through. Django has bounded the bytes (DATA_UPLOAD_MAX_MEMORY_SIZE).
    """

    def parse(
        self,
        stream: IO[Any],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        return parsed(stream.read())


def parsed(body: bytes) -> Any:
    """
    Return a body's value.

    :raises ParseError: it is no JSON in UTF-8, or is deeper than MOST_LEVELS
    """
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError:
        value = _slowly_parsed(body)
    if _is_too_deep(value):
        raise ParseError
    return value


def _slowly_parsed(body: bytes) -> Any:
    """Read halves of a character and numbers without end too, for which forms have words."""
    try:
        return json.loads(body.decode(), parse_constant=strict_constant)
    except (ValueError, RecursionError) as error:
        raise ParseError from error


def _is_too_deep(value: Any) -> bool:
    level = [value]
    for _level in range(MOST_LEVELS):
        level = [inner for outer in level for inner in _containers_in(outer)]
        if not level:
            return False
    return True


def _containers_in(value: Any) -> list[Any]:
    if isinstance(value, dict):
        value = value.values()
    elif not isinstance(value, list):
        return []
    return [member for member in value if isinstance(member, dict | list)]


class BoundedFormParser(MultiPartParser):
    """
    Reads a form with files; only the addresses that take uploads name it. The bytes are bounded
    before they are read (`uploads.BoundedUploads`), the number of parts by Django's settings.
    """

    def parse(
        self,
        stream: IO[Any],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        try:
            return super().parse(stream, media_type, parser_context)
        except UnicodeError as error:
            raise ParseError from error
