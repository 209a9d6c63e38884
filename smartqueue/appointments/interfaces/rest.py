"""REST of slots, appointments and waitlists: parse, one call, answer."""

from typing import Any
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.response import Response

from smartqueue.appointments import operations, policies, queries
from smartqueue.appointments.interfaces import serializers as forms
from smartqueue.appointments.interfaces.filters import (
    AppointmentFilter,
    SlotExceptionFilter,
    SlotFilter,
    WaitlistFilter,
)
from smartqueue.appointments.models import (
    AgentAbsence,
    Appointment,
    AppointmentSlot,
    SlotException,
    WaitlistEntry,
)
from smartqueue.appointments.operations import Person, Wish
from smartqueue.appointments.tokens import token_of, token_of_entry
from smartqueue.common import tenancy
from smartqueue.common.rest.forms import read
from smartqueue.common.rest.views import ApiListView, ApiRequest, ApiView
from smartqueue.idempotency.rest import HEADER, idempotent
from smartqueue.queues.tokens import token_of as token_of_ticket


def with_token(answer: dict[str, Any]) -> dict[str, Any]:
    """Put the holder's token back into a stored answer."""
    return {**answer, "token": token_of(UUID(answer["id"]))}


def with_entry_token(answer: dict[str, Any]) -> dict[str, Any]:
    """Put the token of a place on a waitlist back into a stored answer."""
    return {**answer, "token": token_of_entry(UUID(answer["id"]))}


def view_of(appointment: Appointment, request: ApiRequest) -> dict[str, Any]:
    """Return an appointment as the caller sees it; its token goes to the holder alone."""
    if policies.is_holder(request.actor, appointment):
        return with_token(queries.holder_view(appointment))
    return queries.staff_view(appointment)


def person_of(values: dict[str, Any], request: ApiRequest) -> Person:
    """Return for whom an appointment is, out of a validated body."""
    return Person(
        customer_name=values["customer_name"],
        phone=values["phone"],
        language=request.LANGUAGE_CODE,
        answers=values.get("answers"),
        note=values["note"],
    )


def wish_of(values: dict[str, Any]) -> Wish:
    """Return the time that is wanted, out of a validated body."""
    return Wish(
        service_id=values["service"],
        branch_id=values["branch"],
        starts_at=values["starts_at"],
        people=values["people"],
        agent_id=values.get("agent"),
    )


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


class _CountedListView(ApiListView):
    """A list that people add to as often as they may book."""

    def check_throttles(self, request: Any) -> None:
        """Count a booking by who makes it, before any transaction; a reading as usual."""
        if request.method != "POST":
            super().check_throttles(request)
            return
        operations.count_booking(
            actor=request.actor,
            device=request.headers.get("X-Device-ID", ""),
            once=request.headers.get(HEADER, ""),
        )


class AppointmentListView(_CountedListView):
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

    @extend_schema(responses=forms.StaffAppointmentOutput)
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


class WaitlistView(_CountedListView):
    public = True
    serializer_class = forms.WaitlistOutput
    queryset = WaitlistEntry.objects.none()
    filterset_class = WaitlistFilter

    def get_queryset(self) -> Any:
        return queries.list_waitlist()

    @extend_schema(responses=forms.WaitlistOutput(many=True))
    def get(self, request: ApiRequest) -> Response:
        """List the waitlists that the caller serves, in order; for others, their own places."""
        organizations = policies.organizations_served_by(request.actor)
        if organizations:
            with tenancy.organizations(organizations):
                rows = policies.visible_to_staff(request.actor, self.get_queryset())
                page = self.paginate_queryset(self.filter_queryset(rows)) or []
                return self.get_paginated_response([queries.entry_view(row) for row in page])
        # Offers are read with the organizations that the person's own places name.
        with tenancy.citizen(request.actor.require_user()):
            own = self.filter_queryset(self.get_queryset().prefetch_related(None))
            page = self.paginate_queryset(own) or []
        with tenancy.organizations({row.organization_id for row in page}):
            queries.read_offers(page)
            views = [with_entry_token(queries.entry_view(row)) for row in page]
        return self.get_paginated_response(views)

    @extend_schema(request=forms.WaitlistInput, responses={201: forms.WaitlistOutput})
    @idempotent(restore=with_entry_token)
    def post(self, request: ApiRequest) -> Response:
        """Wait for a place. The answer's token opens it without an account."""
        entry = operations.join_waitlist(
            actor=request.actor,
            language=request.LANGUAGE_CODE,
            now=request.now,
            **read(forms.WaitlistInput, request),
        )
        with tenancy.organizations([entry.organization_id]):
            return Response(with_entry_token(queries.entry_view(entry)), status=201)


class WaitlistEntryView(ApiView):
    public = True

    @extend_schema(responses=forms.WaitlistOutput)
    def get(self, request: ApiRequest, entry_id: UUID) -> Response:
        """Read a place on a waitlist, with what is offered."""
        entry = policies.access_entry(request.actor, entry_id)
        return Response(queries.entry_view(entry))

    @extend_schema(responses=forms.WaitlistOutput)
    def delete(self, request: ApiRequest, entry_id: UUID) -> Response:
        """Stop waiting; an open offer goes to the next in order."""
        entry = operations.leave_waitlist(actor=request.actor, entry_id=entry_id, now=request.now)
        with tenancy.organizations([entry.organization_id]):
            return Response(queries.entry_view(entry))


class AcceptOfferView(ApiView):
    public = True

    @extend_schema(request=forms.PersonInput, responses=forms.AppointmentOutput)
    @idempotent(restore=with_token)
    def post(self, request: ApiRequest, entry_id: UUID) -> Response:
        """Book the place that is offered."""
        appointment = operations.accept_offer(
            actor=request.actor,
            entry_id=entry_id,
            person=person_of(read(forms.PersonInput, request), request),
            now=request.now,
        )
        return Response(with_token(queries.holder_view(appointment)))


class DeclineOfferView(ApiView):
    public = True

    @extend_schema(request=forms.NothingInput, responses=forms.WaitlistOutput)
    @idempotent
    def post(self, request: ApiRequest, entry_id: UUID) -> Response:
        """Leave the offered place to the next in order, and wait on."""
        entry = operations.decline_offer(actor=request.actor, entry_id=entry_id, now=request.now)
        with tenancy.organizations([entry.organization_id]):
            return Response(queries.entry_view(entry))


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
