"""Many services at many branches with their bookings: made through the API once, then copied with SQL."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import holidays
import psycopg

from bench import rows
from bench.line import set_aside
from bench.place import Place
from bench.scratch import Unusable

BRANCHES, SERVICES, DAYS = 50, 20, 90
CAPACITY, PUBLIC = 2, 1
BOOKED_AHEAD = 50_000
MINUTES = 30
STARTS_A_DAY = 16
SLOTS = "/api/appointments/available-slots/"

# A row again and again, with other values in some columns.
_COPY = """
    INSERT INTO {table} ({columns}) SELECT {chosen}
    FROM {table} AS own CROSS JOIN {others}
    CROSS JOIN LATERAL jsonb_populate_record(own, {changes}) AS copy
    WHERE {which}
"""
_COPIES = (
    (
        "business_branch",
        "jsonb_build_object('id', bench_uuid(), 'name', 'Bench ' || n, 'slug', own.slug || '-' || n)",
        "generate_series(2, %(branches)s) AS n",
        "own.id = %(branch)s",
    ),
    (
        "business_service",
        "jsonb_build_object('id', bench_uuid(), 'name', 'Bench ' || n)",
        "generate_series(2, %(services)s) AS n",
        "own.id = %(service)s",
    ),
    (
        "appointments_bookingrules",
        "jsonb_build_object('id', bench_uuid(), 'service_id', s.id)",
        "business_service AS s",
        "own.service_id = %(service)s AND s.id <> own.service_id",
    ),
    (
        "appointments_appointmentslot",
        "jsonb_build_object('id', bench_uuid(), 'service_id', s.id, 'branch_id', b.id)",
        "business_service AS s CROSS JOIN business_branch AS b",
        "own.service_id = %(service)s AND (s.id, b.id) <> (own.service_id, own.branch_id)",
    ),
)
_COLUMNS = """
    SELECT quote_ident(attname) FROM pg_attribute WHERE attrelid = %s::regclass
    AND attnum > 0 AND NOT attisdropped AND attgenerated = '' ORDER BY attnum
"""
# Starts of a number of working days, of each service at each branch in turn; one booking at each.
_STARTS = """
    CREATE TEMPORARY TABLE bench_booked AS
    WITH pair AS (
        SELECT s.id AS service_id, b.id AS branch_id, b.organization_id,
               row_number() OVER (ORDER BY s.id, b.id) - 1 AS number
        FROM business_service AS s, business_branch AS b
    )
    SELECT bench_uuid(at) AS places_id, bench_uuid(at) AS id, pair.organization_id, pair.branch_id,
           pair.service_id, at, substr(md5(%(state)s), 1, 2) || lpad(to_hex(n), 8, '0') AS reference
    FROM generate_series(%(first)s::int, %(last)s::int) AS n
    JOIN pair ON pair.number = n %% %(pairs)s,
        LATERAL (SELECT (n / %(pairs)s) * %(step)s AS turn) AS t,
        LATERAL (SELECT (%(days)s::date[])[1 + (turn / %(starts)s) %% cardinality(%(days)s::date[])]
            + time '09:00' + turn %% %(starts)s * interval '30 minutes' AS at) AS a
"""
# What the trigger would count is written with the row.
_FILL_PLACES = """
    INSERT INTO appointments_slotplaces (
        id, organization_id, branch_id, service_id, starts_at, ends_at, busy_from, busy_until,
        ceiling, public_ceiling, taken, public_taken, cooling)
    SELECT places_id, organization_id, branch_id, service_id, at, at + interval '30 minutes', at,
        at + interval '30 minutes', %(capacity)s, %(public)s, 1, 1, 0
    FROM bench_booked
"""
# As the product left the model, but for these.
_FILL_BOOKED = """
    INSERT INTO appointments_appointment ({columns})
    SELECT {values} FROM bench_booked AS own, appointments_appointment AS model
    WHERE model.id = %(model)s
"""
_OF_A_BOOKING = {
    "id": "own.id",
    "branch_id": "own.branch_id",
    "service_id": "own.service_id",
    "places_id": "own.places_id",
    "starts_at": "own.at",
    "ends_at": "own.at + interval '30 minutes'",
    "date": "own.at::date",
    "state": "%(state)s",
    "is_public": "true",
    "reference": "own.reference",
    "phone": "'+22177' || lpad((random() * 9999999)::int::text, 7, '0')",
    "next_reminder_at": "NULL",
    "created_at": "own.at - interval '3 days'",
    "booked_at": "own.at - interval '3 days'",
}
_FILL_STEPS = """
    INSERT INTO appointments_appointmentstep (
        id, organization_id, appointment_id, version, state, starts_at, side, at)
    SELECT bench_uuid(step.at), organization_id, id, step.version, step.state, own.at, 'person',
        step.at
    FROM bench_booked AS own, LATERAL (
        VALUES (1, 'confirmed', own.at - interval '3 days'), (2, %(state)s, own.at)
    ) AS step (version, state, at)
    WHERE step.version = 1 OR %(state)s <> 'confirmed'
"""
_TABLES = ("appointments_slotplaces", "appointments_appointment", "appointments_appointmentstep")

COUNT_FREE = """
    SELECT count(*)
    FROM appointments_appointmentslot AS p
    CROSS JOIN generate_series('{since}'::date, '{until}'::date, interval '1 day') AS day
    CROSS JOIN LATERAL generate_series(day + p.start_time,
        day + p.end_time - p.interval_minutes * interval '1 minute',
        p.interval_minutes * interval '1 minute') AS at
    LEFT JOIN appointments_slotplaces AS t
        ON t.service_id = p.service_id AND t.branch_id = p.branch_id AND t.agent_id IS NULL
        AND t.starts_at = at AND t.starts_at >= '{since}' AND t.starts_at < '{until}'::date + 1
    WHERE p.organization_id = '{organization}' AND p.retired_at IS NULL
      AND p.valid_from <= day AND (p.valid_until IS NULL OR p.valid_until >= day)
      AND extract(isodow FROM day) - 1 = p.day_of_week
      AND NOT day::date = ANY('{holidays}'::date[])
      AND least(p.capacity - coalesce(t.taken, 0), p.public_capacity - coalesce(t.public_taken, 0)) > 0
"""
COUNT_ROWS = """
    SELECT (SELECT count(*) FROM appointments_appointmentslot WHERE organization_id = '{organization}'
            AND retired_at IS NULL)
         + (SELECT count(*) FROM appointments_slotplaces WHERE organization_id = '{organization}'
            AND starts_at >= '{since}' AND starts_at < '{until}'::date + 1)
"""


class Calendars:
    """Services at branches, all with the usual week, and a share of it booked."""

    def __init__(self, connection: psycopg.Connection, place: Place) -> None:
        self._connection, self._place = connection, place
        self.pairs: list[tuple[str, str]] = []
        self.today = datetime.now(UTC).date()
        self._past = 0

    @property
    def since(self) -> date:
        """The first date that is asked for: tomorrow, so that no lead time is in the way."""
        return self.today + timedelta(days=1)

    @property
    def until(self) -> date:
        """The last of 90 dates."""
        return self.since + timedelta(days=DAYS - 1)

    def set_up(self) -> None:
        """Offer the usual week of one service at one branch through the API."""
        place, owner = self._place, self._place.owner
        owner.api.put(
            f"/api/appointments/booking-rules/{place.service}/",
            {"window_days": 120, "most_per_day": 100, "most_ahead": 100, "lead_minutes": 0},
            owner.access,
        )
        owner.post(
            "/api/appointments/appointment-slots/generate/",
            branch=place.branch,
            service=place.service,
            capacity=CAPACITY,
            public_capacity=PUBLIC,
        )

    def learn(self, booking: dict[str, Any]) -> tuple[list[rows.Write], list[str]]:
        """Return what the product writes for a booking that the first of the agents makes."""
        seat = self._place.seats[0]
        for turn in (0, 1):
            before = rows.snapshot(self._connection)
            body = booking | {"starts_at": f"{self.working_days(1)[0]}T{9 + turn:02}:00:00Z"}
            made = seat.agent.post("/api/appointments/appointments/", **body)
            self._model = made["id"]
        return rows.learn_inserts(self._connection, before, {"agent": seat.agent.id})

    def copy(self) -> None:
        """Offer the same of 20 services at 50 branches, and book a part of 90 days."""
        names = {
            "branch": self._place.branch,
            "service": self._place.service,
            "branches": BRANCHES,
            "services": SERVICES,
        }
        for table, changes, others, which in _COPIES:
            found = self._connection.execute(_COLUMNS, [table]).fetchall()
            columns = [name for (name,) in found]
            text = _COPY.format(
                table=table,
                columns=", ".join(columns),
                chosen=", ".join(f"copy.{name}" for name in columns),
                changes=changes,
                others=others,
                which=which,
            )
            self._connection.execute(text, names)
        found = self._connection.execute(
            "SELECT s.id::text, b.id::text FROM business_service AS s, business_branch AS b"
            " ORDER BY s.id, b.id"
        )
        self.pairs = found.fetchall()
        # Every seventh start from the third date on; the first two stay for those who book.
        self._fill(0, BOOKED_AHEAD, self.working_days(DAYS)[2:], "confirmed", step=7)

    def add_past(self, bookings: int) -> None:
        """Bring the bookings of earlier days to so many, from yesterday backwards."""
        days = self.working_days(-2 * DAYS)
        self._fill(self._past, bookings, days, "completed", step=1)
        self._past = bookings

    def _fill(self, first: int, last: int, days: list[date], state: str, *, step: int) -> None:
        here = self._connection
        values = {
            "first": first,
            "last": last - 1,
            "pairs": len(self.pairs),
            "starts": STARTS_A_DAY,
            "step": step,
            "days": days,
            "capacity": CAPACITY,
            "public": PUBLIC,
            "state": state,
            "model": self._model,
        }
        here.execute("SET synchronous_commit = off")
        here.execute("SET maintenance_work_mem = '512MB'")
        here.execute(_STARTS, values)
        with set_aside(here, _TABLES):
            self._triggers("DISABLE")
            for statement in (_FILL_PLACES, self._booked(), _FILL_STEPS):
                here.execute(statement, values)
            self._triggers("ENABLE")
        here.execute("DROP TABLE bench_booked")
        here.execute("RESET maintenance_work_mem")
        here.execute("RESET synchronous_commit")
        here.execute("VACUUM ANALYZE")

    def _booked(self) -> str:
        """Return the statement that writes the bookings, all columns named."""
        found = self._connection.execute(_COLUMNS, ["appointments_appointment"]).fetchall()
        columns = [name for (name,) in found]
        values = [_OF_A_BOOKING.get(name, f"model.{name}") for name in columns]
        return _FILL_BOOKED.format(columns=", ".join(columns), values=", ".join(values))

    def _triggers(self, word: str) -> None:
        for table in _TABLES:
            self._connection.execute(f"ALTER TABLE {table} {word} TRIGGER USER")

    def holidays(self) -> list[date]:
        """Return the dates that the branches' country does not work."""
        years = {self.since.year, self.until.year, self.today.year - 1, self.today.year}
        return sorted(holidays.country_holidays("SN", years=years))

    def working_days(self, count: int) -> list[date]:
        """Return the working days among so many dates from the first on, or back from yesterday."""
        free = set(self.holidays())
        if count > 0:
            dates = [self.since + timedelta(days=n) for n in range(count + 5)]
        else:
            dates = [self.today - timedelta(days=n) for n in range(1, 1 - count)]
        return [d for d in dates if d.weekday() < 5 and d not in free and d <= self.until]

    def asked(self, **narrowed: str) -> str:
        """Return the path that asks for 90 days of the organization, or of what is named."""
        about = narrowed or {"organization": self._place.organization}
        about = {"date_from": f"{self.since}", "date_to": f"{self.until}"} | about
        return SLOTS + "?" + "&".join(f"{name}={value}" for name, value in about.items())

    def sql(self, text: str) -> str:
        """Return a statement over the same dates and rows."""
        days = "{" + ",".join(map(str, self.holidays())) + "}"
        return text.format(
            since=self.since,
            until=self.until,
            organization=self._place.organization,
            holidays=days,
        )

    def check_same_answer(self) -> int:
        """
        Return how many starts are free, as the product and the statement both count.

        :raises Unusable: they differ, so the comparison would not be fair
        """
        ours = self._place.owner.api.get(self.asked())["count"]
        row = self._connection.execute(self.sql(COUNT_FREE)).fetchone()
        if row is None or ours != row[0]:
            raise Unusable(f"the product counts {ours} free starts, the statement {row}")
        return int(ours)

    def start(self, turn: int) -> tuple[str, str, datetime]:
        """Return one of the starts that nobody has booked: of each pair, one after the other."""
        service, branch = self.pairs[turn % len(self.pairs)]
        later = turn // len(self.pairs)
        day = self.working_days(DAYS)[later // STARTS_A_DAY % 2]
        at = datetime.combine(day, time(9), UTC) + timedelta(minutes=MINUTES) * (
            later % STARTS_A_DAY
        )
        return service, branch, at
