"""What parts of the product do as the role that serves, where the first wall alone lets them."""

from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest

from smartqueue.accounts import operations as accounts
from smartqueue.accounts import ports
from smartqueue.accounts.actor import Actor
from smartqueue.accounts.enums import ActorKind
from smartqueue.accounts.models import User
from smartqueue.accounts.tests.factories import make_signed_in
from smartqueue.business.models import BranchCredential, Membership
from smartqueue.common import tenancy
from smartqueue.privacy.errors import SoleOwner
from smartqueue.queues import operations
from smartqueue.queues.models import Ticket
from smartqueue.queues.tests.conftest import Api
from smartqueue.queues.tests.factories import (
    NOW,
    Place,
    join,
    make_actor,
    make_device,
    make_place,
    make_user,
)

# Rows are prepared as their owner; what is looked at asks as the role that serves.
pytestmark = pytest.mark.owner

AsWeb = Callable[[], AbstractContextManager[None]]


@pytest.fixture
def place(transactional_db: None) -> Place:
    tenancy.state.set(None)
    made = make_place()
    tenancy.state.set(None)
    return made


def test_a_device_is_let_in_by_its_token_and_noted(place: Place, as_web: AsWeb):
    token = make_device(place.branch)

    with as_web(), tenancy.serving():
        actor = ports.devices().actor_of(token)
        assert actor is not None
        assert actor.device_id is not None
        assert ports.devices().is_trusted(actor.device_id)
        assert tenancy.keys_of_scope() == tenancy.NO_KEYS

    assert (actor.kind, actor.branch_id) == (ActorKind.KIOSK, place.branch.pk)
    kept = BranchCredential.objects.with_scopes_disabled().get(pk=actor.device_id)
    assert kept.last_used_at is not None


def test_a_role_is_answered_with_its_branches(place: Place, as_web: AsWeb):
    rows = Membership.objects.with_scopes_disabled()
    agent = rows.get(user=place.agents[0].user_id)
    branches = [str(place.branch.pk)]

    with as_web():
        answer = Api(place.owner).call(
            "patch", f"business/members/{agent.pk}/", {"branches": branches}
        )

    assert (answer.status_code, answer.json()["branches"]) == (200, branches)


def test_a_person_is_taken_out_of_their_tickets(
    place: Place, as_web: AsWeb, monkeypatch: pytest.MonkeyPatch
):
    """Their own key reads these rows; to change them needs the organizations'."""
    person = make_actor(make_user())
    ticket = join(place, actor=person, customer_name="Awa")

    with as_web():
        monkeypatch.setattr(tenancy, "_trusted", True)
        operations.forget_person(user_id=person.require_user())

    kept = Ticket.objects.with_scopes_disabled().get(pk=ticket.pk)
    assert (kept.customer_name, kept.customer_id) == ("", None)


def test_an_administrator_erases_no_sole_owner_either(place: Place, as_web: AsWeb):
    admin: Actor = make_signed_in(make_user(is_superuser=True))
    owner = place.owner.require_user()
    reason = "They asked for it in writing"
    accounts.open_account_access(actor=admin, whose=owner, reason=reason, now=NOW)

    with as_web(), tenancy.serving():
        tenancy.identify(admin.user_id)
        with pytest.raises(SoleOwner):
            accounts.erase_user(actor=admin, user_id=owner, now=NOW)

    assert User.objects.get(pk=owner).is_active
