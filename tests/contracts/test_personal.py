"""Every field that may tell about a person is placed in `common/personal.py`, on purpose."""

import re
from typing import Any

import pytest
from django.apps import apps
from django.contrib.auth import get_user_model
from django.contrib.gis.db.models import GeometryField
from django.db import models
from modeltranslation.fields import TranslationField

from smartqueue.common.personal import PERSONAL, Personal

SUSPICIOUS = re.compile(
    r"(^|_)(name|names|phone|mobile|email|mail|address|ip|note|notes|text|comment|message|body|"
    r"identifier|recipient|plate|device|reason|description|label|person|photo|picture|file|birth|"
    r"gender|lat|lon|latitude|longitude|position|answer|author|user|customer|agent|contact|"
    r"password|title|subject|agent_string|repr|error|key|url|website)(_|$)"
)
OPEN_KINDS = (
    models.TextField,
    models.JSONField,
    models.EmailField,
    models.GenericIPAddressField,
    models.FileField,
    GeometryField,
)
PEOPLE = re.compile(r"^(user|customer|agent|person|owner|author|assignee|actor|member|subject)_id$")


def placed_models() -> list[type[models.Model]]:
    found = [m for m in apps.get_models(include_auto_created=True) if m._meta.managed]
    return sorted(found, key=lambda m: m._meta.label)


def looks_personal(field: Any) -> bool:
    if isinstance(field, TranslationField) or field.is_relation or field.primary_key:
        return False
    if isinstance(field, models.BooleanField | models.UUIDField | models.DateTimeField):
        return False
    if isinstance(field, OPEN_KINDS):
        return True
    texts = models.CharField | models.BinaryField
    return isinstance(field, texts) and not field.choices and bool(SUSPICIOUS.search(field.attname))


def unplaced(model: type[models.Model], place: Personal | None) -> list[str]:
    """Name what this model tells about people and the list does not say."""
    place = place or Personal()
    missing = []
    for field in model._meta.concrete_fields:
        if field.is_relation:
            is_person = field.related_model is get_user_model()
        else:
            is_person = isinstance(field, models.UUIDField) and bool(PEOPLE.match(field.attname))
        if is_person and field.attname not in (*place.people, *place.innocent):
            missing.append(f"{field.attname} leads to a person")
        if looks_personal(field) and field.name not in (*place.fields, *place.innocent):
            missing.append(f"{field.name} may hold something about a person")
    return missing


@pytest.mark.parametrize("model", placed_models(), ids=lambda m: m._meta.label)
def test_every_personal_field_is_placed(model: type[models.Model]) -> None:
    assert unplaced(model, PERSONAL.get(model._meta.label)) == []


def test_a_forgotten_field_and_a_forgotten_path_are_named() -> None:
    ticket = apps.get_model("queues.Ticket")
    assert unplaced(ticket, None) == [
        "customer_id leads to a person",
        "customer_name may hold something about a person",
        "phone may hold something about a person",
        "person_key may hold something about a person",
        "plate may hold something about a person",
        "call_reason may hold something about a person",
        "first_estimate may hold something about a person",
        "note may hold something about a person",
    ]


@pytest.mark.parametrize("label", sorted(PERSONAL))
def test_the_list_names_what_exists(label: str) -> None:
    model = apps.get_model(label)
    place = PERSONAL[label]
    columns = {f.name for f in model._meta.concrete_fields}
    for name in (*place.fields, *place.labels, *place.identifiers):
        assert name in columns, f"{label} has no field {name}"
    assert set(place.innocent) <= columns | {f.attname for f in model._meta.concrete_fields}
    assert not set(place.fields) & set(place.innocent)
    for path in place.people:
        assert _end_of(model, path) is get_user_model(), f"{label}: {path} does not end at accounts"
    if place.sealed_for:
        assert place.sealed_for in {f.attname for f in model._meta.concrete_fields}


def _end_of(model: Any, path: str) -> Any:
    steps = path.split("__")
    for step in steps[:-1]:
        model = model._meta.get_field(step).related_model
    last = next(f for f in model._meta.concrete_fields if f.attname == steps[-1])
    if last.is_relation:
        return last.related_model
    # A plain UUID that means an account, or the account's own row.
    return get_user_model()
