"""What the people of an organization do with its webhooks."""

import dataclasses
from collections.abc import Iterable
from datetime import datetime
from typing import Final
from uuid import UUID

from django.utils.translation import gettext_lazy as _

from smartqueue.accounts.actor import Actor
from smartqueue.common import http
from smartqueue.common.crypto import encrypt
from smartqueue.common.db import operation
from smartqueue.common.errors import InvalidInput
from smartqueue.common.ids import new_id
from smartqueue.webhooks import catalogue, listeners, policies, queries, signing
from smartqueue.webhooks.enums import (
    ADDRESS_LENGTH,
    DESCRIPTION_LENGTH,
    MOST_ENDPOINTS,
    OLD_SECRET_LIFE,
    EndpointState,
    MessageState,
)
from smartqueue.webhooks.errors import (
    EndpointExists,
    EndpointNotActive,
    MessageUnderWay,
    TooManyEndpoints,
)
from smartqueue.webhooks.models import Endpoint, Message
from smartqueue.webhooks.operations.delivery import PURPOSE

HTTPS: Final = dataclasses.replace(http.STRANGERS, schemes=frozenset({"https"}))
"""Where an endpoint may be: on the open Internet, by TLS, at its usual port."""


@operation
def create_endpoint(
    *,
    actor: Actor,
    organization_id: UUID,
    url: str,
    description: str = "",
    event_types: Iterable[str] | None = None,
    now: datetime,
) -> tuple[Endpoint, str]:
    """
    Add an address that is told of events, of some types or (None) of all; return it and its secret,
    which is shown this once.

    :raises NotFound: not an organization that the actor manages
    :raises InvalidInput: the address is none that is called, or a type is unknown
    :raises EndpointExists: the organization has this address
    :raises TooManyEndpoints: there are twenty
    """
    policies.access_webhooks(actor, organization_id, lock=True)
    if queries.endpoints_of([organization_id]).count() >= MOST_ENDPOINTS:
        raise TooManyEndpoints(limit=MOST_ENDPOINTS)
    secret = signing.make_secret()
    endpoint = Endpoint(
        organization_id=organization_id,
        url=_address(url),
        description=_description(description),
        event_types=_types(event_types),
        sealed_secret=encrypt(secret, PURPOSE),
        created_at=now,
        changed_at=now,
    )
    _check_free(endpoint)
    endpoint.save(force_insert=True)
    listeners.reload(organization_id)
    return endpoint, secret


def _check_free(endpoint: Endpoint) -> None:
    others = queries.endpoints_of([endpoint.organization_id]).exclude(pk=endpoint.pk)
    if others.filter(url=endpoint.url).exists():
        raise EndpointExists


def _address(url: str) -> str:
    address = url.strip()
    if len(address) > ADDRESS_LENGTH:
        raise InvalidInput.on("url", _("This text is too long."), "max_length")
    try:
        http.check_address(address, HTTPS)
    except http.AddressRefused as error:
        wanted = _("Give a public address that begins with https://.")
        raise InvalidInput.on("url", wanted, error.code) from error
    return address


def _description(text: str) -> str:
    text = text.strip()
    if len(text) > DESCRIPTION_LENGTH:
        raise InvalidInput.on("description", _("This text is too long."), "max_length")
    return text


def _types(chosen: Iterable[str] | None) -> list[str] | None:
    if chosen is None:
        return None
    types = sorted(set(chosen))
    if not types or not set(types) <= set(catalogue.public_types()):
        raise InvalidInput.on("event_types", _("Choose some of the events."), "invalid_choice")
    return types


_UNCHANGED: Final = ("",)


@operation
def change_endpoint(
    *,
    actor: Actor,
    endpoint_id: UUID,
    url: str | None = None,
    description: str | None = None,
    event_types: Iterable[str] | None = _UNCHANGED,
    now: datetime,
) -> Endpoint:
    """
    Change where an endpoint is, what it is called, or what it is told; None `event_types` are all.

    :raises NotFound: unknown, or another's
    :raises InvalidInput: the address is none that is called, or a type is unknown
    :raises EndpointExists: the organization has this address
    """
    if url is not None:
        # Whoever adds or moves an address of the organization waits.
        organization_id = policies.access_endpoint(actor, endpoint_id).organization_id
        policies.access_webhooks(actor, organization_id, lock=True)
    endpoint = policies.access_endpoint(actor, endpoint_id, lock=True)
    if url is not None:
        endpoint.url = _address(url)
        _check_free(endpoint)
    if description is not None:
        endpoint.description = _description(description)
    if event_types is not _UNCHANGED:
        endpoint.event_types = _types(event_types)
    return _saved(endpoint, now)


def _saved(endpoint: Endpoint, now: datetime) -> Endpoint:
    endpoint.changed_at = now
    endpoint.save()
    listeners.reload(endpoint.organization_id)
    return endpoint


@operation
def pause_endpoint(*, actor: Actor, endpoint_id: UUID, now: datetime) -> Endpoint:
    """
    Send nothing for the time being: new events are not kept, what waits goes on waiting.

    :raises NotFound: unknown, or another's
    :raises EndpointNotActive: disabled after failures
    """
    endpoint = policies.access_endpoint(actor, endpoint_id, lock=True)
    if endpoint.state == EndpointState.DISABLED:
        raise EndpointNotActive(state=endpoint.state)
    endpoint.state = EndpointState.PAUSED
    return _saved(endpoint, now)


@operation
def resume_endpoint(*, actor: Actor, endpoint_id: UUID, now: datetime) -> Endpoint:
    """
    Send again, after a pause or failures; what failed meanwhile is sent by a replay.

    :raises NotFound: unknown, or another's
    """
    endpoint = policies.access_endpoint(actor, endpoint_id, lock=True)
    endpoint.state = EndpointState.ACTIVE
    endpoint.disabled_reason = ""
    endpoint.failing_since = None
    return _saved(endpoint, now)


@operation
def rotate_secret(*, actor: Actor, endpoint_id: UUID, now: datetime) -> tuple[Endpoint, str]:
    """
    Return an endpoint with a new secret, shown this once; the one before signs too for 24 hours.

    :raises NotFound: unknown, or another's
    """
    endpoint = policies.access_endpoint(actor, endpoint_id, lock=True)
    secret = signing.make_secret()
    endpoint.sealed_old_secret = endpoint.sealed_secret
    endpoint.old_secret_until = queries.now_of_database() + OLD_SECRET_LIFE
    endpoint.sealed_secret = encrypt(secret, PURPOSE)
    return _saved(endpoint, now), secret


@operation
def remove_endpoint(*, actor: Actor, endpoint_id: UUID) -> None:
    """
    Remove an endpoint with its messages.

    :raises NotFound: unknown, or another's
    """
    endpoint = policies.access_endpoint(actor, endpoint_id, lock=True)
    endpoint.delete()
    listeners.reload(endpoint.organization_id)


# --- Sending by hand ----------------------------------------------------------------------------


@operation
def send_test(*, actor: Actor, endpoint_id: UUID, now: datetime) -> Message:
    """
    Queue a `ping` for an endpoint, whatever types it has chosen.

    :raises NotFound: unknown, or another's
    :raises EndpointNotActive: paused, or disabled after failures
    """
    endpoint = policies.access_endpoint(actor, endpoint_id, lock=True)
    _require_active(endpoint)
    db_now = queries.now_of_database()
    message = Message(
        organization_id=endpoint.organization_id,
        endpoint=endpoint,
        event_key=new_id(),
        type=catalogue.PING,
        subject_version=1,
        occurred_at=now,
        body=catalogue.ping_body(endpoint.organization_id, endpoint.pk, now),
        next_attempt_at=db_now,
        created_at=db_now,
    )
    message.save(force_insert=True)
    return message


def _require_active(endpoint: Endpoint) -> None:
    if endpoint.state != EndpointState.ACTIVE:
        raise EndpointNotActive(state=endpoint.state)


@operation
def replay_message(*, actor: Actor, message_id: UUID) -> Message:
    """
    Send a message that was delivered or failed once more, with the same id and all its tries.

    :raises NotFound: unknown, or another's
    :raises EndpointNotActive: paused, or disabled after failures
    :raises MessageUnderWay: it has not ended
    """
    message = policies.access_message(actor, message_id, lock=True)
    _require_active(message.endpoint)
    if message.state not in {MessageState.DELIVERED, MessageState.FAILED}:
        raise MessageUnderWay(state=message.state)
    message.move_to(MessageState.PENDING)
    message.attempts = 0
    message.next_attempt_at = queries.now_of_database()
    message.ended_at = None
    message.save()
    return message


@operation
def replay_failed(*, actor: Actor, endpoint_id: UUID, since: datetime) -> int:
    """
    Send all messages again that were queued since a moment and failed; return how many.

    :raises NotFound: unknown, or another's
    :raises EndpointNotActive: paused, or disabled after failures
    """
    endpoint = policies.access_endpoint(actor, endpoint_id, lock=True)
    _require_active(endpoint)
    failed = queries.messages_of(endpoint).filter(state=MessageState.FAILED, created_at__gte=since)
    return failed.order_by().update(
        state=MessageState.PENDING,
        attempts=0,
        next_attempt_at=queries.now_of_database(),
        ended_at=None,
    )
