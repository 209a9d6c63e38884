"""
What stands in the database itself between one organization's rows and another's.

A migration of each app with tenant tables ends with `RaiseWalls`; docs/patterns/tenancy.md.
"""

from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias

from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.operations.base import Operation
from django.db.migrations.state import ProjectState

from smartqueue.common.tenancy import EVERY_KEY, PLATFORM_KEY, SETTING

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

# Takes over how the simple key was checked and what it did on deletion. The simple one stays where
# a row may be without an organization: the composite key does not look at such a row.
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
    IF simple.conname IS NOT NULL AND NOT {keeps_simple} THEN
        EXECUTE format('ALTER TABLE "{table}" DROP CONSTRAINT %I', simple.conname);
    END IF;
END $$;
"""
_DROP_RELATION = 'ALTER TABLE "{table}" DROP CONSTRAINT IF EXISTS "{name}"'

# Who may update decides the row as it becomes (the policy's CHECK); that it has not come from
# another organization is this trigger's word, so that public rows can be locked before it is known
# whose they are.
_STAY = """
CREATE OR REPLACE FUNCTION organization_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'a row of % stays with its organization', TG_TABLE_NAME
        USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'organization_stays';
END $$;
CREATE OR REPLACE TRIGGER organization_stays BEFORE UPDATE OF organization_id ON "{table}"
    FOR EACH ROW WHEN (OLD.organization_id IS DISTINCT FROM NEW.organization_id)
    EXECUTE FUNCTION organization_stays();
"""
# Tells whose a row is, and nothing else, to who knows its id: the first step of a policy.
_ORGANIZATIONS_OF = """
CREATE OR REPLACE FUNCTION "organizations_of_{table}"(ids uuid[]) RETURNS text
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
    RETURN (SELECT string_agg(DISTINCT {organization}::text, ',')
            FROM "{table}" AS found WHERE found."{id}" = ANY (ids));
END $$;
"""
_DROP_OWN = """
DROP TRIGGER IF EXISTS organization_stays ON "{table}";
DROP FUNCTION IF EXISTS "organizations_of_{table}"(uuid[]);
"""
_POLICIES = """
ALTER TABLE "{table}" ENABLE ROW LEVEL SECURITY;
DROP POLICY IF EXISTS wall_read ON "{table}";
DROP POLICY IF EXISTS wall_insert ON "{table}";
DROP POLICY IF EXISTS wall_update ON "{table}";
DROP POLICY IF EXISTS wall_delete ON "{table}";
CREATE POLICY wall_read ON "{table}" FOR SELECT USING ({read});
CREATE POLICY wall_insert ON "{table}" FOR INSERT WITH CHECK ({write});
CREATE POLICY wall_update ON "{table}" FOR UPDATE USING ({read}) WITH CHECK ({write});
CREATE POLICY wall_delete ON "{table}" FOR DELETE USING ({write});
"""
_NO_POLICIES = """
DROP POLICY IF EXISTS wall_read ON "{table}";
DROP POLICY IF EXISTS wall_insert ON "{table}";
DROP POLICY IF EXISTS wall_update ON "{table}";
DROP POLICY IF EXISTS wall_delete ON "{table}";
ALTER TABLE "{table}" DISABLE ROW LEVEL SECURITY;
"""
# A subquery of its own is evaluated once in a statement, not once for every row.
_KEYS = f"((SELECT nullif(current_setting('{SETTING}', true), '')::uuid[])::uuid[])"
_OF_PLATFORM = f"(\"{ORGANIZATION}\" IS NULL AND '{PLATFORM_KEY}'::uuid = ANY {_KEYS})"
_TRUSTED = f"'{EVERY_KEY[1:-1]}'::uuid = ANY {_KEYS}"


def is_tenant(model: Model) -> bool:
    """Whether every row of a model, live or of a migration's state, belongs to one organization."""
    return names_organization(model) and not may_be_without(model)


def names_organization(model: Model) -> bool:
    """Whether the rows of a model belong to an organization, all of them or some."""
    return any(field.attname == ORGANIZATION for field in model._meta.concrete_fields)


def may_be_without(model: Model) -> bool:
    """Whether a model that names an organization has rows without one."""
    fields = model._meta.concrete_fields
    return any(field.attname == ORGANIZATION and field.null for field in fields)


def tenant_relations(model: Model) -> list[Any]:
    """Return the foreign keys of a model that names an organization to others that do."""
    return [
        field
        for field in model._meta.concrete_fields
        if field.is_relation
        and field.db_constraint
        and field.attname != ORGANIZATION
        and names_organization(field.related_model)
    ]


def parents(model: Model) -> list[Any]:
    """Return the foreign keys by which a model without an organization hangs on tenant models."""
    if names_organization(model):
        return []
    return [
        field
        for field in model._meta.concrete_fields
        if field.is_relation and not field.null and is_tenant(field.related_model)
    ]


def relation_name(table: str, column: str) -> str:
    """Return the name of the composite key behind a column that points at another tenant table."""
    return f"{table}_{column}_in_wall"


class RaiseWalls(Operation):
    """
    Keep the tables of this app within their organizations.

    A column that points at another tenant table points at (organization, id) there, so that a row
    can never point at another organization's. The constraint takes the simple one's place, with
    its behaviour on deletion; PostgreSQL checks as many as before. Row policies then hold every
    role but the owner to the scope that `common.tenancy` tells the connection. A table without an
    organization that hangs on tenant rows (a join table) is as open as they are.

    `public` names the models whose rows anybody may read (writing still needs the scope), and
    `personal` the column by which a person reads their own rows: {"Ticket": "customer"}. A row
    without an organization is open to every key alone, in the models that `platform` names to the
    platform's own (`tenancy.enter_platform`) as well. They say what the models' `anybody_reads`,
    `person` and `of_platform` say. `but` names models that name an organization and are not kept
    in it; `tests/contracts/test_walls.py` has the reasons.

    Put it last in a migration. It looks at the app's models as they are then, leaves alone what
    stands, and is reversible; after new models or relations, a later migration calls it again with
    the names of all its models.
    """

    reduces_to_sql = True
    reversible = True

    def __init__(
        self,
        *,
        public: Iterable[str] = (),
        personal: Mapping[str, str] | None = None,
        platform: Iterable[str] = (),
        but: Iterable[str] = (),
    ) -> None:
        self.public = tuple(public)
        self.personal = dict(personal or {})
        self.platform = tuple(platform)
        self.but = frozenset(but)

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
        later = schema_editor.deferred_sql
        for model in self._models(app_label, to_state):
            table = model._meta.db_table
            if names_organization(model):
                for field in tenant_relations(model):
                    names = _names(model, field)
                    later.append(_ADD_KEY.format(table=names["target"], id=names["id"]))
                    later.append(_ADD_RELATION.format(**names))
                later.append(_STAY.format(table=table))
                later.append(
                    _ORGANIZATIONS_OF.format(
                        table=table, id=model._meta.pk.column, organization=self._key_of_row(model)
                    )
                )
                later.append(_POLICIES.format(table=table, **self._rules(model)))
            elif parents(model):
                later.append(_POLICIES.format(table=table, **_rules_of_parents(model)))

    def database_backwards(
        self,
        app_label: str,
        schema_editor: BaseDatabaseSchemaEditor,
        from_state: ProjectState,
        to_state: ProjectState,
    ) -> None:
        """Put the simple constraints back; tables of other apps keep the name they got."""
        run = schema_editor.execute
        models = self._models(app_label, from_state)
        for model in models:
            if names_organization(model) or parents(model):
                run(_NO_POLICIES.format(table=model._meta.db_table))
        for model in filter(names_organization, models):
            for field in tenant_relations(model):
                run(_DROP_RELATION.format(**_names(model, field)))
                if is_tenant(model):
                    run(
                        schema_editor._create_fk_sql(  # type: ignore[attr-defined]
                            model, field, "_fk_%(to_table)s_%(to_column)s"
                        )
                    )
        for model in filter(names_organization, models):
            run(_DROP_KEY.format(table=model._meta.db_table))
            run(_DROP_OWN.format(table=model._meta.db_table))

    def _models(self, app_label: str, state: ProjectState) -> list[Model]:
        models = _models(app_label, state)
        return [model for model in models if model._meta.object_name not in self.but]

    def describe(self) -> str:
        """Return what `sqlmigrate` and `makemigrations` show."""
        return "Keep the rows of one organization apart from another's"

    def _rules(self, model: Model) -> dict[str, str]:
        columns = [ORGANIZATION]
        name = model._meta.object_name
        if name in self.personal:
            columns.append(model._meta.get_field(self.personal[name]).column)
        also = [_OF_PLATFORM] if name in self.platform else []
        read = "true" if name in self.public else _opened(*columns, also=also)
        return {"read": read, "write": _opened(ORGANIZATION, also=also)}

    def _key_of_row(self, model: Model) -> str:
        own = f"found.{ORGANIZATION}"
        if not may_be_without(model):
            return own
        is_of_platform = model._meta.object_name in self.platform
        return f"coalesce({own}, '{PLATFORM_KEY if is_of_platform else EVERY_KEY[1:-1]}')"


def opened(*columns: str) -> str:
    """Return the condition under which a policy opens a row: one of its columns is among the keys."""
    return _opened(*columns)


def _opened(*columns: str, also: Iterable[str] = ()) -> str:
    own = (f'"{column}" = ANY {_KEYS}' for column in columns)
    return " OR ".join([*own, *also, _TRUSTED])


_PARENT = 'EXISTS (SELECT FROM "{parent}" AS parent WHERE parent."{id}" = "{table}"."{column}"'


def _rules_of_parents(model: Model) -> dict[str, str]:
    """Say that a row is open where all its parents are, and writable where they are of the scope."""
    read, write = [], []
    for field in parents(model):
        parent = field.related_model._meta.db_table
        found = _PARENT.format(
            parent=parent,
            id=field.target_field.column,
            table=model._meta.db_table,
            column=field.column,
        )
        read.append(f"{found})")
        write.append(f"{found} AND ({_opened(ORGANIZATION)}))")
    return {"read": " AND ".join(read), "write": " AND ".join(write)}


def _models(app_label: str, state: ProjectState) -> list[Model]:
    models = state.apps.get_app_config(app_label).get_models(include_auto_created=True)
    return [model for model in models if not model._meta.proxy and model._meta.managed]


def _names(model: Model, field: Any) -> dict[str, str]:
    table = model._meta.db_table
    return {
        "table": table,
        "column": field.column,
        "name": relation_name(table, field.column),
        "target": field.related_model._meta.db_table,
        "id": field.target_field.column,
        "keeps_simple": "true" if may_be_without(model) else "false",
    }
