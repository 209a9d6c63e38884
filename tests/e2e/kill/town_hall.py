"""Makes a place in the plant's database and prints how to reach it; run as a program of its own."""

import json
from datetime import timedelta

import django

django.setup()

from smartqueue.accounts import operations as accounts  # noqa: E402
from smartqueue.accounts.device import Device  # noqa: E402
from smartqueue.accounts.models import User  # noqa: E402
from smartqueue.common import clock  # noqa: E402
from smartqueue.queues.tests.factories import make_place, sit_down  # noqa: E402

now = clock.now() - timedelta(minutes=1)
place = make_place(agents=2, policy="fifo")
agents = []
for index, actor in enumerate(place.agents):
    user = User.objects.get(pk=actor.user_id)
    signed_in = accounts.sign_in(user=user, device=Device(), now=now)
    session = sit_down(place, index, now=now)
    agents.append({"access": signed_in.access, "session": str(session.pk)})
print(json.dumps({"queue": str(place.queue.pk), "agents": agents}))  # noqa: T201  # the answer
