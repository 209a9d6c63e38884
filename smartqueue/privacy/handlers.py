"""What was asked for is handed to a worker; the words that privacy tells people."""

from django.utils.translation import gettext_lazy as _

from smartqueue.accounts.events import UserErased
from smartqueue.notifications.texts import register_text
from smartqueue.outbox.enums import HandlerMode
from smartqueue.outbox.events import Event
from smartqueue.outbox.registry import subscribe
from smartqueue.privacy import tasks
from smartqueue.privacy.events import ErasureRequested, ExportRequested
from smartqueue.privacy.operations._exports import READY
from smartqueue.privacy.operations._phones import CODE_MESSAGE

register_text(
    READY,
    subject=_("The archive of your data is ready"),
    body=_(
        "Download it within 7 days on the page of your data. Only you can, after signing in; then "
        "it is deleted."
    ),
)
register_text(
    CODE_MESSAGE,
    subject=_("Your SmartQueue code"),
    body=_(
        "%(code)s erases everything that SmartQueue has stored under this number. It is good for "
        "10 minutes. If you did not ask for it, do nothing."
    ),
)


@subscribe(UserErased, ErasureRequested, mode=HandlerMode.OUTSIDE)
def on_erased_walk_tables(event: Event) -> None:
    """Hand the walk over the tables to a worker; the sweep finds one whose hint was lost."""
    tasks.carry_out_erasures_task.delay()


@subscribe(ExportRequested, mode=HandlerMode.OUTSIDE)
def on_export_requested_make(event: ExportRequested) -> None:
    """Hand the archive to a worker; the sweep finds one whose hint was lost."""
    tasks.make_export_task.delay(str(event.export_id))
