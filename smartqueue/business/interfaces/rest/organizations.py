"""REST of organizations and their word on holidays."""

from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework.response import Response

from smartqueue.business import operations, queries
from smartqueue.business.interfaces.rest.kit import body_of, one_of, query_of
from smartqueue.business.interfaces.serializers.fields import (
    texts_in,
)
from smartqueue.business.interfaces.serializers.organizations import (
    OrganizationInput,
    OrganizationSerializer,
)
from smartqueue.business.interfaces.serializers.places import (
    HolidayOverrideInput,
    HolidayOverrideSerializer,
    NewHolidayOverrideInput,
    ServiceSerializer,
)
from smartqueue.business.interfaces.serializers.queries import (
    OrganizationNamedQuery,
    OrganizationServiceQuery,
    PlaceQuery,
)
from smartqueue.business.models import (
    HolidayOverride,
    Service,
)
from smartqueue.common.rest.views import ApiListView, ApiRequest, ApiView
from smartqueue.idempotency.rest import idempotent


def _organization(pk: UUID) -> dict[str, Any]:
    return dict(OrganizationSerializer(one_of(queries.list_organizations(), pk)).data)


class OrganizationListView(ApiListView):
    public = True
    serializer_class = OrganizationSerializer

    def get_queryset(self) -> "QuerySet[Any]":
        return queries.list_organizations(**query_of(PlaceQuery, self.request))

    @extend_schema(parameters=[PlaceQuery], responses=OrganizationSerializer(many=True))
    def get(self, request: ApiRequest) -> Response:
        """List organizations by words, category, commune or nearness."""
        return self.list_response(request)

    @extend_schema(request=OrganizationInput, responses={201: OrganizationSerializer})
    @idempotent
    def post(self, request: ApiRequest) -> Response:
        """Found an organization; the caller becomes its owner."""
        values = body_of(OrganizationInput, request)
        texts = texts_in(values, "description")
        organization = operations.create_organization(
            actor=request.actor, texts=texts, now=request.now, **values
        )
        return Response(OrganizationSerializer(organization).data, status=201)


class OrganizationView(ApiView):
    public = True

    @extend_schema(responses=OrganizationSerializer)
    def get(self, request: ApiRequest, pk: UUID) -> Response:
        """Read the public profile of an organization."""
        return Response(_organization(pk))

    @extend_schema(request=OrganizationInput, responses=OrganizationSerializer)
    def put(self, request: ApiRequest, pk: UUID) -> Response:
        """Replace the profile of an organization."""
        return self._change(request, pk, partial=False)

    @extend_schema(request=OrganizationInput, responses=OrganizationSerializer)
    def patch(self, request: ApiRequest, pk: UUID) -> Response:
        """Change parts of the profile of an organization."""
        return self._change(request, pk, partial=True)

    def _change(self, request: ApiRequest, pk: UUID, *, partial: bool) -> Response:
        values = body_of(OrganizationInput, request, partial=partial)
        changes = texts_in(values, "description") | values
        organization = operations.update_organization(
            actor=request.actor, organization_id=pk, changes=changes, now=request.now
        )
        return Response(OrganizationSerializer(organization).data)

    @extend_schema(responses={204: None})
    def delete(self, request: ApiRequest, pk: UUID) -> Response:
        """Close an organization for good; refused while people wait. History stays."""
        operations.close_organization(actor=request.actor, organization_id=pk, now=request.now)
        return Response(status=204)


class OrganizationServicesView(ApiListView):
    """Services of one organization."""

    public = True
    serializer_class = ServiceSerializer
    queryset = Service.objects.none()

    def get_queryset(self) -> "QuerySet[Any]":
        organization = self.kwargs["pk"]
        one_of(queries.list_organizations(), organization)
        asked = query_of(OrganizationServiceQuery, self.request)
        return queries.list_services(organization=organization, **asked)

    @extend_schema(parameters=[OrganizationServiceQuery], responses=ServiceSerializer(many=True))
    def get(self, request: ApiRequest, pk: UUID) -> Response:
        return self.list_response(request)


class HolidayOverrideListView(ApiListView):
    """What an organization says about holidays; POST again for a date replaces it."""

    public = True
    serializer_class = HolidayOverrideSerializer
    queryset = HolidayOverride.objects.none()

    def get_queryset(self) -> "QuerySet[Any]":
        rows: QuerySet[Any] = queries.list_holiday_overrides(
            **query_of(OrganizationNamedQuery, self.request)
        )
        return rows

    @extend_schema(
        parameters=[OrganizationNamedQuery], responses=HolidayOverrideSerializer(many=True)
    )
    def get(self, request: ApiRequest) -> Response:
        """List what an organization says about holidays."""
        return self.list_response(request)

    @extend_schema(request=NewHolidayOverrideInput, responses={201: HolidayOverrideSerializer})
    @idempotent
    def post(self, request: ApiRequest) -> Response:
        """Make a date a holiday, or not one; again for the date replaces it."""
        values = body_of(NewHolidayOverrideInput, request)
        override = operations.set_holiday_override(
            actor=request.actor,
            organization_id=values.pop("organization"),
            now=request.now,
            **values,
        )
        return Response(HolidayOverrideSerializer(override).data, status=201)


class HolidayOverrideView(ApiView):
    @extend_schema(request=HolidayOverrideInput, responses=HolidayOverrideSerializer)
    def put(self, request: ApiRequest, pk: UUID) -> Response:
        """Change what is said about a holiday."""
        values = body_of(HolidayOverrideInput, request)
        override = operations.change_holiday_override(
            actor=request.actor,
            override_id=pk,
            is_holiday=values["is_holiday"],
            name=values.get("name", ""),
            now=request.now,
        )
        return Response(HolidayOverrideSerializer(override).data)

    @extend_schema(responses={204: None})
    def delete(self, request: ApiRequest, pk: UUID) -> Response:
        """Follow the calendar again on that date."""
        operations.remove_holiday_override(actor=request.actor, override_id=pk, now=request.now)
        return Response(status=204)
