"""Topics of the tests: a shared state that counts, and one that gathers several of them."""

from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from channels.routing import URLRouter
from django.db import connection, transaction
from django.urls import path, re_path

from smartqueue.accounts.actor import Actor
from smartqueue.common.errors import NotFound, NotSignedIn
from smartqueue.common.ids import new_id
from smartqueue.realtime import operations, registry
from smartqueue.realtime.consumer import Socket

AT = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)

owners: dict[str, UUID | None] = {}
holders: dict[str, UUID] = {}
gathered: dict[str, list[str]] = {}
estimates: dict[str, Any] = {}
snapshots: list[str] = []


def new_sample(owner: UUID | None = None) -> str:
    """Make a topic that everybody, or only its owner, may read."""
    identifier = str(new_id())
    owners[identifier] = owner
    return identifier


class SampleTopic:
    prefix = "sample"
    estimate_seconds = 0.5

    def authorize(self, actor: Actor, id: str) -> None:  # noqa: A002
        if id not in owners:
            raise NotFound
        owner = owners[id]
        if owner is None or (id in holders and holders[id] == actor.ticket_id):
            return
        if actor.user_id is None and actor.ticket_id is None:
            raise NotSignedIn
        if actor.user_id != owner:
            raise NotFound

    def snapshot(self, actor: Actor, id: str) -> tuple[int, Any]:  # noqa: A002
        snapshots.append(id)
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT coalesce(max(version), 0) FROM realtime_topicevent WHERE topic = %s",
                [f"sample:{id}"],
            )
            version = cursor.fetchone()[0]
        return version, {"count": version}

    def own_id(self, actor: Actor) -> str:
        if actor.user_id is None:
            raise NotSignedIn
        for identifier, owner in owners.items():
            if owner == actor.user_id:
                return identifier
        raise NotFound

    def estimates(self, ids: Collection[str]) -> Mapping[str, Any]:
        return {id_: estimates[id_] for id_ in ids if id_ in estimates}


class SamplesTopic:
    prefix = "samples"
    member_prefix = "sample"

    def authorize(self, actor: Actor, id: str) -> None:  # noqa: A002
        if id not in gathered:
            raise NotFound

    def members(self, actor: Actor, id: str) -> Collection[str]:  # noqa: A002
        return [f"sample:{member}" for member in gathered[id]]

    def snapshot(self, actor: Actor, id: str) -> tuple[Mapping[str, int], Any]:  # noqa: A002
        topic = SampleTopic()
        states = {member: topic.snapshot(actor, member) for member in gathered[id]}
        versions = {f"sample:{member}": version for member, (version, _) in states.items()}
        return versions, {member: data for member, (_, data) in states.items()}


registry.register(SampleTopic())
registry.register(SamplesTopic())

application = URLRouter(
    [
        path("ws/", Socket()),
        path("ws/sample/<uuid:id>/", Socket("sample")),
        path("ws/samples/<uuid:id>/", Socket("samples")),
        path("ws/own/", Socket("sample")),
        re_path("", Socket(is_known=False)),
    ]
)


def tell(identifier: str, *, forward_to: tuple[str, ...] = (), **data: Any) -> int:
    """Commit the next event of a sample topic; return its version."""
    topic = f"sample:{identifier}"
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(hashtext(%s))", [topic])
            cursor.execute(
                "SELECT coalesce(max(version), 0) + 1 FROM realtime_topicevent WHERE topic = %s",
                [topic],
            )
            version: int = cursor.fetchone()[0]
        message = operations.Message(
            topic=topic, version=version, type="sample.told", data=data | {"n": version}, at=AT
        )
        operations.broadcast(message, forward_to=forward_to)
    return version
