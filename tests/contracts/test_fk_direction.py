"""Relations go down like imports do; a foreign key named by text is no import, so it is looked at here."""

import re
import tomllib
from pathlib import Path

from django.apps import apps

ROOT = Path(__file__).resolve().parents[2]
# Django's own and packages' tables are below everything.
OURS = "smartqueue."


def ranks() -> dict[str, int]:
    """Return the layer of each app, 0 at the bottom, as import-linter has them."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())
    contracts = settings["tool"]["importlinter"]["contracts"]
    (layers,) = (c["layers"] for c in contracts if c.get("containers") == ["smartqueue"])
    return {
        name: rank
        for rank, layer in enumerate(reversed(layers))
        for name in re.findall(r"\w+", layer)
    }


def upward_relations(rank: dict[str, int]) -> list[str]:
    """Return the relations that point to a layer above, or to a sibling."""
    found = []
    for model in apps.get_models(include_auto_created=True):
        for field in model._meta.get_fields():
            target = field.related_model if field.concrete and field.is_relation else None
            if target is None or not model.__module__.startswith(OURS):
                continue
            if not target.__module__.startswith(OURS):
                continue
            here, there = model._meta.app_label, target._meta.app_label
            if here != there and rank[there] >= rank[here]:
                found.append(f"{model._meta.label}.{field.name} -> {target._meta.label}")
    return found


def test_every_app_has_a_layer():
    labels = {config.label for config in apps.get_app_configs() if config.name.startswith(OURS)}
    assert labels <= set(ranks())


def test_no_relation_points_up():
    assert upward_relations(ranks()) == []


def test_control_the_walk_sees_a_relation_that_points_up():
    rank = ranks()
    rank["business"] = rank["queues"] + 1

    assert "queues.Queue.branch -> business.Branch" in upward_relations(rank)
