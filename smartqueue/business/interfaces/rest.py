"""REST: parse, one operation or query, answer."""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.response import Response

from smartqueue.accounts.enums import Role
from smartqueue.business import operations, policies, queries
from smartqueue.business.interfaces.serializers import (
    AcceptInput,
    BranchInput,
    BranchNamedQuery,
    BranchQuery,
    BranchSerializer,
    CounterInput,
    CounterQuery,
    CounterSerializer,
    HolidayOverrideInput,
    HolidayOverrideSerializer,
    MemberInput,
    MemberQuery,
    MemberSerializer,
    NewBranchInput,
    NewCounterInput,
    NewHolidayOverrideInput,
    NewMemberInput,
    NewOpeningExceptionInput,
    NewServiceInput,
    OpeningExceptionInput,
    OpeningExceptionSerializer,
    OpeningHoursInput,
    OrganizationInput,
    OrganizationNamedQuery,
    OrganizationSerializer,
    OrganizationServiceQuery,
    PlaceQuery,
    ServiceInput,
    ServiceQuery,
    ServiceSerializer,
    texts_in,
    week_of,
)
from smartqueue.business.models import (
    Branch,
    HolidayOverride,
    Invitation,
    Membership,
    OpeningException,
    Service,
)
from smartqueue.business.operations import WeekHours
from smartqueue.common.errors import NotFound
from smartqueue.common.rest.views import ApiListView, ApiRequest, ApiView
from smartqueue.idempotency.rest import idempotent


def _values(form: type[serializers.Serializer[Any]], request: ApiRequest, **options: Any) -> Any:
    """Return the checked body."""
    given = form(data=request.data, **options)
    given.is_valid(raise_exception=True)
    return given.validated_data


def _asked(form: type[serializers.Serializer[Any]], request: ApiRequest) -> Any:
    """Return the checked query parameters; empty ones count as not given."""
    given = form(data={name: value for name, value in request.query_params.items() if value})
    given.is_valid(raise_exception=True)
    return given.validated_data


def _one(rows: "QuerySet[Any]", pk: UUID) -> Any:
    row = rows.filter(pk=pk).first()
    if row is None:
        raise NotFound
    return row


# --- Organizations ------------------------------------------------------------------------------


def _organization(pk: UUID) -> dict[str, Any]:
    return dict(OrganizationSerializer(_one(queries.list_organizations(), pk)).data)


class OrganizationListView(ApiListView):
    public = True
    serializer_class = OrganizationSerializer

    def get_queryset(self) -> "QuerySet[Any]":
        return queries.list_organizations(**_asked(PlaceQuery, self.request))

    @extend_schema(parameters=[PlaceQuery], responses=OrganizationSerializer(many=True))
    def get(self, request: ApiRequest) -> Response:
        """List organizations by words, category, commune or nearness."""
        return self.list_response(request)

    @extend_schema(request=OrganizationInput, responses={201: OrganizationSerializer})
    @idempotent
    def post(self, request: ApiRequest) -> Response:
        """Found an organization; the caller becomes its owner."""
        values = _values(OrganizationInput, request)
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
        values = _values(OrganizationInput, request, partial=partial)
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
        _one(queries.list_organizations(), organization)
        asked = _asked(OrganizationServiceQuery, self.request)
        return queries.list_services(organization=organization, **asked)

    @extend_schema(parameters=[OrganizationServiceQuery], responses=ServiceSerializer(many=True))
    def get(self, request: ApiRequest, pk: UUID) -> Response:
        return self.list_response(request)


# --- Branches -----------------------------------------------------------------------------------


def _branch_context(branches: Iterable[Branch], request: ApiRequest) -> dict[str, Any]:
    return {"schedules": queries.schedules_of(branches), "now": request.now}


def _branch(pk: UUID, request: ApiRequest) -> dict[str, Any]:
    branch = _one(queries.list_branches(), pk)
    return dict(BranchSerializer(branch, context=_branch_context([branch], request)).data)


class BranchListView(ApiListView):
    public = True
    serializer_class = BranchSerializer

    def get_queryset(self) -> "QuerySet[Any]":
        return queries.list_branches(**_asked(BranchQuery, self.request))

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
        branch = _one(queries.list_branches(), pk)
        return Response({"opening_hours": week_of(queries.schedule_of(branch))})

    @extend_schema(request=OpeningHoursInput, responses=OpeningHoursInput)
    def put(self, request: ApiRequest, pk: UUID) -> Response:
        """Replace the week of a branch."""
        values = _values(OpeningHoursInput, request)
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
            **_asked(BranchNamedQuery, self.request)
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
        values = _values(NewOpeningExceptionInput, request)
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
            changes=_values(OpeningExceptionInput, request, partial=partial),
            now=request.now,
        )
        return Response(OpeningExceptionSerializer(exception).data)

    @extend_schema(responses={204: None})
    def delete(self, request: ApiRequest, pk: UUID) -> Response:
        """Follow the week again on that date."""
        operations.remove_opening_exception(actor=request.actor, exception_id=pk, now=request.now)
        return Response(status=204)


class HolidayOverrideListView(ApiListView):
    """What an organization says about holidays; POST again for a date replaces it."""

    public = True
    serializer_class = HolidayOverrideSerializer
    queryset = HolidayOverride.objects.none()

    def get_queryset(self) -> "QuerySet[Any]":
        rows: QuerySet[Any] = queries.list_holiday_overrides(
            **_asked(OrganizationNamedQuery, self.request)
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
        values = _values(NewHolidayOverrideInput, request)
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
        values = _values(HolidayOverrideInput, request)
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


# --- Services and counters ----------------------------------------------------------------------


class ServiceListView(ApiListView):
    public = True
    serializer_class = ServiceSerializer

    def get_queryset(self) -> "QuerySet[Any]":
        return queries.list_services(**_asked(ServiceQuery, self.request))

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
        return Response(ServiceSerializer(_one(queries.list_services(), pk)).data)

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
        rows: QuerySet[Any] = queries.list_counters(**_asked(CounterQuery, self.request))
        return rows

    @extend_schema(parameters=[CounterQuery], responses=CounterSerializer(many=True))
    def get(self, request: ApiRequest) -> Response:
        """List the counters of a branch."""
        return self.list_response(request)

    @extend_schema(request=NewCounterInput, responses={201: CounterSerializer})
    @idempotent
    def post(self, request: ApiRequest) -> Response:
        """Set up a counter at a branch."""
        values = _values(NewCounterInput, request)
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
        return Response(CounterSerializer(_one(queries.list_counters(), pk)).data)

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
            name=_values(CounterInput, request)["name"],
            now=request.now,
        )
        return Response(CounterSerializer(counter).data)

    @extend_schema(responses={204: None})
    def delete(self, request: ApiRequest, pk: UUID) -> Response:
        """Take a counter out of use; refused while somebody is at it."""
        operations.retire_counter(actor=request.actor, counter_id=pk, now=request.now)
        return Response(status=204)


# --- Members ------------------------------------------------------------------------------------


def _member(row: Membership | Invitation) -> dict[str, Any]:
    row.branch_ids = sorted(policies.branches_of(row))  # type: ignore[union-attr]  # as the lists have
    return dict(MemberSerializer(row).data)


class MemberListView(ApiListView):
    """The people of an organization; a manager of some branches sees those of them."""

    serializer_class = MemberSerializer
    queryset = Membership.objects.none()

    def get_queryset(self) -> "QuerySet[Any]":
        asked = _asked(MemberQuery, self.request)
        right = policies.access_staff(self.request.actor, asked["organization"])
        return queries.list_members(reach=right.reach, **asked)

    @extend_schema(parameters=[MemberQuery], responses=MemberSerializer(many=True))
    def get(self, request: ApiRequest) -> Response:
        """List the people of an organization; a manager of some branches sees those of them."""
        return self.list_response(request)

    @extend_schema(request=NewMemberInput, responses={201: MemberSerializer})
    @idempotent
    def post(self, request: ApiRequest) -> Response:
        """Add a person with a role, or invite whoever has no account yet."""
        values = _values(NewMemberInput, request)
        row = operations.add_member(
            actor=request.actor,
            organization_id=values["organization"],
            identifier=values["identifier"],
            role=Role(values["role"]),
            branches=values.get("branches", ()),
            now=request.now,
        )
        return Response(_member(row), status=201)


class MemberView(ApiView):
    @extend_schema(request=MemberInput, responses=MemberSerializer)
    def put(self, request: ApiRequest, pk: UUID) -> Response:
        """Replace a member's role and branches."""
        return self._change(request, pk, partial=False)

    @extend_schema(request=MemberInput, responses=MemberSerializer)
    def patch(self, request: ApiRequest, pk: UUID) -> Response:
        """Change a member's role or branches."""
        return self._change(request, pk, partial=True)

    def _change(self, request: ApiRequest, pk: UUID, *, partial: bool) -> Response:
        values = _values(MemberInput, request, partial=partial)
        membership = operations.change_member(
            actor=request.actor,
            membership_id=pk,
            role=Role(values["role"]) if "role" in values else None,
            branches=values.get("branches"),
            now=request.now,
        )
        return Response(_member(membership))

    @extend_schema(responses={204: None})
    def delete(self, request: ApiRequest, pk: UUID) -> Response:
        """Remove a member, or leave."""
        operations.remove_member(actor=request.actor, membership_id=pk, now=request.now)
        return Response(status=204)


class InvitationListView(ApiListView):
    """Invitations that can still be accepted."""

    serializer_class = MemberSerializer
    queryset = Invitation.objects.none()

    def get_queryset(self) -> "QuerySet[Any]":
        asked = _asked(OrganizationNamedQuery, self.request)
        right = policies.access_staff(self.request.actor, asked["organization"])
        return queries.list_invitations(
            organization=right.organization.pk, reach=right.reach, now=self.request.now
        )

    @extend_schema(parameters=[OrganizationNamedQuery], responses=MemberSerializer(many=True))
    def get(self, request: ApiRequest) -> Response:
        return self.list_response(request)


class InvitationView(ApiView):
    @extend_schema(responses={204: None})
    def delete(self, request: ApiRequest, pk: UUID) -> Response:
        """Withdraw an invitation."""
        operations.withdraw_invitation(actor=request.actor, invitation_id=pk, now=request.now)
        return Response(status=204)


class AcceptInvitationView(ApiView):
    """Join by the token of an invitation."""

    @extend_schema(request=AcceptInput, responses=MemberSerializer)
    @idempotent
    def post(self, request: ApiRequest) -> Response:
        membership = operations.accept_invitation(
            actor=request.actor,
            token=_values(AcceptInput, request)["token"],
            now=request.now,
        )
        return Response(_member(membership))
