"""Reactions: invitations meet accounts, and people are told where they have become members."""

from smartqueue.accounts.events import UserErased, UserVerified
from smartqueue.business import operations
from smartqueue.outbox.registry import subscribe


@subscribe(UserVerified)
def on_user_verified_accept_invitations(event: UserVerified) -> None:
    operations.accept_open_invitations(user_id=event.user_id, now=event.occurred_at)


@subscribe(UserErased)
def on_user_erased_leave(event: UserErased) -> None:
    operations.remove_erased_person(user_id=event.user_id, now=event.occurred_at)
