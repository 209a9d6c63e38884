"""Phones and browsers: whose they are, and that nobody takes another's."""

import base64
import os
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from django.db import connection
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from smartqueue.accounts.actor import Actor
from smartqueue.accounts.enums import ActorKind, EndReason
from smartqueue.accounts.models import Session, User
from smartqueue.accounts.operations import end_session
from smartqueue.accounts.tests.factories import make_user
from smartqueue.common import clock
from smartqueue.common.errors import NotFound, NotSignedIn
from smartqueue.notifications import operations, queries, tasks
from smartqueue.notifications.enums import Channel, Platform
from smartqueue.notifications.errors import BrowserNotReachable, PushTokenHeld
from smartqueue.notifications.models import BrowserSubscription, PushToken
from smartqueue.notifications.providers import base
from smartqueue.notifications.providers.base import Handed, Outgoing, ProviderError
from smartqueue.notifications.tests.conftest import CODE

KEY = "a secret that the app made"
FIRST = "token-1"
GOOGLE = "https://fcm.googleapis.com/fcm/send/abc:def"


def signed_in(user: User) -> Actor:
    now = clock.now()
    session = Session.objects.create(
        user=user,
        kind="tokens",
        device=os.urandom(32),
        authenticated_at=now,
        created_at=now,
        last_used_at=now,
        expires_at=now + timedelta(days=30),
    )
    return Actor(kind=ActorKind.USER, user_id=user.pk, session_id=session.pk)


def register(actor: Actor, token: str = FIRST, **given: Any) -> PushToken:
    fields: dict[str, Any] = {"device_id": "phone-1", "platform": Platform.ANDROID}
    return operations.register_push_token(
        actor=actor, token=token, now=clock.now(), **(fields | given)
    )


def browser(endpoint: str = GOOGLE) -> dict[str, Any]:
    """Return what a browser gives when it subscribes."""
    point = (
        ec.generate_private_key(ec.SECP256R1())
        .public_key()
        .public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)
    )
    keys = {"p256dh": point, "auth": os.urandom(16)}
    return {
        "endpoint": endpoint,
        "keys": {n: base64.urlsafe_b64encode(k).rstrip(b"=").decode() for n, k in keys.items()},
    }


def phones_of(user: User) -> tuple[str, ...]:
    return queries.devices_of(user.pk).push


def test_register_push_token_keeps_the_token_sealed_and_the_row_when_it_changes(user):
    actor = signed_in(user)

    first = register(actor, "token-1")
    again = register(actor, "token-2", app_version="1.3")

    row = PushToken.objects.get()
    assert (first.pk, again.pk, row.app_version) == (row.pk, row.pk, "1.3")
    assert phones_of(user) == (str(row.pk),)
    assert queries.address_of(Channel.PUSH, str(row.pk)) == "token-2"
    with connection.cursor() as cursor:
        cursor.execute("SELECT row_to_json(t)::text FROM notifications_pushtoken AS t")
        assert "token-2" not in cursor.fetchone()[0]


def test_register_push_token_takes_no_message_of_another_person(user):
    mine, stranger = signed_in(user), signed_in(make_user())
    row = register(mine, device_key=KEY)

    with pytest.raises(PushTokenHeld):
        register(stranger)
    with pytest.raises(PushTokenHeld):
        register(stranger, device_key="another secret that was guessed")
    with pytest.raises(PushTokenHeld):
        register(stranger, device_id="phone-2")
    other = register(stranger, "token-of-the-stranger")

    assert phones_of(user) == (str(row.pk),)
    assert queries.address_of(Channel.PUSH, str(row.pk)) == "token-1"
    assert queries.address_of(Channel.PUSH, str(other.pk)) == "token-of-the-stranger"


def test_a_token_registered_without_a_secret_is_not_moved_by_an_empty_one(user):
    register(signed_in(user))

    with pytest.raises(PushTokenHeld):
        register(signed_in(make_user()), device_key="")


def test_the_same_phone_moves_to_who_signs_in_on_it(user):
    next_person = make_user()
    row = register(signed_in(user), device_key=KEY)

    moved = register(signed_in(next_person), device_key=KEY)

    assert phones_of(user) == ()
    assert phones_of(next_person) == (str(moved.pk),)
    # What was queued for the earlier person reaches nobody else.
    assert moved.pk != row.pk
    assert queries.address_of(Channel.PUSH, str(row.pk)) is None


def test_signing_out_ends_messages_at_once_and_frees_the_phone(user):
    actor, next_person = signed_in(user), make_user()
    row = register(actor)
    operations.add_browser(actor=actor, subscription=browser(), now=clock.now())
    assert actor.session_id is not None

    end_session(
        session_id=actor.session_id,
        reason=EndReason.SIGNED_OUT,
        ended_by=actor.label,
        now=clock.now(),
    )

    assert queries.devices_of(user.pk) == queries.Devices()
    assert queries.address_of(Channel.PUSH, str(row.pk)) is None
    register(signed_in(next_person))
    assert len(phones_of(next_person)) == 1
    operations.remove_devices_of_session(session_id=actor.session_id)
    assert not BrowserSubscription.objects.exists()


def test_devices_that_were_not_seen_for_long_are_removed(user):
    actor, ticket = signed_in(user), uuid4()
    old, new = register(actor), register(actor, "token-2", device_id="phone-2")
    holder = Actor(kind=ActorKind.TICKET, ticket_id=ticket)
    operations.add_browser(actor=holder, subscription=browser(), now=clock.now())
    mine = operations.add_browser(actor=actor, subscription=browser(), now=clock.now())
    PushToken.objects.filter(pk=old.pk).update(last_seen_at=clock.now() - timedelta(days=61))
    BrowserSubscription.objects.update(last_seen_at=clock.now() - timedelta(days=3))

    assert operations.remove_unused_devices() == 2

    assert queries.devices_of(user.pk) == queries.Devices((str(new.pk),), (str(mine),))
    assert queries.browsers_of_ticket(ticket) == ()


def test_a_browser_belongs_to_the_ticket_or_the_account_that_asked(user):
    ticket, given = uuid4(), browser()
    holder, actor = Actor(kind=ActorKind.TICKET, ticket_id=ticket), signed_in(user)
    first = operations.add_browser(actor=holder, subscription=given, now=clock.now())
    assert operations.add_browser(actor=holder, subscription=given, now=clock.now()) == first
    own = operations.add_browser(actor=actor, subscription=given, now=clock.now())

    assert queries.browsers_of_ticket(ticket) == (str(first),)
    assert queries.devices_of(user.pk).web_push == (str(own),)
    operations.remove_browser(actor=holder, endpoint=given["endpoint"])
    assert queries.browsers_of_ticket(ticket) == ()
    assert queries.devices_of(user.pk).web_push == (str(own),)
    with pytest.raises(NotSignedIn):
        operations.remove_browser(actor=Actor(kind=ActorKind.ANONYMOUS), endpoint=given["endpoint"])


def test_only_the_browser_itself_changes_hands(user):
    given, stranger, next_person = browser(), make_user(), make_user()
    own = operations.add_browser(actor=signed_in(user), subscription=given, now=clock.now())

    # Who knows the address alone cannot have the keys; who signs in on the browser has both.
    operations.add_browser(
        actor=signed_in(stranger), subscription=browser(given["endpoint"]), now=clock.now()
    )
    assert queries.devices_of(user.pk).web_push == (str(own),)
    operations.add_browser(actor=signed_in(next_person), subscription=given, now=clock.now())
    assert queries.devices_of(user.pk).web_push == ()


def test_add_browser_refuses_what_is_no_push_service_or_no_key(user):
    actor, good = signed_in(user), browser()
    wrong = [
        {"endpoint": address}
        for address in (
            "https://example.com/push",
            "http://fcm.googleapis.com/x",
            "https://fcm.googleapis.com.evil.test/x",
            "https://fcm.googleapis.com:8443/x",
            "https://fcm.googleapis.com@10.0.0.1/x",
            "http://169.254.169.254/latest/meta-data",
            "http://[::1]/x",
            "file:///etc/passwd",
        )
    ] + [
        {"keys": {**good["keys"], "auth": "AAAA"}},
        # A point that is not on the curve.
        {"keys": {**good["keys"], "p256dh": base64.urlsafe_b64encode(b"\4" + b"\1" * 64).decode()}},
    ]
    for change in wrong:
        with pytest.raises(BrowserNotReachable):
            operations.add_browser(actor=actor, subscription=good | change, now=clock.now())
    assert not BrowserSubscription.objects.exists()


def test_rest_registers_lists_and_removes_phones(user):
    client = APIClient()
    client.force_login(user)
    body = {"token": "t" * 150, "device_id": "phone-1", "platform": "ios", "app_version": "2.0"}

    answer = client.post("/api/notifications/push-tokens/", body, format="json")

    assert answer.status_code == 201, answer.content
    assert set(answer.json()) == {
        "id",
        "device_id",
        "platform",
        "app_version",
        "created_at",
        "last_seen_at",
    }
    found = client.get("/api/notifications/push-tokens/").json()
    assert [row["id"] for row in found["results"]] == [answer.json()["id"]]
    with pytest.raises(NotFound):
        operations.remove_push_token(
            actor=signed_in(make_user()), push_token_id=answer.json()["id"]
        )
    place = f"/api/notifications/push-tokens/{answer.json()['id']}/"
    assert client.delete(place).status_code == 204
    assert client.delete(place).status_code == 404
    assert client.post("/api/notifications/push-tokens/", {"token": "t"}, "json").status_code == 400


def test_the_list_of_phones_asks_as_often_for_three_as_for_one(user):
    client = APIClient()
    client.force_login(user)
    counts = []
    for number in range(3):
        register(signed_in(user), f"token-{number}", device_id=f"phone-{number}")
        if number == 1:
            continue
        with CaptureQueriesContext(connection) as asked:
            client.get("/api/notifications/push-tokens/")
        counts.append(len(asked))
    assert counts[0] == counts[1]


def test_an_old_token_that_is_gone_leaves_the_one_that_came_after_it(
    user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Carrier:
        """Hears of the phone's new token while it carries a message to the old one."""

        name, channel, per_second = "fcm", Channel.PUSH, None

        def send(self, message: Outgoing) -> Handed:
            if message.recipient == FIRST:
                register(actor, "token-2")
            raise ProviderError("UNREGISTERED", retryable=False, is_recipient=True)

    monkeypatch.setattr(base, "_factories", {"fcm": Carrier})
    monkeypatch.setattr(base, "_made", {})
    actor = signed_in(user)
    row = register(actor)
    kept = []
    for key in ("old", "new"):
        sent = operations.send_message(
            channel=Channel.PUSH,
            recipient=str(row.pk),
            template=CODE,
            context={"name": "Awa"},
            language="fr",
            dedupe_key=key,
            now=clock.now(),
        )
        assert sent is not None
        tasks.send_message_task(str(sent.pk))
        kept.append(PushToken.objects.filter(user=user).exists())
    assert kept == [True, False]
