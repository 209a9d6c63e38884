"""Writing what live screens will be told, in the transaction of the change itself."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from smartqueue.common.db import insert_values
from smartqueue.outbox import wake
from smartqueue.realtime.models import TopicEvent


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """
    What a topic's subscribers are told: its next version, the type and data of a `TopicEvent`.

    `inside` replaces values of the data for the topic's insiders.
    """

    topic: str
    version: int
    type: str
    data: dict[str, Any]
    at: datetime
    inside: dict[str, Any] | None = None


def broadcast(*messages: Message, forward_to: Sequence[str] = ()) -> None:
    """
    Store messages as topic events and, after the commit, poke every socket process.

    `forward_to` names the gathering topics (`org:`, `counter:`) that repeat them under the member's
    own topic and version.
    """
    for message in messages:
        insert_values(
            TopicEvent,
            {
                "topic": message.topic,
                "version": message.version,
                "type": message.type,
                "data": message.data,
                "inside": message.inside,
                "at": message.at,
            },
        )
    poke_after_commit(*((m.topic, m.version) for m in messages), forward_to=forward_to)


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


def close_device_after_commit(device_id: UUID) -> None:
    """Close, after the commit, the sockets of a device that was revoked."""
    wake.after_commit(wake.REVOCATION_CHANNEL, f"device {device_id}")
