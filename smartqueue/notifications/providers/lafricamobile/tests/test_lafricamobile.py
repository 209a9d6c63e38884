"""Answers and calls of LAfricaMobile, of whose forms little is documented."""

import pytest

from smartqueue.notifications.providers.base import BadCallback, Callback, Delivery
from smartqueue.notifications.providers.lafricamobile import mapping, webhook


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"710000001", "710000001"),
        (b"push_id: 710000001\n", "710000001"),
        (b'{"push_id": "710000001"}', "710000001"),
        (b'{"push_id": 710000001, "to": "+221771234567"}', "710000001"),
        (b"OK 710000001 for +221771234567", "710000001"),
        (b"<html><body>It works! 710000001</body></html>", ""),
        (b'{"error": "Invalid sender"}', ""),
        (b"Sent 710000001 to 221771234567", ""),
        (b"", ""),
        (b"\xff\xfe", ""),
    ],
)
def test_the_id_is_read_where_there_is_one(body: bytes, expected: str) -> None:
    assert mapping.push_id(body) == expected


def call(**query: str) -> Callback:
    return Callback("GET", "https://queue.example/", {}, query, b"")


@pytest.mark.parametrize(
    ("status", "expected", "is_recipient"),
    [
        ("SENT", Delivery.ON_THE_WAY, False),
        ("4", Delivery.ON_THE_WAY, False),
        ("RECEIVED", Delivery.DELIVERED, False),
        ("6", Delivery.DELIVERED, False),
        ("ERROR", Delivery.FAILED, False),
        ("11", Delivery.FAILED, True),
        ("ERROR_EXPIRED", Delivery.EXPIRED, False),
        ("13", Delivery.FAILED, True),
        ("14", Delivery.FAILED, False),
        ("15", Delivery.FAILED, False),
        ("16", Delivery.FAILED, False),
    ],
)
def test_statuses_come_as_words_or_numbers(
    status: str, expected: Delivery, is_recipient: bool
) -> None:
    (receipt,) = webhook.receipts(call(push_id="7", ret_id="ours", status=status, text="x"))
    assert (receipt.reference, receipt.own_reference) == ("7", "ours")
    assert (receipt.delivery, receipt.is_recipient) == (expected, is_recipient)
    word = mapping.status_named(status)
    (again,) = webhook.receipts(call(push_id="7", ret_id="ours", status=word))
    assert receipt.event_id == again.event_id


def test_what_says_nothing_is_left() -> None:
    assert webhook.receipts(call(push_id="7", status="99")) == []
    with pytest.raises(BadCallback):
        webhook.receipts(call(status="6"))
    with pytest.raises(BadCallback):
        webhook.inbound(call(text="JOIN"))


def test_a_text_again_is_known_by_its_moment() -> None:
    given = {"from": "221771234567", "to": "24500", "text": "JOIN", "date": "2026-11-22 10:00:00"}
    (first,) = webhook.inbound(call(**given))
    (again,) = webhook.inbound(call(**given))
    (later,) = webhook.inbound(call(**given | {"date": "2026-11-22 10:00:07"}))
    assert (first.sender, first.recipient) == ("+221771234567", "24500")
    assert first.event_id == again.event_id != later.event_id


def test_senders_that_they_take() -> None:
    assert mapping.sender("Mairie de Dakar", "SmartQueue") == "Mairie de D"
    assert mapping.sender("2iE", "SmartQueue") == "SmartQueue"
    assert mapping.sender("", "SmartQueue") == "SmartQueue"
