"""
Managers of tenant rows.

`with_scopes_disabled()` and `with_scope()` pass by the scope that is entered; the statement then
takes with it what PostgreSQL's row policies ask for. That is as little as the query lets see: a
filter by id opens the organization of that row, a filter by organization or person opens those,
and only a query that says none of these opens everything.
"""

import functools
from contextlib import AbstractContextManager, nullcontext
from typing import Any
from uuid import UUID

from django.apps import apps
from django.db import models
from django.db.models import sql
from django.db.models.lookups import Exact, In, IsNull
from django.db.models.sql.where import AND, WhereNode
from django_scopes import ScopedManager as _ScopedManager

from smartqueue.common import tenancy
from smartqueue.common.tenancy import EVERY_KEY, NO_KEYS, PLATFORM_KEY, AtLeast, Keys, KeysOf

ORGANIZATION = "organization_id"


@functools.cache
def closed_tables() -> frozenset[str]:
    """Return the tenant tables that not everybody may read."""
    return frozenset(
        model._meta.db_table
        for model in apps.get_models()
        if isinstance(model._default_manager, TenantManager)
        and not getattr(model, "anybody_reads", False)
    )


def person_of(model: Any) -> str:
    """Return the name of the key to whose account a model's rows are; empty where there is none."""
    named = getattr(model, "person", "")
    # A key that is itself called so hides the name.
    return named if isinstance(named, str) else "person"


class OpenedQuery(sql.Query):
    """A query of which a policy has said whose rows it may read."""

    scope: dict[str, Any]

    def get_compiler(self, *args: Any, **kwargs: Any) -> Any:
        """Return a compiler whose statements go with the query's keys."""
        compiler = super().get_compiler(*args, **kwargs)
        return _with_keys(compiler, self)

    def get_aggregation(self, using: Any, aggregate_exprs: Any) -> Any:
        """Aggregate with the query's keys, also around it."""
        with tenancy.with_keys(self.keys()):
            return super().get_aggregation(using, aggregate_exprs)

    def keys(self, *, to_change: bool = False) -> Keys:
        """
        Return the keys to the rows that the query asks for; a person's own opens them to be read,
        and not to be changed.
        """
        if self.scope.get("_enabled", True):
            return tenancy.keys_of(self.scope)
        if self.where.connector == AND and not self.where.negated:
            for lookup in self.where.children:
                keys = self._keys_of(lookup, to_change)
                if keys is not None:
                    return keys
            for node in self.where.children:
                ids = self._ids_of(node, to_change)
                if ids is not None:
                    return tenancy.keys_of({"organization": ids})
        return EVERY_KEY

    def _keys_of(self, lookup: Any, to_change: bool) -> Keys | None:
        column, ids = self._column_of(lookup), _ids(getattr(lookup, "rhs", None))
        if column is None or ids is None:
            return None
        if column.primary_key and column.model._meta.managed:
            return KeysOf(self.get_meta().db_table, tuple(ids))
        if column.attname == ORGANIZATION:
            return tenancy.keys_of({"organization": ids})
        if not to_change and column.name == person_of(column.model):
            return tenancy.keys_of({"customer": ids})
        return None

    def _ids_of(self, node: Any, to_change: bool) -> list[UUID] | None:
        """
        Return whose keys are enough for what a condition lets through, be it one of several: each
        way in has to say whose rows it opens. None is everybody's.
        """
        if not isinstance(node, WhereNode):
            return self._ids_of_lookup(node, to_change)
        if node.negated:
            return None
        ways = [self._ids_of(child, to_change) for child in node.children]
        said = [ids for ids in ways if ids is not None]
        if node.connector == AND:
            return said[0] if said else None
        return [one for ids in said for one in ids] if len(said) == len(ways) else None

    def _ids_of_lookup(self, lookup: Any, to_change: bool) -> list[UUID] | None:
        column = self._column_of(lookup)
        if column is None:
            return None
        if isinstance(lookup, IsNull):
            is_of_platform = column.attname == ORGANIZATION and lookup.rhs is True
            return [PLATFORM_KEY] if is_of_platform and self._has_platform() else None
        ids = _ids(lookup.rhs)
        if ids is None or (column.primary_key and ids):
            return None
        is_person = not to_change and column.name == person_of(column.model)
        return ids if not ids or is_person or column.attname == ORGANIZATION else None

    def _has_platform(self) -> bool:
        return getattr(self.get_meta().model, "of_platform", False)

    def _column_of(self, lookup: Any) -> Any:
        """Return the column of the queried model that a lookup compares with values, if one does."""
        column = (
            getattr(lookup.lhs, "target", None) if isinstance(lookup, Exact | In | IsNull) else None
        )
        meta: Any = self.get_meta()
        own = column is not None and column.model is meta.model
        return column if own and lookup.lhs.alias == meta.db_table else None


def _ids(value: Any) -> list[UUID] | None:
    values = value if isinstance(value, list | tuple | set | frozenset) else [value]
    if not all(isinstance(one, UUID) for one in values):
        return None
    return list(values)


def _with_keys(compiler: Any, query: OpenedQuery) -> Any:
    """
    Let a compiler tell the keys once it knows which tables its statement reads: ordering and
    related rows join only then, and what everybody may read needs none.
    """
    build, run = compiler.as_sql, compiler.execute_sql
    running = False

    def as_sql(*args: Any, **kwargs: Any) -> Any:
        found = build(*args, **kwargs)
        if running:
            is_closed = any(f'"{table}"' in found[0] for table in closed_tables())
            tenancy.choose_keys(query.keys() if is_closed else AtLeast(NO_KEYS))
        return found

    def execute_sql(*args: Any, **kwargs: Any) -> Any:
        nonlocal running
        with tenancy.with_keys(None):
            running = True
            try:
                return run(*args, **kwargs)
            finally:
                running = False

    compiler.as_sql, compiler.execute_sql = as_sql, execute_sql
    return compiler


class TenantRows(models.QuerySet[Any]):
    """Rows whose changes, past the scope, go with the keys of what is asked for as reads do."""

    def create(self, **kwargs: Any) -> Any:
        """Insert a row."""
        with _keys_of_change(self.query):
            return super().create(**kwargs)

    def update(self, **kwargs: Any) -> int:
        """Update the rows."""
        with _keys_of_change(self.query):
            return super().update(**kwargs)

    def delete(self) -> tuple[int, dict[str, int]]:
        """Delete the rows and what hangs on them."""
        with _keys_of_change(self.query):
            return super().delete()

    # As Django's: templates and managers do not get at it.
    delete.queryset_only = True  # type: ignore[attr-defined]
    delete.alters_data = True  # type: ignore[attr-defined]
    update.alters_data = True  # type: ignore[attr-defined]


def _keys_of_change(query: Any) -> AbstractContextManager[None]:
    if not isinstance(query, OpenedQuery):
        return nullcontext()
    return tenancy.with_keys(query.keys(to_change=True))


class TenantManager(models.Manager.from_queryset(TenantRows)):  # type: ignore[misc]
    """What a manager of tenant rows is, whichever dimensions its scope has."""

    def get_queryset(self) -> Any:
        """Return rows; past the scope with the keys of what is asked for."""
        rows: Any = super().get_queryset()
        scope = getattr(self, "_override_scope", None)
        if scope is not None:
            rows.query = rows.query.chain(klass=OpenedQuery)
            rows.query.scope = scope
        return rows


def ScopedManager(**dimensions: str) -> Any:  # noqa: N802  # the name it has in django-scopes
    """Return a manager that raises without a scope in each of these dimensions."""
    return _ScopedManager(_manager_class=TenantManager, **dimensions)
