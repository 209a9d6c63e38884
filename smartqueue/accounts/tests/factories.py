"""People for tests; every call makes somebody new."""

import itertools
import uuid
from typing import Any

from django.db.models import F

from smartqueue.accounts import entrance
from smartqueue.accounts.actor import Actor
from smartqueue.accounts.device import Device
from smartqueue.accounts.models import FactorReset, Passkey, User
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


def give_passkey(*users: Any) -> None:
    """Give people (accounts or actors) a second factor each, which nobody can answer with."""
    ids = [getattr(user, "user_id", None) or user.pk for user in users]
    Passkey.objects.bulk_create(
        Passkey(user_id=pk, name="Clé", credential_id=uuid.uuid4().bytes, created_at=now())
        for pk in ids
    )


def let_wait_pass(reset: FactorReset) -> None:
    """Make a code for lost second factors count."""
    earlier = reset.usable_at - reset.created_at
    FactorReset.objects.filter(pk=reset.pk).update(
        created_at=F("created_at") - earlier,
        usable_at=F("usable_at") - earlier,
        expires_at=F("expires_at") - earlier,
    )


def make_signed_in(user: User) -> Actor:
    """Return the actor of a session that the person has just begun."""
    started = sign_in(user=user, device=Device(), now=now())
    return entrance.actor_of_access_token(started.access)
