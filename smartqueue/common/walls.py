"""
What stands in the database itself between one organization's rows and another's.

A migration of each app with tenant tables ends with `RaiseWalls`; docs/patterns/tenancy.md.
"""

from typing import Any, TypeAlias

from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.operations.base import Operation
from django.db.migrations.state import ProjectState

ORGANIZATION = "organization_id"

Model: TypeAlias = Any
"""A model of a migration's state."""

# The name that a row is known by together with its organization, so that others can point at both.
# The index behind it finds an organization's rows as well as the one on that column alone.
_ADD_KEY = """
DO $$
DECLARE
    index_name text;
BEGIN
    IF NOT EXISTS (SELECT FROM pg_constraint
                   WHERE conrelid = '"{table}"'::regclass AND conname = '{table}_in_wall') THEN
        ALTER TABLE "{table}" ADD CONSTRAINT "{table}_in_wall" UNIQUE ("organization_id", "{id}");
    END IF;
    FOR index_name IN
        SELECT relation.relname FROM pg_index AS found
        JOIN pg_class AS relation ON relation.oid = found.indexrelid
        JOIN pg_attribute AS named ON named.attrelid = found.indrelid
            AND named.attname = 'organization_id' AND found.indkey::text = named.attnum::text
        WHERE found.indrelid = '"{table}"'::regclass AND NOT found.indisunique
          AND found.indpred IS NULL
    LOOP
        EXECUTE format('DROP INDEX %I', index_name);
    END LOOP;
END $$;
"""
_DROP_KEY = 'ALTER TABLE "{table}" DROP CONSTRAINT IF EXISTS "{table}_in_wall"'

# Takes over how the simple key was checked and what it did on deletion.
_ADD_RELATION = """
DO $$
DECLARE
    simple record;
    deletion text;
BEGIN
    IF EXISTS (SELECT FROM pg_constraint
               WHERE conrelid = '"{table}"'::regclass AND conname = '{name}') THEN
        RETURN;
    END IF;
    SELECT found.conname, found.condeferrable, found.condeferred, found.confdeltype INTO simple
    FROM pg_constraint AS found
    JOIN pg_attribute AS named ON named.attrelid = found.conrelid
        AND named.attname = '{column}' AND found.conkey = ARRAY[named.attnum]
    WHERE found.conrelid = '"{table}"'::regclass AND found.contype = 'f'
      AND found.confrelid = '"{target}"'::regclass;
    deletion := CASE simple.confdeltype
        WHEN 'c' THEN 'CASCADE' WHEN 'r' THEN 'RESTRICT' WHEN 'n' THEN 'SET NULL ("{column}")'
        WHEN 'd' THEN 'SET DEFAULT ("{column}")' ELSE 'NO ACTION' END;
    EXECUTE format(
        'ALTER TABLE "{table}" ADD CONSTRAINT "{name}" FOREIGN KEY ("organization_id", "{column}")'
        ' REFERENCES "{target}" ("organization_id", "{id}") ON DELETE %s %s',
        deletion,
        CASE WHEN coalesce(simple.condeferred, true) THEN 'DEFERRABLE INITIALLY DEFERRED'
             WHEN simple.condeferrable THEN 'DEFERRABLE' ELSE '' END);
    IF simple.conname IS NOT NULL THEN
        EXECUTE format('ALTER TABLE "{table}" DROP CONSTRAINT %I', simple.conname);
    END IF;
END $$;
"""
_DROP_RELATION = 'ALTER TABLE "{table}" DROP CONSTRAINT IF EXISTS "{name}"'


def is_tenant(model: Model) -> bool:
    """Whether every row of a model, live or of a migration's state, belongs to one organization."""
    fields = model._meta.concrete_fields
    return any(field.attname == ORGANIZATION and not field.null for field in fields)


def tenant_relations(model: Model) -> list[Any]:
    """Return the foreign keys of a tenant model to tenant models."""
    return [
        field
        for field in model._meta.concrete_fields
        if field.is_relation and field.attname != ORGANIZATION and is_tenant(field.related_model)
    ]


def relation_name(table: str, column: str) -> str:
    """Return the name of the composite key behind a column that points at another tenant table."""
    return f"{table}_{column}_in_wall"


class RaiseWalls(Operation):
    """
    Keep the tables of this app within their organizations.

    A column that points at another tenant table points at (organization, id) there, so that a row
    can never point at another organization's. The constraint takes the simple one's place, with
    its behaviour on deletion; PostgreSQL checks as many as before.

    Put it last in a migration. It looks at the app's models as they are then, leaves alone what
    stands, and is reversible; after new models or relations, a later migration calls it again.
    """

    reduces_to_sql = True
    reversible = True

    def state_forwards(self, app_label: str, state: ProjectState) -> None:
        """Change nothing: models know the relation, not how it is checked."""

    def database_forwards(
        self,
        app_label: str,
        schema_editor: BaseDatabaseSchemaEditor,
        from_state: ProjectState,
        to_state: ProjectState,
    ) -> None:
        """Raise the walls after the constraints that the migration has yet to add."""
        for model in _tenant_models(app_label, to_state):
            for field in tenant_relations(model):
                names = _names(model, field)
                schema_editor.deferred_sql.append(
                    _ADD_KEY.format(table=names["target"], id=names["id"])
                )
                schema_editor.deferred_sql.append(_ADD_RELATION.format(**names))

    def database_backwards(
        self,
        app_label: str,
        schema_editor: BaseDatabaseSchemaEditor,
        from_state: ProjectState,
        to_state: ProjectState,
    ) -> None:
        """Put the simple constraints back; tables of other apps keep the name they got."""
        models = list(_tenant_models(app_label, from_state))
        for model in models:
            for field in tenant_relations(model):
                schema_editor.execute(_DROP_RELATION.format(**_names(model, field)))
                schema_editor.execute(
                    schema_editor._create_fk_sql(  # type: ignore[attr-defined]
                        model, field, "_fk_%(to_table)s_%(to_column)s"
                    )
                )
        for model in models:
            schema_editor.execute(_DROP_KEY.format(table=model._meta.db_table))

    def describe(self) -> str:
        """Return what `sqlmigrate` and `makemigrations` show."""
        return "Keep the rows of one organization from pointing at another's"


def _tenant_models(app_label: str, state: ProjectState) -> list[Model]:
    models = state.apps.get_app_config(app_label).get_models(include_auto_created=True)
    return [model for model in models if is_tenant(model)]


def _names(model: Model, field: Any) -> dict[str, str]:
    table = model._meta.db_table
    return {
        "table": table,
        "column": field.column,
        "name": relation_name(table, field.column),
        "target": field.related_model._meta.db_table,
        "id": field.target_field.column,
    }
