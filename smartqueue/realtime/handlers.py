from smartqueue.accounts.events import SessionRevoked
from smartqueue.outbox import wake
from smartqueue.outbox.enums import HandlerMode
from smartqueue.outbox.registry import subscribe


@subscribe(SessionRevoked, mode=HandlerMode.OUTSIDE)
def on_session_revoked_close_sockets(event: SessionRevoked) -> None:
    """Tell the socket processes; one that does not hear it closes the sockets within a minute."""
    wake.send(("PUBLISH", wake.REVOCATION_CHANNEL, f"session {event.session_id}"))
