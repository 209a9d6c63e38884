"""The demonstration: loaded once, joinable at any hour, refused by production."""

import time
from datetime import UTC, datetime
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from smartqueue.accounts.entrance import actor_of_user
from smartqueue.accounts.models import User
from smartqueue.agents.models import Skill
from smartqueue.business.enums import DeviceKind
from smartqueue.business.models import Branch, Membership, Organization, Service
from smartqueue.outbox.models import DomainEvent
from smartqueue.queues import operations
from smartqueue.queues.management.commands import _demonstration as demo
from smartqueue.queues.models import Queue, VehicleCategory

pytestmark = pytest.mark.django_db


def load() -> str:
    out = StringIO()
    call_command("load_demo", stdout=out)
    return out.getvalue()


def rows() -> dict[str, int]:
    scoped: list[Any] = [Branch, Service, Membership, Skill, Queue, VehicleCategory]
    counted = {m.__name__: m.objects.with_scopes_disabled().count() for m in scoped}
    return counted | {
        "users": User.objects.count(),
        "organizations": Organization.objects.count(),
        "events": DomainEvent.objects.count(),
    }


def test_the_demonstration_is_loaded_once() -> None:
    load()
    first = rows()
    started = time.perf_counter()
    said = load()

    assert time.perf_counter() - started < 2
    assert rows() == first
    assert "all there" in said
    assert first["organizations"] == 3
    assert first["users"] == 16
    assert {queue.policy for queue in Queue.objects.with_scopes_disabled().all()} == {
        "fifo",
        "head_start",
        "one_in_n",
    }
    untranslated = [
        service
        for service in Service.objects.with_scopes_disabled().all()
        if not all(getattr(service, f"name_{language}") for language in ("fr", "en", "ar"))
    ]
    assert untranslated == []
    assert not Branch.objects.with_scopes_disabled().filter(commune=None).exists()


@pytest.mark.parametrize(("kind", "start"), [(DeviceKind.KIOSK, "k"), (DeviceKind.DISPLAY, "w")])
def test_the_addresses_that_the_server_prints_open_devices(
    client: Client, settings: Any, kind: DeviceKind, start: str
) -> None:
    load()
    path = f"/{start}/{demo.device_token(kind, 'Hôtel de ville')}/"
    assert f"$site{path}" in (settings.BASE_DIR / "script" / "server").read_text()

    assert client.get(path).status_code == 200
    settings.ALLOW_DEMO_ACCOUNTS = False
    assert client.get(path).status_code == 404


@pytest.mark.parametrize("hour", [3, 12, 23])
def test_a_newcomer_joins_at_any_hour(hour: int) -> None:
    load()
    person = User.objects.get(email=f"customer1@{demo.DOMAIN}")
    actor = actor_of_user(person.pk, is_platform_admin=False, language="fr")
    sunday = datetime(2026, 11, 29, hour, tzinfo=UTC)

    for queue in Queue.objects.with_scopes_disabled().all():
        service = (
            queue.queue_services.model.objects.with_scopes_disabled().filter(queue=queue).first()
        )
        ticket = operations.issue_ticket(
            actor=actor,
            queue_id=queue.pk,
            service_id=service.service_id,
            vehicle_category="car" if queue.asks_vehicle else "",
            plate="DK 1234 A" if queue.asks_vehicle else "",
            now=sunday,
        )
        assert ticket.number == f"{queue.prefix}001"


@pytest.mark.parametrize("login", ["admin", "owner", "agent8", "customer5"])
def test_every_account_signs_in(login: str) -> None:
    load()

    answer = Client().post(
        "/api/accounts/auth/login/",
        {"identifier": f"{login}@{demo.DOMAIN}", "password": demo.PASSWORD},
        content_type="application/json",
    )

    assert answer.status_code == 200, answer.content


def test_what_people_changed_stays_and_a_closed_queue_opens_again() -> None:
    load()
    queue = Queue.objects.with_scopes_disabled().first()
    owner = User.objects.get(email=f"owner@{demo.DOMAIN}")
    actor = actor_of_user(owner.pk, is_platform_admin=False, language="fr")
    now = datetime(2026, 11, 23, tzinfo=UTC)
    operations.update_queue(actor=actor, queue_id=queue.pk, name="Autre nom")
    operations.close_queue(actor=actor, queue_id=queue.pk, now=now)

    load()

    again = Queue.objects.with_scopes_disabled().get(pk=queue.pk)
    assert (again.name, again.state) == ("Autre nom", "open")


def test_production_refuses_the_demonstration(settings: Any) -> None:
    settings.ALLOW_DEMO_ACCOUNTS = False

    with pytest.raises(CommandError, match="refuse"):
        load()

    assert not User.objects.exists()
