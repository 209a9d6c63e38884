"""Looking at rights again: once for all sockets of the same actor."""

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any

from smartqueue.accounts import entrance
from smartqueue.accounts.actor import Actor
from smartqueue.common.errors import NotSignedIn, Problem
from smartqueue.realtime import pool, registry


@dataclass(slots=True)
class Verdict:
    """
    The actor as of now (None: signed out), topics no longer theirs, of which of the others they
    are insiders, members of gathering ones.
    """

    actor: Actor | None
    refused: set[str] = field(default_factory=set)
    inside: dict[str, bool] = field(default_factory=dict)
    members: dict[str, set[str]] = field(default_factory=dict)


def look_again(actor: Actor, names: Collection[str]) -> Verdict:
    """Return what an actor may see now of the topics that were opened as this actor."""
    try:
        fresh = entrance.renewed(actor)
    except NotSignedIn:
        return Verdict(None)
    verdict = Verdict(fresh)
    for name in names:
        try:
            topic, identifier = registry.resolve(name)
            topic.authorize(fresh, identifier)
            verdict.inside[name] = registry.is_inside(topic, fresh, identifier)
            if registry.is_gathering(topic):
                verdict.members[name] = set(registry.members_of(topic, fresh, identifier))
        except Problem:
            verdict.refused.add(name)
    return verdict


async def review(sockets: Collection[Any]) -> None:
    """Look again at the rights of some sockets; nothing changes while PostgreSQL is away."""
    by_actor: defaultdict[Actor, list[tuple[Any, Actor]]] = defaultdict(list)
    for socket in sockets:
        by_actor[socket.actor].append((socket, socket.actor))
    for actor, group in by_actor.items():
        names = {name for socket, _ in group for name in socket.watches}
        try:
            verdict = await pool.run(look_again, actor, names)
        except pool.AWAY:
            continue
        passed = []
        for socket, known in group:
            if socket.actor is known:
                socket.judge(verdict)
            else:
                passed.append(socket)
        # Who has signed in meanwhile, or was judged by another look, is not as this one has seen.
        await review(passed)
