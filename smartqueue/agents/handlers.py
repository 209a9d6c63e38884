"""What ends when somebody leaves."""

from smartqueue.agents import operations
from smartqueue.business.events import MemberRemoved
from smartqueue.outbox.registry import subscribe


@subscribe(MemberRemoved)
def on_member_removed_forget(event: MemberRemoved) -> None:
    if event.organization_id is not None:
        operations.forget_agent(organization_id=event.organization_id, user_id=event.user_id)
