import smtplib
from collections.abc import Iterator
from datetime import timedelta
from typing import Any, ClassVar

import pytest
from django.core import mail
from django.core.mail.backends.locmem import EmailBackend
from django.db.models.functions import Now
from django.test import Client
from django.utils import timezone

from smartqueue.accounts.errors import ChannelUnavailable
from smartqueue.accounts.models import User
from smartqueue.accounts.tests.factories import make_user
from smartqueue.common import crypto
from smartqueue.common.clock import now
from smartqueue.notifications import handlers, operations, queries, tasks
from smartqueue.notifications.enums import Channel, Importance, MessageState
from smartqueue.notifications.errors import UnknownText
from smartqueue.notifications.events import MessageQueued
from smartqueue.notifications.models import OutgoingMessage, ProviderHealth
from smartqueue.notifications.operations import mail as mails
from smartqueue.notifications.providers.base import ProviderError
from smartqueue.notifications.tests.conftest import CODE
from smartqueue.outbox.models import DomainEvent

pytestmark = pytest.mark.django_db


class Script:
    """What the mail server does when it is called, and then when it is given a message."""

    greetings: ClassVar[list[Exception]] = []
    answers: ClassVar[list[Exception]] = []


class ScriptedMailServer(EmailBackend):
    """Stands where SMTP does, and refuses what it is told to."""

    def open(self) -> None:
        if Script.greetings:
            raise Script.greetings.pop(0)

    def send_messages(self, messages: Any) -> int:
        if Script.answers:
            raise Script.answers.pop(0)
        return super().send_messages(messages)


@pytest.fixture
def smtp(settings: Any) -> Iterator[type[Script]]:
    settings.DEVELOPMENT_MAILBOX = False
    settings.EMAIL_BACKEND = f"{__name__}.ScriptedMailServer"
    yield Script
    Script.greetings.clear()
    Script.answers.clear()


def send(key: str = "key", **options: Any) -> OutgoingMessage | None:
    fields = {
        "channel": Channel.EMAIL,
        "recipient": "awa@example.test",
        "template": CODE,
        "context": {"name": "Awa"},
        "language": "fr",
        "now": now(),
    }
    return operations.send_message(dedupe_key=key, **(fields | options))


def queued(**options: Any) -> OutgoingMessage:
    message = send(**options)
    assert message is not None
    assert message.state == MessageState.QUEUED
    return message


def work(message: OutgoingMessage) -> OutgoingMessage:
    tasks.send_message_task(str(message.pk))
    message.refresh_from_db()
    return message


def test_in_development_messages_land_in_the_mailbox() -> None:
    send("1")
    send(
        "2",
        channel=Channel.SMS,
        recipient="+221771234567",
        template="sign_in_code",
        context={"code": "012345"},
    )
    newest, oldest = queries.list_mailbox()
    assert (newest.channel, newest.recipient, newest.code) == ("sms", "+221771234567", "012345")
    assert (oldest.subject, oldest.body, oldest.code) == ("Hello Awa", "Dear Awa", "")
    assert [m.id for m in queries.list_mailbox(recipient="AWA@")] == [oldest.id]
    assert [m.id for m in queries.list_mailbox(limit=1)] == [newest.id]
    assert not mail.outbox
    assert not DomainEvent.objects.exists()


def test_there_is_no_mailbox_elsewhere(settings: Any) -> None:
    send()
    settings.DEVELOPMENT_MAILBOX = False
    assert queries.list_mailbox() == []


def test_a_message_is_made_once() -> None:
    assert send("same") is not None
    assert send("same") is None
    assert OutgoingMessage.objects.count() == 1


def test_a_text_message_needs_a_provider(smtp: Any) -> None:
    with pytest.raises(ChannelUnavailable):
        send(channel=Channel.SMS, recipient="+221771234567")
    with pytest.raises(ChannelUnavailable):
        send(channel=Channel.IN_APP)
    assert not OutgoingMessage.objects.exists()


def test_words_are_in_the_asked_language() -> None:
    with pytest.raises(UnknownText):
        send(template="nothing")
    with pytest.raises(KeyError):
        send(context={})
    for code in ("sign_in_code", "already_registered", "session_reused"):
        for language in ("fr", "en", "ar"):
            subject, body = queries.texts.render(code, {"code": "012345"}, language)
            assert subject
            assert ("012345" in body) is (code == "sign_in_code")


def test_a_body_is_sealed_and_forgotten_once_sent(smtp: Any) -> None:
    message = queued()
    assert "Awa" not in message.sealed_body
    assert crypto.decrypt(message.sealed_body, queries.BODY_PURPOSE) == "Dear Awa"
    event = DomainEvent.objects.get()
    assert event.payload == {
        "message_id": str(message.pk),
        "channel": "email",
        "importance": "normal",
    }
    handlers.on_message_queued_send(
        MessageQueued(message_id=message.pk, channel="email", occurred_at=now(), actor="system")
    )
    message.refresh_from_db()
    assert (message.state, message.sealed_body) == ("sent", "")
    assert message.sent_at is not None
    (sent,) = mail.outbox
    assert (sent.to, sent.subject) == (["awa@example.test"], "Hello Awa")
    stop = mails.unsubscribe_url("awa@example.test", None)
    assert sent.body == f"Dear Awa\n\nNe plus recevoir d\u2019e-mails de SmartQueue\n{stop}\n"


def test_a_vital_mail_offers_no_way_out_of_it(smtp: Any) -> None:
    work(queued(importance=Importance.VITAL))
    assert [sent.body for sent in mail.outbox] == ["Dear Awa\n"]


def test_a_sent_message_is_not_sent_again(smtp: Any) -> None:
    message = work(queued())
    work(message)
    tasks.send_due_messages_task()
    assert len(mail.outbox) == 1


def test_a_lost_hint_is_found_by_the_sweep(smtp: Any) -> None:
    message = queued()
    tasks.send_due_messages_task()
    message.refresh_from_db()
    assert message.state == "sent"


def test_a_server_that_is_away_is_asked_again_later(smtp: Any) -> None:
    smtp.greetings.append(ConnectionRefusedError())
    message = work(queued())
    assert (message.state, message.attempts, message.last_error) == (
        "queued",
        1,
        "unreachable",
    )
    tasks.send_due_messages_task()
    assert not mail.outbox
    OutgoingMessage.objects.update(next_attempt_at=Now())
    tasks.send_due_messages_task()
    assert len(mail.outbox) == 1


def test_patience_ends_after_eight_tries(smtp: Any) -> None:
    smtp.greetings.extend([smtplib.SMTPServerDisconnected()] * 9)
    message = queued()
    for _ in range(9):
        OutgoingMessage.objects.update(next_attempt_at=Now())
        ProviderHealth.objects.update(probe_at=Now())
        work(message)
    assert (message.state, message.attempts, message.sealed_body) == ("failed", 8, "")


def test_a_mail_cut_off_while_it_left_is_unknown_and_not_sent_again(smtp: Any) -> None:
    smtp.answers.append(smtplib.SMTPServerDisconnected())
    message = work(queued())
    OutgoingMessage.objects.update(next_attempt_at=Now())
    tasks.send_due_messages_task()
    message.refresh_from_db()
    assert (message.state, message.attempts, message.last_error) == ("unknown", 1, "no_answer")
    assert not mail.outbox


@pytest.mark.parametrize(
    ("answer", "state", "error"),
    [
        (smtplib.SMTPRecipientsRefused({"a": (550, b"no")}), "failed", "smtp_550"),
        (smtplib.SMTPRecipientsRefused({"a": (450, b"later")}), "queued", "smtp_450"),
        (smtplib.SMTPDataError(554, b"spam"), "failed", "smtp_554"),
        (smtplib.SMTPDataError(421, b"busy"), "queued", "smtp_421"),
    ],
)
def test_an_answer_decides_whether_to_try_again(
    smtp: Any, answer: Exception, state: str, error: str
) -> None:
    smtp.answers.append(answer)
    message = work(queued())
    assert (message.state, message.last_error) == (state, error)


def claim(message: OutgoingMessage) -> operations.ClaimedMessage | None:
    choices = operations.choices_for(message.pk)
    if choices is None:
        return None
    return operations.claim_message(message_id=message.pk, choice=choices.found[0], now=now())


def test_what_a_dead_worker_took_is_unknown_and_not_sent_again(smtp: Any) -> None:
    message = queued()
    assert claim(message) is not None
    assert claim(message) is None
    tasks.send_due_messages_task()
    message.refresh_from_db()
    assert message.state == "sending"
    OutgoingMessage.objects.update(claimed_at=Now() - timedelta(minutes=6))
    tasks.send_due_messages_task()
    OutgoingMessage.objects.update(settle_at=Now())
    tasks.settle_messages_task()
    tasks.send_due_messages_task()
    message.refresh_from_db()
    assert (message.state, message.sealed_body) == ("unknown", "")
    assert message.ended_at is not None
    assert not mail.outbox


def test_a_late_answer_does_not_undo_an_outcome(smtp: Any) -> None:
    message = work(queued())
    late = ProviderError("late", retryable=True)
    attempt = message.deliveries.get()
    operations.record_refusal(attempt_id=attempt.pk, error=late, now=now())
    message.refresh_from_db()
    assert message.state == "sent"


def test_a_code_that_is_over_does_not_leave(smtp: Any) -> None:
    message = work(queued(expires_at=timezone.now() - timedelta(seconds=1)))
    assert (message.state, message.last_error, message.sealed_body) == ("expired", "expired", "")
    assert not mail.outbox


def test_old_messages_are_deleted(smtp: Any) -> None:
    queued(key="old")
    OutgoingMessage.objects.update(stored_at=Now() - timedelta(days=31))
    young = queued(key="young")
    tasks.remove_old_messages_task()
    assert list(OutgoingMessage.objects.all()) == [young]


def test_a_sealed_body_survives_a_new_secret_key(settings: Any) -> None:
    sealed = crypto.encrypt("Dear Awa", "test")
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = "n" * 50
    assert crypto.decrypt(sealed, "test") == "Dear Awa"
    settings.SECRET_KEY_FALLBACKS = []
    with pytest.raises(ValueError, match="not sealed"):
        crypto.decrypt(sealed, "test")
    with pytest.raises(ValueError, match="not sealed"):
        crypto.decrypt(crypto.encrypt("x", "one purpose"), "another")


def test_erasure_deletes_a_persons_messages(user: User) -> None:
    send("mine", user_id=user.pk)
    send("other")
    operations.erase_person(user_id=user.pk)
    assert [m.dedupe_key for m in OutgoingMessage.objects.all()] == ["other"]


def test_the_admin_shows_what_became_of_a_message_and_not_what_it_said() -> None:
    message = send()
    assert message is not None
    pages = Client()
    pages.force_login(make_user(is_staff=True, is_superuser=True))
    path = "/admin/notifications/outgoingmessage/"
    assert "test_greeting" in pages.get(path).content.decode()
    shown = pages.get(f"{path}{message.pk}/change/").content.decode()
    assert "awa@example.test" in shown
    assert message.sealed_body not in shown
    assert pages.get(f"{path}add/").status_code == 403
    assert pages.post(f"{path}{message.pk}/delete/").status_code == 403
