"""What the journal keeps in PostgreSQL itself: the triggers, their function, and who may do what."""

import hashlib
import json
from collections.abc import Iterator
from typing import Any, Final

from django.db import DEFAULT_DB_ALIAS, connections
from django.db.backends.utils import CursorWrapper

from smartqueue.audit.models import DayChain, PersonKey, RowChange
from smartqueue.audit.tracking import Tracked, tracked_tables
from smartqueue.common.acting import SETTING
from smartqueue.outbox.models import DomainEvent

PREFIX: Final = "audit_"

# Version 7 (RFC 9562, with the fraction of the millisecond before the random part) by the database's
# clock: the ids' order is the order of writing, whatever time an operation was given.
_NEW_ID = """
CREATE OR REPLACE FUNCTION audit_new_id() RETURNS uuid LANGUAGE sql VOLATILE
SET search_path = pg_catalog AS $$
    SELECT (
        lpad(to_hex(micros / 1000), 12, '0')
        || to_hex(28672 + micros % 1000 * 4096 / 1000)
        || right(replace(gen_random_uuid()::text, '-', ''), 16)
    )::uuid
    FROM (SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint AS micros) AS clock
$$
"""
_FLOOR = """
CREATE OR REPLACE FUNCTION audit_first_id(day date) RETURNS uuid LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog AS $$
    SELECT (encode(substring(int8send(
        extract(epoch FROM day::timestamp)::bigint * 1000) FROM 3), 'hex') || repeat('0', 20))::uuid
$$
"""

# AES-256-CBC with a fresh vector before the text. What proves that nobody changed it is the chain.
_SEAL = """
CREATE OR REPLACE FUNCTION audit_seal(content text, person uuid) RETURNS jsonb LANGUAGE plpgsql
SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    secret bytea;
    vector bytea := gen_random_bytes(16);
BEGIN
    SELECT key INTO secret FROM audit_personkey WHERE person_id = person;
    IF NOT FOUND THEN
        INSERT INTO audit_personkey (person_id, key, created_at)
        VALUES (person, gen_random_bytes(32), now()) ON CONFLICT DO NOTHING;
        SELECT key INTO secret FROM audit_personkey WHERE person_id = person;
    END IF;
    IF secret IS NULL THEN
        RETURN jsonb_build_object('sealed', NULL, 'for', person);
    END IF;
    RETURN jsonb_build_object(
        'sealed', translate(encode(
            vector || encrypt_iv(convert_to(content, 'UTF8'), secret, vector, 'aes-cbc/pad:pkcs'),
            'base64'), E'\\n', ''),
        'for', person);
END
$$
"""
_HIDE = """
CREATE OR REPLACE FUNCTION audit_hide(content jsonb, whole jsonb, plan jsonb) RETURNS jsonb
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    name text;
    person uuid;
BEGIN
    FOR name IN SELECT jsonb_array_elements_text(plan -> 'secret') LOOP
        IF content ? name THEN
            content := content || jsonb_build_object(name, jsonb_build_object('secret', true));
        END IF;
    END LOOP;
    FOR name IN SELECT jsonb_array_elements_text(plan -> 'personal') LOOP
        IF content ->> name <> '' AND NOT content -> name ? 'secret' THEN
            person := coalesce(whole ->> (plan ->> 'sealed_for'), whole ->> (plan ->> 'key'));
            content := content || jsonb_build_object(name, audit_seal((content -> name)::text, person));
        END IF;
    END LOOP;
    RETURN content;
END
$$
"""
_RECORD = """
CREATE OR REPLACE FUNCTION audit_record() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    plan CONSTANT jsonb := TG_ARGV[0]::jsonb;
    ignored CONSTANT text[] := ARRAY(SELECT jsonb_array_elements_text(plan -> 'ignored'));
    said CONSTANT text[] := string_to_array(nullif(current_setting('smartqueue.acting', true), ''), '|');
    old_row jsonb;
    new_row jsonb;
    whole jsonb;
    before jsonb;
    after jsonb;
    organization uuid;
BEGIN
    IF TG_OP <> 'INSERT' THEN old_row := to_jsonb(OLD) - ignored; END IF;
    IF TG_OP <> 'DELETE' THEN new_row := to_jsonb(NEW) - ignored; END IF;
    whole := coalesce(new_row, old_row);
    IF TG_OP = 'UPDATE' THEN
        SELECT jsonb_object_agg(key, value), jsonb_object_agg(key, new_row -> key)
        INTO before, after
        FROM jsonb_each(old_row)
        WHERE value IS DISTINCT FROM new_row -> key
          AND (NOT plan ? 'only' OR plan -> 'only' ? key);
        IF before IS NULL THEN RETURN NULL; END IF;
    ELSE
        before := jsonb_strip_nulls(old_row);
        after := jsonb_strip_nulls(new_row);
    END IF;
    organization := whole ->> (plan ->> 'organization');
    IF plan ? 'owner' THEN
        EXECUTE format('SELECT organization_id FROM public.%I WHERE id = $1', plan #>> '{owner,0}')
        INTO organization USING (whole ->> (plan #>> '{owner,1}'))::uuid;
    END IF;
    INSERT INTO audit_rowchange (
        id, organization_id, branch_id, at, "table", row_id, kind, before, after,
        actor, is_direct, request_id, address, transaction_id
    ) VALUES (
        audit_new_id(),
        organization,
        (whole ->> (plan ->> 'branch'))::uuid,
        coalesce(nullif(said[4], '')::timestamptz, clock_timestamp()),
        TG_TABLE_NAME,
        whole ->> (plan ->> 'key'),
        lower(TG_OP),
        audit_hide(before, old_row, plan),
        audit_hide(after, new_row, plan),
        left(coalesce(said[1], 'database:' || session_user), 80),
        said IS NULL,
        left(coalesce(said[2], ''), 40),
        CASE WHEN said IS NULL THEN inet_client_addr() ELSE nullif(said[3], '')::inet END,
        pg_current_xact_id()::text::bigint
    );
    RETURN NULL;
END
$$
"""

# Only the owner deletes; the web role asks these, which never touch a day that is not sealed.
_PURGE = """
CREATE OR REPLACE FUNCTION audit_purge_day(wanted date) RETURNS integer LANGUAGE plpgsql
SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    gone integer;
    more integer;
BEGIN
    IF wanted > current_date - 30 THEN
        RAISE EXCEPTION 'the journal keeps at least 30 days' USING ERRCODE = 'check_violation';
    END IF;
    PERFORM FROM audit_daychain WHERE day = wanted AND purged_at IS NULL FOR UPDATE;
    IF NOT FOUND THEN RETURN 0; END IF;
    IF EXISTS (
        SELECT FROM outbox_delivery
        WHERE event_id >= audit_first_id(wanted) AND event_id < audit_first_id(wanted + 1)
    ) THEN RETURN 0; END IF;
    DELETE FROM outbox_domainevent
    WHERE id >= audit_first_id(wanted) AND id < audit_first_id(wanted + 1);
    GET DIAGNOSTICS gone = ROW_COUNT;
    DELETE FROM audit_rowchange
    WHERE id >= audit_first_id(wanted) AND id < audit_first_id(wanted + 1);
    GET DIAGNOSTICS more = ROW_COUNT;
    UPDATE audit_daychain SET purged_at = now() WHERE day = wanted;
    RETURN gone + more;
END
$$
"""
_FORGET = """
CREATE OR REPLACE FUNCTION audit_forget_addresses(wanted date) RETURNS integer LANGUAGE plpgsql
SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    events integer;
    changes integer;
BEGIN
    UPDATE audit_daychain SET addresses_forgotten_at = now()
    WHERE day = wanted AND addresses_forgotten_at IS NULL;
    IF NOT FOUND THEN RETURN 0; END IF;
    UPDATE outbox_domainevent SET address = NULL
    WHERE id >= audit_first_id(wanted) AND id < audit_first_id(wanted + 1) AND address IS NOT NULL;
    GET DIAGNOSTICS events = ROW_COUNT;
    UPDATE audit_rowchange SET address = NULL
    WHERE id >= audit_first_id(wanted) AND id < audit_first_id(wanted + 1) AND address IS NOT NULL;
    GET DIAGNOSTICS changes = ROW_COUNT;
    RETURN events + changes;
END
$$
"""
_DESTROY = """
CREATE OR REPLACE FUNCTION audit_destroy_keys(people uuid[]) RETURNS integer LANGUAGE sql
SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
    WITH destroyed AS (
        INSERT INTO audit_personkey (person_id, key, created_at, destroyed_at)
        SELECT DISTINCT person, NULL::bytea, now(), now() FROM unnest(people) AS person
        ON CONFLICT (person_id) DO UPDATE
        SET key = NULL, destroyed_at = coalesce(audit_personkey.destroyed_at, now())
        RETURNING 1
    )
    SELECT count(*)::integer FROM destroyed
$$
"""
FUNCTIONS: Final = (_NEW_ID, _FLOOR, _SEAL, _HIDE, _RECORD, _PURGE, _FORGET, _DESTROY)
# What the triggers call; nobody else has a reason to.
INTERNAL: Final = (
    "audit_seal(text, uuid)",
    "audit_hide(jsonb, jsonb, jsonb)",
    "audit_record()",
)

# Whoever else has rights on the journal's tables keeps those to read, and to add where it must.
WITHHELD: Final = {
    DomainEvent: ("UPDATE", "DELETE", "TRUNCATE"),
    DayChain: ("UPDATE", "DELETE", "TRUNCATE"),
    RowChange: ("INSERT", "UPDATE", "DELETE", "TRUNCATE"),
    PersonKey: ("INSERT", "UPDATE", "DELETE", "TRUNCATE"),
}
_HOLDERS = """
    SELECT DISTINCT acl.grantee::regrole::text
    FROM pg_class, aclexplode(relacl) AS acl
    WHERE oid = %s::regclass AND acl.grantee NOT IN (0, relowner) AND acl.privilege_type = ANY(%s)
"""


def install_after_migrate(using: str, **kwargs: Any) -> None:
    """Answer Django's signal once the whole schema is there."""
    if using == DEFAULT_DB_ALIAS and RowChange._meta.db_table in _tables():
        install()


def _tables() -> list[str]:
    here = connections[DEFAULT_DB_ALIAS]
    with here.cursor() as cursor:
        return here.introspection.table_names(cursor)


def install() -> None:
    """
    Bring functions, triggers and rights to what the code says; needs the owner of the tables.

    What is there already is left alone, so that a release locks no table for nothing.
    """
    tables = set(_tables())
    with connections[DEFAULT_DB_ALIAS].cursor() as cursor:
        _install_functions(cursor)
        for model, rights in WITHHELD.items():
            _withhold(cursor, model._meta.db_table, rights)
        present = _present_triggers(cursor)
        wanted = {
            (tracked.table, name): statement
            for tracked in tracked_tables()
            if tracked.table in tables
            for name, statement in triggers_of(tracked)
        }
        for table, name in present.keys() - wanted.keys():
            cursor.execute(f'DROP TRIGGER "{name}" ON "{table}"')
        for (table, name), statement in wanted.items():
            mark = hashlib.sha256(statement.encode()).hexdigest()
            if present.get((table, name)) != mark:
                cursor.execute(statement)
                cursor.execute(f'COMMENT ON TRIGGER "{name}" ON "{table}" IS \'{mark}\'')


def _install_functions(cursor: CursorWrapper) -> None:
    mark = hashlib.sha256("".join(FUNCTIONS).encode()).hexdigest()
    cursor.execute("SELECT obj_description(to_regproc('audit_record'), 'pg_proc')")
    if cursor.fetchone() == (mark,):
        return
    for function in FUNCTIONS:
        cursor.execute(function)
    for signature in INTERNAL:
        cursor.execute(f"REVOKE ALL ON FUNCTION {signature} FROM PUBLIC")
    cursor.execute(f"COMMENT ON FUNCTION audit_record() IS '{mark}'")


def _withhold(cursor: CursorWrapper, table: str, rights: tuple[str, ...]) -> None:
    cursor.execute(_HOLDERS, [table, list(rights)])
    for (role,) in cursor.fetchall():
        cursor.execute(f'REVOKE {", ".join(rights)} ON "{table}" FROM {role}')


def _present_triggers(cursor: CursorWrapper) -> dict[tuple[str, str], str | None]:
    cursor.execute(
        """
        SELECT relname, tgname, obj_description(pg_trigger.oid, 'pg_trigger')
        FROM pg_trigger JOIN pg_class ON pg_class.oid = tgrelid
        WHERE NOT tgisinternal AND tgname LIKE 'audit\\_%'
        """
    )
    return {(table, name): mark for table, name, mark in cursor.fetchall()}


_IS_DIRECT: Final = f"coalesce(current_setting('{SETTING}', true), '') = ''"


def triggers_of(tracked: Tracked) -> Iterator[tuple[str, str]]:
    """Yield the names and the statements of one table's triggers."""
    if tracked.hot is None:
        yield _trigger(tracked, "every", "INSERT OR UPDATE OR DELETE")
        return
    yield _trigger(tracked, "direct", "INSERT OR UPDATE OR DELETE", _IS_DIRECT)
    if tracked.hot.is_kept_whole:
        yield _trigger(tracked, "whole", "INSERT OR DELETE", f"NOT ({_IS_DIRECT})")
    if tracked.hot.watched:
        columns = [f'"{column}"' for column in tracked.hot.watched]
        old, new = (", ".join(f"{row}.{column}" for column in columns) for row in ("OLD", "NEW"))
        differs = f"ROW({old}) IS DISTINCT FROM ROW({new}) AND NOT ({_IS_DIRECT})"
        yield _trigger(tracked, "watched", f"UPDATE OF {', '.join(columns)}", differs)


def _trigger(tracked: Tracked, name: str, on: str, condition: str = "") -> tuple[str, str]:
    plan: dict[str, Any] = {
        "key": tracked.key,
        "personal": tracked.personal,
        "secret": tracked.secret,
        "ignored": tracked.ignored,
        "sealed_for": tracked.sealed_for,
        "organization": tracked.organization,
        "branch": tracked.branch,
    }
    if tracked.owner:
        plan["owner"] = tracked.owner
    if name == "watched" and tracked.hot:
        plan["only"] = tracked.hot.watched
    when = f" WHEN ({condition})" if condition else ""
    statement = (
        f'CREATE OR REPLACE TRIGGER "{PREFIX}{name}" AFTER {on} ON "{tracked.table}"'
        f" FOR EACH ROW{when} EXECUTE FUNCTION audit_record('{json.dumps(plan)}')"
    )
    return f"{PREFIX}{name}", statement
