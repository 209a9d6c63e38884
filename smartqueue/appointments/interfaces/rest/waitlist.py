"""REST of waitlists and what they offer."""

from typing import Any
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework.response import Response

from smartqueue.appointments import operations, policies, queries
from smartqueue.appointments.interfaces import serializers as forms
from smartqueue.appointments.interfaces.filters import WaitlistFilter
from smartqueue.appointments.interfaces.rest.kit import (
    CountedListView,
    person_of,
    with_entry_token,
    with_token,
)
from smartqueue.appointments.models import WaitlistEntry
from smartqueue.common import tenancy
from smartqueue.common.rest.forms import read
from smartqueue.common.rest.views import ApiRequest, ApiView
from smartqueue.idempotency.rest import idempotent


class WaitlistView(CountedListView):
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

    @extend_schema(responses={200: forms.WaitlistOutput})
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
