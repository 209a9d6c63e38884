"""python -m bench.queued organization count first: queue so many texts as the product does."""

import sys
from uuid import UUID

import django

django.setup()

from smartqueue.common import clock  # noqa: E402  # Django is set up by now
from smartqueue.common.db import unit_of_work  # noqa: E402
from smartqueue.common.tenancy import trust_this_process  # noqa: E402
from smartqueue.notifications import operations  # noqa: E402
from smartqueue.notifications.enums import Channel, Importance  # noqa: E402

AT_ONCE = 100


def queue(organization: UUID, first: int, count: int) -> None:
    """Queue the words of a turn for so many phones, a hundred in a transaction."""
    for start in range(first, first + count, AT_ONCE):
        with unit_of_work():
            for number in range(start, min(start + AT_ONCE, first + count)):
                operations.send_message(
                    channel=Channel.SMS,
                    recipient=f"+22177{number:07}",
                    template="ticket_called",
                    context={"place": "Bench", "number": f"A{number:03}", "counter": "Guichet 3"},
                    language="fr",
                    dedupe_key=f"bench:{number}",
                    now=clock.now(),
                    importance=Importance.VITAL,
                    organization_id=organization,
                )


if __name__ == "__main__":
    trust_this_process()
    queue(UUID(sys.argv[1]), first=int(sys.argv[3]), count=int(sys.argv[2]))
