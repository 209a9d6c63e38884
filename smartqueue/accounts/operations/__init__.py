"""The doors of identity."""

from smartqueue.accounts.operations._codes import Registration, Verification, register, verify_code
from smartqueue.accounts.operations._passwords import authenticate, confirm_second_factor
from smartqueue.accounts.operations._people import ProfileChange, change_profile, erase_user
from smartqueue.accounts.operations._reauthentication import (
    note_recent_sign_in,
    reauthenticate,
    reauthenticate_with_second_factor,
)
from smartqueue.accounts.operations._sessions import (
    Tokens,
    end_cookie_session,
    end_session,
    end_sessions_of,
    refresh_tokens,
    sign_in,
    sign_out,
    start_cookie_session,
)
from smartqueue.accounts.operations._socket_tickets import (
    SOCKET_TICKET_SECONDS,
    make_socket_ticket,
    redeem_socket_ticket,
)
from smartqueue.accounts.operations._sweep import remove_expired

__all__ = [
    "SOCKET_TICKET_SECONDS",
    "ProfileChange",
    "Registration",
    "Tokens",
    "Verification",
    "authenticate",
    "change_profile",
    "confirm_second_factor",
    "end_cookie_session",
    "end_session",
    "end_sessions_of",
    "erase_user",
    "make_socket_ticket",
    "note_recent_sign_in",
    "reauthenticate",
    "reauthenticate_with_second_factor",
    "redeem_socket_ticket",
    "refresh_tokens",
    "register",
    "remove_expired",
    "sign_in",
    "sign_out",
    "start_cookie_session",
    "verify_code",
]
