"""What the adapters of push messages say to Google and to push services, and understand of them."""

import json
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from smartqueue.accounts.actor import Actor
from smartqueue.accounts.enums import ActorKind
from smartqueue.accounts.models import User
from smartqueue.common import clock
from smartqueue.notifications import operations, queries, tasks
from smartqueue.notifications.enums import Channel, Importance, MessageState, Platform
from smartqueue.notifications.models import OutgoingMessage, ProviderHealth
from smartqueue.notifications.providers.base import (
    OutcomeUnknown,
    Outgoing,
    Provider,
    ProviderError,
    provider_named,
)
from smartqueue.notifications.providers.fcm import mapping as fcm
from smartqueue.notifications.providers.web_push import client as web_push
from smartqueue.notifications.providers.web_push import keys
from smartqueue.notifications.tests.sms.conftest import Control

PHONE = "+221771234567"
SCHEMA = json.loads(Path(__file__).with_name("fcm_message.json").read_text())
NOW = 1_800_000_000.0
SECRET_WORDS = ("Sira", "Bearer", "APA91b", "PRIVATE", "vapid")


def provider(name: str) -> Provider:
    found = provider_named(name)
    assert found is not None
    return found


def message(recipient: str, **given: Any) -> Outgoing:
    fields: dict[str, Any] = {
        "reference": uuid.uuid4(),
        "recipient": recipient,
        "subject": "A 12",
        "body": "Sira Ndiaye, c'est à vous : guichet 3.",
        "link": "https://queue.example.org/t/abc/?from=push",
        "topic": "ticket:0192",
        "is_urgent": True,
        "expires_at": datetime.now(UTC) + timedelta(minutes=30),
        "data": {"id": str(uuid.uuid4()), "code": "ticket_called", "language": "fr"},
    }
    return Outgoing(**fields | given)


def phone(push: Control) -> str:
    token: str = push.call("POST", "fcm/tokens", phone=PHONE)["token"]
    return token


def browser(push: Control, key: str = "") -> dict[str, Any]:
    given: dict[str, Any] = push.call(
        "POST",
        "web-push/subscriptions",
        phone=PHONE,
        application_server_key=key or keys.public_key(),
    )
    return {"id": given["id"], "endpoint": given["endpoint"], "keys": given["keys"]}


def refused(name: str, outgoing: Outgoing) -> ProviderError:
    with pytest.raises(ProviderError) as caught:
        provider(name).send(outgoing)
    error = caught.value
    assert not any(word in error.code for word in SECRET_WORDS)
    return error


# --- Phones -------------------------------------------------------------------------------------


def test_every_body_fits_the_documented_message():
    strange = 'ش\u202e🙂"{{ x }}%(n)s\\' * 900
    many = [
        message("t"),
        message("t", topic="", link="", subject="", expires_at=None, is_urgent=False, data={}),
        message("t", body=strange),
        message("t", body="x" * 20_000, subject="é" * 200, topic="é" * 90),
        message("t", expires_at=datetime.fromtimestamp(NOW - 5, UTC)),
        message("t", data={"n": 5, "none": None}),
    ]
    for outgoing in many:
        body = fcm.body(outgoing, NOW)
        jsonschema.validate(body, SCHEMA)
        assert fcm._size(body) <= fcm.MOST_BYTES
    assert fcm.body(many[2], NOW)["message"]["notification"]["body"].endswith("…")
    called = fcm.body(message("t", expires_at=datetime.fromtimestamp(NOW + 90, UTC)), NOW)[
        "message"
    ]
    assert called["android"]["priority"] == "high"
    assert called["android"]["ttl"] == "90s"
    assert called["android"]["collapse_key"] == "ticket:0192"
    assert called["apns"]["headers"] == {
        "apns-push-type": "alert",
        "apns-priority": "10",
        "apns-expiration": str(int(NOW) + 90),
        "apns-collapse-id": "ticket:0192",
    }
    for wrong in ({"from": "x"}, {"google.x": "x"}, {"a": "x" * 5000}):
        with pytest.raises(ProviderError):
            fcm.body(message("t", data=wrong), NOW)


def test_the_schema_refuses_what_google_refuses():
    body = fcm.body(message("t"), NOW)
    for spoilt in (
        {"data": {"n": 5}},
        {"topic": "all"},
        {"android": {"ttl": "90"}},
        {"apns": {"headers": {"apns-priority": 10}}},
    ):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate({"message": body["message"] | spoilt}, SCHEMA)


def test_fcm_hands_a_message_to_a_phone_and_renews_its_token(push):
    outgoing = message(phone(push))

    handed = provider("fcm").send(outgoing)
    push.call("POST", "tokens/expire", provider="fcm")
    provider("fcm").send(outgoing)

    first = push.taken("fcm")[-1]
    assert handed.reference
    assert (first["text"], first["reference"]) == (outgoing.body, outgoing.data["id"])
    assert len(push.taken("fcm")) == 2


def test_fcm_errors_mean_what_the_table_says(push):
    token = phone(push)
    for code, retryable, is_recipient, wait in (
        ("UNREGISTERED", False, True, None),
        ("SENDER_ID_MISMATCH", False, True, None),
        ("INVALID_ARGUMENT", False, True, None),
        ("QUOTA_EXCEEDED", True, False, 60.0),
        ("UNAVAILABLE", True, False, None),
        ("INTERNAL", True, False, None),
        ("THIRD_PARTY_AUTH_ERROR", False, False, None),
    ):
        push.rule(provider="fcm", answer="refuse", error=code, times=1)
        error = refused("fcm", message(token))
        found = (error.code, error.retryable, error.is_recipient, error.retry_after)
        assert found == (code, retryable, is_recipient, wait)
        assert not isinstance(error, OutcomeUnknown)
    push.rule(provider="fcm", answer="refuse", error="QUOTA_EXCEEDED", retry_after=7, times=1)
    assert refused("fcm", message(token)).retry_after == 7
    push.rule(provider="fcm", answer="cut_after", times=1)
    assert isinstance(refused("fcm", message(token)), OutcomeUnknown)
    assert not isinstance(refused("fcm", message("never-registered")), OutcomeUnknown)
    # A body that is wrong says nothing against the phone.
    body = json.dumps({"message": {"token": token, "nothing": 1}}).encode()
    adapter: Any = provider("fcm")
    answer = adapter._authorized(lambda bearer: adapter._post(body, bearer))
    assert fcm.refusal(answer).is_recipient is False
    push.rule(provider="fcm_token", answer="server_error", times=1)
    push.call("POST", "tokens/expire", provider="fcm")
    assert refused("fcm", message(token)).retryable


# --- Browsers -----------------------------------------------------------------------------------


def test_web_push_is_read_by_the_browser_it_was_meant_for(push):
    outgoing = message(json.dumps(browser(push)))

    handed = provider("web_push").send(outgoing)

    (taken,) = push.taken("web_push")
    assert handed.reference
    assert taken["problem"] == ""
    shown = json.loads(taken["text"])
    assert shown == {
        "title": "A 12",
        "body": outgoing.body,
        "tag": "ticket:0192",
        "link": "/t/abc/?from=push",
        "lang": "fr",
        "dir": "ltr",
        "urgent": True,
    }
    assert taken["details"]["urgency"] == "high"
    assert 1700 < taken["details"]["ttl"] <= 1800
    provider("web_push").send(message(outgoing.recipient, body="ش🙂" * 4000, subject="é" * 200))
    long = json.loads(push.taken("web_push")[0]["text"])
    assert long["body"].endswith("…")


def test_web_push_answers_mean_what_the_standard_says(push):
    subscription = browser(push)
    to = json.dumps(subscription)
    for status, retryable, is_recipient, wait in (
        ("404", False, True, None),
        ("410", False, True, None),
        ("429", True, False, None),
        ("400", False, False, None),
        ("413", False, False, None),
    ):
        push.rule(provider="web_push", answer="refuse", error=status, times=1)
        error = refused("web_push", message(to))
        found = (error.retryable, error.is_recipient, error.retry_after)
        assert found == (retryable, is_recipient, wait), status
    push.rule(provider="web_push", answer="refuse", error="429", retry_after=9, times=1)
    assert refused("web_push", message(to)).retry_after == 9
    push.rule(provider="web_push", answer="cut_after", times=1)
    assert isinstance(refused("web_push", message(to)), OutcomeUnknown)
    # Made with another key of ours: the browser's next visit repairs it.
    other = browser(push, key="B" * 87)
    assert not refused("web_push", message(json.dumps(other))).is_recipient
    push.call("DELETE", f"web-push/subscriptions/{subscription['id']}")
    assert refused("web_push", message(to)).code == "subscription_gone"


def test_web_push_goes_to_push_services_only(push, settings):
    given, adapter = browser(push), provider("web_push")
    settings.ALLOW_LOCAL_PROVIDERS = False
    settings.WEB_PUSH_ACCOUNT = settings.WEB_PUSH_ACCOUNT | {"hosts": ["localhost", ".test"]}
    for endpoint in (given["endpoint"], "https://127.0.0.1/x", "https://push.other/x"):
        with pytest.raises(ProviderError) as caught:
            adapter.send(message(json.dumps(given | {"endpoint": endpoint})))
        assert caught.value.is_recipient
    assert push.taken("web_push") == []


def test_the_key_of_development_is_made_once(push, settings):
    file = settings.WEB_PUSH_ACCOUNT["key_file"]
    first = keys.public_key()
    keys._kept.cache_clear()
    assert keys.public_key() == first
    assert file.stat().st_mode & 0o077 == 0
    settings.ALLOW_LOCAL_PROVIDERS = False
    assert keys.public_key() == ""
    assert web_push.made() is None


# --- Through the engine -------------------------------------------------------------------------


def queue(channel: Channel, recipient: str, key: str, **given: Any) -> OutgoingMessage:
    found = operations.send_message(
        channel=channel,
        recipient=recipient,
        template="test_greeting",
        context={"name": "Sira"},
        language="fr",
        dedupe_key=key,
        now=clock.now(),
        importance=Importance.VITAL,
        **given,
    )
    assert found is not None
    tasks.send_message_task(str(found.pk))
    return OutgoingMessage.objects.get(pk=found.pk)


def test_the_engine_pushes_by_the_device_and_forgets_one_that_is_gone(push, user: User):
    actor = Actor(kind=ActorKind.USER, user_id=user.pk)
    now, given = clock.now(), browser(push)
    token = phone(push)
    operations.register_push_token(
        actor=actor, token=token, device_id="phone-1", platform=Platform.ANDROID, now=now
    )
    operations.add_browser(actor=actor, subscription=given, now=now)
    devices = queries.devices_of(user.pk)

    sent = [
        queue(Channel.PUSH, devices.push[0], "one"),
        queue(Channel.WEB_PUSH, devices.web_push[0], "one"),
    ]

    assert [m.state for m in sent] == [MessageState.SENT, MessageState.SENT]
    assert [m["text"] for m in push.taken("fcm")] == ["Dear Sira"]
    assert json.loads(push.taken("web_push")[0]["text"])["body"] == "Dear Sira"
    # The push service of one browser is down: that says nothing of the others'.
    for number in range(6):
        push.rule(provider="web_push", answer="refuse", error="503", retry_after=600, times=1)
        queue(Channel.WEB_PUSH, devices.web_push[0], f"down-{number}")
    assert not ProviderHealth.objects.filter(pk="web_push", circuit="open").exists()
    push.call("DELETE", f"fcm/tokens/{token}")
    push.call("DELETE", f"web-push/subscriptions/{given['id']}")
    fallbacks = [(Channel.WEB_PUSH, devices.web_push[0])]
    lost = queue(Channel.PUSH, devices.push[0], "two", fallbacks=fallbacks)
    tasks.send_message_task(str(lost.fallbacks.get().pk))
    assert (lost.state, lost.last_error) == (MessageState.FAILED, "UNREGISTERED")
    assert lost.fallbacks.get().last_error == "subscription_gone"
    assert queries.devices_of(user.pk) == queries.Devices()
    again = queue(Channel.PUSH, devices.push[0], "three")
    assert (again.state, again.last_error) == (MessageState.FAILED, "device_gone")
