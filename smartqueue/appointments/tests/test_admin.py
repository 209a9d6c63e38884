"""The administration of appointments: it sees where support access is open, and acts by operations."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client

from smartqueue.accounts.models import User
from smartqueue.appointments import operations
from smartqueue.appointments.models import Appointment, BookingRules, BusyCalendar
from smartqueue.appointments.tests.factories import (
    NINE,
    TEN,
    TOMORROW,
    book,
    make_slot,
    set_rules,
    wait_for_place,
)
from smartqueue.business import operations as business
from smartqueue.common import clock
from smartqueue.queues.tests.factories import NOW, Place, make_actor, make_place, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def watch(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The time at the entrance, which a test may put forward."""
    at = [NOW]
    monkeypatch.setattr(clock, "now", lambda: at[0])
    return at


@pytest.fixture
def staff() -> User:
    return make_user(is_staff=True, is_superuser=True)


def let_in(staff: User, place: Place) -> None:
    """Open support access to a place's organization for an hour."""
    business.open_support_access(
        actor=make_actor(staff),
        organization_id=place.organization.pk,
        reason="Nobody can book",
        minutes=60,
        now=clock.now(),
    )


@pytest.fixture
def client_and_place(staff: User, watch: list[Any]) -> tuple[Client, Place]:
    """An administrator, and a place that has let them in."""
    place, client = make_place(), Client()
    let_in(staff, place)
    client.force_login(staff)
    return client, place


def act(client: Client, model: str, action: str, row: Any) -> None:
    path = f"/admin/appointments/{model}/"
    answer = client.post(path, {"action": action, "_selected_action": [str(row.pk)]})
    assert answer.status_code == 302, answer.content


def test_every_list_and_row_is_shown_without_secrets_and_only_where_access_is_open(
    client_and_place,
):
    client, place = client_and_place
    rows: dict[str, list[Any]] = {}
    for where in (place, make_place()):
        made = {
            "appointmentslot": make_slot(where, end_time=NINE.time().replace(hour=10)),
            "slotexception": operations.create_slot_exception(
                actor=where.owner,
                branch_id=where.branch.pk,
                date=TOMORROW.date() + timedelta(days=7),
                kind="close",
                now=NOW,
            ),
            "appointment": book(where),
            "waitlistentry": wait_for_place(where),
            "busycalendar": operations.add_busy_calendar(
                actor=where.owner,
                organization_id=where.organization.pk,
                branch_id=where.branch.pk,
                url="https://calendar.example/secret.ics",
                now=NOW,
            ),
        }
        set_rules(where, window_days=30)
        made["bookingrules"] = BookingRules.objects.with_scopes_disabled().get(
            service=where.service
        )
        for model, row in made.items():
            rows.setdefault(model, []).append(row)

    for model, (seen, hidden) in rows.items():
        path = f"/admin/appointments/{model}/"
        page = client.get(path).content.decode()
        assert (str(seen.pk) in page, str(hidden.pk) in page) == (True, False), model
        shown = client.get(f"{path}{seen.pk}/change/").content.decode()
        assert "_save" not in shown, model
        for secret in ("sealed", "digest", "held_for", "Held for"):
            assert secret not in shown, model
        assert client.get(f"{path}{hidden.pk}/change/").status_code == 302, model


def test_actions_are_the_operations(client_and_place, staff, watch):
    client, place = client_and_place
    slot = make_slot(place, end_time=NINE.time().replace(hour=11))
    set_rules(place, needs_approval=True)
    asked, gone = book(place, NINE), book(place, TEN)
    entry = wait_for_place(place)
    exception = operations.create_slot_exception(
        actor=place.owner, branch_id=place.branch.pk, date=TOMORROW.date(), kind="close", now=NOW
    )
    calendar = operations.add_busy_calendar(
        actor=place.owner,
        organization_id=place.organization.pk,
        branch_id=place.branch.pk,
        url="https://calendar.example/secret.ics",
        now=NOW,
    )

    act(client, "waitlistentry", "leave", entry)
    act(client, "appointment", "approve", asked)
    act(client, "appointment", "cancel", gone)
    act(client, "appointmentslot", "retire", slot)
    act(client, "slotexception", "remove", exception)
    act(client, "busycalendar", "fetch", calendar)
    act(client, "busycalendar", "remove", calendar)
    act(client, "appointment", "mark_missed", asked)
    assert Appointment.objects.with_scopes_disabled().get(pk=asked.pk).state == "confirmed"
    watch[0] = NINE
    let_in(staff, place)
    act(client, "appointment", "mark_missed", asked)

    states = Appointment.objects.with_scopes_disabled().in_bulk([asked.pk, gone.pk])
    assert (states[asked.pk].state, states[gone.pk].state) == ("no_show", "cancelled")
    entry.refresh_from_db()
    assert entry.state == "left"
    for row in (slot, exception):
        kept = type(row).objects.with_scopes_disabled().filter(pk=row.pk)
        assert all(one.retired_at for one in kept)
    assert not BusyCalendar.objects.with_scopes_disabled().exists()
