"""A person's own topic, `user:<id>`."""

from typing import Any, ClassVar
from uuid import UUID

from smartqueue.accounts.actor import Actor
from smartqueue.common.errors import NotFound, NotSignedIn
from smartqueue.notifications import queries


class UserTopic:
    """The notifications of one person, for that person only."""

    prefix: ClassVar[str] = "user"

    def authorize(self, actor: Actor, id: str) -> None:  # noqa: A002  # the wire's word
        """
        Let a person read their own topic.

        :raises NotSignedIn: nobody is signed in
        :raises NotFound: somebody else's
        """
        if actor.user_id is None:
            raise NotSignedIn
        if str(actor.user_id) != id:
            raise NotFound

    def snapshot(self, actor: Actor, id: str) -> tuple[int, Any]:  # noqa: A002
        """
        Return how many are unread and the newest ones, and the version they are of.

        :raises NotFound: the account is gone
        """
        shown = queries.snapshot(UUID(id))
        if shown is None:
            raise NotFound
        return shown
