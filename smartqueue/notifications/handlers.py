"""What happens to people, told to them; and the port that codes leave through."""

from datetime import datetime

from smartqueue.accounts.enums import Channel as CodeChannel
from smartqueue.accounts.enums import EndReason
from smartqueue.accounts.events import SessionRevoked, UserErased
from smartqueue.accounts.ports import CodeMessage
from smartqueue.notifications import operations, tasks
from smartqueue.notifications.enums import Channel
from smartqueue.notifications.events import MessageQueued
from smartqueue.outbox.enums import HandlerMode
from smartqueue.outbox.registry import subscribe


class MessageDelivery:
    """Codes as e-mails and text messages."""

    def can_reach(self, channel: CodeChannel) -> bool:
        """Whether messages can be sent on this channel now."""
        return operations.can_send(Channel(channel.value))

    def deliver(self, message: CodeMessage, now: datetime) -> None:
        """Queue the message; it leaves after the commit."""
        operations.send_message(
            channel=Channel(message.channel.value),
            recipient=message.recipient,
            template="sign_in_code" if message.code else "already_registered",
            context={"code": message.code},
            language=message.language,
            dedupe_key=message.dedupe_key,
            now=now,
            user_id=message.user_id,
            expires_at=message.expires_at,
        )


@subscribe(MessageQueued, mode=HandlerMode.OUTSIDE)
def on_message_queued_send(event: MessageQueued) -> None:
    """Hand the message to a worker."""
    tasks.send_message_task.delay(str(event.message_id))


@subscribe(SessionRevoked)
def on_session_revoked_warn(event: SessionRevoked) -> None:
    """Tell a person whose token came back a second time."""
    if event.reason == EndReason.TOKEN_REUSED:
        operations.notify(
            user_id=event.user_id,
            code="session_reused",
            data={},
            dedupe_key=f"session:{event.session_id}",
            now=event.occurred_at,
        )


@subscribe(UserErased)
def on_user_erased_remove(event: UserErased) -> None:
    """Delete what was told to a person who is gone."""
    operations.erase_person(user_id=event.user_id)
