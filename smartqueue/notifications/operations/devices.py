"""
Phones and browsers that show messages.

Each belongs to the person who signed in on it, or to a ticket. Nobody takes another's by naming its
id or its address: a phone's token changes hands when its earlier person has signed out, or when the
app brings the secret it made; a browser's endpoint may serve several, and only who has its keys can
read what is sent to it.
"""

import hmac
import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.db.models import Q
from django.db.models.functions import Now

from smartqueue.accounts.actor import Actor
from smartqueue.common import http
from smartqueue.common.crypto import encrypt, keyed_digest
from smartqueue.common.db import operation
from smartqueue.common.ids import new_id
from smartqueue.notifications import policies, queries
from smartqueue.notifications.enums import Channel, Platform
from smartqueue.notifications.errors import BrowserNotReachable, PushTokenHeld
from smartqueue.notifications.events import TicketWatched
from smartqueue.notifications.models import BrowserSubscription, OutgoingMessage, PushToken
from smartqueue.notifications.providers.web_push import subscriptions
from smartqueue.outbox import operations as outbox

UNUSED: Final = timedelta(days=60)
TICKET_BROWSER_LIFE: Final = timedelta(days=2)
MOST_PHONES: Final = 10
MOST_BROWSERS: Final = 10
MOST_BROWSERS_OF_TICKET: Final = 5


# --- Phones -------------------------------------------------------------------------------------


@operation
def register_push_token(
    *,
    actor: Actor,
    token: str,
    device_id: str,
    platform: Platform,
    now: datetime,
    device_key: str = "",
    app_version: str = "",
) -> PushToken:
    """
    Have messages to the actor shown by an app on a phone; the same phone again brings its row up to
    date. `device_key` is a secret that the app made and keeps; it lets the next person who signs in
    on the phone take the token over.

    :raises NotSignedIn: nobody is signed in
    :raises PushTokenHeld: another person is signed in on the phone, and the secret is not its
    """
    user_id = actor.require_user()
    digest = keyed_digest("push token", token)
    row = _row_for(user_id, digest, device_id, device_key, now)
    row.session_id = actor.session_id
    row.device_id, row.platform = device_id, platform
    row.app_version, row.last_seen_at = app_version, now
    row.digest, row.sealed = digest, encrypt(token, queries.DEVICE_PURPOSE)
    if device_key:
        row.key_digest = keyed_digest("push device key", device_key)
    if row._state.adding:
        PushToken.objects.bulk_create([row], ignore_conflicts=True)
        if not PushToken.objects.filter(pk=row.pk).exists():
            # Somebody registered the same phone a moment ago.
            raise PushTokenHeld
    else:
        row.save()
    _keep_newest(PushToken.objects.filter(user_id=user_id), MOST_PHONES)
    return row


def _row_for(
    user_id: UUID, digest: bytes, device_id: str, device_key: str, now: datetime
) -> PushToken:
    """Return the person's row of a phone, locked, or a new one; others give way where they have to."""
    wanted = Q(digest=digest) | Q(user_id=user_id, device_id=device_id)
    rows = list(PushToken.objects.select_for_update().filter(wanted).order_by("pk"))
    own: PushToken | None = None
    for row in rows:
        if row.user_id == user_id and own is None:
            own = row
            continue
        if row.user_id != user_id and not _gives_way(row, device_key):
            raise PushTokenHeld
        row.delete()
    return own or PushToken(id=new_id(), user_id=user_id, created_at=now)


def _gives_way(row: PushToken, device_key: str) -> bool:
    if not queries.is_signed_in(row.user_id, row.session_id):
        return True
    given = keyed_digest("push device key", device_key)
    return bool(device_key) and hmac.compare_digest(bytes(row.key_digest), given)


@operation
def remove_push_token(*, actor: Actor, push_token_id: UUID) -> None:
    """
    Send a phone of the actor's nothing any more.

    :raises NotSignedIn: nobody is signed in
    :raises NotFound: unknown, or somebody else's
    """
    policies.access_push_token(actor, push_token_id).delete()


# --- Browsers -----------------------------------------------------------------------------------


@operation
def add_browser(*, actor: Actor, subscription: Mapping[str, Any], now: datetime) -> UUID:
    """
    Have a browser show messages: to the holder of a ticket about it, or to the actor's account.
    Return the id by which messages and `remove_browser` name it.

    :raises NotSignedIn: neither
    :raises BrowserNotReachable: no address of a push service, or no keys
    """
    owner = policies.access_browsers(actor)
    try:
        found = subscriptions.read(subscription)
        subscriptions.check_endpoint(found.endpoint)
    except (ValueError, http.AddressRefused) as error:
        raise BrowserNotReachable from error
    digest = keyed_digest("browser", found.endpoint)
    auth_digest = keyed_digest("browser secret", found.auth)
    if "user_id" in owner:
        # Another person's sign-in on this very browser: only it knows the secret.
        same = BrowserSubscription.objects.filter(digest=digest, auth_digest=auth_digest)
        same.filter(user_id__isnull=False).exclude(user_id=owner["user_id"]).delete()
    values = {
        "session_id": actor.session_id,
        "auth_digest": auth_digest,
        "sealed": encrypt(json.dumps(found.as_json()), queries.DEVICE_PURPOSE),
        "last_seen_at": now,
    }
    row, _ = BrowserSubscription.objects.update_or_create(
        **owner, digest=digest, defaults=values, create_defaults={**values, "created_at": now}
    )
    most = MOST_BROWSERS if "user_id" in owner else MOST_BROWSERS_OF_TICKET
    _keep_newest(BrowserSubscription.objects.filter(**owner), most)
    if "ticket_id" in owner:
        outbox.publish(
            TicketWatched(ticket_id=owner["ticket_id"], occurred_at=now, actor=actor.label)
        )
    return row.pk


@operation
def remove_browser(*, actor: Actor, endpoint: str) -> None:
    """
    Send a browser nothing any more about the actor's ticket, or to the actor's account.

    :raises NotSignedIn: neither
    """
    owner = policies.access_browsers(actor)
    digest = keyed_digest("browser", endpoint)
    BrowserSubscription.objects.filter(**owner, digest=digest).delete()


# --- Going --------------------------------------------------------------------------------------


def _keep_newest(rows: Any, most: int) -> None:
    kept = rows.order_by("-last_seen_at", "-pk").values_list("pk", flat=True)
    beyond = list(kept[most : most + 100])
    if beyond:
        rows.filter(pk__in=beyond).delete()


@operation
def remove_devices_of_session(*, session_id: UUID) -> None:
    """Forget the phone and the browser of a sign-in that is over."""
    PushToken.objects.filter(session_id=session_id).delete()
    BrowserSubscription.objects.filter(session_id=session_id).delete()


def forget_device(message: OutgoingMessage, address: str = "") -> None:
    """
    Remove the phone or browser of a message: who carries its messages says that it is gone. A phone
    stays that has another token by now than `address`.
    """
    if message.channel == Channel.PUSH:
        phones = PushToken.objects.filter(pk=message.recipient)
        if address:
            phones = phones.filter(digest=keyed_digest("push token", address))
        phones.delete()
    elif message.channel == Channel.WEB_PUSH:
        BrowserSubscription.objects.filter(pk=message.recipient).delete()


@operation
def remove_unused_devices() -> int:
    """Delete phones and browsers not seen for 60 days, those of a ticket after two; return how many."""
    phones, _ = PushToken.objects.filter(last_seen_at__lt=Now() - UNUSED).delete()
    late = Q(last_seen_at__lt=Now() - UNUSED) | Q(
        ticket_id__isnull=False, last_seen_at__lt=Now() - TICKET_BROWSER_LIFE
    )
    browsers, _ = BrowserSubscription.objects.filter(late).delete()
    return phones + browsers


@operation
def remove_devices_of(*, user_id: UUID) -> None:
    """Forget every phone and browser of a person who is gone."""
    PushToken.objects.filter(user_id=user_id).delete()
    BrowserSubscription.objects.filter(user_id=user_id).delete()
