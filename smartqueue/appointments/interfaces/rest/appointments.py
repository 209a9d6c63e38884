"""REST of appointments: booked, changed, arrived."""

from typing import Any
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.response import Response

from smartqueue.appointments import operations, policies, queries
from smartqueue.appointments.interfaces import serializers as forms
from smartqueue.appointments.interfaces.filters import AppointmentFilter
from smartqueue.appointments.interfaces.rest.kit import (
    CountedListView,
    person_of,
    view_of,
    wish_of,
    with_token,
)
from smartqueue.appointments.models import Appointment
from smartqueue.common import tenancy
from smartqueue.common.rest.forms import read
from smartqueue.common.rest.views import ApiListView, ApiRequest, ApiView
from smartqueue.idempotency.rest import idempotent
from smartqueue.queues.tokens import token_of as token_of_ticket


class AppointmentListView(CountedListView):
    public = True
    serializer_class = forms.StaffAppointmentOutput
    queryset = Appointment.objects.none()
    filterset_class = AppointmentFilter

    def get_queryset(self) -> Any:
        return queries.list_appointments()

    @extend_schema(responses=forms.StaffAppointmentOutput(many=True))
    def get(self, request: ApiRequest) -> Response:
        """List the appointments that the caller serves; for others, their own."""
        organizations = policies.organizations_served_by(request.actor)
        if not organizations:
            return own_appointments(self, request)
        with tenancy.organizations(organizations):
            rows = policies.visible_to_staff(request.actor, self.get_queryset())
            page = self.paginate_queryset(self.filter_queryset(rows))
            return self.get_paginated_response([queries.staff_view(row) for row in page or ()])

    @extend_schema(request=forms.BookingInput, responses={201: forms.AppointmentOutput})
    @idempotent(restore=with_token)
    def post(self, request: ApiRequest) -> Response:
        """Book, or hold a place while the form is filled. The answer's token opens it."""
        values = read(forms.BookingInput, request)
        asked: dict[str, Any] = {
            "actor": request.actor,
            "wish": wish_of(values),
            "person": person_of(values, request),
            "channel": values.get("channel"),
            "now": request.now,
        }
        if values["hold"] or request.actor.kind == "anonymous":
            device = request.headers.get("X-Device-ID", "")
            appointment = operations.hold_appointment(**asked, device=device)
        else:
            appointment = operations.book_appointment(**asked)
        return Response(with_token(queries.holder_view(appointment)), status=201)


def own_appointments(view: ApiListView, request: ApiRequest) -> Response:
    """Return a page of the caller's own appointments."""
    with tenancy.citizen(request.actor.require_user()):
        page = view.paginate_queryset(view.filter_queryset(queries.list_appointments())) or []
        views = [with_token(queries.holder_view(row)) for row in page]
    return view.get_paginated_response(views)


class MyAppointmentsView(ApiListView):
    serializer_class = forms.AppointmentOutput
    queryset = Appointment.objects.none()
    filterset_class = AppointmentFilter

    def get_queryset(self) -> Any:
        return queries.list_appointments()

    @extend_schema(responses=forms.AppointmentOutput(many=True))
    def get(self, request: ApiRequest) -> Response:
        """List the caller's own appointments, latest first."""
        return own_appointments(self, request)


class AppointmentView(ApiView):
    public = True

    @extend_schema(responses=forms.StaffAppointmentOutput)
    def get(self, request: ApiRequest, appointment_id: UUID) -> Response:
        """Read an appointment, for its holder and the staff."""
        appointment = policies.access_appointment(request.actor, appointment_id)
        view = view_of(appointment, request)
        if appointment.ticket_id and policies.is_holder(request.actor, appointment):
            view["ticket_token"] = token_of_ticket(appointment.ticket_id)
        return Response(view)

    @extend_schema(request=forms.MoveInput, responses=forms.StaffAppointmentOutput)
    def put(self, request: ApiRequest, appointment_id: UUID) -> Response:
        """Move it to another time: the new place is had before the old one is given up."""
        values = read(forms.MoveInput, request)
        appointment = operations.reschedule_appointment(
            actor=request.actor,
            appointment_id=appointment_id,
            starts_at=values["starts_at"],
            agent_id=values.get("agent"),
            now=request.now,
        )
        return Response(view_of(appointment, request))

    @extend_schema(responses={200: forms.StaffAppointmentOutput})
    def delete(self, request: ApiRequest, appointment_id: UUID) -> Response:
        """Cancel it; the appointment's row stays."""
        appointment = operations.cancel_appointment(
            actor=request.actor, appointment_id=appointment_id, now=request.now
        )
        return Response(view_of(appointment, request))


class StepView(ApiView):
    """POST carries out one operation on an appointment; subclasses name it and the body it takes."""

    operation: Any = None
    form: type[serializers.Serializer[Any]] = forms.NothingInput

    @extend_schema(responses=forms.StaffAppointmentOutput)
    @idempotent(restore=with_token)
    def post(self, request: ApiRequest, appointment_id: UUID) -> Response:
        """Carry out the step."""
        appointment = type(self).operation(
            actor=request.actor,
            appointment_id=appointment_id,
            now=request.now,
            **self.arguments(read(self.form, request), request),
        )
        return Response(view_of(appointment, request))

    def arguments(self, values: dict[str, Any], request: ApiRequest) -> dict[str, Any]:
        """Return the operation's arguments for a validated body."""
        return values


class ConfirmView(StepView):
    public = True
    operation = staticmethod(operations.confirm_appointment)
    form = forms.PersonInput

    def arguments(self, values: dict[str, Any], request: ApiRequest) -> dict[str, Any]:
        return {"person": person_of(values, request)}


class CancelView(StepView):
    public = True
    operation = staticmethod(operations.cancel_appointment)
    form = forms.BookingReasonInput


class AttendanceView(StepView):
    public = True
    operation = staticmethod(operations.confirm_attendance)


class ApproveView(StepView):
    operation = staticmethod(operations.approve_appointment)


class DeclineView(StepView):
    operation = staticmethod(operations.decline_appointment)
    form = forms.BookingReasonInput


class MissedView(StepView):
    operation = staticmethod(operations.mark_no_show)


class CheckInView(StepView):
    public = True
    operation = staticmethod(operations.check_in_appointment)
    form = forms.CheckInInput

    def arguments(self, values: dict[str, Any], request: ApiRequest) -> dict[str, Any]:
        return {"queue_id": values.get("queue")}


class DoorView(ApiView):
    public = True

    @extend_schema(request=forms.DoorInput, responses=forms.StaffAppointmentOutput)
    @idempotent
    def post(self, request: ApiRequest) -> Response:
        """Check in by reference or phone, at the kiosk or by the staff."""
        values = read(forms.DoorInput, request)
        appointment = operations.check_in_by_code(
            actor=request.actor, branch_id=values["branch"], code=values["code"], now=request.now
        )
        return Response(queries.door_view(appointment))


class CodeView(ApiView):
    public = True

    @extend_schema(request=forms.CodeRequest, responses={202: forms.BookingCodeSent})
    def post(self, request: ApiRequest, appointment_id: UUID) -> Response:
        """Send a code to the phone of somebody who books without an account."""
        expires_at = operations.send_booking_code(
            actor=request.actor,
            appointment_id=appointment_id,
            phone=read(forms.CodeRequest, request)["phone"],
            language=request.LANGUAGE_CODE,
            now=request.now,
        )
        return Response({"expires_at": expires_at.isoformat()}, status=202)


class VerifyView(ApiView):
    public = True

    @extend_schema(request=forms.BookingCodeInput, responses={204: None})
    def post(self, request: ApiRequest, appointment_id: UUID) -> Response:
        """Prove the phone by the code that was sent to it."""
        operations.verify_booking_code(
            actor=request.actor,
            appointment_id=appointment_id,
            code=read(forms.BookingCodeInput, request)["code"],
            now=request.now,
        )
        return Response(status=204)


class VisitView(ApiView):
    @extend_schema(request=forms.VisitInput, responses={201: forms.AppointmentsOutput})
    @idempotent
    def post(self, request: ApiRequest) -> Response:
        """Book several services of one visit, all or none."""
        values = read(forms.VisitInput, request)
        booked = operations.book_visit(
            actor=request.actor,
            wishes=[wish_of(dict(row)) for row in values["wishes"]],
            person=person_of(values, request),
            now=request.now,
        )
        return Response({"appointments": [queries.holder_view(row) for row in booked]}, status=201)


class SeriesView(ApiView):
    @extend_schema(request=forms.SeriesInput, responses={201: forms.AppointmentsOutput})
    @idempotent
    def post(self, request: ApiRequest) -> Response:
        """Book the same time again and again, all or none."""
        values = read(forms.SeriesInput, request)
        booked = operations.book_series(
            actor=request.actor,
            wish=wish_of(values),
            every_days=values["every_days"],
            times=values["times"],
            person=person_of(values, request),
            now=request.now,
        )
        return Response({"appointments": [queries.holder_view(row) for row in booked]}, status=201)


class CancelSeriesView(ApiView):
    public = True

    @extend_schema(request=forms.BookingReasonInput, responses=forms.AppointmentsOutput)
    @idempotent
    def post(self, request: ApiRequest, appointment_id: UUID) -> Response:
        """Cancel an appointment of a series or a visit, and those of it that come after."""
        ended = operations.cancel_series(
            actor=request.actor,
            appointment_id=appointment_id,
            now=request.now,
            **read(forms.BookingReasonInput, request),
        )
        return Response({"appointments": [queries.holder_view(row) for row in ended]})
