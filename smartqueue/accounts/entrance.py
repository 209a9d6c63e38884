"""Turning credentials into an `Actor`; pages, REST and sockets all come through here."""

from collections.abc import Callable
from uuid import UUID

from django.http import HttpRequest

from smartqueue.accounts.actor import ANONYMOUS, Actor
from smartqueue.accounts.enums import ActorKind
from smartqueue.common.errors import NotSignedIn

# A holder's token names its ticket; `queues` fills this port with the function that reads it.
TokenReader = Callable[[str], Actor | None]
_token_readers: list[TokenReader] = []


def register_token_reader(reader: TokenReader) -> None:
    """Add a reader of `X-Ticket-Token`; it returns None for what is not its own."""
    _token_readers.append(reader)


def actor_of_ticket_token(token: str) -> Actor:
    """
    Return the holder that a ticket (or kiosk) token stands for.

    :raises NotSignedIn: not a token of ours
    """
    for reader in _token_readers:
        actor = reader(token)
        if actor is not None:
            return actor
    raise NotSignedIn


def actor_of_user(
    user_id: UUID, *, is_platform_admin: bool, language: str, session_id: UUID | None = None
) -> Actor:
    """Return the actor of a signed-in person."""
    return Actor(
        kind=ActorKind.USER,
        user_id=user_id,
        is_platform_admin=is_platform_admin,
        session_id=session_id,
        language=language,
    )


def actor_of_access_token(token: str) -> Actor:
    """
    Return the person whose access token this is.

    :raises NotSignedIn: expired, forged, of another kind, or its session has ended
    """
    raise NotSignedIn


def actor_of_request(request: HttpRequest) -> Actor:
    """
    Return the caller of an HTTP request: bearer token, ticket token, session cookie, or nobody.

    :raises NotSignedIn: a credential was given and is not valid
    """
    scheme, _, bearer = request.headers.get("Authorization", "").partition(" ")
    if scheme:
        if scheme.lower() != "bearer":
            raise NotSignedIn
        return actor_of_access_token(bearer.strip())
    if ticket_token := request.headers.get("X-Ticket-Token"):
        return actor_of_ticket_token(ticket_token)
    user = request.user
    if user.is_authenticated:
        return actor_of_user(user.pk, is_platform_admin=user.is_superuser, language=user.language)
    return ANONYMOUS
