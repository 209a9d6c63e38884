"""Reading a request, and finding one row of a list."""

from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from rest_framework import serializers

from smartqueue.common.errors import NotFound
from smartqueue.common.rest.views import ApiRequest


def body_of(form: type[serializers.Serializer[Any]], request: ApiRequest, **options: Any) -> Any:
    """Return the checked body."""
    given = form(data=request.data, **options)
    given.is_valid(raise_exception=True)
    return given.validated_data


def query_of(form: type[serializers.Serializer[Any]], request: ApiRequest) -> Any:
    """Return the checked query parameters; empty ones count as not given."""
    given = form(data={name: value for name, value in request.query_params.items() if value})
    given.is_valid(raise_exception=True)
    return given.validated_data


def one_of(rows: "QuerySet[Any]", pk: UUID) -> Any:
    row = rows.filter(pk=pk).first()
    if row is None:
        raise NotFound
    return row
