"""Telling people: notifications in the application, and messages that leave it."""

from smartqueue.notifications.operations.attempts import (
    ClaimedMessage,
    Unsettled,
    apply_waiting_receipts,
    choices_for,
    claim_message,
    list_crossed_attempts,
    list_due_messages,
    list_unsettled_messages,
    now_of_database,
    postpone_message,
    record_handed,
    record_poison,
    record_receipt,
    record_refusal,
    record_taken,
    settle_abandoned_messages,
    settle_message,
)
from smartqueue.notifications.operations.balances import all_providers, record_balance
from smartqueue.notifications.operations.batches import (
    BatchRecipient,
    cancel_batch,
    create_batch,
    finish_batches,
    list_unmade_batches,
    make_next_chunk,
    send_to_many,
)
from smartqueue.notifications.operations.budgets import set_sms_account
from smartqueue.notifications.operations.by_hand import send_email, send_sms
from smartqueue.notifications.operations.callbacks import (
    answer_inbound,
    list_stored_callbacks,
    list_unanswered_messages,
    process_callback,
    remove_old_callbacks,
    store_callback,
    store_ringing,
    store_text,
)
from smartqueue.notifications.operations.devices import (
    UNUSED,
    add_browser,
    register_push_token,
    remove_browser,
    remove_devices_of_session,
    remove_push_token,
    remove_unused_devices,
)
from smartqueue.notifications.operations.erasing import erase_person
from smartqueue.notifications.operations.health import take_probe
from smartqueue.notifications.operations.inbox import (
    notify,
    read_notification,
    read_notifications,
)
from smartqueue.notifications.operations.mail import (
    is_unsubscribed,
    remove_old_dead_addresses,
    subscribe_again,
    unsubscribe,
)
from smartqueue.notifications.operations.optouts import has_opted_out, opt_in, opt_out
from smartqueue.notifications.operations.pace import take_place
from smartqueue.notifications.operations.preferring import Quiet, choose, set_quiet_hours
from smartqueue.notifications.operations.routing import Choice, Choices
from smartqueue.notifications.operations.sending import (
    MESSAGE_LIFE,
    can_send,
    remove_old_messages,
    send_message,
)
from smartqueue.notifications.operations.telling import Person, person_of, quiet_until, tell
from smartqueue.notifications.operations.withdrawing import withdraw_messages
from smartqueue.notifications.operations.wording import (
    Preview,
    preview,
    restore_template,
    write_template,
)

__all__ = [
    "MESSAGE_LIFE",
    "UNUSED",
    "BatchRecipient",
    "Choice",
    "Choices",
    "ClaimedMessage",
    "Person",
    "Preview",
    "Quiet",
    "Unsettled",
    "add_browser",
    "all_providers",
    "answer_inbound",
    "apply_waiting_receipts",
    "can_send",
    "cancel_batch",
    "choices_for",
    "choose",
    "claim_message",
    "create_batch",
    "erase_person",
    "finish_batches",
    "has_opted_out",
    "is_unsubscribed",
    "list_crossed_attempts",
    "list_due_messages",
    "list_stored_callbacks",
    "list_unanswered_messages",
    "list_unmade_batches",
    "list_unsettled_messages",
    "make_next_chunk",
    "notify",
    "now_of_database",
    "opt_in",
    "opt_out",
    "person_of",
    "postpone_message",
    "preview",
    "process_callback",
    "quiet_until",
    "read_notification",
    "read_notifications",
    "record_balance",
    "record_handed",
    "record_poison",
    "record_receipt",
    "record_refusal",
    "record_taken",
    "register_push_token",
    "remove_browser",
    "remove_devices_of_session",
    "remove_old_callbacks",
    "remove_old_dead_addresses",
    "remove_old_messages",
    "remove_push_token",
    "remove_unused_devices",
    "restore_template",
    "send_email",
    "send_message",
    "send_sms",
    "send_to_many",
    "set_quiet_hours",
    "set_sms_account",
    "settle_abandoned_messages",
    "settle_message",
    "store_callback",
    "store_ringing",
    "store_text",
    "subscribe_again",
    "take_place",
    "take_probe",
    "tell",
    "unsubscribe",
    "withdraw_messages",
    "write_template",
]
