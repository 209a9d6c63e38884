"""Reads of webhooks; whoever calls these has been let in by a policy."""

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from django.db.models import Count, Exists, F, Max, OuterRef, Q, QuerySet

from smartqueue.common.db import fetch_one
from smartqueue.webhooks.enums import EndpointState, MessageState
from smartqueue.webhooks.models import Attempt, Endpoint, Message


def now_of_database() -> datetime:
    """Return PostgreSQL's time of this moment, by which leases and tries are due."""
    row = fetch_one("SELECT clock_timestamp()", ())
    assert row is not None  # noqa: S101  # a SELECT without FROM has a row
    moment: datetime = row[0]
    return moment


def list_listening(organization_id: UUID | None = None) -> list[tuple[UUID, list[str] | None]]:
    """Return organization and chosen types of every active endpoint, or of one organization's."""
    rows = Endpoint.objects.with_scopes_disabled().filter(state=EndpointState.ACTIVE)
    if organization_id is not None:
        rows = rows.filter(organization_id=organization_id)
    return list(rows.values_list("organization_id", "event_types"))


def endpoints_of(organization_ids: Collection[UUID]) -> "QuerySet[Endpoint]":
    """Return endpoints, newest first, with `waiting` and `failed` messages counted."""
    rows: QuerySet[Endpoint] = Endpoint.objects.with_scopes_disabled().filter(
        organization_id__in=organization_ids
    )
    unsent = Q(messages__state__in=[MessageState.PENDING, MessageState.SENDING])
    return rows.annotate(
        waiting=Count("messages", filter=unsent),
        failed=Count("messages", filter=Q(messages__state=MessageState.FAILED)),
        last_delivered_at=Max("messages__ended_at", filter=Q(messages__state="delivered")),
    ).order_by("-created_at", "-id")


def messages_of(endpoint: Endpoint) -> "QuerySet[Message]":
    """Return the messages of an endpoint, newest first."""
    rows: QuerySet[Message] = Message.objects.with_scopes_disabled().filter(endpoint=endpoint)
    return rows.order_by("-created_at", "-id")


def attempts_of(message: Message) -> list[Attempt]:
    """Return every try to deliver a message, oldest first."""
    rows = Attempt.objects.with_scopes_disabled().filter(message=message)
    return list(rows.order_by("started_at", "id"))


def list_endpoints_with_work(limit: int) -> list[UUID]:
    """Return active endpoints that have messages to be sent now, longest unchanged first."""
    due = Message.objects.with_scopes_disabled().filter(
        endpoint=OuterRef("pk"), state=MessageState.PENDING, next_attempt_at__lte=now_of_database()
    )
    rows = Endpoint.objects.with_scopes_disabled().filter(state=EndpointState.ACTIVE)
    ready = rows.filter(Exists(due)).order_by(F("failing_since").desc(nulls_first=True), "id")
    return list(ready.values_list("pk", flat=True)[:limit])
