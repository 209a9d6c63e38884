"""REST: parse, one operation or query, answer."""

from typing import Any

from django.db.models import QuerySet
from django.http import StreamingHttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework.response import Response

from smartqueue.audit import operations, policies, queries
from smartqueue.audit.export import csv_lines
from smartqueue.audit.interfaces.serializers import EntryQuery, EntrySerializer
from smartqueue.audit.models import Entry
from smartqueue.common.rest.views import ApiListView, ApiRequest, ApiView


def _query(request: ApiRequest) -> EntryQuery:
    given = EntryQuery(data={name: value for name, value in request.query_params.items() if value})
    given.is_valid(raise_exception=True)
    return given


class EntryListView(ApiListView):
    serializer_class = EntrySerializer
    queryset = Entry.objects.none()

    def get_queryset(self) -> "QuerySet[Any]":
        asked = _query(self.request)
        organization_id = asked.validated_data["organization"]
        policies.access_journal(self.request.actor, organization_id)
        return queries.list_entries(organization_id, asked.asked())

    @extend_schema(parameters=[EntryQuery], responses=EntrySerializer(many=True))
    def get(self, request: ApiRequest) -> Response:
        """List the journal of an organization, newest first; for its owners."""
        page: list[Entry] = list(self.paginate_queryset(self.get_queryset()) or ())
        queries.open_sealed(page)
        names = queries.names_of(page, _query(request).validated_data["organization"])
        entries = [EntrySerializer(entry, context={"names": names}).data for entry in page]
        return self.get_paginated_response(entries)


class EntryExportView(ApiView):
    @extend_schema(
        parameters=[EntryQuery],
        responses={(200, "text/csv"): OpenApiResponse(OpenApiTypes.BINARY)},
    )
    def get(self, request: ApiRequest) -> StreamingHttpResponse:
        """Take a copy of the journal as comma-separated values; the journal says who did."""
        asked = _query(request)
        organization_id = asked.validated_data["organization"]
        operations.export_journal(
            actor=request.actor, organization_id=organization_id, now=request.now
        )
        return StreamingHttpResponse(
            csv_lines(organization_id, asked.asked(), request.LANGUAGE_CODE),
            content_type="text/csv; charset=utf-8",
            headers={"Content-Disposition": 'attachment; filename="journal.csv"'},
        )
