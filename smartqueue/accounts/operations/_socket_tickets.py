"""Letting a socket in without a token in its address."""

from datetime import datetime, timedelta

from django.db import connection

from smartqueue.accounts import entrance, queries, tokens
from smartqueue.accounts.actor import Actor
from smartqueue.accounts.clock import wall_now
from smartqueue.accounts.enums import ActorKind
from smartqueue.accounts.models import SocketTicket
from smartqueue.common.db import operation
from smartqueue.common.errors import NotSignedIn

SOCKET_TICKET_SECONDS = 30

# Deleting is using: of two sockets with one ticket only one finds it.
_REDEEM = """
    WITH taken AS (
        DELETE FROM accounts_socketticket WHERE id = %s AND digest = %s RETURNING *
    )
    SELECT t.kind, t.user_id, t.session_id, t.ticket_id, t.branch_id, t.device_id, t.language, t.expires_at,
           u.is_superuser
    FROM taken AS t
    LEFT JOIN accounts_user AS u ON u.id = t.user_id
    LEFT JOIN accounts_session AS s ON s.id = t.session_id
    WHERE (t.user_id IS NULL OR u.is_active)
      AND (t.session_id IS NULL OR (s.id IS NOT NULL AND s.ended_at IS NULL))
"""


@operation
def make_socket_ticket(*, actor: Actor, now: datetime) -> str:
    """
    Return a ticket that opens one socket as this actor within 30 s.

    :raises NotSignedIn: nobody in particular is asking
    """
    if actor.kind in {ActorKind.ANONYMOUS, ActorKind.SYSTEM}:
        raise NotSignedIn
    token = tokens.make_opaque_token()
    SocketTicket.objects.create(
        id=token.id,
        digest=token.digest,
        kind=actor.kind,
        user_id=actor.user_id,
        session_id=actor.session_id,
        ticket_id=actor.ticket_id,
        branch_id=actor.branch_id,
        device_id=actor.device_id,
        language=actor.language,
        expires_at=wall_now() + timedelta(seconds=SOCKET_TICKET_SECONDS),
    )
    return token.text


@operation
def redeem_socket_ticket(ticket: str) -> Actor:
    """
    Use a socket ticket up and return who asked for it.

    :raises NotSignedIn: unknown, used, older than 30 s, or its session has ended since
    """
    read = tokens.read_opaque_token(ticket)
    if read is None:
        raise NotSignedIn
    with connection.cursor() as cursor:
        cursor.execute(_REDEEM, [read.id, read.digest])
        row = cursor.fetchone()
    if row is None:
        raise NotSignedIn
    kind, user_id, session_id, ticket_id, branch_id, device_id, language, expires_at, is_admin = row
    if expires_at <= wall_now():
        raise NotSignedIn
    lacks_factor = user_id is not None and queries.lacks_needed_factor(
        user_id, is_platform_admin=bool(is_admin)
    )
    asked_as = Actor(
        kind=ActorKind(kind),
        user_id=user_id,
        is_platform_admin=bool(is_admin) and not lacks_factor,
        is_admin_without_factor=lacks_factor,
        session_id=session_id,
        ticket_id=ticket_id,
        branch_id=branch_id,
        device_id=device_id,
        language=language,
    )
    return entrance.renewed(asked_as) if device_id else asked_as
