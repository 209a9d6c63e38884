"""REST of what is offered: weekly slots, dates that differ, rules, absences, and what is free."""

from typing import Any
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework.response import Response

from smartqueue.appointments import operations, queries
from smartqueue.appointments.interfaces import serializers as forms
from smartqueue.appointments.interfaces.filters import SlotExceptionFilter, SlotFilter
from smartqueue.appointments.models import AgentAbsence, AppointmentSlot, SlotException
from smartqueue.common import tenancy
from smartqueue.common.rest.forms import read
from smartqueue.common.rest.views import ApiListView, ApiRequest, ApiView
from smartqueue.idempotency.rest import idempotent


class SlotListView(ApiListView):
    public_reads = True
    serializer_class = forms.SlotOutput
    queryset = AppointmentSlot.objects.none()
    filterset_class = SlotFilter

    def get_queryset(self) -> Any:
        return queries.list_slots()

    @extend_schema(responses=forms.SlotOutput(many=True))
    def get(self, request: ApiRequest) -> Response:
        """List the weekly slots of every organization; filter by branch, service, weekday."""
        with tenancy.public():
            return self.list_response(request)

    @extend_schema(request=forms.SlotInput, responses={201: forms.SlotOutput})
    @idempotent
    def post(self, request: ApiRequest) -> Response:
        """Offer appointments every week."""
        slot = operations.create_slot(
            actor=request.actor, now=request.now, **read(forms.SlotInput, request)
        )
        return Response(forms.SlotOutput(slot).data, status=201)


class SlotView(ApiView):
    public_reads = True

    @extend_schema(responses=forms.SlotOutput)
    def get(self, request: ApiRequest, slot_id: UUID) -> Response:
        """Read one weekly slot."""
        with tenancy.public():
            return Response(forms.SlotOutput(queries.get_slot(slot_id)).data)

    @extend_schema(request=forms.SlotChanges, responses=forms.SlotOutput)
    def put(self, request: ApiRequest, slot_id: UUID) -> Response:
        """Change a weekly slot; who is booked stays booked."""
        return self._update(request, slot_id, partial=False)

    @extend_schema(request=forms.SlotChanges(partial=True), responses=forms.SlotOutput)
    def patch(self, request: ApiRequest, slot_id: UUID) -> Response:
        """Change a part of a weekly slot."""
        return self._update(request, slot_id, partial=True)

    def _update(self, request: ApiRequest, slot_id: UUID, *, partial: bool) -> Response:
        values = read(forms.SlotChanges, request, partial=partial)
        slot = operations.update_slot(
            actor=request.actor, slot_id=slot_id, now=request.now, **values
        )
        return Response(forms.SlotOutput(slot).data)

    @extend_schema(responses={204: None})
    def delete(self, request: ApiRequest, slot_id: UUID) -> Response:
        """Offer a weekly slot no more; who is booked stays booked."""
        operations.retire_slot(actor=request.actor, slot_id=slot_id, now=request.now)
        return Response(status=204)


class GenerateSlotsView(ApiView):
    @extend_schema(request=forms.GenerateInput, responses=forms.GeneratedOutput)
    @idempotent
    def post(self, request: ApiRequest) -> Response:
        """Offer a service Monday to Friday from 9 to 17 every 30 minutes, where it has no slots."""
        slots = operations.generate_usual_slots(
            actor=request.actor, now=request.now, **read(forms.GenerateInput, request)
        )
        return Response({"slots": forms.SlotOutput(slots, many=True).data})


class SlotExceptionListView(ApiListView):
    public_reads = True
    serializer_class = forms.SlotExceptionOutput
    queryset = SlotException.objects.none()
    filterset_class = SlotExceptionFilter

    def get_queryset(self) -> Any:
        return queries.list_slot_exceptions()

    @extend_schema(responses=forms.SlotExceptionOutput(many=True))
    def get(self, request: ApiRequest) -> Response:
        """List the dates that differ from the weekly slots."""
        with tenancy.public():
            return self.list_response(request)

    @extend_schema(request=forms.SlotExceptionInput, responses={201: forms.SlotExceptionOutput})
    @idempotent
    def post(self, request: ApiRequest) -> Response:
        """Open, close or change one date without touching the weekly slots."""
        row = operations.create_slot_exception(
            actor=request.actor, now=request.now, **read(forms.SlotExceptionInput, request)
        )
        return Response(forms.SlotExceptionOutput(row).data, status=201)


class SlotExceptionView(ApiView):
    @extend_schema(request=forms.SlotExceptionChanges, responses=forms.SlotExceptionOutput)
    def put(self, request: ApiRequest, exception_id: UUID) -> Response:
        """Change what one date does."""
        return self._update(request, exception_id, partial=False)

    @extend_schema(
        request=forms.SlotExceptionChanges(partial=True), responses=forms.SlotExceptionOutput
    )
    def patch(self, request: ApiRequest, exception_id: UUID) -> Response:
        """Change a part of what one date does."""
        return self._update(request, exception_id, partial=True)

    def _update(self, request: ApiRequest, exception_id: UUID, *, partial: bool) -> Response:
        values = read(forms.SlotExceptionChanges, request, partial=partial)
        row = operations.update_slot_exception(
            actor=request.actor, exception_id=exception_id, now=request.now, **values
        )
        return Response(forms.SlotExceptionOutput(row).data)

    @extend_schema(responses={204: None})
    def delete(self, request: ApiRequest, exception_id: UUID) -> Response:
        """Let a date follow the weekly slots again."""
        operations.remove_slot_exception(
            actor=request.actor, exception_id=exception_id, now=request.now
        )
        return Response(status=204)


class RulesView(ApiView):
    public_reads = True

    @extend_schema(responses=forms.RulesOutput)
    def get(self, request: ApiRequest, service_id: UUID) -> Response:
        """Read how appointments for a service are made and kept."""
        return Response(forms.RulesOutput(queries.get_rules(service_id)).data)

    @extend_schema(request=forms.RulesInput, responses=forms.RulesOutput)
    def put(self, request: ApiRequest, service_id: UUID) -> Response:
        """Decide how appointments for a service are made; what is not named stays as it is."""
        rules = operations.set_booking_rules(
            actor=request.actor,
            service_id=service_id,
            now=request.now,
            **read(forms.RulesInput, request),
        )
        return Response(forms.RulesOutput(rules).data)

    @extend_schema(request=forms.RulesInput, responses=forms.RulesOutput)
    def patch(self, request: ApiRequest, service_id: UUID) -> Response:
        """Decide a part of how appointments for a service are made."""
        return self.put(request, service_id)


class AvailableSlotsView(ApiListView):
    public = True
    queryset = AppointmentSlot.objects.none()
    filter_backends = []

    @extend_schema(
        parameters=[forms.AvailableQuery], responses=forms.FreeSlotOutput(many=True), filters=False
    )
    def get(self, request: ApiRequest) -> Response:
        """List what is free, by time: of a service, a branch, or a whole organization."""
        asked = forms.AvailableQuery(data=request.query_params)
        asked.is_valid(raise_exception=True)
        values = dict(asked.validated_data)
        with tenancy.public():
            openings = queries.find_openings(
                queries.Search(
                    service_id=values.get("service"),
                    branch_id=values.get("branch"),
                    organization_id=values.get("organization"),
                    since=values.get("date_from"),
                    until=values.get("date_to"),
                    people=values["people"],
                    near=values.get("near"),
                ),
                request.now,
            )
            page: Any = self.paginate_queryset(openings)
        return self.get_paginated_response([row.view() for row in page or ()])


class AbsenceListView(ApiListView):
    serializer_class = forms.AbsenceOutput
    queryset = AgentAbsence.objects.none()
    filter_backends = []

    def get_queryset(self) -> Any:
        return queries.list_absences(self.request.actor.require_user())

    @extend_schema(responses=forms.AbsenceOutput(many=True))
    def get(self, request: ApiRequest) -> Response:
        """List the caller's own absences that are not over, soonest first."""
        with tenancy.organizations([m.organization_id for m in request.actor.memberships]):
            return self.list_response(request)

    @extend_schema(request=forms.AbsenceInput, responses={201: forms.AbsenceOutput})
    @idempotent
    def post(self, request: ApiRequest) -> Response:
        """Close an agent's own calendar for a time."""
        absence = operations.add_absence(
            actor=request.actor, now=request.now, **read(forms.AbsenceInput, request)
        )
        return Response(forms.AbsenceOutput(absence).data, status=201)


class AbsenceView(ApiView):
    @extend_schema(responses={204: None})
    def delete(self, request: ApiRequest, absence_id: UUID) -> Response:
        """Open an agent's calendar again."""
        operations.remove_absence(actor=request.actor, absence_id=absence_id, now=request.now)
        return Response(status=204)
