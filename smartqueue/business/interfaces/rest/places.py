"""REST of branches, their opening, services and counters."""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework.response import Response

from smartqueue.business import operations, queries
from smartqueue.business.interfaces.rest.kit import body_of, one_of, query_of
from smartqueue.business.interfaces.serializers.places import (
    BranchInput,
    BranchSerializer,
    CounterInput,
    CounterSerializer,
    NewBranchInput,
    NewCounterInput,
    NewOpeningExceptionInput,
    NewServiceInput,
    OpeningExceptionInput,
    OpeningExceptionSerializer,
    OpeningHoursInput,
    ServiceInput,
    ServiceSerializer,
    week_of,
)
from smartqueue.business.interfaces.serializers.queries import (
    BranchNamedQuery,
    BranchQuery,
    CounterQuery,
    ServiceQuery,
)
from smartqueue.business.models import (
    Branch,
    OpeningException,
)
from smartqueue.business.operations import WeekHours
from smartqueue.common.rest.views import ApiListView, ApiRequest, ApiView
from smartqueue.idempotency.rest import idempotent


def _branch_context(branches: Iterable[Branch], request: ApiRequest) -> dict[str, Any]:
    return {"schedules": queries.schedules_of(branches), "now": request.now}


def _branch(pk: UUID, request: ApiRequest) -> dict[str, Any]:
    branch = one_of(queries.list_branches(), pk)
    return dict(BranchSerializer(branch, context=_branch_context([branch], request)).data)


class BranchListView(ApiListView):
    public = True
    serializer_class = BranchSerializer

    def get_queryset(self) -> "QuerySet[Any]":
        return queries.list_branches(**query_of(BranchQuery, self.request))

    @extend_schema(parameters=[BranchQuery], responses=BranchSerializer(many=True))
    def get(self, request: ApiRequest) -> Response:
        """List branches by organization, words, commune or nearness."""
        page = self.paginate_queryset(self.get_queryset()) or []
        context = _branch_context(page, request)
        return self.get_paginated_response(BranchSerializer(page, many=True, context=context).data)

    @extend_schema(request=NewBranchInput, responses={201: BranchSerializer})
    @idempotent
    def post(self, request: ApiRequest) -> Response:
        """Open a branch of an organization."""
        given = NewBranchInput(data=request.data)
        given.is_valid(raise_exception=True)
        values, week = given.values()
        branch = operations.create_branch(
            actor=request.actor,
            organization_id=values.pop("organization"),
            opening_hours=week or (),
            now=request.now,
            **values,
        )
        return Response(_branch(branch.pk, request), status=201)


class BranchView(ApiView):
    public = True

    @extend_schema(responses=BranchSerializer)
    def get(self, request: ApiRequest, pk: UUID) -> Response:
        """Read a branch with its opening hours."""
        return Response(_branch(pk, request))

    @extend_schema(request=BranchInput, responses=BranchSerializer)
    def put(self, request: ApiRequest, pk: UUID) -> Response:
        """Replace what is said about a branch."""
        return self._change(request, pk, partial=False)

    @extend_schema(request=BranchInput, responses=BranchSerializer)
    def patch(self, request: ApiRequest, pk: UUID) -> Response:
        """Change parts of what is said about a branch."""
        return self._change(request, pk, partial=True)

    def _change(self, request: ApiRequest, pk: UUID, *, partial: bool) -> Response:
        given = BranchInput(data=request.data, partial=partial)
        given.is_valid(raise_exception=True)
        changes, week = given.values()
        operations.update_branch(
            actor=request.actor,
            branch_id=pk,
            changes=changes,
            opening_hours=week,
            now=request.now,
        )
        return Response(_branch(pk, request))

    @extend_schema(responses={204: None})
    def delete(self, request: ApiRequest, pk: UUID) -> Response:
        """Close a branch for good; refused while people wait."""
        operations.close_branch(actor=request.actor, branch_id=pk, now=request.now)
        return Response(status=204)


class OpeningHoursView(ApiView):
    """The week of a branch."""

    public = True

    @extend_schema(responses=OpeningHoursInput)
    def get(self, request: ApiRequest, pk: UUID) -> Response:
        """Read the week of a branch."""
        branch = one_of(queries.list_branches(), pk)
        return Response({"opening_hours": week_of(queries.schedule_of(branch))})

    @extend_schema(request=OpeningHoursInput, responses=OpeningHoursInput)
    def put(self, request: ApiRequest, pk: UUID) -> Response:
        """Replace the week of a branch."""
        values = body_of(OpeningHoursInput, request)
        branch = operations.replace_opening_hours(
            actor=request.actor,
            branch_id=pk,
            opening_hours=[WeekHours(**hours) for hours in values["opening_hours"]],
            now=request.now,
        )
        return Response({"opening_hours": week_of(queries.schedule_of(branch))})


class OpeningExceptionListView(ApiListView):
    """Dates on which a branch is closed, or open at other hours."""

    public = True
    serializer_class = OpeningExceptionSerializer
    queryset = OpeningException.objects.none()

    def get_queryset(self) -> "QuerySet[Any]":
        rows: QuerySet[Any] = queries.list_opening_exceptions(
            **query_of(BranchNamedQuery, self.request)
        )
        return rows

    @extend_schema(parameters=[BranchNamedQuery], responses=OpeningExceptionSerializer(many=True))
    def get(self, request: ApiRequest) -> Response:
        """List the dates on which a branch is closed, or open at other hours."""
        return self.list_response(request)

    @extend_schema(request=NewOpeningExceptionInput, responses={201: OpeningExceptionSerializer})
    @idempotent
    def post(self, request: ApiRequest) -> Response:
        """Close a branch on a date, or open it at other hours."""
        values = body_of(NewOpeningExceptionInput, request)
        exception = operations.add_opening_exception(
            actor=request.actor, branch_id=values.pop("branch"), now=request.now, **values
        )
        return Response(OpeningExceptionSerializer(exception).data, status=201)


class OpeningExceptionView(ApiView):
    @extend_schema(request=OpeningExceptionInput, responses=OpeningExceptionSerializer)
    def put(self, request: ApiRequest, pk: UUID) -> Response:
        """Replace an exception to the week."""
        return self._change(request, pk, partial=False)

    @extend_schema(request=OpeningExceptionInput, responses=OpeningExceptionSerializer)
    def patch(self, request: ApiRequest, pk: UUID) -> Response:
        """Change parts of an exception to the week."""
        return self._change(request, pk, partial=True)

    def _change(self, request: ApiRequest, pk: UUID, *, partial: bool) -> Response:
        exception = operations.change_opening_exception(
            actor=request.actor,
            exception_id=pk,
            changes=body_of(OpeningExceptionInput, request, partial=partial),
            now=request.now,
        )
        return Response(OpeningExceptionSerializer(exception).data)

    @extend_schema(responses={204: None})
    def delete(self, request: ApiRequest, pk: UUID) -> Response:
        """Follow the week again on that date."""
        operations.remove_opening_exception(actor=request.actor, exception_id=pk, now=request.now)
        return Response(status=204)


class ServiceListView(ApiListView):
    public = True
    serializer_class = ServiceSerializer

    def get_queryset(self) -> "QuerySet[Any]":
        return queries.list_services(**query_of(ServiceQuery, self.request))

    @extend_schema(parameters=[ServiceQuery], responses=ServiceSerializer(many=True))
    def get(self, request: ApiRequest) -> Response:
        """List services by organization, category or words."""
        return self.list_response(request)

    @extend_schema(request=NewServiceInput, responses={201: ServiceSerializer})
    @idempotent
    def post(self, request: ApiRequest) -> Response:
        """Offer a service."""
        given = NewServiceInput(data=request.data)
        given.is_valid(raise_exception=True)
        texts, values = given.values()
        service = operations.create_service(
            actor=request.actor,
            organization_id=values.pop("organization"),
            texts=texts,
            now=request.now,
            **values,
        )
        return Response(ServiceSerializer(service).data, status=201)


class ServiceView(ApiView):
    public = True

    @extend_schema(responses=ServiceSerializer)
    def get(self, request: ApiRequest, pk: UUID) -> Response:
        """Read a service."""
        return Response(ServiceSerializer(one_of(queries.list_services(), pk)).data)

    @extend_schema(request=ServiceInput, responses=ServiceSerializer)
    def put(self, request: ApiRequest, pk: UUID) -> Response:
        """Replace what is said about a service."""
        return self._change(request, pk, partial=False)

    @extend_schema(request=ServiceInput, responses=ServiceSerializer)
    def patch(self, request: ApiRequest, pk: UUID) -> Response:
        """Change parts of what is said about a service."""
        return self._change(request, pk, partial=True)

    def _change(self, request: ApiRequest, pk: UUID, *, partial: bool) -> Response:
        given = ServiceInput(data=request.data, partial=partial)
        given.is_valid(raise_exception=True)
        texts, values = given.values()
        service = operations.update_service(
            actor=request.actor, service_id=pk, changes=texts | values, now=request.now
        )
        return Response(ServiceSerializer(service).data)

    @extend_schema(responses={204: None})
    def delete(self, request: ApiRequest, pk: UUID) -> Response:
        """Take a service off the offer; refused while tickets wait for it."""
        operations.retire_service(actor=request.actor, service_id=pk, now=request.now)
        return Response(status=204)


class CounterListView(ApiListView):
    public = True
    serializer_class = CounterSerializer

    def get_queryset(self) -> "QuerySet[Any]":
        rows: QuerySet[Any] = queries.list_counters(**query_of(CounterQuery, self.request))
        return rows

    @extend_schema(parameters=[CounterQuery], responses=CounterSerializer(many=True))
    def get(self, request: ApiRequest) -> Response:
        """List the counters of a branch."""
        return self.list_response(request)

    @extend_schema(request=NewCounterInput, responses={201: CounterSerializer})
    @idempotent
    def post(self, request: ApiRequest) -> Response:
        """Set up a counter at a branch."""
        values = body_of(NewCounterInput, request)
        counter = operations.create_counter(
            actor=request.actor,
            branch_id=values["branch"],
            name=values["name"],
            now=request.now,
        )
        return Response(CounterSerializer(counter).data, status=201)


class CounterView(ApiView):
    public = True

    @extend_schema(responses=CounterSerializer)
    def get(self, request: ApiRequest, pk: UUID) -> Response:
        """Read a counter."""
        return Response(CounterSerializer(one_of(queries.list_counters(), pk)).data)

    @extend_schema(request=CounterInput, responses=CounterSerializer)
    def put(self, request: ApiRequest, pk: UUID) -> Response:
        """Rename a counter."""
        return self._change(request, pk)

    @extend_schema(request=CounterInput, responses=CounterSerializer)
    def patch(self, request: ApiRequest, pk: UUID) -> Response:
        """Rename a counter."""
        return self._change(request, pk)

    def _change(self, request: ApiRequest, pk: UUID) -> Response:
        counter = operations.rename_counter(
            actor=request.actor,
            counter_id=pk,
            name=body_of(CounterInput, request)["name"],
            now=request.now,
        )
        return Response(CounterSerializer(counter).data)

    @extend_schema(responses={204: None})
    def delete(self, request: ApiRequest, pk: UUID) -> Response:
        """Take a counter out of use; refused while somebody is at it."""
        operations.retire_counter(actor=request.actor, counter_id=pk, now=request.now)
        return Response(status=204)
