"""Reads of lines, and of what a phone's owner has waiting."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.db.models import Q, QuerySet

from smartqueue.accounts.models import User
from smartqueue.appointments.enums import AppointmentState
from smartqueue.appointments.models import Appointment
from smartqueue.business.models import Branch
from smartqueue.common import tenancy
from smartqueue.common.crypto import keyed_digest
from smartqueue.dialogues import words
from smartqueue.dialogues.models import BranchLine
from smartqueue.queues import queries as queue_queries
from smartqueue.queues.enums import ACTIVE, QueueState, TicketState
from smartqueue.queues.models import Queue, Ticket

MOST_TICKETS: Final = 5
MOST_APPOINTMENTS: Final = 5
# Somebody late may still say that they come, or give up.
STILL_AHEAD: Final = timedelta(hours=1)


def digest_of_phone(phone: str) -> bytes:
    """Return what stands for a phone that wrote or dialled."""
    return keyed_digest("dialogue phone", phone)


def _lines() -> "QuerySet[BranchLine]":
    rows: QuerySet[BranchLine] = BranchLine.objects.with_scopes_disabled()
    return rows.filter(branch__closed_at=None).select_related("branch", "missed_call_queue")


def line_of_branch(branch_id: UUID) -> BranchLine | None:
    """Return how a branch is reached by phone; None while nobody has set it."""
    return _lines().filter(branch=branch_id).first()


def line_with_code(code: str) -> BranchLine | None:
    """Return the line of a code."""
    return _lines().filter(code=code).first()


def line_with_number(number: str) -> BranchLine | None:
    """Return the line that a number, in E.164, rings at."""
    return _lines().filter(missed_call_number=number).first() if number else None


def lines_of_branches(ids: Iterable[str]) -> list[BranchLine]:
    """Return the lines of branches in the order given, without those that have none."""
    order = [UUID(pk) for pk in ids]
    found = {line.branch_id: line for line in _lines().filter(branch__in=order)}
    return [found[pk] for pk in order if pk in found]


def line_named(said: tuple[str, ...]) -> tuple[BranchLine, str] | None:
    """Return the line whose code words begin with, and what stands after it."""
    pairs = words.codes_in(said)
    found = {line.code: line for line in _lines().filter(code__in=[code for code, _ in pairs])}
    return next(((found[code], rest) for code, rest in pairs if code in found), None)


def code_near(said: tuple[str, ...]) -> str | None:
    """Return the code that the first word is nearly; it is offered, never taken for it."""
    first = said[0] if said else ""
    if not words.CODE.fullmatch(first):
        return None
    codes = _lines().filter(code__startswith=first[:2]).values_list("code", flat=True)[:200]
    return words.nearest(first, codes)


def free_code(branch: Branch) -> str:
    """Return a code for a branch from its name, that no other has."""
    base = words.suggested(branch.name)
    taken = set(
        BranchLine.objects.with_scopes_disabled()
        .filter(code__startswith=base[:10])
        .values_list("code", flat=True)
    )
    return next(
        code
        for number in range(1, len(taken) + 3)
        if (code := base if number == 1 else f"{base[:10]}{number}") not in taken
    )


def open_queues(branch_id: UUID) -> list[Queue]:
    """Return the queues of a branch that people can join, by letter."""
    with tenancy.public():
        rows = queue_queries.list_queues().filter(branch=branch_id, state=QueueState.OPEN)
        return sorted(rows, key=lambda queue: queue.prefix)


def _accounts_of(phone: str) -> list[UUID]:
    proven = User.objects.filter(phone=phone, phone_verified_at__isnull=False, is_active=True)
    return list(proven.values_list("pk", flat=True)[:1])


def _owned(phone: str) -> Q:
    """What a phone's owner holds: rows under the number that are nobody's account's, or their own."""
    return Q(phone=phone, customer=None) | Q(customer__in=_accounts_of(phone))


def tickets_of(phone: str) -> list[Ticket]:
    """Return the tickets of a phone's owner that have not ended, oldest first."""
    rows: QuerySet[Ticket] = Ticket.objects.with_scopes_disabled().filter(
        _owned(phone), state__in=ACTIVE
    )
    joined = rows.select_related("queue", "queue__branch", "branch", "counter")
    return list(joined.order_by("joined_at", "pk")[:MOST_TICKETS])


def is_anybody_behind(ticket: Ticket) -> bool:
    """Whether somebody waits behind a ticket that waits; one that does not is left to the operation."""
    line: QuerySet[Ticket] = Ticket.objects.with_scopes_disabled().filter(
        queue=ticket.queue_id, state=TicketState.WAITING, order_key__gt=ticket.order_key
    )
    return ticket.state != TicketState.WAITING or line.exists()


def appointments_of(phone: str, now: datetime) -> list[Appointment]:
    """Return the appointments of a phone's owner that are ahead, next first."""
    rows: QuerySet[Appointment] = Appointment.objects.with_scopes_disabled().filter(
        _owned(phone),
        state=AppointmentState.CONFIRMED,
        starts_at__gt=now - STILL_AHEAD,
    )
    joined = rows.select_related("branch", "service")
    return list(joined.order_by("starts_at", "pk")[:MOST_APPOINTMENTS])
