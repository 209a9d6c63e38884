"""Reading a request's body through a serializer."""

import functools
from typing import Any

from rest_framework import serializers

from smartqueue.common.rest.views import ApiRequest


@functools.cache
def _form(form: type[serializers.Serializer[Any]], *, partial: bool) -> serializers.Serializer[Any]:
    return form(partial=partial)


def read(
    form: type[serializers.Serializer[Any]], request: ApiRequest, *, partial: bool = False
) -> dict[str, Any]:
    """
    Return the validated body of a request.

    One serializer is kept per form: validation leaves nothing in it, and copying its fields for
    every request costs more than validating.

    :raises rest_framework.serializers.ValidationError: with every wrong field
    """
    values: dict[str, Any] = _form(form, partial=partial).run_validation(request.data)
    return values
