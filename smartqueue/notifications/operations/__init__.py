"""Telling people: notifications in the application, and messages that leave it."""

from smartqueue.notifications.operations.erasing import erase_person
from smartqueue.notifications.operations.inbox import notify, read_notification
from smartqueue.notifications.operations.optouts import has_opted_out, opt_in, opt_out
from smartqueue.notifications.operations.sending import (
    MESSAGE_LIFE,
    ClaimedMessage,
    can_send,
    claim_message,
    list_due_messages,
    record_failure,
    record_sent,
    remove_old_messages,
    send_message,
    settle_abandoned_messages,
)

__all__ = [
    "MESSAGE_LIFE",
    "ClaimedMessage",
    "can_send",
    "claim_message",
    "erase_person",
    "has_opted_out",
    "list_due_messages",
    "notify",
    "opt_in",
    "opt_out",
    "read_notification",
    "record_failure",
    "record_sent",
    "remove_old_messages",
    "send_message",
    "settle_abandoned_messages",
]
