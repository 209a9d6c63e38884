"""People for tests; every call makes somebody new."""

import itertools
import uuid
from typing import Any

from smartqueue.accounts.models import User

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
