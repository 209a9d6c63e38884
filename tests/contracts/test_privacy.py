"""Every table that leads to a person is placed for export, erasure and retention, on purpose."""

from typing import Any

import pytest
from django.apps import apps
from django.contrib.auth import get_user_model
from django.db import models

from config.celery import app as worker
from smartqueue.common import jobs
from smartqueue.common.personal import PERSONAL, Personal
from smartqueue.privacy import processing, retention
from smartqueue.privacy.enums import Fate
from smartqueue.privacy.places import BY_LABEL, PLACES, Place


def leads_to_a_person(model: type[models.Model], seen: frozenset[Any] = frozenset()) -> bool:
    """Whether foreign keys, one after the other, lead from a row to an account."""
    if model is get_user_model():
        return True
    for field in model._meta.concrete_fields:
        target = field.related_model if field.is_relation else None
        is_new = isinstance(target, type) and target not in seen | {model}
        if is_new and leads_to_a_person(target, seen | {model}):
            return True
    return False


def is_personal(place: Personal) -> bool:
    return bool(place.fields or place.people or place.labels or place.identifiers)


def must_be_placed() -> set[str]:
    tables = [m for m in apps.get_models(include_auto_created=True) if m._meta.managed]
    return {m._meta.label for m in tables if leads_to_a_person(m)} | {
        label for label, place in PERSONAL.items() if is_personal(place)
    }


def unplaced(places: tuple[Place, ...]) -> set[str]:
    return must_be_placed() - {place.label for place in places}


def test_every_table_that_leads_to_a_person_is_placed() -> None:
    assert unplaced(PLACES) == set()
    assert len(BY_LABEL) == len(PLACES)


def test_control_a_forgotten_table_is_named() -> None:
    assert unplaced(tuple(p for p in PLACES if p.label != "queues.SessionBreak")) == {
        "queues.SessionBreak"
    }


def columns_at_fault(place: Place) -> list[str]:
    """Name the columns that the export neither shows nor withholds, and those it says twice."""
    columns = [f.attname for f in place.model._meta.concrete_fields]
    said = [*place.shown, *place.withheld]
    return sorted(set(columns) ^ set(said)) + [name for name in said if said.count(name) > 1]


@pytest.mark.parametrize("place", PLACES, ids=lambda p: p.label)
def test_every_column_is_shown_or_withheld_for_a_reason(place: Place) -> None:
    assert columns_at_fault(place) == []
    assert all(place.withheld.values())


def test_control_a_new_column_is_named() -> None:
    place = BY_LABEL["queues.Ticket"]
    shorter = Place(
        label=place.label,
        title=place.title,
        kind=place.kind,
        fate=place.fate,
        shown=tuple(name for name in place.shown if name != "plate"),
        withheld=place.withheld,
    )
    assert columns_at_fault(shorter) == ["plate"]


@pytest.mark.parametrize("place", PLACES, ids=lambda p: p.label)
def test_erasure_leaves_no_personal_field(place: Place) -> None:
    if place.fate is Fate.DELETED:
        return
    assert place.fate is Fate.EMPTIED or place.kept_because
    ended = {*place.emptied, *place.telling, *place.keeps}
    assert {*place.personal.fields, *place.personal.identifiers} - ended == set()
    assert place.kept_because or not place.keeps
    assert set(place.emptied) <= {f.attname for f in place.model._meta.concrete_fields}


@pytest.mark.parametrize("place", PLACES, ids=lambda p: p.label)
def test_every_place_has_a_period(place: Place) -> None:
    assert place.kind in retention.BY_CODE


@pytest.mark.parametrize("kind", retention.KINDS, ids=lambda k: k.code)
def test_every_period_is_enforced_by_a_job_that_exists(kind: retention.Kind) -> None:
    worker.loader.import_default_modules()
    if kind.job:
        assert jobs.job_named(kind.job)
        assert kind.period is not None
    else:
        # As long as the thing itself, or by whoever runs the servers.
        assert kind.period is None or kind.code == "log"
    assert bool(kind.rules) == (kind.job == retention.OWN_JOB)


def test_every_kind_of_data_is_in_the_register_of_processing() -> None:
    used = {code for activity in processing.ACTIVITIES for code in activity.kinds}
    assert used == set(retention.BY_CODE)
