"""
What a form does not declare is not written: every operation of the API that writes is asked with
a valid body, and again with the name of every column of the product beside it.

The columns that differ between two plain requests of the same body (keys, tokens) are found by
asking twice; they may not hold what was sent. All others may not differ at all.
"""

import csv
import json
import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

import pytest
from django.apps import apps
from django.contrib.gis.db.models import PointField
from django.contrib.postgres.fields import ArrayField
from django.db import connection, models, transaction
from rest_framework import serializers

from smartqueue.accounts import operations as accounts
from smartqueue.accounts.device import Device
from smartqueue.accounts.models import User
from smartqueue.accounts.tests.factories import PASSWORD
from smartqueue.business import operations as business
from smartqueue.business.models import Invitation
from smartqueue.common import clock
from smartqueue.queues.interfaces.serializers import PrioritySerializer, QueueSettingsSerializer
from smartqueue.queues.operations import configuring
from tests.contracts.places import UPLOADS, Caller, World, ask, body_for, make_world, requests
from tests.contracts.test_access import TABLE
from tests.contracts.writes import Watch

pytestmark = pytest.mark.no_cover

MARK: Final = "smuggled"
MARKED_ID: Final = "0bad0bad-0bad-4bad-8bad-0bad0bad0bad"
MARKED_TIME: Final = "2001-02-03T04:05:06Z"
MARKED_NUMBER: Final = 4242
# The number stands alone: times and ciphers hold its digits by chance.
MARKS: Final = re.compile(
    rf"{MARK}|{MARKED_ID}|2001-02-03|(?<![\w.:+/=-]){MARKED_NUMBER}(?![\w.:+/=-])"
)
# How often each operation is asked with other values beside its body.
ROUNDS: Final = 3
# Fewer than a form with files may have (DATA_UPLOAD_MAX_NUMBER_FIELDS).
MOST_FIELDS: Final = 150
# What operations take beside columns.
ARGUMENTS: Final = {
    "actor": MARKED_ID,
    "now": MARKED_TIME,
    "pk": MARKED_ID,
    "owner": MARKED_ID,
    "price": 4242,
}
# Who answers for a path: the first of these whom the table lets write.
ASKING: Final = ("owner", "agent", "customer_a", "admin", "anonymous", "customer_b")

# What operations decide, and nobody says by a form; whoever takes one of these says why in TAKEN.
PRIVILEGED: Final = frozenset(
    {
        *(
            "id",
            "pk",
            "actor",
            "now",
            "owner",
            "user",
            "user_id",
            "role",
            "is_superuser",
            "is_staff",
        ),
        *("is_active", "permissions", "groups", "user_permissions", "organization", "branch_id"),
        *("organization_id", "number", "order_key", "position", "state", "status", "version"),
        *("price", "digest", "code_digest", "created_at", "updated_at", "called_at", "closed_at"),
        "expires_at",
    }
)
# Where the row is to be, which the policies look at; the version that the caller has seen; the
# price of a service and the role of a member, which managers and owners set; whose account an
# administrator of the platform opens, with a reason; the number of the version of a text that the
# caller has seen or wants back.
TAKEN: Final = {
    "POST api/accounts/account-accesses/": {"user"},
    "POST api/accounts/factor-resets/": {"user"},
    "POST api/support/cases/<uuid:case_id>/messages/": {"version"},
    "POST api/support/cases/<uuid:case_id>/assign/": {"version"},
    "POST api/agents/skills/": {"organization", "user"},
    "POST api/appointments/busy-calendars/": {"organization"},
    "POST api/business/branches/": {"organization"},
    "POST api/business/holiday-overrides/": {"organization"},
    "POST api/business/services/": {"organization", "price"},
    "PUT api/business/services/<uuid:pk>/": {"price"},
    "PATCH api/business/services/<uuid:pk>/": {"price"},
    "POST api/business/members/": {"organization", "role"},
    "PUT api/business/members/<uuid:pk>/": {"role"},
    "PATCH api/business/members/<uuid:pk>/": {"role"},
    "PUT api/business/organizations/<uuid:pk>/settings/": {"version"},
    "PATCH api/business/organizations/<uuid:pk>/settings/": {"version"},
    "POST api/business/organizations/<uuid:pk>/settings/restore/": {"version"},
    "POST api/appointments/absences/": {"organization"},
    "POST api/business/support-accesses/": {"organization"},
    "POST api/notifications/batches/": {"organization"},
    "POST api/notifications/send-email/": {"organization"},
    "POST api/notifications/send-sms/": {"organization"},
    "PUT api/notifications/sms-account/": {"organization"},
    "PUT api/notifications/templates/<slug:code>/<slug:channel>/<slug:language>/": {
        "number",
        "organization",
    },
    "POST api/notifications/templates/<slug:code>/<slug:channel>/<slug:language>/preview/": {
        "organization"
    },
    "POST api/notifications/templates/<slug:code>/<slug:channel>/<slug:language>/restore/": {
        "number",
        "organization",
    },
    "POST api/privacy/consents/": {"version"},
    "POST api/webhooks/endpoints/": {"organization"},
    "POST api/privacy/register-entries/": {"organization"},
}
# What the world cannot answer with a success: codes, keys and second factors that it has not, what
# may not be removed while people wait, and the door on another day than that of an appointment.
REFUSED: Final = frozenset(
    {
        "DELETE api/accounts/factors/totp/",
        "POST api/accounts/auth/code/confirm/",
        "POST api/accounts/auth/contact-changes/<uuid:change_id>/confirm/",
        "POST api/accounts/auth/mfa/",
        "POST api/accounts/auth/mfa/options/",
        "POST api/accounts/auth/passkey/",
        "POST api/accounts/auth/password/reset/complete/",
        "POST api/accounts/auth/password/reset/confirm/",
        "POST api/accounts/auth/password/reset/mfa/",
        "POST api/accounts/auth/reauthenticate/mfa/",
        "POST api/accounts/auth/reauthenticate/passkey/",
        "POST api/accounts/auth/verify/",
        "POST api/accounts/factors/passkeys/",
        "POST api/accounts/factors/totp/confirm/",
        "POST api/appointments/appointments/<uuid:appointment_id>/cancel-following/",
        "POST api/appointments/appointments/<uuid:appointment_id>/check-in/",
        "POST api/appointments/appointments/<uuid:appointment_id>/no-show/",
        "POST api/appointments/appointments/<uuid:appointment_id>/verify/",
        "POST api/appointments/check-in/",
        "DELETE api/business/organizations/<uuid:pk>/",
        "DELETE api/business/branches/<uuid:pk>/",
        "POST api/privacy/erasures/confirm/",
        "POST api/queues/tickets/<uuid:ticket_id>/undo/",
        "POST api/queues/tickets/<uuid:ticket_id>/use-return/",
        "DELETE api/queues/queues/<uuid:queue_id>/",
    }
)


def tables() -> list[str]:
    return sorted({model._meta.db_table for model in all_models()})


def all_models() -> list[type[models.Model]]:
    return [m for m in apps.get_models(include_auto_created=True) if m._meta.managed]


def stored(tables: Collection[str]) -> dict[str, Counter[str]]:
    """Return every row of the tables."""
    parts = [
        f"SELECT '{table}', to_jsonb(r)::text FROM \"{table}\" AS r"  # noqa: S608  # names from the models
        for table in tables
    ]
    found: dict[str, Counter[str]] = {table: Counter() for table in tables}
    with connection.cursor() as cursor:
        cursor.execute(" UNION ALL ".join(parts))
        for table, row in cursor.fetchall():
            found[table][row] += 1
    return found


Written = dict[str, list[dict[str, Any]]]


def written(watch: Watch) -> Written:
    """Return the rows that came, and those that went, by table."""
    found: Written = {}
    for table, (before, after) in watch.changed().items():
        for sign, rows in (("+", after - before), ("-", before - after)):
            if rows:
                found[sign + table] = [json.loads(row) for row in rows.elements()]
    return found


def column(rows: list[dict[str, Any]], name: str) -> list[str]:
    return sorted(json.dumps(row.get(name), sort_keys=True) for row in rows)


def changing(one: Written, other: Written) -> dict[str, set[str]]:
    """Return the columns by table that differ between two requests of one body."""
    return {
        table: {name for row in rows for name in row if column(rows, name) != column(again, name)}
        for table in one
        for rows, again in [(one[table], other.get(table, []))]
    }


def projected(rows: list[dict[str, Any]], without: set[str]) -> list[str]:
    return sorted(
        json.dumps({k: v for k, v in row.items() if k not in without}, sort_keys=True)
        for row in rows
    )


def differences(plain: Written, loose: dict[str, set[str]], actual: Written) -> list[str]:
    """Return what was written otherwise than by the plain request."""
    found = []
    for table in sorted(plain.keys() | actual.keys()):
        without = loose.get(table, set())
        rows, others = actual.get(table, []), plain.get(table, [])
        if projected(rows, without) != projected(others, without):
            names = {name for row in rows + others for name in row} - without
            differing = [n for n in sorted(names) if column(rows, n) != column(others, n)]
            found.append(f"{table}: {differing or 'other rows'}")
        found += [
            f"{table}.{name}: {mark}"
            for row in rows
            for name in without
            for mark in MARKS.findall(json.dumps(row.get(name)))
            if table[0] == "+"
        ]
    return found


# --- What is sent beside a body -----------------------------------------------------------------


def values_of(field: Any, foreign: dict[type[models.Model], list[str]]) -> list[Any]:
    """Return values that a column would take, unlike what it holds when it can be told."""
    if field.is_relation:
        return foreign.get(field.related_model) or [MARKED_ID]
    if field.choices:
        return [value for value, _ in field.flatchoices]
    if isinstance(field, ArrayField):
        return [[value] for value in values_of(field.base_field, foreign)]
    kinds: list[tuple[Any, list[Any]]] = [
        (models.BooleanField, [True, False]),
        (models.UUIDField, [MARKED_ID]),
        (models.DateTimeField, [MARKED_TIME]),
        (models.DateField, ["2001-02-03"]),
        (models.TimeField, ["04:05:06"]),
        (models.DurationField, [MARKED_NUMBER]),
        (models.SmallIntegerField, [MARKED_NUMBER]),
        (models.IntegerField, [MARKED_NUMBER]),
        (models.DecimalField, [MARKED_NUMBER]),
        (models.FloatField, [MARKED_NUMBER]),
        (models.EmailField, [f"{MARK}@example.test"]),
        (models.JSONField, [{MARK: MARK}]),
        (PointField, [{"lat": 4.242, "lon": 4.242}]),
    ]
    for kind, values in kinds:
        if isinstance(field, kind):
            return values
    return [MARK[: getattr(field, "max_length", None) or None]]


def foreign_keys(world: World) -> dict[type[models.Model], list[str]]:
    """Return keys that exist: the other organization's first, then any."""
    other = world.other
    first = {
        type(row): str(row.pk)
        for row in (other.organization, other.branch, other.queue, other.service)
    }
    first[User] = str(other.owner.user_id)
    found = {}
    for model in all_models():
        manager: Any = model._default_manager
        rows = getattr(manager, "with_scopes_disabled", manager.all)()
        keys = [str(pk) for pk in rows.order_by("-pk").values_list("pk", flat=True)[:2]]
        found[model] = [first[model], *keys] if model in first else keys
    return found


def columns(foreign: dict[type[models.Model], list[str]], likely: set[str]) -> dict[str, list[Any]]:
    """Return values for the name of every column, those of the tables that are written first."""
    found: dict[str, list[Any]] = defaultdict(list)
    for model in sorted(all_models(), key=lambda m: m._meta.db_table not in likely):
        for one in [*model._meta.concrete_fields, *model._meta.local_many_to_many]:
            values = values_of(one, foreign)
            if one.many_to_many:
                values = [[value] for value in values]
            for name in {one.name, one.attname}:
                found[name] += [value for value in values if value not in found[name]]
    for name, value in ARGUMENTS.items():
        found[name].append(value)
    return found


# --- Asking -------------------------------------------------------------------------------------


@dataclass
class Declared:
    """The names that the forms of a request declare, at its top and inside."""

    top: set[str] = field(default_factory=set)
    inside: set[str] = field(default_factory=set)


@pytest.fixture
def declared(monkeypatch: Any) -> Declared:
    names = Declared()
    validate = serializers.Serializer.run_validation

    def noting(form: Any, data: Any = serializers.empty) -> Any:
        found = names.top if form.parent is None else names.inside
        found.update(name for name, field in form.fields.items() if not field.read_only)
        return validate(form, data)

    monkeypatch.setattr(serializers.Serializer, "run_validation", noting)
    return names


def enriched(value: Any, extra: dict[str, Any]) -> Any:
    """Return a value of a body with more in each object inside it."""
    if isinstance(value, list):
        return [enriched(item, extra) for item in value]
    if isinstance(value, dict):
        return extra | {key: enriched(item, extra) for key, item in value.items()}
    return value


def working_bodies(world: World) -> dict[str, dict[str, Any]]:
    """Return bodies for what the table of access asks with wrong secrets, or with little."""
    now = clock.now()
    _device, code = business.renew_pairing_code(
        actor=world.place.owner, credential_id=world.ids["devices"], now=now
    )
    guest, customer = (
        User.objects.get(pk=world.people[name].user_id) for name in ("admin", "customer_b")
    )
    customer.set_password(PASSWORD)
    customer.save()
    customer.keep_address()
    session = accounts.sign_in(user=customer, device=Device(), now=now)
    invitations = Invitation.objects.with_scopes_disabled().filter(pk=world.ids["invitations"])
    invitations.update(identifier=guest.email)
    service = str(world.place.service.pk)
    kinds = {"code": "over-65", "name": "Over 65"}
    return {
        "api/business/devices/pair/": {"code": code},
        "api/business/invitations/accept/": {
            "token": business.invitation_token(invitations.get()),
        },
        "api/accounts/auth/login/": {"identifier": customer.email, "password": PASSWORD},
        "api/accounts/auth/refresh/": {"refresh": session.refresh},
        "api/accounts/auth/reauthenticate/": {"password": PASSWORD},
        "api/accounts/auth/password/change/": {
            "old_password": PASSWORD,
            "password": "quite another sentence",
        },
        "api/business/branches/<uuid:pk>/opening-hours/": {
            "opening_hours": [{"weekday": 1, "opens_at": "08:00", "closes_at": "12:00"}],
        },
        "api/queues/queues/<uuid:queue_id>/": {
            "name": "File",
            "services": [service],
            "priorities": [kinds],
            "vehicle_categories": [kinds | {"duration_minutes": 5}],
        },
    }


BY: Final = {
    "api/business/invitations/accept/": "admin",
    "api/business/devices/pair/": "anonymous",
    "api/accounts/auth/login/": "anonymous",
    "api/accounts/auth/refresh/": "anonymous",
    "api/accounts/auth/reauthenticate/": "customer_b",
    "api/accounts/auth/password/change/": "customer_b",
    "api/accounts/auth/contact-changes/<uuid:change_id>/confirm/": "customer_a",
    "api/accounts/factors/totp/confirm/": "customer_a",
}


@dataclass
class Asked:
    """A world at rest, and who asks."""

    world: World
    callers: dict[str, Caller]
    bodies: dict[str, dict[str, Any]]
    watch: Watch
    foreign: dict[type[models.Model], list[str]]

    def body(self, method: str, path: str) -> dict[str, Any]:
        return dict(self.bodies.get(path) or body_for(self.world, method, path))

    def send(
        self, name: str, method: str, path: str, body: dict[str, Any]
    ) -> tuple[int, dict[str, list[dict[str, Any]]]]:
        """Ask, see what came and went, and take it back."""
        with transaction.atomic():
            response = ask(self.callers[name], method, path, body)
            found = written(self.watch)
            transaction.set_rollback(True)
        return response.status_code, found


@pytest.fixture
def asked(db: None, monkeypatch: Any, settings: Any) -> Asked:
    at = clock.now()
    monkeypatch.setattr(clock, "now", lambda: at)
    settings.LIMITS = {
        action: dict.fromkeys(rates, "1000000/minute") for action, rates in settings.LIMITS.items()
    }
    world = make_world()
    bodies = working_bodies(world)
    callers = {name: Caller.of(name, world) for name in ASKING}
    return Asked(world, callers, bodies, Watch(tables(), stored), foreign_keys(world))


def writing_paths() -> Iterator[tuple[str, str, str]]:
    """Return (caller, METHOD, path) of every operation of the API that may write."""
    with TABLE.open() as file:
        table = {(row["method"], row["path"]): row for row in csv.DictReader(file)}
    for method, path in requests():
        if method != "GET" and path.startswith("api/"):
            row = table.get((method, path), {})
            able = [name for name in ASKING if row.get(name, "").endswith("*")]
            yield BY.get(path) or (able or ["owner"])[0], method, path


def extras(
    names: dict[str, list[Any]], turn: int, known: set[str], path: str
) -> Iterator[dict[str, Any]]:
    """Return what to send beside a body, in as many parts as a form with files may have fields."""
    found = {
        name: values[turn % len(values)]
        for name, values in sorted(names.items())
        if values and name not in known
    }
    if path not in UPLOADS:
        yield found
        return
    texts = [(name, json.dumps(value)) for name, value in found.items()]
    for start in range(0, len(texts), MOST_FIELDS):
        yield dict(texts[start : start + MOST_FIELDS])


@dataclass
class Finding:
    status: int
    taken: set[str]
    let_through: list[str]


def smuggle(asked: Asked, declared: Declared, name: str, method: str, path: str) -> Finding:
    """Send what no form declares; return what came through, and the privileged names declared."""
    declared.top.clear()
    declared.inside.clear()
    status, plain = asked.send(name, method, path, asked.body(method, path))
    again, other = asked.send(name, method, path, asked.body(method, path))
    found = Finding(status, declared.top & PRIVILEGED, [])
    if status != again:
        found.let_through.append(f"the same request was answered {status}, then {again}")
    loose = changing(plain, other)
    names = columns(asked.foreign, {table[1:] for table in plain})
    for turn in range(ROUNDS):
        inner = next(extras(names, turn, declared.inside, ""))
        known = declared.top | asked.body(method, path).keys()
        for extra in extras(names, turn, known, path):
            # A file can be read once.
            body = asked.body(method, path)
            if path not in UPLOADS:
                body = {key: enriched(value, inner) for key, value in body.items()}
            code, actual = asked.send(name, method, path, extra | body)
            if code != status:
                found.let_through.append(f"answered {code}, not {status}")
            found.let_through += differences(plain, loose, actual)
    return found


@pytest.mark.parametrize("area", sorted({path.split("/")[1] for _, _, path in writing_paths()}))
def test_what_no_form_declares_is_not_written(asked: Asked, declared: Declared, area: str) -> None:
    found = {
        f"{method} {path}": smuggle(asked, declared, name, method, path)
        for name, method, path in writing_paths()
        if path.split("/")[1] == area
    }

    assert {key: one.let_through for key, one in found.items() if one.let_through} == {}
    taken = {key: one.taken for key, one in found.items() if one.taken}
    assert taken == {key: names for key, names in TAKEN.items() if key in found}
    assert {key for key, one in found.items() if one.status >= 400} == REFUSED & found.keys()


def test_every_column_is_sent(asked: Asked) -> None:
    names = columns(asked.foreign, set())

    assert names.keys() >= PRIVILEGED
    assert len([name for name, values in names.items() if values]) > 250


def test_control_a_form_that_lets_a_column_through_is_seen(
    asked: Asked, declared: Declared, monkeypatch: Any
) -> None:
    validate = QueueSettingsSerializer.run_validation

    def careless(form: Any, data: Any = serializers.empty) -> Any:
        return validate(form, data) | {key: data[key] for key in ("state",) if key in data}

    monkeypatch.setattr(QueueSettingsSerializer, "run_validation", careless)
    monkeypatch.setattr(configuring, "_known_settings", lambda settings: settings)

    found = smuggle(asked, declared, "owner", "PATCH", "api/queues/queues/<uuid:queue_id>/")

    assert found.status == 200
    assert any("queues_queue: ['state']" in text for text in found.let_through)


def test_control_a_column_inside_a_list_that_is_let_through_is_seen(
    asked: Asked, declared: Declared, monkeypatch: Any
) -> None:
    validate = PrioritySerializer.run_validation

    def careless(form: Any, data: Any = serializers.empty) -> Any:
        return validate(form, data) | {key: data[key] for key in ("id",) if key in data}

    monkeypatch.setattr(PrioritySerializer, "run_validation", careless)

    found = smuggle(asked, declared, "owner", "PATCH", "api/queues/queues/<uuid:queue_id>/")

    assert any("queues_queuepriority.id" in text for text in found.let_through)


def test_control_a_mark_in_a_column_that_always_differs_is_seen() -> None:
    plain: Written = {"+t": [{"id": "1", "name": "x"}]}
    loose = changing(plain, {"+t": [{"id": "2", "name": "x"}]})

    assert loose == {"+t": {"id"}}
    assert differences(plain, loose, {"+t": [{"id": "3", "name": "x"}]}) == []
    assert differences(plain, loose, {"+t": [{"id": MARKED_ID, "name": "x"}]}) != []
    assert differences(plain, loose, {"+t": [{"id": "3", "name": "y"}]}) == ["+t: ['name']"]
    assert differences(plain, loose, {}) == ["+t: ['name']"]
