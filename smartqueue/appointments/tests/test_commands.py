"""The commands that offer what most places offer."""

from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from smartqueue.appointments.models import Appointment, AppointmentSlot
from smartqueue.queues.tests.factories import make_place

pytestmark = pytest.mark.django_db


def run(name: str, *args: str, **options: Any) -> str:
    out = StringIO()
    call_command(name, *args, stdout=out, **options)
    return out.getvalue().strip()


def test_the_usual_slots_are_made_once():
    place = make_place()

    assert run("generate_slots", place.branch.slug, capacity=2, public=1) == "5 weekly slots made"
    assert run("generate_slots", place.branch.slug) == "all there"
    rows = AppointmentSlot.objects.with_scopes_disabled().order_by("day_of_week")
    assert [(row.day_of_week, row.capacity, row.public_capacity) for row in rows] == [
        (day, 2, 1) for day in range(5)
    ]


@pytest.mark.parametrize(("name", "public"), [("nowhere", None), ("", 5)])
def test_what_cannot_be_is_refused(name, public):
    slug = name or make_place().branch.slug
    with pytest.raises(CommandError):
        run("generate_slots", slug, public=public)


def test_the_demonstration_has_appointments(settings):
    settings.ALLOW_DEMO_ACCOUNTS = True
    run("load_demo")
    first = run("load_demo_appointments")

    assert "things made" in first
    assert run("load_demo_appointments").endswith("all there")
    assert Appointment.objects.with_scopes_disabled().filter(state="confirmed").count() > 3


def test_production_refuses_the_demonstration(settings):
    settings.ALLOW_DEMO_ACCOUNTS = False
    with pytest.raises(CommandError):
        run("load_demo_appointments")
