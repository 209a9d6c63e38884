"""
What a socket can subscribe to. Apps declare topics in `interfaces/realtime.py`; `config/topics.py`
registers them.

All methods are synchronous, run in a bounded pool of threads under a tenant scope of their own,
and are called once for many sockets that ask the same thing within a second.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol, TypeAlias, runtime_checkable
from uuid import UUID

from smartqueue.accounts.actor import Actor
from smartqueue.common.errors import NotFound


class VersionedTopic(Protocol):
    """
    A topic whose changes are `TopicEvent` rows with gapless versions ("queue:<id>").

    `id` is a UUID in its canonical text, or one of `names`.
    """

    prefix: ClassVar[str]

    def authorize(self, actor: Actor, id: str) -> None:  # noqa: A002  # the wire's word
        """
        Let the actor read the topic; asked again every minute.

        :raises NotSignedIn: nobody is signed in and somebody must be
        :raises NotFound: unknown, or not the actor's to see
        """
        ...

    def snapshot(self, actor: Actor, id: str) -> tuple[int, Any]:  # noqa: A002
        """
        Return the state that a fresh screen shows and the version it is of, read in one statement.

        :raises NotFound: gone since it was authorized
        """
        ...


class GatheringTopic(Protocol):
    """
    A topic without versions of its own ("org:<id>"), which repeats what its members tell.

    Members are versioned topics of `member_prefix`; their events arrive under their own topic and
    version. Whenever the members change, a new snapshot is sent.
    """

    prefix: ClassVar[str]
    member_prefix: ClassVar[str]

    def authorize(self, actor: Actor, id: str) -> None:  # noqa: A002
        """
        Let the actor read the topic; asked again every minute.

        :raises NotSignedIn: nobody is signed in and somebody must be
        :raises NotFound: unknown, or not the actor's to see
        """
        ...

    def members(self, actor: Actor, id: str) -> Collection[str]:  # noqa: A002
        """Return the topics ("queue:<id>") that the actor sees through this one."""
        ...

    def snapshot(self, actor: Actor, id: str) -> tuple[Mapping[str, int], Any]:  # noqa: A002
        """Return the version of each member as the data shows it, and the data."""
        ...


@runtime_checkable
class OwnTopic(Protocol):
    """A topic that a path without an id stands for: `/ws/agent/` is the agent's own counter."""

    def own_id(self, actor: Actor) -> str:
        """
        Return the id that is the actor's own.

        :raises NotSignedIn: nobody is signed in
        :raises NotFound: the actor has none
        """
        ...


@runtime_checkable
class NamedTopic(Protocol):
    """A topic whose ids are words instead of UUIDs ("dashboard:platform")."""

    names: ClassVar[frozenset[str]]


@runtime_checkable
class TwofoldTopic(Protocol):
    """
    A versioned topic that tells insiders more. Who sees it through a gathering one is an insider.
    """

    def is_inside(self, actor: Actor, id: str) -> bool:  # noqa: A002
        """Whether the actor is an insider; asked again with the rights. `snapshot` says the same."""
        ...


@dataclass(frozen=True, slots=True)
class Twofold:
    """Figures that insiders of a topic see otherwise than everybody."""

    public: Any
    inside: Any


@runtime_checkable
class EstimatingTopic(Protocol):
    """A topic with figures that move without an event; they travel unversioned when they change."""

    prefix: ClassVar[str]
    estimate_seconds: ClassVar[float]

    def estimates(self, ids: Collection[str]) -> Mapping[str, Any]:
        """
        Return what each of these watched ids' screens should show now, as `Twofold` where insiders
        see more; absent ids are left alone.
        """
        ...


Topic: TypeAlias = VersionedTopic | GatheringTopic

_topics: dict[str, Topic] = {}


def register(topic: Topic) -> None:
    """
    Make a topic known under its prefix.

    :raises ValueError: another topic has the prefix
    """
    known = _topics.get(topic.prefix)
    if known is not None and type(known) is not type(topic):
        raise ValueError(f"two topics are called {topic.prefix}")
    _topics[topic.prefix] = topic


def topic_of(prefix: str) -> Topic:
    """
    Return the topic with this prefix.

    :raises NotFound: no app has it
    """
    topic = _topics.get(prefix)
    if topic is None:
        raise NotFound
    return topic


def resolve(name: str) -> tuple[Topic, str]:
    """
    Return the topic and the id that a name on the wire ("queue:<uuid>") stands for.

    :raises NotFound: no such topic, or an id that is not in its canonical form
    """
    prefix, _, identifier = name.partition(":")
    topic = topic_of(prefix)
    names = topic.names if isinstance(topic, NamedTopic) else frozenset[str]()
    if identifier not in names and (names or not is_canonical_uuid(identifier)):
        raise NotFound
    return topic, identifier


def is_canonical_uuid(text: str) -> bool:
    """Whether a text is a UUID in the one form that topics use: lower case, with hyphens."""
    try:
        return str(UUID(text)) == text
    except ValueError:
        return False


def is_gathering(topic: Topic) -> bool:
    """Whether a topic repeats its members' events instead of having versions."""
    return hasattr(topic, "members")


def is_inside(topic: Topic, actor: Actor, identifier: str) -> bool:
    """Whether an actor is an insider of a topic that it may read."""
    if isinstance(topic, TwofoldTopic):
        return topic.is_inside(actor, identifier)
    return is_gathering(topic)


def members_of(topic: Topic, actor: Actor, identifier: str) -> Collection[str]:
    """Return the members of a gathering topic that the actor sees."""
    members: Collection[str] = topic.members(actor, identifier)  # type: ignore[union-attr]  # see is_gathering
    return members


def estimating_topics() -> list[EstimatingTopic]:
    """Return the topics that have figures of their own pace."""
    return [topic for topic in _topics.values() if isinstance(topic, EstimatingTopic)]
