"""The doors of privacy."""

from smartqueue.privacy.operations._consents import record_consent
from smartqueue.privacy.operations._erasing import (
    carry_out_erasure,
    list_unfinished_erasures,
    prepare_erasure,
)
from smartqueue.privacy.operations._exports import (
    download_export,
    list_requested_exports,
    make_export,
    remove_old_exports,
    request_export,
)
from smartqueue.privacy.operations._phones import ask_phone_erasure, confirm_phone_erasure
from smartqueue.privacy.operations._register import FIELDS as REGISTER_FIELDS
from smartqueue.privacy.operations._register import add_entry, change_entry, remove_entry
from smartqueue.privacy.operations._requests import ask_for_right

__all__ = [
    "REGISTER_FIELDS",
    "add_entry",
    "ask_for_right",
    "ask_phone_erasure",
    "carry_out_erasure",
    "change_entry",
    "confirm_phone_erasure",
    "download_export",
    "list_requested_exports",
    "list_unfinished_erasures",
    "make_export",
    "prepare_erasure",
    "record_consent",
    "remove_entry",
    "remove_old_exports",
    "request_export",
]
