"""People for tests; every call makes somebody new."""

import itertools
import uuid
from typing import Any

from smartqueue.accounts import entrance
from smartqueue.accounts.actor import Actor
from smartqueue.accounts.device import Device
from smartqueue.accounts.models import User
from smartqueue.accounts.operations import sign_in
from smartqueue.common.clock import now

PASSWORD = "correct horse battery"
_numbers = itertools.count(uuid.uuid4().int % 800_000)


def new_email() -> str:
    return f"{uuid.uuid4().hex}@example.test"


def new_phone() -> str:
    return f"+22177{1_000_000 + next(_numbers):07}"


def make_user(**fields: Any) -> User:
    fields.setdefault("email", new_email())
    fields.setdefault("password", PASSWORD)
    return User.objects.create_user(**fields)


def make_signed_in(user: User) -> Actor:
    """Return the actor of a session that the person has just begun."""
    started = sign_in(user=user, device=Device(), now=now())
    return entrance.actor_of_access_token(started.access)
