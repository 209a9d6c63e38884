"""Turning credentials into an `Actor`; pages, REST and sockets all come through here."""

import functools
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.middleware import get_user
from django.http import HttpRequest

from smartqueue.accounts import ports, queries, tokens
from smartqueue.accounts.actor import ANONYMOUS, Actor, role_query
from smartqueue.accounts.clock import wall_now
from smartqueue.accounts.enums import ActorKind
from smartqueue.accounts.models import Session
from smartqueue.common import clock, tenancy
from smartqueue.common.db import fetch_all, fetch_entering, unit_of_work
from smartqueue.common.errors import NotSignedIn
from smartqueue.common.postgis.base import entering

# A holder's token names its ticket; `queues` fills this port with the function that reads it.
TokenReader = Callable[[str], Actor | None]
_token_readers: list[TokenReader] = []

# Where the session of the pages keeps the id of our own.
COOKIE_SESSION = "accounts_session"
# When that session was last noted as used, in seconds of Unix time.
COOKIE_SEEN = "accounts_seen"
SEEN_EVERY = 3600

_ALIVE = """
    SELECT u.is_superuser, u.language
    FROM accounts_session AS s JOIN accounts_user AS u ON u.id = s.user_id
    WHERE s.id = %s AND u.id = %s AND s.ended_at IS NULL AND u.is_active
"""


# The person's own key opens the roles; they stand in a subquery that depends on it, since only this
# promises the order.
_ALIVE_WITH_ROLES = f"""
    SELECT entrance.keys, found.*
    FROM (SELECT {entering("%s::text")} AS keys, %s::timestamptz AS now) AS entrance
    CROSS JOIN LATERAL (
        SELECT u.is_superuser, u.language, held.*
        FROM accounts_session AS s JOIN accounts_user AS u ON u.id = s.user_id
        LEFT JOIN LATERAL ({{roles}}) AS held ON true
        WHERE s.id = %s AND u.id = %s AND s.ended_at IS NULL AND u.is_active
          AND entrance.keys <> ''
        OFFSET 0
    ) AS found
"""  # noqa: S608  # constants


def register_token_reader(reader: TokenReader) -> None:
    """Add a reader of `X-Ticket-Token`; it returns None for what is not its own."""
    _token_readers.append(reader)


def actor_of_ticket_token(token: str) -> Actor:
    """
    Return the ticket's holder or the device that a token stands for.

    :raises NotSignedIn: not a token of ours
    """
    for reader in _token_readers:
        actor = reader(token)
        if actor is not None:
            return actor
    device = ports.devices().actor_of(token)
    if device is None:
        raise NotSignedIn
    return device


def actor_of_user(
    user_id: UUID, *, is_platform_admin: bool, language: str, session_id: UUID | None = None
) -> Actor:
    """
    Return the actor of a signed-in person; an administrator of the platform is none before they
    have the second factor that they need.
    """
    lacks_factor = queries.lacks_needed_factor(user_id, is_platform_admin=is_platform_admin)
    return Actor(
        kind=ActorKind.USER,
        user_id=user_id,
        is_platform_admin=is_platform_admin and not lacks_factor,
        session_id=session_id,
        language=language,
        is_admin_without_factor=lacks_factor,
    )


def actor_of_access_token(token: str) -> Actor:
    """
    Return the person whose access token this is.

    One query: the session is alive and the person may still act, so signing out counts at once;
    their roles come with it.

    :raises NotSignedIn: expired, forged, of another kind, or its session has ended
    """
    claims = tokens.read_access_token(token)
    if claims is None:
        raise NotSignedIn
    return _actor_of_session(claims.user_id, claims.session_id)


def _actor_of_session(user_id: UUID, session_id: UUID, language: str | None = None) -> Actor:
    roles = role_query()
    if roles is None:
        with tenancy.without_keys():
            rows: list[Any] = fetch_all(_ALIVE, [session_id, user_id])
    else:
        _, rows = fetch_entering(
            _alive_with(roles.statement), [clock.now(), session_id, user_id], whose=[str(user_id)]
        )
    if not rows:
        raise NotSignedIn
    is_platform_admin, own_language = rows[0][:2]
    actor = actor_of_user(
        user_id,
        is_platform_admin=is_platform_admin,
        language=language or own_language,
        session_id=session_id,
    )
    if roles is not None:
        actor.remember_memberships(roles.read(row[2:] for row in rows if row[2] is not None))
    return actor


@functools.cache
def _alive_with(roles: str) -> str:
    return _ALIVE_WITH_ROLES.replace("{roles}", roles.format(user="u.id", now="entrance.now"))


def renewed(actor: Actor) -> Actor:
    """
    Return the same caller with today's rights, for a connection that outlives a request.

    :raises NotSignedIn: the session has ended, the account is closed, or the device is revoked
    """
    if actor.device_id is not None and not ports.devices().is_trusted(actor.device_id):
        raise NotSignedIn
    if actor.user_id is None or actor.session_id is None:
        return replace(actor)
    return _actor_of_session(actor.user_id, actor.session_id, actor.language)


def _note_use(request: HttpRequest, actor: Actor) -> None:
    """Keep, to the hour, when a session of the pages was last used; other requests write nothing."""
    seen = int(time.time())
    if actor.session_id and seen - request.session.get(COOKIE_SEEN, 0) >= SEEN_EVERY:
        request.session[COOKIE_SEEN] = seen
        # Named, because the request's own caller is being made here.
        with unit_of_work(actor):
            own = Session.objects.filter(pk=actor.session_id, ended_at=None)
            own.update(last_used_at=wall_now())


def actor_of_request(request: HttpRequest) -> Actor:
    """
    Return the caller of an HTTP request: bearer token, ticket token, session cookie, or nobody.

    :raises NotSignedIn: a credential was given and is not valid
    """
    scheme, _, bearer = request.headers.get("Authorization", "").strip().partition(" ")
    if scheme:
        if scheme.lower() != "bearer":
            raise NotSignedIn
        return actor_of_access_token(bearer.strip())
    if ticket_token := request.headers.get("X-Ticket-Token"):
        return actor_of_ticket_token(ticket_token)
    if settings.SESSION_COOKIE_NAME not in request.COOKIES:
        return ANONYMOUS
    # Not `request.user`, which the REST framework overwrites.
    user = get_user(request)
    if isinstance(user, AbstractBaseUser):
        session_id = request.session.get(COOKIE_SESSION)
        actor = actor_of_user(
            user.pk,
            is_platform_admin=user.is_superuser,
            language=user.language,
            session_id=UUID(session_id) if session_id else None,
        )
        _note_use(request, actor)
        return actor
    return ANONYMOUS
