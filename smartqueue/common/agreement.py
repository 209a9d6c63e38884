"""
Whether rows agree with what they point at about whose they are.

Composite keys promise it where they stand (`walls`). This looks at every path, also at those
that no key covers: arrays of ids, join tables, copies of history.
"""

import json
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from django.apps import apps
from django.contrib.postgres.fields import ArrayField
from django.db import connection
from prometheus_client import Metric
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector
from redis.exceptions import RedisError

from smartqueue.common.redis import client
from smartqueue.common.walls import ORGANIZATION, names_organization, parents

# Longer than two nights: a check that stops running is seen by the age of its figures.
KEPT_SECONDS = 3 * 86_400
_KEY = "agreement"


@dataclass(frozen=True, slots=True)
class Path:
    """A way from a row to another, and the query that counts where they disagree."""

    name: str
    statement: str


def paths() -> list[Path]:
    """Return every path between rows of organizations."""
    found: list[Path] = []
    for model in apps.get_models(include_auto_created=True):
        if model._meta.proxy or not model._meta.managed:
            continue
        if names_organization(model):
            found += _of_tenant(model)
        else:
            found += _between_parents(model)
    return sorted(found, key=lambda path: path.name)


def count_astray() -> dict[str, int]:
    """Count, by path, the rows that point at a row of another organization."""
    counts = {}
    with connection.cursor() as cursor:
        for path in paths():
            cursor.execute(path.statement)
            (counts[path.name],) = cursor.fetchone()
    return counts


def remember(counts: dict[str, int]) -> None:
    """Keep the last figures for whoever asks for metrics."""
    with suppress(RedisError):
        client().set(_KEY, json.dumps({"at": time.time(), "astray": counts}), ex=KEPT_SECONDS)


class AgreementFigures(Collector):
    """Gauges of the last check."""

    def collect(self) -> Iterator[Metric]:
        """Yield the gauges; nothing before the first check, or while Redis is away."""
        try:
            kept: Any = client().get(_KEY)
        except RedisError:
            return
        if kept is None:
            return
        figures = json.loads(kept)
        astray = GaugeMetricFamily(
            "smartqueue_rows_astray",
            "Rows that point at another organization's, at the last check.",
            labels=["path"],
        )
        for name, count in figures["astray"].items():
            astray.add_metric([name], count)
        yield astray
        yield GaugeMetricFamily(
            "smartqueue_rows_astray_checked_seconds",
            "When rows were last checked, in seconds since 1970.",
            figures["at"],
        )


def _of_tenant(model: Any) -> Iterator[Path]:
    for field in model._meta.concrete_fields:
        if not (field.is_relation and field.attname != ORGANIZATION):
            continue
        if names_organization(field.related_model):
            yield _path(model, field, field.related_model, f'= own."{field.column}"')
    for name, label in getattr(model, "points_at", {}).items():
        field = model._meta.get_field(name)
        many = isinstance(field, ArrayField)
        condition = f'= ANY (own."{field.column}")' if many else f'= own."{field.column}"'
        yield _path(model, field, apps.get_model(label), condition)


def _path(model: Any, field: Any, target: Any, condition: str) -> Path:
    return Path(
        f"{model._meta.label}.{field.name}",
        f'SELECT count(*) FROM "{model._meta.db_table}" AS own'  # noqa: S608  # names from models
        f' JOIN "{target._meta.db_table}" AS other ON other."{target._meta.pk.column}" {condition}'
        f" WHERE other.organization_id IS DISTINCT FROM own.organization_id",
    )


def _between_parents(model: Any) -> Iterator[Path]:
    for one, other in pairwise(parents(model)):
        yield Path(
            f"{model._meta.label}.{one.name}-{other.name}",
            f'SELECT count(*) FROM "{model._meta.db_table}" AS own'  # noqa: S608  # names from models
            f' JOIN "{one.related_model._meta.db_table}" AS one'
            f' ON one."{one.target_field.column}" = own."{one.column}"'
            f' JOIN "{other.related_model._meta.db_table}" AS other'
            f' ON other."{other.target_field.column}" = own."{other.column}"'
            f" WHERE one.organization_id <> other.organization_id",
        )
