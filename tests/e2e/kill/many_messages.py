"""Queues as many vital text messages as it is told to, each with its own words; run inside a plant."""

import sys

import django

django.setup()

from smartqueue.common import clock  # noqa: E402  # Django is set up by now
from smartqueue.common.db import unit_of_work  # noqa: E402
from smartqueue.common.tenancy import trust_this_process  # noqa: E402
from smartqueue.notifications import operations  # noqa: E402
from smartqueue.notifications.enums import Channel, Importance  # noqa: E402

AT_ONCE = 250

if __name__ == "__main__":
    trust_this_process()
    count = int(sys.argv[1])
    for start in range(0, count, AT_ONCE):
        with unit_of_work():
            for number in range(start, min(start + AT_ONCE, count)):
                operations.send_message(
                    channel=Channel.SMS,
                    recipient=f"+22177{1_000_000 + number}",
                    template="by_hand",
                    context={"subject": "", "text": f"message {number}"},
                    language="fr",
                    dedupe_key=f"kill:{number}",
                    now=clock.now(),
                    importance=Importance.VITAL,
                )
