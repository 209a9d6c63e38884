"""Feeds for calendar programs, and calendars kept elsewhere."""

import hashlib
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.conf import settings
from django.http import HttpResponse
from django.urls import reverse
from django.utils.cache import get_conditional_response
from django.utils.http import quote_etag
from django.views.decorators.http import require_safe
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.response import Response

from smartqueue.appointments import operations, policies, queries
from smartqueue.appointments.enums import BusyFailure, FeedKind
from smartqueue.appointments.models import BusyCalendar, CalendarFeed
from smartqueue.common.errors import Problem
from smartqueue.common.rest.problems import problem_response
from smartqueue.common.rest.views import ApiListView, ApiRequest, ApiView
from smartqueue.idempotency.rest import idempotent
from smartqueue.limits import operations as limits

if TYPE_CHECKING:
    from django.db.models import QuerySet


@require_safe
def calendar_file(request: ApiRequest, token: str) -> HttpResponse:
    """Answer a calendar program: a feed, or one appointment by its booking's token."""
    try:
        limits.check("feed", token=token)
        file = operations.read_calendar(token=token, now=request.now)
    except Problem as problem:
        return problem_response(request, problem)
    response = HttpResponse(file.content, content_type=file.content_type)
    response.headers["ETag"] = quote_etag(hashlib.sha256(file.content).hexdigest()[:32])
    # No cache may keep it; the program itself asks again with the mark of what it has.
    response.headers["Cache-Control"] = "no-store"
    response.headers["Content-Disposition"] = f'inline; filename="{file.name}"'
    response.headers["X-Robots-Tag"] = "noindex"
    conditional = get_conditional_response(request, response.headers["ETag"], response=response)
    return conditional or response


# --- Feeds --------------------------------------------------------------------------------------


class NewFeedInput(serializers.Serializer[Any]):
    kind = serializers.ChoiceField(choices=FeedKind.choices)
    branch = serializers.UUIDField(required=False, help_text="For a branch's feed, and no other.")
    name = serializers.CharField(max_length=60, required=False, default="")


class FeedSerializer(serializers.ModelSerializer[CalendarFeed]):
    branch = serializers.UUIDField(source="branch_id", read_only=True, allow_null=True)

    class Meta:
        model = CalendarFeed
        fields = ["id", "kind", "branch", "name", "created_at", "last_fetched_at"]
        read_only_fields = fields


class NewFeedSerializer(FeedSerializer):
    """A feed with its address, which opens it and is told this once."""

    url = serializers.URLField(read_only=True)

    class Meta(FeedSerializer.Meta):
        fields = [*FeedSerializer.Meta.fields, "url"]
        read_only_fields = fields


class FeedListView(ApiListView):
    """The feeds that somebody has made for their calendar programs."""

    serializer_class = FeedSerializer
    queryset = CalendarFeed.objects.none()

    def get_queryset(self) -> "QuerySet[Any]":
        return queries.list_feeds(self.request.actor.require_user())

    @extend_schema(responses=FeedSerializer(many=True))
    def get(self, request: ApiRequest) -> Response:
        """List one's own feeds."""
        return self.list_response(request)

    @extend_schema(request=NewFeedInput, responses={201: NewFeedSerializer})
    def post(self, request: ApiRequest) -> Response:
        """Make a feed; its address is shown this once."""
        given = NewFeedInput(data=request.data)
        given.is_valid(raise_exception=True)
        values = given.validated_data
        made = operations.create_feed(
            actor=request.actor,
            kind=FeedKind(values["kind"]),
            branch_id=values.get("branch"),
            name=values["name"],
            now=request.now,
        )
        url = settings.PUBLIC_URL + reverse("calendar-file", args=[made.token])
        return Response(FeedSerializer(made.feed).data | {"url": url}, status=201)


class FeedView(ApiView):
    @extend_schema(responses={204: None})
    def delete(self, request: ApiRequest, feed_id: UUID) -> Response:
        """Revoke a feed: its address opens nothing any more."""
        operations.revoke_feed(actor=request.actor, feed_id=feed_id, now=request.now)
        return Response(status=204)


# --- Calendars kept elsewhere -------------------------------------------------------------------


class BusyCalendarQuery(serializers.Serializer[Any]):
    organization = serializers.UUIDField()


class NewBusyCalendarInput(serializers.Serializer[Any]):
    organization = serializers.UUIDField()
    agent = serializers.UUIDField(required=False, help_text="An account that serves there.")
    branch = serializers.UUIDField(required=False, help_text="Instead of an agent.")
    service = serializers.UUIDField(
        required=False, help_text="The one service of the branch that it closes; all without."
    )
    url = serializers.CharField(max_length=2000, help_text="https, http or webcal.")
    name = serializers.CharField(max_length=60, required=False, default="")


class BusyCalendarSerializer(serializers.ModelSerializer[BusyCalendar]):
    """A calendar kept elsewhere. Of its address only the host is told again."""

    organization = serializers.UUIDField(source="organization_id", read_only=True)
    agent = serializers.UUIDField(source="agent_id", read_only=True, allow_null=True)
    branch = serializers.UUIDField(source="branch_id", read_only=True, allow_null=True)
    service = serializers.UUIDField(source="service_id", read_only=True, allow_null=True)
    error = serializers.ChoiceField(choices=BusyFailure.choices, allow_blank=True, read_only=True)
    error_text = serializers.SerializerMethodField()

    class Meta:
        model = BusyCalendar
        fields = [
            "id",
            "organization",
            "agent",
            "branch",
            "service",
            "name",
            "host",
            "created_at",
            "fetched_at",
            "read_at",
            "next_fetch_at",
            "error",
            "error_text",
        ]
        read_only_fields = fields

    @extend_schema_field(serializers.CharField())
    def get_error_text(self, calendar: BusyCalendar) -> str:
        """Say why it could not be read; nothing when it could."""
        return str(BusyFailure(calendar.error).label) if calendar.error else ""


class BusyCalendarListView(ApiListView):
    """Calendars kept elsewhere, whose busy times are not offered."""

    serializer_class = BusyCalendarSerializer
    queryset = BusyCalendar.objects.none()

    def get_queryset(self) -> "QuerySet[Any]":
        asked = BusyCalendarQuery(data=self.request.query_params)
        asked.is_valid(raise_exception=True)
        organization_id = asked.validated_data["organization"]
        rows = policies.busy_calendars_of(self.request.actor, organization_id)
        return queries.in_order_of_making(rows)

    @extend_schema(parameters=[BusyCalendarQuery], responses=BusyCalendarSerializer(many=True))
    def get(self, request: ApiRequest) -> Response:
        """List the calendars kept elsewhere: an agent's own, a manager's all."""
        return self.list_response(request)

    @extend_schema(request=NewBusyCalendarInput, responses={201: BusyCalendarSerializer})
    @idempotent
    def post(self, request: ApiRequest) -> Response:
        """Stop offering the times at which a calendar kept elsewhere is busy."""
        given = NewBusyCalendarInput(data=request.data)
        given.is_valid(raise_exception=True)
        values = given.validated_data
        calendar = operations.add_busy_calendar(
            actor=request.actor,
            organization_id=values["organization"],
            agent_id=values.get("agent"),
            branch_id=values.get("branch"),
            service_id=values.get("service"),
            url=values["url"],
            name=values["name"],
            now=request.now,
        )
        return Response(BusyCalendarSerializer(calendar).data, status=201)


class BusyCalendarView(ApiView):
    @extend_schema(responses={204: None})
    def delete(self, request: ApiRequest, calendar_id: UUID) -> Response:
        """Offer the times of a calendar kept elsewhere again."""
        operations.remove_busy_calendar(
            actor=request.actor, calendar_id=calendar_id, now=request.now
        )
        return Response(status=204)


class RefreshBusyCalendarView(ApiView):
    @extend_schema(request=None, responses=BusyCalendarSerializer)
    @idempotent
    def post(self, request: ApiRequest, calendar_id: UUID) -> Response:
        """Have a calendar kept elsewhere fetched within minutes."""
        calendar = operations.refresh_busy_calendar(
            actor=request.actor, calendar_id=calendar_id, now=request.now
        )
        return Response(BusyCalendarSerializer(calendar).data)
