from smartqueue.accounts import operations
from smartqueue.common.jobs import periodic


@periodic(every_seconds=600)
def remove_expired_task() -> None:
    """Delete what identity needs no more; running it twice changes nothing."""
    operations.remove_expired()
