from collections.abc import Iterable
from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.renderers import JSONRenderer
from rest_framework.response import Response

from smartqueue.common.errors import NotFound
from smartqueue.common.rest.views import ApiListView, ApiRequest, ApiView
from smartqueue.locations import queries
from smartqueue.locations.interfaces.serializers import (
    CommunePageSerializer,
    CommuneQuery,
    CommuneSerializer,
    FeatureCollectionSerializer,
)
from smartqueue.locations.models import Commune

MAX_AGE_SECONDS = 3600
PAGE = OpenApiParameter("page", int)
PAGE_SIZE = OpenApiParameter("page_size", int, description="20, at most 100.")


class GeoJsonRenderer(JSONRenderer):
    media_type = "application/geo+json"
    format = "geojson"


def _feature(commune: Commune) -> dict[str, Any]:
    return {
        "type": "Feature",
        "id": commune.code,
        "geometry": {
            "type": "Point",
            "coordinates": [round(commune.point.x, 6), round(commune.point.y, 6)],
        },
        "properties": {
            "name": commune.name,
            "region": commune.region,
            "department": commune.department,
            "arrondissement": commune.arrondissement,
            "population": commune.population,
        },
    }


def _feature_collection(communes: Iterable[Commune]) -> dict[str, Any]:
    return {
        "type": "FeatureCollection",
        "attribution": queries.ATTRIBUTION,
        "features": [_feature(commune) for commune in communes],
    }


class CommuneListView(ApiListView):
    """Communes of Senegal, paged; `?format=geojson` gives all that match as points."""

    public = True
    serializer_class = CommuneSerializer
    renderer_classes = [JSONRenderer, GeoJsonRenderer]

    def get_queryset(self) -> "QuerySet[Commune]":
        asked = CommuneQuery(data=self.request.query_params)
        asked.is_valid(raise_exception=True)
        return queries.list_communes(**asked.validated_data)

    @extend_schema(
        operation_id="locations_communes_list",
        parameters=[CommuneQuery, PAGE, PAGE_SIZE],
        responses={
            (200, "application/json"): OpenApiResponse(CommunePageSerializer),
            (200, "application/geo+json"): OpenApiResponse(FeatureCollectionSerializer),
        },
    )
    def get(self, request: ApiRequest) -> Response:
        if request.accepted_renderer.format == GeoJsonRenderer.format:
            response = Response(_feature_collection(self.get_queryset()))
        else:
            response = self.list_response(request)
            response.data["attribution"] = queries.ATTRIBUTION
        response.headers["Cache-Control"] = f"public, max-age={MAX_AGE_SECONDS}"
        return response


class CommuneView(ApiView):
    """One commune by its ANSD code."""

    public = True

    @extend_schema(responses=CommuneSerializer)
    def get(self, request: ApiRequest, code: str) -> Response:
        commune = queries.commune_by_code(code)
        if commune is None:
            raise NotFound
        return Response(CommuneSerializer(commune).data)
