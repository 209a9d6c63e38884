"""Mails as the sandbox's mail server got them, what its refusals mean, and what comes back."""

import json
import socket
import uuid
from email import message_from_bytes, policy
from typing import Any

import pytest
from django.test import Client

from smartqueue.common import clock
from smartqueue.notifications import operations, tasks
from smartqueue.notifications.enums import Channel, Importance, MessageState
from smartqueue.notifications.models import DeadAddress, OutgoingMessage
from smartqueue.notifications.operations import mail as mails
from smartqueue.notifications.providers.base import (
    Attachment,
    BadCallback,
    Callback,
    Delivery,
    OutcomeUnknown,
    Outgoing,
    ProviderError,
    forget_providers,
    provider_named,
)
from smartqueue.notifications.providers.email import client, webhook
from smartqueue.notifications.tests.sms.conftest import Control

PERSON = "sira@example.test"
SECRET = "s" * 32
INVITATION = b"BEGIN:VCALENDAR\r\nMETHOD:REQUEST\r\nEND:VCALENDAR\r\n"


@pytest.fixture
def server(control: Control, settings: Any) -> Any:
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", control.sandbox.smtp_port
    settings.EMAIL_IS_SET = True
    settings.EMAIL_CALLBACK_SECRET = SECRET
    settings.DEFAULT_FROM_EMAIL = "SmartQueue <no-reply@queue.example.org>"
    forget_providers()
    yield control
    forget_providers()


def message(**given: Any) -> Outgoing:
    fields: dict[str, Any] = {
        "reference": uuid.uuid4(),
        "recipient": PERSON,
        "subject": "Votre rendez-vous",
        "body": "Bonjour <Sira> & Co,\n\nà demain.",
        "link": "https://queue.example.org/t/x/",
        "unsubscribe_url": "https://queue.example.org/unsubscribe/abc/",
        "data": {"language": "fr", "organization": 'Mairie "<b>"', "colour": "#aa1122"},
    }
    return Outgoing(**fields | given)


def send(outgoing: Outgoing) -> Any:
    provider = provider_named("smtp")
    assert provider is not None
    return provider.send(outgoing)


def newest(server: Control) -> Any:
    mails_there = server.sandbox.world.store.mails
    return mails_there[next(reversed(mails_there))].message


def test_a_mail_has_two_parts_a_calendar_and_a_way_out(server):
    files = (Attachment("rdv.ics", INVITATION, "text/calendar; method=REQUEST"),)
    outgoing = message(attachments=files)

    send(outgoing)

    mail = newest(server)
    assert mail["Message-ID"] == f"<{outgoing.reference}@queue.example.org>"
    assert mail["List-Unsubscribe"] == f"<{outgoing.unsubscribe_url}>"
    assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    plain, html = (mail.get_body((kind,)).get_content() for kind in ("plain", "html"))
    assert "Bonjour <Sira> & Co," in plain
    assert outgoing.link in plain
    assert outgoing.unsubscribe_url in plain
    assert "Bonjour &lt;Sira&gt; &amp; Co," in html
    assert "Mairie &quot;&lt;b&gt;&quot;" in html
    assert "#aa1122" in html
    assert '<html lang="fr" dir="ltr">' in html
    # Nothing is loaded from elsewhere.
    assert not any(sign in html for sign in ("<img", "<link", "<script", "url(", "src="))
    (file,) = mail.iter_attachments()
    assert (file.get_content_type(), file.get_param("method")) == ("text/calendar", "REQUEST")
    assert (file.get_filename(), file.get_content().split()[0]) == ("rdv.ics", "BEGIN:VCALENDAR")
    arabic = client.frame.html(message(data={"language": "ar", "colour": "red;}"}))
    assert 'dir="rtl"' in arabic
    assert "red;}" not in arabic


def test_refusals_of_the_mail_server_mean_what_they_say(server):
    for error, retryable, is_recipient, wait in (
        ("550 5.1.1 No such user", False, True, None),
        ("550 User unknown", False, True, None),
        ("550 5.7.1 Blocked for spam", False, False, None),
        ("552 5.2.2 Mailbox full", False, False, None),
        ("451 4.7.1 Greylisted", True, False, 300.0),
    ):
        server.rule(provider="smtp", answer="refuse", error=error, times=1)
        with pytest.raises(ProviderError) as caught:
            send(message())
        found = caught.value
        assert (found.retryable, found.is_recipient, found.retry_after) == (
            retryable,
            is_recipient,
            wait,
        ), error
        assert PERSON not in found.code
    server.rule(provider="smtp", answer="cut_after", times=1)
    with pytest.raises(OutcomeUnknown):
        send(message())
    with pytest.raises(ProviderError):
        send(message(recipient="a@b.test\nBcc: c@d.test"))


def test_a_server_that_never_greets_has_nothing_and_is_asked_again(server, settings):
    settings.EMAIL_TIMEOUT = 0.2
    with socket.create_server(("127.0.0.1", 0)) as silent:
        settings.EMAIL_PORT = silent.getsockname()[1]
        with pytest.raises(ProviderError) as caught:
            send(message())
    assert not isinstance(caught.value, OutcomeUnknown)
    assert (caught.value.code, caught.value.retryable) == ("unreachable", True)


def notification(message_id: str, status: str = "5.1.1", action: str = "failed") -> bytes:
    return f"""From: MAILER-DAEMON@mx.test
Subject: Undelivered Mail Returned to Sender
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary="b"

--b
Content-Type: text/plain

I am sorry.
--b
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.test

Final-Recipient: rfc822; {PERSON}
Action: {action}
Status: {status}
Diagnostic-Code: smtp; 550 {status} unknown

--b
Content-Type: text/rfc822-headers

Message-ID: {message_id}
To: {PERSON}

--b--
""".replace("\n", "\r\n").encode()


def posted(body: bytes, kind: str = "message/rfc822") -> Callback:
    return Callback("POST", "", {"content-type": kind}, {}, body)


def test_bounces_are_understood_in_both_forms():
    own = str(uuid.uuid4())
    ours = f"<{own}@queue.example.org>"
    (found,) = webhook.receipts(posted(notification(ours)))
    assert (found.delivery, found.own_reference) == (Delivery.FAILED, own)
    assert (found.code, found.is_recipient) == ("bounced_5.1.1", True)
    whole = message_from_bytes(notification(ours), policy=policy.default)
    head = whole["Content-Type"]
    body = notification(ours).partition(b"\r\n\r\n")[2]
    assert webhook.receipts(posted(body, head)) == [found]
    (full,) = webhook.receipts(posted(notification(ours, "5.2.2")))
    assert full.is_recipient is False
    assert webhook.receipts(posted(notification(ours, "4.4.1", "delayed"))) == []
    assert webhook.receipts(posted(notification("<1@elsewhere.test>"))) == []
    events = [
        {"id": "1", "message_id": ours, "event": "hard_bounce", "status": "5.1.1"},
        {"id": "2", "message_id": ours, "event": "delivered"},
        {"id": "3", "message_id": ours, "event": "opened"},
        {"id": "4", "message_id": "<1@elsewhere.test>", "event": "hard_bounce"},
        7,
    ]
    told = webhook.receipts(posted(json.dumps({"events": events}).encode(), "application/json"))
    assert [(r.delivery, r.is_recipient) for r in told] == [
        (Delivery.FAILED, True),
        (Delivery.DELIVERED, False),
    ]
    for body, kind in (
        (b"{", "application/json"),
        (b'{"events": 1}', "application/json"),
        (b"Subject: x\r\n\r\nhello", "message/rfc822"),
        (b"x", "text/plain"),
    ):
        with pytest.raises(BadCallback):
            webhook.receipts(posted(body, kind))


def queue(key: str, importance: Importance = Importance.NORMAL) -> OutgoingMessage:
    found = operations.send_message(
        channel=Channel.EMAIL,
        recipient=PERSON,
        template="test_greeting",
        context={"name": "Sira"},
        language="fr",
        dedupe_key=key,
        now=clock.now(),
        importance=importance,
    )
    assert found is not None
    tasks.send_message_task(str(found.pk))
    return OutgoingMessage.objects.get(pk=found.pk)


def test_a_bounce_ends_the_message_and_marks_the_address(server, db):
    sent = queue("one")
    assert (sent.state, sent.ended_at) == (MessageState.SENT, None)
    message_id = str(newest(server)["Message-ID"])

    place = f"/api/notifications/webhooks/smtp/receipts/{SECRET}/"
    answer = Client().post(place, notification(message_id), content_type="message/rfc822")

    assert answer.status_code == 200
    tasks.process_callbacks_task()
    sent.refresh_from_db()
    assert (sent.state, sent.last_error) == (MessageState.FAILED, "bounced_5.1.1")
    assert DeadAddress.objects.get().code == "bounced_5.1.1"
    assert queue("two").last_error == mails.ADDRESS_DEAD
    assert queue("three", Importance.VITAL).state == MessageState.SENT
    assert Client().post(place.replace(SECRET, "x" * 32)).status_code == 404


def test_one_click_stops_an_organizations_mails_without_signing_in(server, db):
    queue("one")
    link = str(newest(server)["List-Unsubscribe"]).strip("<>")
    path = "/unsubscribe/" + link.partition("/unsubscribe/")[2]
    mail_program = Client(enforce_csrf_checks=True)

    # What looks at links in mails stops nothing.
    assert mail_program.get(path).status_code == 200
    assert queue("two").state == MessageState.SENT
    answer = mail_program.post(path, {"List-Unsubscribe": "One-Click"})

    assert answer.status_code == 200
    assert queue("three").last_error == mails.UNSUBSCRIBED
    vital = queue("four", Importance.VITAL)
    assert vital.state == MessageState.SENT
    assert newest(server)["List-Unsubscribe"] is None
    assert mail_program.post(path[:-3] + "AA/").status_code == 404
    mail_program.post(path, {"again": "1"})
    assert queue("five").state == MessageState.SENT
