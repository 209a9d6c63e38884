"""Two owners who erase themselves at once do not leave an organization without an owner."""

import threading
from collections.abc import Callable
from typing import Any

import pytest

from smartqueue.accounts import operations as accounts
from smartqueue.accounts.actor import Actor
from smartqueue.accounts.device import Device
from smartqueue.accounts.entrance import actor_of_user
from smartqueue.accounts.enums import Role
from smartqueue.accounts.models import Session, User
from smartqueue.privacy.operations import _erasing
from smartqueue.queues.tests.factories import NOW, make_member, make_place
from tests.concurrency.races import errors_of, together

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.serial]

PAUSE_SECONDS = 0.3


def signed_in(actor: Actor) -> Actor:
    """Return the person with a session, which erasing an account may ask for."""
    user = User.objects.get(pk=actor.user_id)
    tokens = accounts.sign_in(user=user, device=Device(), now=NOW)
    assert Session.objects.filter(pk=tokens.session_id).exists()
    return actor_of_user(
        user.pk, is_platform_admin=False, language="fr", session_id=tokens.session_id
    )


def erase_both(monkeypatch: pytest.MonkeyPatch) -> tuple[list[str], int]:
    """Let both owners ask at once, each looking around for a while; return errors and owners left."""
    place = make_place()
    owners = [signed_in(a) for a in (place.owner, make_member(place.organization, Role.OWNER))]
    look = _erasing._has_other_owner

    def look_slowly(*args: Any) -> bool:
        found = look(*args)
        threading.Event().wait(PAUSE_SECONDS)
        return found

    monkeypatch.setattr(_erasing, "_has_other_owner", look_slowly)
    calls: list[Callable[[], Any]] = [
        lambda owner=owner: accounts.erase_user(  # type: ignore[misc]  # bound on purpose
            actor=owner, user_id=owner.require_user(), now=NOW
        )
        for owner in owners
    ]
    errors = errors_of(together(calls))
    left = User.objects.filter(pk__in=[o.user_id for o in owners], is_active=True).count()
    return errors, left


def test_one_of_two_last_owners_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    assert erase_both(monkeypatch) == (["SoleOwner"], 1)


def test_control_without_the_lock_nobody_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = _erasing.Organization.objects
    monkeypatch.setattr(type(rows), "select_for_update", lambda self, **_options: self.all())

    assert erase_both(monkeypatch) == ([], 0)
