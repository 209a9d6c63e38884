"""Writing what live screens will be told, in the transaction of the change itself."""

from collections.abc import Sequence
from uuid import UUID

from smartqueue.common.db import insert_rows
from smartqueue.outbox import wake
from smartqueue.realtime.models import TopicEvent


def broadcast(*events: TopicEvent, forward_to: Sequence[str] = ()) -> None:
    """
    Store topic events and, after the commit, poke every socket process.

    `forward_to` names the gathering topics (`org:`, `counter:`) that repeat these events under the
    member's own topic and version.
    """
    insert_rows(events)
    poke_after_commit(*((event.topic, event.version) for event in events), forward_to=forward_to)


def poke_after_commit(*versions: tuple[str, int], forward_to: Sequence[str] = ()) -> None:
    """Tell the socket processes, after the commit, that topics have reached these versions."""
    for topic, version in versions:
        wake.tell_after_commit("SET", version_key(topic), str(version), "EX", "60")
        wake.after_commit(wake.TOPIC_CHANNEL, " ".join((topic, str(version), *forward_to)))


def version_key(topic: str) -> str:
    """Return the Redis key that tells, for a minute, the last version of a topic that changed."""
    return f"version:{topic}"


def review_user_after_commit(user_id: UUID) -> None:
    """Look again, after the commit, at the rights of a person's sockets: their roles have changed."""
    wake.after_commit(wake.REVOCATION_CHANNEL, f"user {user_id}")
