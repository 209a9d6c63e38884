"""The topics that sockets follow: a queue, a ticket, an organization, a counter, the platform."""

from collections.abc import Collection, Mapping
from typing import Any, ClassVar
from uuid import UUID

from smartqueue.accounts.actor import Actor
from smartqueue.business.enums import Ability
from smartqueue.business.policies import can
from smartqueue.common import clock, tenancy
from smartqueue.common.errors import NotFound, NotSignedIn
from smartqueue.queues import live, policies, queries
from smartqueue.queues.models import Queue
from smartqueue.realtime.registry import Twofold

# Somebody whose place has changed sees it within four seconds.
ESTIMATE_SECONDS = 3.0


class QueueTopic:
    """The public state of one queue; anybody may follow it, a branch's device those of its branch."""

    prefix: ClassVar[str] = "queue"
    estimate_seconds: ClassVar[float] = ESTIMATE_SECONDS

    def authorize(self, actor: Actor, id: str) -> None:  # noqa: A002
        queue = queries.get_queue(UUID(id))
        if actor.branch_id not in (None, queue.branch_id):
            raise NotFound

    def is_inside(self, actor: Actor, id: str) -> bool:  # noqa: A002
        return policies.sees_inside(actor, queries.get_queue(UUID(id)))

    def snapshot(self, actor: Actor, id: str) -> tuple[int, Any]:  # noqa: A002
        queue = queries.get_queue(UUID(id))
        inside = policies.sees_inside(actor, queue)
        return queue.version, queries.status_of(queue, clock.now(), inside=inside)

    def estimates(self, ids: Collection[str]) -> Mapping[str, Any]:
        now = clock.now()
        with tenancy.public():
            queues = list(queries.list_queues().filter(pk__in=ids))
            figures = queries.joining_estimates(queues, now)
        return {
            str(queue.pk): Twofold(
                public=queries.seen_estimate(queue, figures[queue.pk]), inside=figures[queue.pk]
            )
            for queue in queues
        }


class TicketTopic:
    """What the holder of a ticket sees; staff who serve it may follow too."""

    prefix: ClassVar[str] = "ticket"
    estimate_seconds: ClassVar[float] = ESTIMATE_SECONDS

    def authorize(self, actor: Actor, id: str) -> None:  # noqa: A002
        policies.access_ticket(actor, UUID(id))

    def is_inside(self, actor: Actor, id: str) -> bool:  # noqa: A002
        return policies.serves(actor, policies.access_ticket(actor, UUID(id)))

    def snapshot(self, actor: Actor, id: str) -> tuple[int, Any]:  # noqa: A002
        ticket = policies.access_ticket(actor, UUID(id))
        inside = policies.serves(actor, ticket)
        return ticket.version, queries.ticket_view(ticket, clock.now(), inside=inside)

    def estimates(self, ids: Collection[str]) -> Mapping[str, Any]:
        places = queries.places_of([UUID(pk) for pk in ids], clock.now())
        return {pk: Twofold(public, inside) for pk, (public, inside) in places.items()}


class OrganizationTopic:
    """Every queue, counter and agent of an organization, for its staff."""

    prefix: ClassVar[str] = "org"
    member_prefix: ClassVar[str] = "queue"

    def authorize(self, actor: Actor, id: str) -> None:  # noqa: A002
        if actor.user_id is None:
            raise NotSignedIn
        if not can(actor, UUID(id), Ability.VIEW) and actor.membership_in(UUID(id)) is None:
            raise NotFound

    def members(self, actor: Actor, id: str) -> Collection[str]:  # noqa: A002
        return [f"queue:{queue.pk}" for queue in self._queues(actor, id)]

    def snapshot(self, actor: Actor, id: str) -> tuple[Mapping[str, int], Any]:  # noqa: A002
        queues = self._queues(actor, id)
        with tenancy.organizations([UUID(id)]):
            sessions = queries.live_sessions({queue.branch_id for queue in queues})
        return _gathered(queues, {"organization": id, "sessions": sessions})

    def _queues(self, actor: Actor, id: str) -> list[Queue]:  # noqa: A002
        with tenancy.organizations([UUID(id)]):
            queues = list(queries.list_queues())
        organization = UUID(id)
        return [q for q in queues if can(actor, organization, Ability.VIEW, q.branch_id)]


class CounterTopic:
    """An agent's own counter: its session, who is there, and the queues it serves."""

    prefix: ClassVar[str] = "counter"
    member_prefix: ClassVar[str] = "queue"

    def own_id(self, actor: Actor) -> str:
        if actor.user_id is None:
            raise NotSignedIn
        session = queries.live_session_of(actor.user_id)
        if session is None:
            raise NotFound
        return str(session.counter_id)

    def authorize(self, actor: Actor, id: str) -> None:  # noqa: A002
        if self.own_id(actor) != id:
            raise NotFound

    def members(self, actor: Actor, id: str) -> Collection[str]:  # noqa: A002
        session = queries.live_session_of(actor.user_id) if actor.user_id else None
        return [f"queue:{pk}" for pk in session.queue_ids] if session else []

    def snapshot(self, actor: Actor, id: str) -> tuple[Mapping[str, int], Any]:  # noqa: A002
        session = queries.live_session_of(actor.user_id) if actor.user_id else None
        if session is None:
            raise NotFound
        with tenancy.organizations([session.organization_id]):
            queues = list(queries.list_queues().filter(pk__in=session.queue_ids))
            ticket = queries.current_ticket(session.pk)
            current = live.ticket_facts(ticket) if ticket else None
        return _gathered(
            queues, {"counter": id, "session": queries.session_facts(session), "current": current}
        )


class DashboardTopic:
    """Live figures of the whole platform, for its administrators."""

    prefix: ClassVar[str] = "dashboard"
    member_prefix: ClassVar[str] = "queue"
    names: ClassVar[frozenset[str]] = frozenset({"platform"})

    def is_inside(self, actor: Actor, id: str) -> bool:  # noqa: A002
        return False

    def authorize(self, actor: Actor, id: str) -> None:  # noqa: A002
        if actor.user_id is None:
            raise NotSignedIn
        if not actor.is_platform_admin:
            raise NotFound

    def members(self, actor: Actor, id: str) -> Collection[str]:  # noqa: A002
        return queries.live_queue_names()

    def snapshot(self, actor: Actor, id: str) -> tuple[Mapping[str, int], Any]:  # noqa: A002
        figures = queries.platform_figures()
        return queries.live_queue_versions(), figures


def _gathered(
    queues: list[Queue], data: dict[str, Any]
) -> tuple[Mapping[str, int], dict[str, Any]]:
    versions = {f"queue:{queue.pk}": queue.version for queue in queues}
    rows = [{**live.status_facts(queue, inside=True), "name": queue.name} for queue in queues]
    return versions, {**data, "queues": rows}


TOPICS = (QueueTopic(), TicketTopic(), OrganizationTopic(), CounterTopic(), DashboardTopic())
