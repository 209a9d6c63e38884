"""Webhooks: what organizations set up, and what is sent to them."""

from smartqueue.webhooks.operations.delivery import (
    Answer,
    ClaimedMessage,
    claim_next,
    queue_messages,
    record_answer,
    remove_old_messages,
    settle_abandoned,
)
from smartqueue.webhooks.operations.endpoints import (
    change_endpoint,
    create_endpoint,
    pause_endpoint,
    remove_endpoint,
    replay_failed,
    replay_message,
    resume_endpoint,
    rotate_secret,
    send_test,
)

__all__ = [
    "Answer",
    "ClaimedMessage",
    "change_endpoint",
    "claim_next",
    "create_endpoint",
    "pause_endpoint",
    "queue_messages",
    "record_answer",
    "remove_endpoint",
    "remove_old_messages",
    "replay_failed",
    "replay_message",
    "resume_endpoint",
    "rotate_secret",
    "send_test",
    "settle_abandoned",
]
