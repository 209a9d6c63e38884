"""What happens to people, told to them; and the port that codes leave through."""

from datetime import datetime

from smartqueue.accounts.enums import Channel as CodeChannel
from smartqueue.accounts.enums import EndReason
from smartqueue.accounts.events import (
    AccountAccessOpened,
    AccountEvent,
    ContactChanged,
    FactorResetIssued,
    FactorsReset,
    PasskeyCopied,
    PasswordChanged,
    RecoveryCodesMade,
    SecondFactorAdded,
    SecondFactorRemoved,
    SessionRevoked,
    SessionStarted,
    SignedOutEverywhere,
    UserErased,
)
from smartqueue.accounts.models import AccountAccess, FactorReset
from smartqueue.accounts.ports import CodeMessage
from smartqueue.accounts.queries import get_person
from smartqueue.notifications import operations, tasks
from smartqueue.notifications.enums import Channel, Importance
from smartqueue.notifications.events import BatchCreated, MessageQueued
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
            template=message.template.value,
            context={"code": message.code},
            language=message.language,
            dedupe_key=message.dedupe_key,
            now=now,
            user_id=message.user_id,
            expires_at=message.expires_at,
            importance=Importance.VITAL,
        )


@subscribe(MessageQueued, mode=HandlerMode.OUTSIDE)
def on_message_queued_send(event: MessageQueued) -> None:
    """Hand the message to a worker."""
    tasks.hand_to_worker(event.message_id, event.importance)


@subscribe(BatchCreated, mode=HandlerMode.OUTSIDE)
def on_batch_created_make(event: BatchCreated) -> None:
    """Have a worker make the messages of a batch."""
    tasks.make_batch_task.delay(str(event.batch_id))


@subscribe(SessionRevoked)
def on_session_revoked_warn(event: SessionRevoked) -> None:
    """Tell a person whose token came back a second time."""
    if event.reason == EndReason.TOKEN_REUSED:
        _warn(event, "session_reused", key=f"session:{event.session_id}")


@subscribe(SessionRevoked)
def on_session_revoked_forget_devices(event: SessionRevoked) -> None:
    """Send nothing more to the phone or browser that was signed out."""
    operations.remove_devices_of_session(session_id=event.session_id)


@subscribe(SessionStarted)
def on_session_started_warn(event: SessionStarted) -> None:
    """Tell a person that a device signed in which had not been seen before."""
    if event.is_new_device:
        _warn(event, "new_device", key=f"device:{event.session_id}")


@subscribe(PasswordChanged)
def on_password_changed_warn(event: PasswordChanged) -> None:
    """Tell a person that the password is another."""
    _warn(
        event, "password_changed", key=f"password:{event.user_id}:{event.occurred_at.isoformat()}"
    )


@subscribe(ContactChanged)
def on_contact_changed_warn(event: ContactChanged) -> None:
    """Tell a person, where they are reached now, that this has changed."""
    _warn(event, "contact_changed", key=f"contact:{event.change_id}")


@subscribe(SignedOutEverywhere)
def on_signed_out_everywhere_warn(event: SignedOutEverywhere) -> None:
    """Tell a person that their devices were signed out."""
    _warn(
        event,
        "signed_out_everywhere",
        key=f"everywhere:{event.user_id}:{event.occurred_at.isoformat()}",
    )


def _warn(event: AccountEvent, code: str, *, key: str, **facts: str) -> None:
    user = get_person(event.user_id)
    if user is not None:
        operations.tell(
            to=operations.person_of(user),
            code=code,
            data=facts,
            dedupe_key=key,
            now=event.occurred_at,
        )


@subscribe(AccountAccessOpened)
def on_account_access_opened_warn(event: AccountAccessOpened) -> None:
    """Tell a person that platform staff can reach the account, and why; the event does not say it."""
    access = AccountAccess.objects.filter(pk=event.account_access_id).first()
    if access is not None:
        key = f"account_access:{event.account_access_id}"
        _warn(event, "account_access_opened", key=key, reason=access.reason)


@subscribe(FactorResetIssued)
def on_factor_reset_issued_warn(event: FactorResetIssued) -> None:
    """Tell a person wherever they are reached that somebody vouched for them, and why; it can wait."""
    reset = FactorReset.objects.filter(pk=event.factor_reset_id).first()
    if reset is not None:
        hours = round((reset.usable_at - reset.created_at).total_seconds() / 3600)
        _warn(
            event,
            "factor_reset_issued",
            key=f"factor_reset:{reset.pk}",
            reason=reset.reason,
            hours=str(hours),
        )


@subscribe(FactorsReset)
def on_factors_reset_warn(event: FactorsReset) -> None:
    """Tell a person wherever they are reached that their second factors are gone."""
    _warn(event, "factors_reset", key=f"factors_reset:{event.factor_reset_id}")


@subscribe(SecondFactorAdded)
def on_second_factor_added_warn(event: SecondFactorAdded) -> None:
    """Tell the person, who may not have done it."""
    _warn(event, "second_factor_added", key=_moment(event))


@subscribe(SecondFactorRemoved)
def on_second_factor_removed_warn(event: SecondFactorRemoved) -> None:
    """Tell the person, who may not have done it."""
    _warn(event, "second_factor_removed", key=_moment(event))


@subscribe(RecoveryCodesMade)
def on_recovery_codes_made_warn(event: RecoveryCodesMade) -> None:
    """Tell the person, who may not have done it."""
    _warn(event, "recovery_codes_made", key=_moment(event))


@subscribe(PasskeyCopied)
def on_passkey_copied_warn(event: PasskeyCopied) -> None:
    """Tell the person that a key of theirs is in other hands."""
    _warn(event, "passkey_copied", key=_moment(event))


def _moment(event: AccountEvent) -> str:
    return f"{event.name}:{event.user_id}:{event.occurred_at.isoformat()}"


@subscribe(UserErased)
def on_user_erased_remove(event: UserErased) -> None:
    """Delete what was told to a person who is gone."""
    operations.erase_person(user_id=event.user_id)
