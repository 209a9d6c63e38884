"""What the views of appointments share: tokens, wishes, people."""

from typing import Any
from uuid import UUID

from smartqueue.appointments import operations, policies, queries
from smartqueue.appointments.models import Appointment
from smartqueue.appointments.operations import Person, Wish
from smartqueue.appointments.tokens import token_of, token_of_entry
from smartqueue.common.rest.views import ApiListView, ApiRequest
from smartqueue.idempotency.rest import HEADER


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


class CountedListView(ApiListView):
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
