"""People in line and tickets of the past, written by the thousand with SQL."""

import contextlib
from collections.abc import Iterator, Sequence

import psycopg

from bench.place import Place

_EMPTY = """
    TRUNCATE queues_ticket, outbox_domainevent, realtime_topicevent, idempotency_idempotencykey
    CASCADE
"""
# As the product leaves them, so that version, waiting count and sequence stay true.
_FILL = """
    WITH line AS (
        UPDATE queues_queue SET last_sequence = last_sequence + %(people)s,
            waiting_count = waiting_count + %(people)s, number_date = current_date
        WHERE id = %(queue)s RETURNING *
    ), people AS (
        INSERT INTO queues_ticket (
            id, organization_id, branch_id, queue_id, issuing_queue_id, service_date, sequence,
            number, version, state, service_id, priority, channel, order_key, overtaken,
            customer_name, phone, person_key, language, vehicle_category, plate, calls,
            more_time_used, outcome, note, joined_at)
        SELECT bench_uuid(), organization_id, branch_id, id, id, current_date,
            last_sequence - %(people)s + n, prefix || (last_sequence - %(people)s + n), 1,
            'waiting', %(service)s, 'ordinary', 'api', at, 0, '', '', '', 'fr', '', '', 0, 0, '',
            '', at
        FROM line, generate_series(1, %(people)s::int) AS n,
            LATERAL (SELECT now() - interval '1 hour' + n * interval '10 milliseconds' AS at) AS t
        RETURNING *
    )
    INSERT INTO queues_ticketperiod (id, organization_id, ticket_id, state, queue_id, started_at,
                                     reason)
    SELECT bench_uuid(), organization_id, id, state, queue_id, joined_at, '' FROM people
"""
# Ten thousand a day and queue, on days before today; each kind of row in one statement.
_PAST = (
    """
    INSERT INTO queues_ticket (
        id, organization_id, branch_id, queue_id, issuing_queue_id, service_date, sequence,
        number, version, state, service_id, priority, channel, order_key, overtaken,
        customer_name, phone, person_key, language, vehicle_category, plate, calls,
        more_time_used, outcome, note, joined_at, called_at, started_at, ended_at)
    SELECT bench_uuid(at), organization_id, branch_id, id, id, at::date, n,
        prefix || n, 4, 'completed', %(service)s, 'ordinary', 'api', at, 0, '', '', '', 'fr',
        '', '', 1, 0, '', '', at, at + interval '20 minutes', at + interval '21 minutes',
        at + interval '26 minutes'
    FROM generate_series(%(each)s::int, 1, -1) AS n, queues_queue,
        LATERAL (SELECT current_date - interval '1 day' * (1 + n / 10000)
                        + n %% 10000 * interval '8 seconds' AS at) AS t
    WHERE queues_queue.id = ANY(%(queues)s::uuid[])
    """,
    """
    INSERT INTO queues_ticketperiod (id, organization_id, ticket_id, state, queue_id,
                                     started_at, ended_at, reason)
    SELECT bench_uuid(step.since), organization_id, id, step.state, queue_id, step.since,
        step.till, ''
    FROM queues_ticket, LATERAL (VALUES ('waiting', joined_at, called_at),
                                        ('called', called_at, started_at),
                                        ('serving', started_at, ended_at),
                                        ('completed', ended_at, ended_at)
                                ) AS step(state, since, till)
    WHERE queues_ticket.state = 'completed' AND service_date < current_date
    """,
    """
    INSERT INTO outbox_domainevent (id, type, organization_id, actor, subject_type, subject_id,
                                    subject_version, occurred_at, payload, request_id)
    SELECT bench_uuid(step.at), step.type, organization_id, 'anonymous', 'ticket', id,
           step.version, step.at, jsonb_build_object('ticket_id', id, 'queue_id', queue_id), ''
    FROM queues_ticket, LATERAL (VALUES ('queues.ticket.issued.v1', 1, joined_at),
                                        ('queues.ticket.called.v1', 2, called_at),
                                        ('queues.ticket.started.v1', 3, started_at),
                                        ('queues.ticket.completed.v1', 4, ended_at)
                                ) AS step(type, version, at)
    WHERE queues_ticket.state = 'completed' AND service_date < current_date
    """,
)
_TRIM = """
    WITH last AS (
        SELECT id FROM queues_ticket WHERE queue_id = %(queue)s AND state = 'waiting'
        ORDER BY order_key, id OFFSET %(people)s
    ), gone AS (
        UPDATE queues_ticket SET state = 'cancelled', ended_at = now()
        FROM last WHERE queues_ticket.id = last.id RETURNING last.id
    ), closed AS (
        UPDATE queues_ticketperiod SET ended_at = now()
        FROM gone WHERE ticket_id = gone.id AND queues_ticketperiod.ended_at IS NULL
    )
    UPDATE queues_queue SET waiting_count = waiting_count - (SELECT count(*) FROM gone)
    WHERE id = %(queue)s
"""
_FREE_SEATS = """
    WITH away AS (
        UPDATE queues_ticket SET state = 'completed', counter_id = NULL, session_id = NULL,
            ended_at = now()
        WHERE state IN ('called', 'serving') RETURNING id
    )
    UPDATE queues_ticketperiod SET ended_at = now()
    FROM away WHERE ticket_id = away.id AND queues_ticketperiod.ended_at IS NULL
"""
_NEW_ID = """
    CREATE OR REPLACE FUNCTION bench_uuid(at timestamptz DEFAULT clock_timestamp())
    RETURNS uuid LANGUAGE sql VOLATILE AS $$
        SELECT (lpad(to_hex((extract(epoch FROM at) * 1000)::bigint), 12, '0')
                || '7' || substr(r, 1, 3) || '8' || substr(r, 4, 15))::uuid
        FROM (SELECT md5(random()::text) AS r) AS random
    $$
"""
# What is not of the row itself: checked or sorted once at the end instead of for each row.
_ASIDE = """
    SELECT format('ALTER TABLE %%I DROP CONSTRAINT %%I', conrelid::regclass, conname),
           format('ALTER TABLE %%I ADD CONSTRAINT %%I %%s NOT VALID', conrelid::regclass, conname,
                  pg_get_constraintdef(oid))
    FROM pg_constraint WHERE contype = 'f' AND conrelid = ANY(%(tables)s::regclass[])
    UNION ALL
    SELECT format('DROP INDEX %%I', indexrelid::regclass), pg_get_indexdef(indexrelid)
    FROM pg_index WHERE indrelid = ANY(%(tables)s::regclass[]) AND NOT indisprimary
        AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = indexrelid)
"""
_FILLED = ["queues_ticket", "queues_ticketperiod", "outbox_domainevent"]


@contextlib.contextmanager
def set_aside(connection: psycopg.Connection, tables: Sequence[str]) -> Iterator[None]:
    """
    Take foreign keys and indexes of tables away, and put them back: keys unproven, so that they check
    what comes later.
    """
    aside = connection.execute(_ASIDE, {"tables": list(tables)}).fetchall()
    for drop, _ in aside:
        connection.execute(drop)
    yield
    for _, add in aside:
        connection.execute(add)


class Line:
    """The lines of a place."""

    def __init__(self, connection: psycopg.Connection, place: Place) -> None:
        self._connection = connection
        self._place = place
        connection.execute(_NEW_ID)
        connection.execute("GRANT EXECUTE ON FUNCTION bench_uuid TO PUBLIC")

    def empty(self) -> None:
        """Forget every ticket and event; numbers and versions go on."""
        self._connection.execute(_EMPTY)
        self._connection.execute("UPDATE queues_queue SET waiting_count = 0")
        self.settle()

    def fill(self, people: int, queues: Sequence[str] | None = None) -> None:
        """Bring queues to so many people waiting at least, all unless named; free all counters."""
        self._connection.execute(_FREE_SEATS)
        for queue in queues or self._place.queues:
            row = self._connection.execute(
                "SELECT count(*) FROM queues_ticket WHERE queue_id = %s AND state = 'waiting'",
                [queue],
            ).fetchone()
            lacking = people - (row[0] if row else 0)
            if lacking > 0:
                values = {"queue": queue, "people": lacking, "service": self._place.service}
                self._connection.execute(_FILL, values)

    def trim(self, people: int, queues: Sequence[str]) -> None:
        """Let whoever stands behind that many people leave."""
        for queue in queues:
            self._connection.execute(_TRIM, {"queue": queue, "people": people})

    def add_past(self, tickets: int) -> None:
        """
        Write so many served tickets of earlier days, with their periods and events.

        Foreign keys are away meanwhile, and back unproven: they check what comes later as before.
        """
        here = self._connection
        queues = self._place.queues
        here.execute("SET synchronous_commit = off")
        here.execute("SET maintenance_work_mem = '512MB'")
        values = {
            "queues": queues,
            "service": self._place.service,
            "each": tickets // len(queues),
        }
        with set_aside(here, _FILLED):
            for statement in _PAST:
                here.execute(statement, values)
        here.execute("RESET maintenance_work_mem")
        here.execute("RESET synchronous_commit")
        self.settle()

    def settle(self) -> None:
        """Let the planner know, and have the tables as short as they can be."""
        self._connection.execute("VACUUM ANALYZE")

    def analyze(self) -> None:
        """Let the planner know, as autovacuum does; plans that were kept are made anew."""
        self._connection.execute("ANALYZE")

    def waiting(self, most: int, queues: Sequence[str]) -> list[str]:
        """Return ids of people in these lines, from anywhere in them."""
        rows = self._connection.execute(
            """
            SELECT id::text FROM queues_ticket WHERE queue_id = ANY(%s::uuid[]) AND state = 'waiting'
            ORDER BY random() LIMIT %s
            """,
            [list(queues), most],
        )
        return [row[0] for row in rows.fetchall()]
