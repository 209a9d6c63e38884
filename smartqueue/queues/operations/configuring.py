"""Making, changing and retiring queues."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any, Final
from uuid import UUID

from django.db import IntegrityError
from django.utils import translation
from django.utils.translation import gettext_lazy as _

from smartqueue.accounts.actor import Actor
from smartqueue.accounts.enums import Language
from smartqueue.business.enums import Ability
from smartqueue.business.models import Branch, Service
from smartqueue.business.policies import access_branch, lock_settings
from smartqueue.common.clock import service_date
from smartqueue.common.db import operation
from smartqueue.common.errors import FieldError, InvalidInput, Text
from smartqueue.queues import policies
from smartqueue.queues.enums import ACTIVE, Policy, PriorityCode
from smartqueue.queues.errors import PeopleWaiting
from smartqueue.queues.models import Queue, QueuePriority, QueueService, Ticket, VehicleCategory

SETTINGS: Final = frozenset(
    {
        "name",
        "policy",
        "ordinary_per_priority",
        "overtake_cap",
        "max_calls",
        "no_show_grace_minutes",
        "more_time_limit",
        "after_transfer",
        "after_no_show",
        "daily_quota",
        "tickets_from",
        "max_waiting",
        "follows_opening_hours",
        "asks_vehicle",
    }
)
DEFAULT_HEAD_START_MINUTES = 15


@operation
def create_queue(
    *,
    actor: Actor,
    branch_id: UUID,
    name: str,
    prefix: str,
    services: Sequence[UUID],
    now: datetime,
    policy: str = Policy.HEAD_START,
    priorities: Sequence[dict[str, Any]] | None = None,
    vehicle_categories: Sequence[dict[str, Any]] = (),
    **settings: Any,
) -> Queue:
    """
    Make a closed queue at a branch; it starts with the legal priority classes unless told others.

    `settings` are fields of the queue named in SETTINGS. `priorities` and `vehicle_categories`
    are rows as in their models; `name` is in the active language, `name_fr`, `name_en` and
    `name_ar` in theirs.

    :raises NotFound: unknown branch, or not the actor's to manage
    :raises InvalidInput: a service of another organization, or a prefix in use at the branch
    """
    branch = access_branch(actor, branch_id, Ability.MANAGE)
    known = _own_services(branch, services)
    shown = lock_settings(branch.organization_id)
    # Whoever closes the branch retires the queues that there are by then.
    access_branch(actor, branch_id, Ability.MANAGE, lock=True)
    queue = Queue(
        organization_id=branch.organization_id,
        branch=branch,
        name=name,
        prefix=prefix.upper(),
        policy=policy,
        hides_waiting_count=not shown.shows_waiting_count,
        hides_estimate=not shown.shows_estimate,
        created_at=now,
        **_known_settings(settings),
    )
    try:
        queue.save(force_insert=True)
    except IntegrityError as error:
        raise _prefix_taken() from error
    _set_services(queue, known)
    _set_priorities(queue, _default_priorities() if priorities is None else priorities)
    _set_vehicle_categories(queue, vehicle_categories)
    return queue


@operation
def update_queue(
    *,
    actor: Actor,
    queue_id: UUID,
    services: Sequence[UUID] | None = None,
    priorities: Sequence[dict[str, Any]] | None = None,
    vehicle_categories: Sequence[dict[str, Any]] | None = None,
    **settings: Any,
) -> Queue:
    """
    Change what a manager may change of a queue; never its state, numbers or prefix.

    :raises NotFound: unknown, or not the actor's to manage
    :raises InvalidInput: a service of another organization
    """
    queue = policies.access_queue(actor, queue_id, Ability.MANAGE, lock=True)
    changes = _known_settings(settings)
    for name, value in changes.items():
        setattr(queue, name, value)
    if changes:
        queue.save(update_fields=list(changes))
    if services is not None:
        known = _own_services(queue.branch, services)
        QueueService.objects.filter(queue=queue).exclude(service_id__in=known).delete()
        _set_services(queue, known)
    if priorities is not None:
        QueuePriority.objects.filter(queue=queue).delete()
        _set_priorities(queue, priorities)
    if vehicle_categories is not None:
        VehicleCategory.objects.filter(queue=queue).delete()
        _set_vehicle_categories(queue, vehicle_categories)
    return queue


@operation
def retire_queue(*, actor: Actor, queue_id: UUID, now: datetime) -> None:
    """
    Close a queue for good; its history stays.

    :raises NotFound: unknown, or not the actor's to manage
    :raises PeopleWaiting: somebody is still in it
    """
    queue = policies.access_queue(actor, queue_id, Ability.MANAGE, lock=True)
    if Ticket.objects.filter(queue=queue, state__in=ACTIVE).exists():
        raise PeopleWaiting(waiting_count=queue.waiting_count)
    queue.retired_at = now
    queue.save(update_fields=["retired_at"])


@operation
def stop_tickets(*, actor: Actor, queue_id: UUID, now: datetime) -> Queue:
    """
    Give no more tickets for a queue today; who waits is served, and who has an appointment comes.

    :raises NotFound: unknown, or not the actor's to serve
    """
    queue = policies.access_queue(actor, queue_id, Ability.SERVE, lock=True)
    return _stop_tickets(queue, service_date(now, queue.branch.timezone))


@operation
def give_tickets(*, actor: Actor, queue_id: UUID) -> Queue:
    """
    Give tickets for a queue again.

    :raises NotFound: unknown, or not the actor's to serve
    """
    queue = policies.access_queue(actor, queue_id, Ability.SERVE, lock=True)
    return _stop_tickets(queue, None)


def _stop_tickets(queue: Queue, on: date | None) -> Queue:
    if queue.tickets_stopped_on != on:
        queue.tickets_stopped_on = on
        queue.save(update_fields=["tickets_stopped_on"])
    return queue


def _known_settings(settings: dict[str, Any]) -> dict[str, Any]:
    unknown = settings.keys() - SETTINGS
    if unknown:
        raise InvalidInput(
            errors=tuple(
                FieldError(name, "unknown", _("This cannot be set.")) for name in sorted(unknown)
            )
        )
    return settings


def _prefix_taken() -> InvalidInput:
    return InvalidInput.on("prefix", _("Another queue of this branch uses that prefix."), "taken")


def _own_services(branch: Branch, services: Sequence[UUID]) -> list[UUID]:
    wanted = list(dict.fromkeys(services))
    found = set(Service.objects.filter(pk__in=wanted, retired_at=None).values_list("pk", flat=True))
    if not wanted or found != set(wanted):
        raise InvalidInput.on("services", _("Name services of this organization, at least one."))
    return wanted


def _set_services(queue: Queue, services: Sequence[UUID]) -> None:
    QueueService.objects.bulk_create(
        [
            QueueService(organization_id=queue.organization_id, queue=queue, service_id=service)
            for service in services
        ],
        ignore_conflicts=True,
    )


def _named_as(label: Text) -> dict[str, str]:
    names = {}
    for language in Language.values:
        with translation.override(language):
            names[f"name_{language}"] = str(label)
    return names


def _default_priorities() -> list[dict[str, Any]]:
    return [
        {
            "code": code.value,
            **_named_as(code.label),
            "head_start_minutes": DEFAULT_HEAD_START_MINUTES,
            "is_emergency": code is PriorityCode.URGENT,
        }
        for code in PriorityCode
    ]


def _set_priorities(queue: Queue, priorities: Sequence[dict[str, Any]]) -> None:
    QueuePriority.objects.bulk_create(
        [
            QueuePriority(organization_id=queue.organization_id, queue=queue, **values)
            for values in priorities
        ]
    )


def _set_vehicle_categories(queue: Queue, categories: Sequence[dict[str, Any]]) -> None:
    for values in categories:
        lanes = values.get("lanes", ())
        category = VehicleCategory.objects.create(
            organization_id=queue.organization_id,
            queue=queue,
            **{name: value for name, value in values.items() if name != "lanes"},
        )
        category.lanes.set(lanes)
