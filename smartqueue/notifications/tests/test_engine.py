"""A text message from its row to its last state, over real HTTP to a carrier that fails on command."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.core import mail
from django.db import connection, transaction
from django.db.models.functions import Now
from django.test.utils import CaptureQueriesContext

from smartqueue.common.clock import now
from smartqueue.notifications import operations, tasks, texts
from smartqueue.notifications.enums import Channel, Importance, MessageState
from smartqueue.notifications.models import (
    DeliveryAttempt,
    OutgoingMessage,
    ProviderHealth,
    ProviderReceipt,
    SmsAccount,
    SmsSpend,
)
from smartqueue.notifications.operations import health
from smartqueue.notifications.providers.base import Balance, Delivery, Receipt, Terms
from smartqueue.notifications.tests.carrier import Line, lines
from smartqueue.notifications.tests.conftest import CODE
from smartqueue.outbox.models import DomainEvent
from tests.concurrency.races import together

pytestmark = pytest.mark.django_db

ORANGE, FREE = "+221771234567", "+221761234567"
PAST = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def two() -> Iterator[list[Line]]:
    """A cheap carrier, and one that costs more and serves numbers that begin with 76 best."""
    health.forget_rates()
    with lines(
        ("cheap", Terms(countries=("SN",), price_minor=10)),
        ("dear", Terms(countries=("SN",), price_minor=11, prefixes=("+22176",))),
    ) as found:
        yield found
    health.forget_rates()


def queued(text: str = "Awa", **options: Any) -> OutgoingMessage:
    fields: dict[str, Any] = {
        "channel": Channel.SMS,
        "recipient": ORANGE,
        "template": CODE,
        "context": {"name": text},
        "language": "fr",
        "dedupe_key": str(uuid4()),
        "now": now(),
    }
    message = operations.send_message(**(fields | options))
    assert message is not None
    return message


def work(message: OutgoingMessage) -> OutgoingMessage:
    tasks.send_message_task(str(message.pk))
    message.refresh_from_db()
    return message


def claim(message: OutgoingMessage) -> operations.ClaimedMessage:
    """Take a message for the first provider of its choices, as a worker does before it calls."""
    choices = operations.choices_for(message.pk)
    assert choices is not None
    claimed = operations.claim_message(message_id=message.pk, choice=choices.found[0], now=now())
    assert claimed is not None
    return claimed


def made_due(message: OutgoingMessage) -> None:
    OutgoingMessage.objects.filter(pk=message.pk).update(next_attempt_at=Now())


def settled(message: OutgoingMessage, **fields: Any) -> OutgoingMessage:
    OutgoingMessage.objects.filter(pk=message.pk).update(settle_at=Now(), **fields)
    tasks.settle_messages_task()
    message.refresh_from_db()
    return message


def told(provider: str, delivery: Delivery, message: OutgoingMessage, **more: Any) -> bool:
    attempt = message.deliveries.latest("id")
    receipt = Receipt(delivery, reference=attempt.provider_reference, **more)
    known = operations.record_receipt(provider=provider, receipt=receipt, now=now())
    message.refresh_from_db()
    return known


def test_a_text_goes_by_the_cheapest_and_ends_with_its_receipt(two: list[Line]) -> None:
    message = work(queued("Bonjour"))
    assert (message.state, message.provider, message.cost_minor) == ("sent", "cheap", 10)
    assert message.sealed_body
    assert message.ended_at is None
    assert two[0].texts == {"Dear Bonjour": 1}

    assert told("cheap", Delivery.ON_THE_WAY, message)
    assert message.state == "sent"
    assert told("cheap", Delivery.DELIVERED, message)
    assert (message.state, message.sealed_body, message.settle_at) == ("delivered", "", None)
    assert message.ended_at is not None

    assert not told("cheap", Delivery.DELIVERED, message)
    told("cheap", Delivery.FAILED, message, code="late")
    assert message.state == "delivered"
    assert message.deliveries.get().state == "delivered"


def test_a_number_goes_by_the_operator_it_began_with_where_that_costs_little_more(
    two: list[Line],
) -> None:
    assert work(queued(recipient=FREE)).provider == "dear"


def test_a_receipt_may_come_before_the_answer_is_recorded(two: list[Line]) -> None:
    message = queued()
    claimed = claim(message)
    handed = claimed.provider.send(claimed.outgoing)
    early = Receipt(Delivery.FAILED, reference=handed.reference, code="absent")
    assert operations.record_receipt(provider="cheap", receipt=early, now=now())
    assert ProviderReceipt.objects.get().attempt_id is None

    operations.record_taken(claimed=claimed, handed=handed, seconds=0.1, now=now())
    message.refresh_from_db()
    assert (message.state, message.last_error) == ("failed", "absent")
    assert ProviderReceipt.objects.get().attempt_id == claimed.attempt_id


@pytest.mark.serial
@pytest.mark.django_db(transaction=True)
def test_a_receipt_that_crosses_the_record_of_the_answer_is_taken_by_the_next_sweep(
    two: list[Line],
) -> None:
    message = queued()
    claimed = claim(message)
    handed = claimed.provider.send(claimed.outgoing)
    receipt = Receipt(Delivery.FAILED, reference=handed.reference, code="absent")
    with transaction.atomic():
        operations.record_taken(claimed=claimed, handed=handed, seconds=0.1, now=now())
        (told_meanwhile,) = together(
            [lambda: operations.record_receipt(provider="cheap", receipt=receipt, now=now())]
        )
    assert told_meanwhile.get()
    message.refresh_from_db()
    assert (message.state, ProviderReceipt.objects.get().attempt_id) == ("sent", None)

    tasks.settle_messages_task()
    message.refresh_from_db()
    assert (message.state, message.last_error) == ("failed", "absent")
    assert ProviderReceipt.objects.get().attempt_id == claimed.attempt_id


def test_what_its_provider_lost_before_its_answer_was_recorded_goes_by_another(
    two: list[Line],
) -> None:
    for is_answered in (True, False):
        message = queued(str(is_answered), importance=Importance.VITAL)
        claimed = claim(message)
        early = Receipt(Delivery.FAILED, own_reference=str(claimed.attempt_id), code="network")
        assert operations.record_receipt(provider="cheap", receipt=early, now=now())
        if is_answered:
            handed = claimed.provider.send(claimed.outgoing)
            operations.record_taken(claimed=claimed, handed=handed, seconds=0.1, now=now())
        else:
            OutgoingMessage.objects.filter(pk=message.pk).update(claimed_at=PAST)
            operations.settle_abandoned_messages(now=now())
        message.refresh_from_db()
        assert (message.state, message.last_error) == ("queued", "network")
        assert work(message).provider == "dear"


def test_a_message_whose_next_words_cannot_be_made_ends_without_them(two: list[Line]) -> None:
    two[0].server.always = "vanish"
    broken = work(queued("Awa", fallbacks=[(Channel.EMAIL, "awa@example.test")]))
    other = work(queued("Binta"))
    texts.register_text(CODE, subject="Hello %(other)s", body="Dear %(other)s")
    past = {"settle_at": PAST, "state": "unknown"}
    OutgoingMessage.objects.filter(pk=broken.pk).update(**past)
    OutgoingMessage.objects.filter(pk=other.pk).update(settle_at=Now())
    DeliveryAttempt.objects.update(started_at=PAST)

    tasks.settle_messages_task()
    broken.refresh_from_db()
    other.refresh_from_db()
    for message in (broken, other):
        assert message.state == "unknown"
        assert message.ended_at is not None


def test_what_arrived_before_its_answer_was_recorded_stays_delivered(two: list[Line]) -> None:
    message = queued()
    claimed = claim(message)
    handed = claimed.provider.send(claimed.outgoing)
    early = Receipt(Delivery.DELIVERED, own_reference=claimed.attempt_id.hex)
    assert operations.record_receipt(provider="cheap", receipt=early, now=now())

    operations.record_taken(claimed=claimed, handed=handed, seconds=0.1, now=now())
    message.refresh_from_db()
    attempt = message.deliveries.get()
    assert (message.state, attempt.state) == ("delivered", "delivered")
    assert attempt.provider_reference == handed.reference


def test_a_text_costs_so_many_statements_and_is_counted_for_who_pays(two: list[Line]) -> None:
    organization = uuid4()
    work(queued(organization_id=organization))
    message = queued(organization_id=organization, importance=Importance.VITAL)
    with CaptureQueriesContext(connection) as asked:
        tasks.send_message_task(str(message.pk))
    statements = [one["sql"] for one in asked if not one["sql"].startswith(("SAVEP", "RELEASE"))]
    # What is due; the row, its payer's account, the claim; what was said.
    assert len(statements) == 5, statements
    attempt = message.deliveries.get()
    spend = SmsSpend.objects.with_scopes_disabled().get(organization_id=organization)
    assert (spend.spent_minor, spend.messages, attempt.spent_month) == (20, 2, spend.month)
    message.refresh_from_db()
    assert (message.state, message.attempts, message.provider) == ("sent", 1, "cheap")
    assert (attempt.state, message.cost_minor) == ("sent", 10)
    assert message.settle_at is not None


def test_a_message_refused_by_one_goes_by_the_other_at_once(two: list[Line]) -> None:
    two[0].server.answers = ["down"]
    message = work(queued())
    assert (message.state, message.provider, message.attempts) == ("sent", "dear", 2)
    assert not two[0].texts
    states = message.deliveries.order_by("id").values_list("provider", "state", "error_code")
    assert list(states) == [("cheap", "failed", "down"), ("dear", "sent", "")]


def test_what_nobody_takes_waits_longer_each_time(two: list[Line]) -> None:
    two[0].server.always = two[1].server.always = "down"
    message = work(queued())
    assert (message.state, message.attempts) == ("queued", 2)
    assert message.next_attempt_at > message.stored_at + timedelta(seconds=50)


def test_a_wrong_number_is_not_tried_elsewhere(two: list[Line]) -> None:
    two[0].server.answers = ["recipient"]
    message = work(queued())
    assert (message.state, message.last_error, message.attempts) == ("failed", "no_such_number", 1)
    assert DomainEvent.objects.filter(type="notifications.message.not_delivered.v1").exists()


def test_a_provider_that_asks_for_time_gets_it(two: list[Line]) -> None:
    two[0].server.answers = ["busy"]
    assert work(queued()).provider == "dear"
    assert work(queued()).provider == "dear"
    ProviderHealth.objects.update(probe_at=Now())
    assert work(queued()).provider == "cheap"
    assert ProviderHealth.objects.get(pk="cheap").circuit == "closed"


def test_a_dead_provider_is_left_within_ten_failures_and_tried_again(two: list[Line]) -> None:
    two[0].server.always = "down"
    for _ in range(12):
        assert work(queued()).provider == "dear"
    assert two[0].server.asked <= 10
    row = ProviderHealth.objects.get(pk="cheap")
    assert row.circuit == "open"

    asked = two[0].server.asked
    ProviderHealth.objects.update(probe_at=Now())
    assert work(queued()).provider == "dear"
    assert two[0].server.asked == asked + 1
    row.refresh_from_db()
    assert row.probe_at > DeliveryAttempt.objects.latest("id").started_at + health.FIRST_REST

    two[0].server.always = "accept"
    ProviderHealth.objects.update(probe_at=Now())
    assert work(queued()).provider == "cheap"
    assert work(queued()).state == "sent"
    row.refresh_from_db()
    assert row.circuit == "closed"


def test_a_message_waits_while_every_provider_is_left_alone(two: list[Line]) -> None:
    for name in ("cheap", "dear"):
        ProviderHealth.objects.create(
            provider=name, circuit="open", probe_at=Now() + timedelta(seconds=60)
        )
    message = work(queued())
    assert (message.state, message.attempts) == ("queued", 0)
    assert message.next_attempt_at > message.stored_at + timedelta(seconds=25)


def test_a_timeout_is_asked_about_and_never_sent_again_blindly(two: list[Line]) -> None:
    two[0].server.answers = ["vanish"]
    two[0].carrier.tells = True
    message = work(queued("once"))
    assert (message.state, message.last_error) == ("unknown", "no_answer")
    tasks.send_due_messages_task()
    message = settled(message)
    assert message.state == "delivered"
    assert two[0].texts + two[1].texts == {"Dear once": 1}


def test_what_its_provider_never_took_is_sent_again(two: list[Line]) -> None:
    two[0].carrier.tells = True
    message = queued("again")
    claim(message)
    OutgoingMessage.objects.update(claimed_at=Now() - timedelta(minutes=5))
    tasks.send_due_messages_task()
    message.refresh_from_db()
    assert message.state == "unknown"
    assert settled(message).state == "queued"
    assert work(message).state == "sent"
    assert two[0].texts + two[1].texts == {"Dear again": 1}


def test_what_cannot_be_asked_about_waits_for_its_receipt(two: list[Line]) -> None:
    two[0].server.answers = ["vanish"]
    message = settled(work(queued()))
    assert (message.state, message.ended_at) == ("unknown", None)
    attempt = message.deliveries.get()
    late = Receipt(Delivery.DELIVERED, own_reference=attempt.pk.hex, reference="carrier-1")
    operations.record_receipt(provider="cheap", receipt=late, now=now())
    message.refresh_from_db()
    assert message.state == "delivered"


def test_without_a_receipt_only_what_is_vital_goes_once_more(
    two: list[Line], settings: Any
) -> None:
    settings.MESSAGE_UNKNOWN_SECONDS = 0
    two[0].server.answers = ["vanish", "vanish"]
    normal = settled(work(queued("normal")))
    assert normal.state == "unknown"
    assert normal.ended_at is not None

    vital = settled(work(queued("vital", importance=Importance.VITAL)))
    assert vital.state == "queued"
    two[1].server.answers = ["vanish"]
    assert work(vital).provider == "dear"
    vital = settled(vital)
    assert (vital.state, vital.attempts) == ("unknown", 2)
    assert vital.ended_at is not None


def test_a_message_without_any_receipt_ends_as_sent(two: list[Line], settings: Any) -> None:
    settings.MESSAGE_RECEIPT_SECONDS = 0
    message = settled(work(queued()))
    assert message.state == "sent"
    assert message.ended_at is not None
    assert message.sealed_body == ""
    told("cheap", Delivery.DELIVERED, message)
    assert message.state == "delivered"


def test_an_adapter_that_fails_unforeseen_is_not_asked_again_for_the_message(
    two: list[Line],
) -> None:
    two[0].server.answers = ["adapter"]
    message = work(queued())
    assert (message.state, message.last_error) == ("unknown", "adapter:KeyError")
    assert work(queued()).state == "sent"


def test_a_poison_message_is_parked_and_the_others_go(two: list[Line]) -> None:
    poison = queued()
    OutgoingMessage.objects.filter(pk=poison.pk).update(sealed_body="nothing of ours")
    other = queued()
    for _ in range(6):
        made_due(poison)
        tasks.send_due_messages_task()
    poison.refresh_from_db()
    other.refresh_from_db()
    assert (poison.state, poison.failures, poison.last_error) == ("failed", 5, "parked:ValueError")
    assert other.state == "sent"
    assert not DeliveryAttempt.objects.filter(message=poison).exists()


def test_a_turn_that_is_over_is_not_announced(two: list[Line]) -> None:
    message = work(queued(expires_at=now() - timedelta(seconds=1)))
    assert (message.state, message.last_error, message.sealed_body) == ("expired", "expired", "")
    assert not two[0].server.asked


def test_undelivered_goes_by_the_next_channel(two: list[Line]) -> None:
    message = queued(
        "mail",
        fallbacks=[(Channel.SMS, FREE), (Channel.EMAIL, "awa@example.test")],
        importance=Importance.VITAL,
    )
    work(message)
    told("cheap", Delivery.FAILED, message, code="absent", is_recipient=True)
    assert message.state == "failed"
    second = message.fallbacks.get()
    assert (second.channel, second.recipient, second.importance) == ("sms", FREE, "vital")
    work(second)
    told("dear", Delivery.FAILED, second, code="absent", is_recipient=True)
    third = second.fallbacks.get()
    assert (third.channel, third.state, third.dedupe_key) == ("email", "sent", message.dedupe_key)
    assert not mail.outbox


def test_a_vital_message_that_was_not_delivered_goes_by_another_provider(two: list[Line]) -> None:
    message = work(queued(importance=Importance.VITAL))
    told("cheap", Delivery.FAILED, message, code="network")
    assert message.state == "queued"
    made_due(message)
    assert work(message).provider == "dear"


def test_who_wrote_stop_gets_only_what_is_vital(two: list[Line]) -> None:
    before = queued()
    operations.opt_out(phone=ORANGE, now=now())
    assert work(before).last_error == "opted_out"
    after = queued(fallbacks=[(Channel.EMAIL, "awa@example.test")])
    assert (after.state, after.last_error) == ("failed", "opted_out")
    assert after.fallbacks.get().channel == "email"
    assert work(queued(importance=Importance.VITAL)).state == "sent"
    operations.opt_in(phone=ORANGE, now=now())
    assert work(queued()).state == "sent"


def test_a_budget_stops_what_is_not_vital_and_warns_before(two: list[Line]) -> None:
    organization = uuid4()
    SmsAccount.objects.with_scopes_disabled().create(
        organization_id=organization,
        sender_name="Mairie",
        monthly_budget_minor=25,
        alert_percent=80,
        changed_at=now(),
    )
    waiting = [queued(organization_id=organization) for _ in range(3)]
    assert [work(message).last_error for message in waiting] == ["", "", "budget_spent"]
    assert two[0].server.taken[0]["sender"] == "Mairie"
    vital = queued(organization_id=organization, importance=Importance.VITAL)
    assert work(vital).state == "sent"
    late = queued(organization_id=organization)
    assert (late.state, late.last_error) == ("failed", "budget_spent")
    spend = SmsSpend.objects.with_scopes_disabled().get()
    assert (spend.spent_minor, spend.messages) == (30, 3)
    alerts = DomainEvent.objects.filter(type="notifications.sms_budget.alert.v1")
    assert [event.payload["level"] for event in alerts.order_by("id")] == ["nearly_spent", "spent"]

    two[0].server.always = two[1].server.always = "down"
    SmsAccount.objects.with_scopes_disabled().update(monthly_budget_minor=None)
    work(queued(organization_id=organization))
    spend.refresh_from_db()
    assert spend.spent_minor == 30


def test_a_limit_is_kept_to(two: list[Line]) -> None:
    two[0].carrier.per_second = 0.2
    assert work(queued()).state == "sent"
    second = work(queued())
    assert (second.state, second.attempts) == ("queued", 0)
    vital = work(queued(importance=Importance.VITAL))
    assert (vital.state, vital.provider) == ("sent", "dear")


def test_a_low_balance_is_told_once(two: list[Line], settings: Any) -> None:
    settings.LOW_BALANCE_UNITS = 100
    two[0].carrier.left = Balance(units=99)
    tasks.watch_balances_task()
    tasks.watch_balances_task()
    assert ProviderHealth.objects.get(pk="cheap").is_low
    two[0].carrier.left = Balance(units=5000)
    tasks.watch_balances_task()
    two[0].carrier.left = Balance(units=1)
    tasks.watch_balances_task()
    events = DomainEvent.objects.filter(type="notifications.provider.balance_low.v1")
    assert [event.payload["units"] for event in events.order_by("id")] == [99, 1]
    assert json.dumps([e.payload for e in events]).count("cheap") == 2


def test_codes_leave_by_text_once_a_provider_is_there(two: list[Line]) -> None:
    assert operations.can_send(Channel.SMS)
    message = queued(template="sign_in_code", context={"code": "012345"})
    assert message.state == MessageState.QUEUED
    work(message)
    assert next(iter(two[0].texts)).count("012345") == 1
