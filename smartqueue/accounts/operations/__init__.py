"""The doors of identity."""

from smartqueue.accounts.operations._access import close_account_access, open_account_access
from smartqueue.accounts.operations._ceremonies import Answer, Ceremony
from smartqueue.accounts.operations._codes import Verification, require_reachable
from smartqueue.accounts.operations._contact import confirm_contact_change, start_contact_change
from smartqueue.accounts.operations._factor_resets import (
    IssuedReset,
    cancel_factor_reset,
    issue_factor_reset,
)
from smartqueue.accounts.operations._factors import (
    AppSetup,
    app_being_added,
    begin_app,
    confirm_app,
    make_recovery_codes,
    remove_app,
)
from smartqueue.accounts.operations._new_password import (
    change_password,
    open_password_reset,
    open_password_reset_with_second_factor,
    reset_password,
)
from smartqueue.accounts.operations._passkey_sign_in import (
    begin_passkey_confirmation,
    begin_passkey_sign_in,
    sign_in_with_passkey,
)
from smartqueue.accounts.operations._passkeys import (
    NewPasskey,
    add_passkey,
    begin_passkey,
    remove_passkey,
    rename_passkey,
)
from smartqueue.accounts.operations._passwords import authenticate, confirm_second_factor
from smartqueue.accounts.operations._people import ProfileChange, change_profile, erase_user
from smartqueue.accounts.operations._reauthentication import (
    note_recent_sign_in,
    reauthenticate,
    reauthenticate_with_passkey,
    reauthenticate_with_second_factor,
)
from smartqueue.accounts.operations._registration import Registration, register, verify_code
from smartqueue.accounts.operations._sessions import (
    Tokens,
    end_cookie_session,
    end_own_session,
    end_session,
    end_sessions_of,
    refresh_tokens,
    sign_in,
    sign_out,
    sign_out_everywhere,
    start_cookie_session,
)
from smartqueue.accounts.operations._sign_in_codes import (
    AskedCode,
    ask_code,
    ask_code_again,
    reauthenticate_with_code,
    sign_in_with_code,
)
from smartqueue.accounts.operations._socket_tickets import (
    SOCKET_TICKET_SECONDS,
    make_socket_ticket,
    redeem_socket_ticket,
)
from smartqueue.accounts.operations._sweep import remove_expired

__all__ = [
    "SOCKET_TICKET_SECONDS",
    "Answer",
    "AppSetup",
    "AskedCode",
    "Ceremony",
    "IssuedReset",
    "NewPasskey",
    "ProfileChange",
    "Registration",
    "Tokens",
    "Verification",
    "add_passkey",
    "app_being_added",
    "ask_code",
    "ask_code_again",
    "authenticate",
    "begin_app",
    "begin_passkey",
    "begin_passkey_confirmation",
    "begin_passkey_sign_in",
    "cancel_factor_reset",
    "change_password",
    "change_profile",
    "close_account_access",
    "confirm_app",
    "confirm_contact_change",
    "confirm_second_factor",
    "end_cookie_session",
    "end_own_session",
    "end_session",
    "end_sessions_of",
    "erase_user",
    "issue_factor_reset",
    "make_recovery_codes",
    "make_socket_ticket",
    "note_recent_sign_in",
    "open_account_access",
    "open_password_reset",
    "open_password_reset_with_second_factor",
    "reauthenticate",
    "reauthenticate_with_code",
    "reauthenticate_with_passkey",
    "reauthenticate_with_second_factor",
    "redeem_socket_ticket",
    "refresh_tokens",
    "register",
    "remove_app",
    "remove_expired",
    "remove_passkey",
    "rename_passkey",
    "require_reachable",
    "reset_password",
    "sign_in",
    "sign_in_with_code",
    "sign_in_with_passkey",
    "sign_out",
    "sign_out_everywhere",
    "start_contact_change",
    "start_cookie_session",
    "verify_code",
]
