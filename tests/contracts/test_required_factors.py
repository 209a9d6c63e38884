"""Who has to have a second factor does nothing for an organization or the platform before."""

from dataclasses import replace
from typing import Any

import pytest
from allauth.mfa.totp.internal.auth import TOTP, generate_totp_secret
from django.test import Client

from smartqueue.accounts import actor as actors
from smartqueue.accounts import entrance, operations
from smartqueue.accounts.actor import Actor
from smartqueue.accounts.device import Device
from smartqueue.accounts.models import User
from smartqueue.common import clock
from smartqueue.queues.models import Queue
from smartqueue.queues.tests.factories import make_actor, make_counter, make_place, make_user

pytestmark = pytest.mark.django_db

SECURITY = "/account/security/"


class Caller:
    """Somebody at the API, on the pages, and on a socket."""

    def __init__(self, actor: Actor) -> None:
        assert actor.user_id
        self.user = User.objects.get(pk=actor.user_id)
        self.access = operations.sign_in(user=self.user, device=Device(), now=clock.now()).access
        self.pages = Client()
        self.pages.force_login(self.user)

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        headers = {"Authorization": f"Bearer {self.access}"}
        send = getattr(Client(headers=headers), method)
        return send(path, body or {}, content_type="application/json")

    def me(self) -> dict[str, Any]:
        return dict(self.ask("get", "/api/accounts/users/me/").json())

    def actor(self) -> Actor:
        return entrance.actor_of_access_token(self.access)

    def enrol(self) -> None:
        TOTP.activate(self.user, generate_totp_secret())


@pytest.fixture
def place() -> Any:
    return make_place()


@pytest.fixture
def demanding(place: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The place's organization wants a second factor of its staff."""
    usual = actors._resolver

    def resolver(user_id: Any) -> Any:
        wanted = place.organization.pk
        return tuple(
            replace(m, needs_second_factor=m.organization_id == wanted) for m in usual(user_id)
        )

    monkeypatch.setattr(actors, "_resolver", resolver)
    return place


def refused(response: Any) -> bool:
    return response.status_code == 403 and response.json()["code"] == "second_factor_required"


def test_an_agent_is_refused_and_led_to_enrolment(demanding: Any) -> None:
    agent = Caller(demanding.agents[0])
    counter = make_counter(demanding.branch)
    body = {"counter": str(counter.pk), "queues": [str(demanding.queue.pk)]}
    assert refused(agent.ask("post", "/api/agents/sessions/", body))
    assert agent.me()["needs_second_factor"]
    assert agent.me()["memberships"] == []
    for page in ("/agent/", "/manage/"):
        assert agent.pages.get(page).headers["Location"] == SECURITY
    assert 'data-testid="required"' in agent.pages.get(SECURITY).content.decode()

    agent.enrol()
    assert agent.ask("post", "/api/agents/sessions/", body).status_code == 201
    assert not agent.me()["needs_second_factor"]
    assert agent.pages.get("/agent/").status_code == 200


def test_an_owner_changes_nothing_and_lists_nothing(demanding: Any) -> None:
    owner = Caller(demanding.owner)
    path = f"/api/queues/queues/{demanding.queue.pk}/"
    assert refused(owner.ask("patch", path, {"name": "changed"}))
    assert refused(owner.ask("post", f"{path}pause/"))
    assert not Queue.objects.with_scopes_disabled().filter(name="changed").exists()
    listed = f"/api/business/members/?organization={demanding.organization.pk}"
    assert refused(owner.ask("get", listed))
    assert owner.ask("get", "/api/queues/tickets/").json().get("count", 0) == 0


def test_a_member_still_is_a_customer(demanding: Any) -> None:
    agent = Caller(demanding.agents[0])
    other = make_place()
    taken = agent.ask("post", "/api/queues/tickets/", {"queue": str(other.queue.pk)})
    assert taken.status_code == 201
    assert agent.pages.get("/").status_code == 200


def test_another_organization_that_wants_none_is_served(demanding: Any) -> None:
    other = Caller(make_place().owner)
    assert not other.me()["needs_second_factor"]
    assert len(other.me()["memberships"]) == 1


def test_somebody_who_does_not_belong_there_learns_nothing(demanding: Any) -> None:
    stranger = Caller(make_actor())
    path = f"/api/queues/queues/{demanding.queue.pk}/"
    assert stranger.ask("patch", path, {"name": "x"}).status_code == 404


@pytest.fixture
def admin(settings: Any) -> Caller:
    settings.ADMINS_NEED_SECOND_FACTOR = True
    return Caller(make_actor(make_user(is_superuser=True, is_staff=True)))


def test_an_administrator_of_the_platform_needs_one(admin: Caller, place: Any) -> None:
    path = f"/api/business/organizations/{place.organization.pk}/"
    assert refused(admin.ask("delete", path))
    assert admin.me()["needs_second_factor"]
    assert not admin.actor().is_platform_admin
    assert not entrance.renewed(admin.actor()).is_platform_admin
    ticket = operations.make_socket_ticket(actor=admin.actor(), now=clock.now())
    assert not operations.redeem_socket_ticket(ticket).is_platform_admin
    response = admin.pages.get("/admin/", follow=True)
    assert response.redirect_chain[-1][0] == SECURITY

    admin.enrol()
    assert admin.ask("delete", path).status_code == 204
    assert entrance.renewed(admin.actor()).is_platform_admin
    assert admin.pages.get("/admin/").status_code == 200


def test_staff_of_the_platform_needs_one_for_the_admin_site(settings: Any) -> None:
    settings.ADMINS_NEED_SECOND_FACTOR = True
    staff = Caller(make_actor(make_user(is_staff=True)))
    assert staff.pages.get("/admin/", follow=True).redirect_chain[-1][0] == SECURITY
    staff.enrol()
    assert staff.pages.get("/admin/").status_code == 200


def test_the_demonstration_s_administrator_works_without(place: Any) -> None:
    admin = Caller(make_actor(make_user(is_superuser=True, is_staff=True)))
    path = f"/api/business/organizations/{place.organization.pk}/"
    assert admin.ask("delete", path).status_code == 204
    assert admin.pages.get("/admin/").status_code == 200
