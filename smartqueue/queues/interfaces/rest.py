"""REST of queues, tickets and sessions: parse, one call, answer."""

from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.response import Response

from smartqueue.business.enums import Ability
from smartqueue.common import tenancy
from smartqueue.common.errors import NotFound
from smartqueue.common.rest.forms import read
from smartqueue.common.rest.views import ApiListView, ApiRequest, ApiView
from smartqueue.idempotency.rest import HEADER, idempotent
from smartqueue.queues import analytics, operations, policies, queries
from smartqueue.queues.interfaces import serializers as forms
from smartqueue.queues.interfaces.filters import QueueFilter, TicketFilter
from smartqueue.queues.models import CounterSession, Queue, RosterDay, Ticket
from smartqueue.queues.rosters import Day, clock_text, day_named, name_of
from smartqueue.queues.tokens import token_of


def holder_view(ticket: Ticket, request: ApiRequest) -> dict[str, Any]:
    """Return a ticket as its holder or the staff see it; its token goes to the holder alone."""
    inside = policies.serves(request.actor, ticket)
    view = queries.ticket_view(ticket, request.now, inside=inside)
    if policies.is_holder(request.actor, ticket):
        view["token"] = token_of(ticket.pk)
    return view


def queue_view(queue: Queue, request: ApiRequest) -> dict[str, Any]:
    """Return a queue as the caller may see it."""
    answer: dict[str, Any] = forms.QueueOutput(queue, context={"request": request}).data
    return answer


def session_view(session: CounterSession) -> dict[str, Any]:
    """Return a session at a counter."""
    return {
        "id": str(session.pk),
        "counter": str(session.counter_id),
        "counter_name": session.counter.name,
        "branch": str(session.branch_id),
        "agent": str(session.agent_id),
        "queues": [str(pk) for pk in session.queue_ids],
        "state": session.state,
        "started_at": session.started_at.isoformat(),
        "ended_at": session.ended_at.isoformat() if session.ended_at else None,
    }


def with_token(answer: dict[str, Any]) -> dict[str, Any]:
    """Put the holder's token back into a stored answer."""
    return {**answer, "token": token_of(UUID(answer["id"]))}


class QueueListView(ApiListView):
    public_reads = True
    serializer_class = forms.QueueOutput
    queryset = Queue.objects.none()
    filterset_class = QueueFilter

    def get_queryset(self) -> Any:
        return queries.list_queues()

    @extend_schema(responses=forms.QueueOutput(many=True))
    def get(self, request: ApiRequest) -> Response:
        """List the queues of every organization; filter by branch, organization, service, state."""
        with tenancy.public():
            return self.list_response(request)

    @extend_schema(request=forms.QueueInput, responses={201: forms.QueueOutput})
    @idempotent
    def post(self, request: ApiRequest) -> Response:
        """Make a queue; it starts closed."""
        values = dict(read(forms.QueueInput, request))
        queue = operations.create_queue(
            actor=request.actor, branch_id=values.pop("branch"), now=request.now, **values
        )
        return Response(queue_view(queue, request), status=201)


class QueueView(ApiView):
    public_reads = True

    @extend_schema(responses=forms.QueueOutput)
    def get(self, request: ApiRequest, queue_id: UUID) -> Response:
        """Read one queue."""
        with tenancy.public():
            return Response(queue_view(queries.get_queue(queue_id), request))

    @extend_schema(request=forms.QueueSettingsSerializer, responses=forms.QueueOutput)
    def put(self, request: ApiRequest, queue_id: UUID) -> Response:
        """Change a queue's settings."""
        return self._update(request, queue_id, partial=False)

    @extend_schema(request=forms.QueueSettingsSerializer(partial=True), responses=forms.QueueOutput)
    def patch(self, request: ApiRequest, queue_id: UUID) -> Response:
        """Change some of a queue's settings."""
        return self._update(request, queue_id, partial=True)

    def _update(self, request: ApiRequest, queue_id: UUID, *, partial: bool) -> Response:
        values = read(forms.QueueSettingsSerializer, request, partial=partial)
        queue = operations.update_queue(actor=request.actor, queue_id=queue_id, **values)
        with tenancy.public():
            return Response(queue_view(queue, request))

    @extend_schema(responses={204: None})
    def delete(self, request: ApiRequest, queue_id: UUID) -> Response:
        """Close a queue for good; refused while people wait."""
        operations.retire_queue(actor=request.actor, queue_id=queue_id, now=request.now)
        return Response(status=204)


class QueueStateView(ApiView):
    """POST sets one state; the URL names which."""

    operation: Any = None

    @extend_schema(request=forms.ReasonInput, responses=forms.QueueOutput)
    @idempotent
    def post(self, request: ApiRequest, queue_id: UUID) -> Response:
        """Open, pause or close a queue."""
        reason = read(forms.ReasonInput, request)["reason"]
        queue = type(self).operation(
            actor=request.actor, queue_id=queue_id, reason=reason, now=request.now
        )
        with tenancy.public():
            return Response(queue_view(queue, request))


class OpenQueueView(QueueStateView):
    operation = staticmethod(operations.open_queue)


class PauseQueueView(QueueStateView):
    operation = staticmethod(operations.pause_queue)


class CloseQueueView(QueueStateView):
    operation = staticmethod(operations.close_queue)


class OutageView(ApiView):
    @extend_schema(request=forms.OutageInput, responses=forms.QueueOutput)
    @idempotent
    def post(self, request: ApiRequest, queue_id: UUID) -> Response:
        """Close for today because serving cannot go on; who waits gets a return ticket for a day."""
        values = read(forms.OutageInput, request)
        queue = operations.close_for_outage(
            actor=request.actor, queue_id=queue_id, now=request.now, **values
        )
        with tenancy.public():
            return Response(queue_view(queue, request))


class QueueMessageView(ApiView):
    @extend_schema(request=forms.LineMessageInput, responses={202: forms.LineMessageOutput})
    @idempotent
    def post(self, request: ApiRequest, queue_id: UUID) -> Response:
        """
        Send a text to everybody who waits and left a mobile number.

        Refused before anything is queued: `text_too_long` (422), `budget_spent` (409),
        `too_many_requests` (429).
        """
        text = read(forms.LineMessageInput, request)["text"]
        batch = operations.write_to_waiting(
            actor=request.actor, queue_id=queue_id, text=text, now=request.now
        )
        return Response({"batch": batch.pk, "total": batch.total}, status=202)


class QueueMessagePreviewView(ApiView):
    @extend_schema(request=forms.LineMessageInput, responses=forms.LinePreviewOutput)
    def post(self, request: ApiRequest, queue_id: UUID) -> Response:
        """Say to how many people a text would go, how long it is and what it costs; sends nothing."""
        preview = operations.preview_to_waiting(
            actor=request.actor,
            queue_id=queue_id,
            text=read(forms.LineMessageInput, request)["text"],
            now=request.now,
        )
        return Response(forms.LinePreviewOutput(preview).data)


class TicketsView(ApiView):
    @extend_schema(request=forms.TicketsGivenInput, responses=forms.TicketsGivenInput)
    @idempotent
    def put(self, request: ApiRequest, queue_id: UUID) -> Response:
        """Give no more tickets today while who waits is served, or give them again."""
        are_given = read(forms.TicketsGivenInput, request)["are_given"]
        if are_given:
            operations.give_tickets(actor=request.actor, queue_id=queue_id)
        else:
            operations.stop_tickets(actor=request.actor, queue_id=queue_id, now=request.now)
        return Response({"are_given": are_given})


class LongLineView(ApiView):
    @extend_schema(request=forms.LongLineInput, responses=forms.LongLineInput)
    @idempotent
    def put(self, request: ApiRequest, queue_id: UUID) -> Response:
        """Say from how many waiting people on the managers are told; null for never."""
        people = read(forms.LongLineInput, request)["people"]
        operations.set_long_line(actor=request.actor, queue_id=queue_id, people=people)
        return Response({"people": people})


class QueueWaitView(ApiView):
    public_reads = True

    @extend_schema(responses=forms.WaitOutput)
    def get(self, request: ApiRequest, queue_id: UUID) -> Response:
        """Say how long somebody waits who joins now, and why."""
        with tenancy.public():
            queue = queries.get_queue(queue_id)
            return Response(queries.wait_on_joining(queue, request.now))


def spans_view(spans: Iterable[Sequence[float]]) -> list[dict[str, Any]]:
    """Return spans of minutes as they go on the wire."""
    return [
        {"since": clock_text(int(since)), "until": clock_text(int(until)), "counters": counters}
        for since, until, counters in spans
    ]


def roster_day_view(row: RosterDay) -> dict[str, Any]:
    """Return a planned day."""
    return {
        "day": name_of(row.date if row.date is not None else row.weekday or 0),
        "spans": spans_view(row.spans),
    }


def day_asked(text: str) -> Day:
    """
    Return the day that an address names.

    :raises NotFound: it names none
    """
    try:
        return day_named(text)
    except ValueError as error:
        raise NotFound from error


class RosterView(ApiListView):
    serializer_class = forms.RosterDayOutput
    queryset = RosterDay.objects.none()
    filter_backends = []

    @extend_schema(responses=forms.RosterDayOutput(many=True))
    def get(self, request: ApiRequest, queue_id: UUID) -> Response:
        """List the days for which counters are planned: weekdays, then dates."""
        queue = policies.access_queue(request.actor, queue_id, Ability.VIEW)
        with tenancy.organizations([queue.organization_id]):
            page = self.paginate_queryset(queries.list_roster(queue)) or []
        return self.get_paginated_response([roster_day_view(row) for row in page])


class RosterDayView(ApiView):
    @extend_schema(responses=forms.RosterOutput)
    def get(self, request: ApiRequest, queue_id: UUID, day: str) -> Response:
        """Read what is planned for a weekday or a date, beside what is usual."""
        queue = policies.access_queue(request.actor, queue_id, Ability.VIEW)
        asked = day_asked(day)
        with tenancy.organizations([queue.organization_id]):
            row = queries.planned_on(queue, asked)
            usual = queries.usual_on(queue, asked)
        spans = spans_view(row.spans) if row else None
        return Response({"day": name_of(asked), "spans": spans, "usual": spans_view(usual)})

    @extend_schema(request=forms.RosterInput, responses=forms.RosterDayOutput)
    def put(self, request: ApiRequest, queue_id: UUID, day: str) -> Response:
        """Replace what is planned for a weekday or a date."""
        row = operations.plan_day(
            actor=request.actor,
            queue_id=queue_id,
            day=day_asked(day),
            spans=read(forms.RosterInput, request)["spans"],
            now=request.now,
        )
        return Response(roster_day_view(row))

    @extend_schema(responses={204: None})
    def delete(self, request: ApiRequest, queue_id: UUID, day: str) -> Response:
        """Plan nothing for that day any more; a date is as its weekday again."""
        operations.forget_day(
            actor=request.actor, queue_id=queue_id, day=day_asked(day), now=request.now
        )
        return Response(status=204)


def called(ticket: Ticket | None, request: ApiRequest) -> Response:
    """Answer a call: the ticket, or 204 when nobody waits."""
    return Response(status=204) if ticket is None else Response(holder_view(ticket, request))


class CallNextInQueueView(ApiView):
    @extend_schema(request=forms.SessionChoice, responses={200: forms.TicketOutput, 204: None})
    @idempotent
    def post(self, request: ApiRequest, queue_id: UUID) -> Response:
        """Call the next person of this queue; 204 when nobody waits."""
        session_id = read(forms.SessionChoice, request)["session"]
        ticket = operations.call_next_ticket(
            actor=request.actor, queue_id=queue_id, session_id=session_id, now=request.now
        )
        return called(ticket, request)


class TicketListView(ApiListView):
    public = True
    serializer_class = forms.StaffTicketOutput
    queryset = Ticket.objects.none()
    filterset_class = TicketFilter

    def get_queryset(self) -> Any:
        return queries.list_tickets()

    def check_throttles(self, request: Any) -> None:
        """Count a joining by what its body says, before any transaction; a reading as usual."""
        if request.method != "POST":
            super().check_throttles(request)
            return
        self.wanted = dict(read(forms.TicketInput, request))
        operations.count_joining(
            actor=request.actor,
            queue_id=self.wanted["queue"],
            phone=self.wanted["phone"],
            device=request.headers.get("X-Device-ID", ""),
            once=request.headers.get(HEADER, ""),
        )

    @extend_schema(responses=forms.StaffTicketOutput(many=True))
    def get(self, request: ApiRequest) -> Response:
        """List the tickets of the caller's organizations, for staff."""
        organizations = policies.organizations_served_by(request.actor)
        with tenancy.organizations(organizations):
            rows = policies.visible_to_staff(request.actor, self.get_queryset())
            page = self.paginate_queryset(self.filter_queryset(rows))
            return self.get_paginated_response([queries.staff_view(t) for t in page or ()])

    @extend_schema(request=forms.TicketInput, responses={201: forms.TicketOutput})
    @idempotent(restore=with_token)
    def post(self, request: ApiRequest) -> Response:
        """Join a queue. The answer carries the token that opens the ticket without an account."""
        # A lost race for a lock tries once more with the same values.
        values = dict(self.wanted)
        ticket = operations.issue_ticket(
            actor=request.actor,
            queue_id=values.pop("queue"),
            service_id=values.pop("service", None),
            language=request.LANGUAGE_CODE,
            now=request.now,
            **values,
        )
        inside = policies.serves(request.actor, ticket)
        view = queries.ticket_view(ticket, request.now, inside=inside)
        return Response(with_token(view), status=201)


class MyTicketsView(ApiListView):
    serializer_class = forms.TicketOutput
    queryset = Ticket.objects.none()
    filterset_class = TicketFilter

    def get_queryset(self) -> Any:
        return queries.list_tickets()

    @extend_schema(responses=forms.TicketOutput(many=True))
    def get(self, request: ApiRequest) -> Response:
        """List the caller's own tickets, newest first."""
        with tenancy.citizen(request.actor.require_user()):
            page = self.paginate_queryset(self.filter_queryset(self.get_queryset())) or []
        views = queries.ticket_views(page, request.now)
        return self.get_paginated_response([with_token(view) for view in views])


class TicketView(ApiView):
    public = True

    @extend_schema(responses=forms.TicketOutput)
    def get(self, request: ApiRequest, ticket_id: UUID) -> Response:
        """Read a ticket, for its holder and the staff."""
        return Response(holder_view(policies.access_ticket(request.actor, ticket_id), request))

    @extend_schema(request=forms.TicketChanges, responses=forms.TicketOutput)
    def put(self, request: ApiRequest, ticket_id: UUID) -> Response:
        """Correct what may be corrected; never the state."""
        ticket = operations.update_ticket(
            actor=request.actor, ticket_id=ticket_id, **read(forms.TicketChanges, request)
        )
        return Response(holder_view(ticket, request))

    @extend_schema(request=forms.TicketChanges, responses=forms.TicketOutput)
    def patch(self, request: ApiRequest, ticket_id: UUID) -> Response:
        """Correct some of what may be corrected."""
        return self.put(request, ticket_id)

    @extend_schema(responses=forms.TicketOutput)
    def delete(self, request: ApiRequest, ticket_id: UUID) -> Response:
        """Leave the line; the ticket's row stays."""
        ticket = operations.cancel_ticket(actor=request.actor, ticket_id=ticket_id, now=request.now)
        return Response(holder_view(ticket, request))


class CallTicketView(ApiView):
    @extend_schema(request=forms.SessionChoice, responses=forms.TicketOutput)
    @idempotent
    def post(self, request: ApiRequest, ticket_id: UUID) -> Response:
        """Call this ticket; exactly one caller wins."""
        session_id = read(forms.SessionChoice, request)["session"]
        ticket = operations.call_ticket(
            actor=request.actor, ticket_id=ticket_id, session_id=session_id, now=request.now
        )
        return Response(holder_view(ticket, request))


class TicketActionView(ApiView):
    """POST carries out one operation on a ticket; subclasses name it and the body it takes."""

    operation: Any = None
    form: type[serializers.Serializer[Any]] = forms.NothingInput

    @extend_schema(responses=forms.TicketOutput)
    @idempotent(restore=with_token)
    def post(self, request: ApiRequest, ticket_id: UUID) -> Response:
        """Carry out the step."""
        values = self.arguments(read(self.form, request))
        ticket = type(self).operation(
            actor=request.actor, ticket_id=ticket_id, now=request.now, **values
        )
        return Response(holder_view(ticket, request))

    def arguments(self, values: dict[str, Any]) -> dict[str, Any]:
        """Return the operation's arguments for a validated body."""
        return values


def action(
    operation_name: str, form: type[serializers.Serializer[Any]] = forms.NothingInput
) -> type[TicketActionView]:
    """Return the view of one operation on a ticket."""
    function = getattr(operations, operation_name)
    name = operation_name.title().replace("_", "") + "View"
    return type(name, (TicketActionView,), {"operation": staticmethod(function), "form": form})


RecallView = action("recall_ticket")
StartView = action("start_ticket")
CompleteView = action("complete_ticket", forms.CompleteInput)
NoShowView = action("mark_no_show")
ParkView = action("park_ticket", forms.ParkInput)
ResumeView = action("resume_ticket")
ReturnView = action("return_ticket", forms.ReturnInput)
UndoView = action("undo_step")


class TransferView(TicketActionView):
    operation = staticmethod(operations.transfer_ticket)
    form = forms.TransferInput

    def arguments(self, values: dict[str, Any]) -> dict[str, Any]:
        return {"target_queue_id": values["queue"], "service_id": values.get("service")}


class CancelView(TicketActionView):
    public = True
    operation = staticmethod(operations.cancel_ticket)
    form = forms.CancelInput


class MoreTimeView(TicketActionView):
    public = True
    operation = staticmethod(operations.give_more_time)
    form = forms.MoreTimeInput


class UseReturnView(ApiView):
    public = True

    @extend_schema(request=None, responses={201: forms.TicketOutput})
    @idempotent(restore=with_token)
    def post(self, request: ApiRequest, ticket_id: UUID) -> Response:
        """Turn the ticket of an outage, on its day, into one of that day."""
        ticket = operations.use_return_ticket(
            actor=request.actor, ticket_id=ticket_id, now=request.now
        )
        view = holder_view(ticket, request)
        if request.actor.ticket_id == ticket_id:
            view["token"] = token_of(ticket.pk)
        return Response(view, status=201)


class SessionListView(ApiView):
    @extend_schema(request=forms.SessionInput, responses={201: forms.SessionOutput})
    @idempotent
    def post(self, request: ApiRequest) -> Response:
        """Sit down at a counter."""
        values = read(forms.SessionInput, request)
        session = operations.open_session(
            actor=request.actor,
            counter_id=values["counter"],
            queue_ids=values.get("queues"),
            now=request.now,
        )
        return Response(session_view(session), status=201)


class SessionView(ApiView):
    @extend_schema(responses=forms.SessionOutput)
    def get(self, request: ApiRequest, session_id: UUID) -> Response:
        """Read a session and who is at its counter."""
        session = policies.access_session(request.actor, session_id)
        ticket = queries.current_ticket(session.pk)
        current = holder_view(ticket, request) if ticket else None
        return Response({**session_view(session), "current_ticket": current})


class SessionStepView(ApiView):
    """POST carries out one operation on a session; subclasses name it."""

    operation: Any = None

    @extend_schema(request=None, responses=forms.SessionOutput)
    @idempotent
    def post(self, request: ApiRequest, session_id: UUID) -> Response:
        """Carry out the step."""
        session = type(self).operation(actor=request.actor, session_id=session_id, now=request.now)
        return Response(session_view(session))


class BreakView(SessionStepView):
    operation = staticmethod(operations.take_break)


class ResumeSessionView(SessionStepView):
    operation = staticmethod(operations.resume_session)


class EndSessionView(SessionStepView):
    operation = staticmethod(operations.end_session)


class CallNextView(ApiView):
    @extend_schema(request=None, responses={200: forms.TicketOutput, 204: None})
    @idempotent
    def post(self, request: ApiRequest, session_id: UUID) -> Response:
        """Call the next person over all queues of the session; 204 when nobody waits."""
        ticket = operations.call_next_for_session(
            actor=request.actor, session_id=session_id, now=request.now
        )
        return called(ticket, request)


class AnalyticsView(ApiListView):
    """Figures of what the caller manages; subclasses say of which units, and what may be asked."""

    query: type[serializers.Serializer[Any]] = forms.QueueAnalyticsQuery
    queryset = Queue.objects.none()
    filter_backends = []

    def answer(self, request: ApiRequest) -> Response:
        """Return a page of units with their figures."""
        asked = self.query(data=request.query_params)
        asked.is_valid(raise_exception=True)
        values = dict(asked.validated_data)
        days = analytics.Days(values.pop("since", None), values.pop("until", None))
        days.check(request.now)
        unit = values.pop("per", "queue")
        named = {"pk" if name == "queue" else name: value for name, value in values.items()}
        queues = policies.queues_managed_by(request.actor).filter(**named)
        page = self.paginate_queryset(analytics.list_units(queues, unit)) or []
        figures = analytics.with_figures(page, queues, unit=unit, days=days, now=request.now)
        return self.get_paginated_response(figures)


class QueueAnalyticsView(AnalyticsView):
    @extend_schema(
        parameters=[forms.QueueAnalyticsQuery], responses=forms.QueueFiguresOutput(many=True)
    )
    def get(self, request: ApiRequest) -> Response:
        """Count tickets, waits and services of the queues that the caller manages."""
        return self.answer(request)


class BusinessAnalyticsView(AnalyticsView):
    query = forms.BusinessAnalyticsQuery

    @extend_schema(
        parameters=[forms.BusinessAnalyticsQuery],
        responses=forms.BusinessFiguresOutput(many=True),
    )
    def get(self, request: ApiRequest) -> Response:
        """Count tickets, waits and services per organization or branch that the caller manages."""
        return self.answer(request)
