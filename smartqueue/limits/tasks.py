from smartqueue.common.jobs import periodic
from smartqueue.common.purge import delete_where
from smartqueue.limits.models import Window


@periodic(every_seconds=600)
def remove_past_windows_task() -> None:
    """Delete counts of windows that are over."""
    delete_where(Window, "ends_at < now()")
