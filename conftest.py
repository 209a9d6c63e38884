"""What every test run needs."""

import functools
import os
from collections import Counter
from collections.abc import Callable, Generator, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any

import environ
import pytest
from django.core.signals import setting_changed
from django.db import connection, transaction
from django.dispatch import receiver
from django.test import TransactionTestCase
from django.utils import translation
from hypothesis import HealthCheck
from hypothesis import settings as drawing

from smartqueue.common import tenancy

AS_WEB = os.environ.get("TEST_ROLE") == "web"
# What is asked here is asked as the role that serves, whom row policies hold.
BY_WEB = tuple(Path(__file__).parent / "tests" / name for name in ("contracts", "concurrency"))


# How long drawing takes says how busy the machine is, and nothing of what is tested.
# CI draws the same each time, and so refuses only what was changed; every other run draws anew.
drawing.register_profile(
    "any machine",
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    derandomize="CI" in os.environ,
)
drawing.load_profile("any machine")

ON_REAL_CONNECTIONS = {"serial", "alone"}

# Seconds that files take beyond what the number of their tests tells. Only the order depends on
# them: a long file that begins late leaves the other process with nothing to do.
LONG = {
    "tests/contracts/test_access.py": 130,
    "tests/contracts/test_fuzzed.py": 100,
    "tests/contracts/test_mass_assignment.py": 28,
    "tests/test_queue_machine.py": 22,
    "tests/contracts/test_walls_hold.py": 20,
    "tests/contracts/test_handlers.py": 20,
    "tests/contracts/test_headers.py": 18,
    "tests/contracts/test_lists.py": 17,
    "smartqueue/waits/tests/test_theory.py": 60,
    "tests/e2e/test_pages_alive.py": 150,
    "smartqueue/privacy/tests/test_marks.py": 60,
    "tests/e2e/kill/test_kill.py": 60,
    "tests/e2e/kill/test_messages.py": 50,
    "tests/concurrency/test_booking.py": 35,
    "tests/contracts/test_chains.py": 20,
    "tests/test_real_day_waits.py": 20,
}
SECONDS_OF_A_TEST = 0.2

# What a migration leaves, and an empty database has as well.
KEPT_TABLES = {"auth_permission", "django_content_type"}


def _empty_touched(self: Any) -> None:
    """
    Take away the rows that a test on real connections has committed.

    Django's own way truncates every table and makes permissions and triggers anew, which takes
    longer than most of these tests; rows are few, and in few tables.
    """
    tables = connection.introspection.django_table_names(only_existing=True, include_views=False)
    asked = " UNION ALL ".join(
        f"SELECT '{table}' WHERE EXISTS (SELECT FROM \"{table}\")"  # noqa: S608  # names from the models
        for table in set(tables) - KEPT_TABLES
    )
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(asked)
        touched = [row[0] for row in cursor.fetchall()]
        for table in touched:
            cursor.execute(f'ALTER TABLE "{table}" DISABLE TRIGGER USER')
        for table in touched:
            cursor.execute(f'DELETE FROM "{table}"')  # noqa: S608  # names from the models
        # Keys are checked once all rows are gone, and before the triggers come back.
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        for table in touched:
            cursor.execute(f'ALTER TABLE "{table}" ENABLE TRIGGER USER')


TransactionTestCase._fixture_teardown = _empty_touched


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Let a report travel between processes: what was captured may hold text that is not UTF-8."""
    report = yield
    report.sections = [(name, _sendable(text)) for name, text in report.sections]
    return report


def _sendable(text: str) -> str:
    return text.encode("utf-8", "backslashreplace").decode()


def _web_role() -> dict[str, Any]:
    """
    Return how the role that serves signs in. Tests run as the owner, whom no row policy holds;
    the other is in DATABASE_WEB_URL, or in what script/ keeps of the services that it made.
    """
    url = os.environ.get("DATABASE_WEB_URL", "")
    kept = Path(__file__).parent / ".data" / "env"
    if not url and kept.is_file():
        lines = dict(line.split("=", 1) for line in kept.read_text().splitlines() if "=" in line)
        url = lines.get("DATABASE_URL", "")
    found: dict[str, Any] = environ.Env.db_url_config(url) if url else {}
    if not url or found["USER"] == connection.settings_dict["USER"]:
        pytest.fail("Set DATABASE_WEB_URL to the role that serves; it must not own the tables.")
    return {name: found[name] for name in ("USER", "PASSWORD")}


@contextmanager
def _signed_in(role: dict[str, Any]) -> Iterator[None]:
    before = {name: connection.settings_dict[name] for name in role}
    connection.close()
    connection.settings_dict.update(role)
    try:
        yield
    finally:
        connection.close()
        connection.settings_dict.update(before)


@pytest.fixture
def as_web(transactional_db: None) -> Callable[[], AbstractContextManager[None]]:
    """Return the context in which the database is used as the role that serves, by an untrusted process."""
    role = _web_role()
    return lambda: _serving(role)


@contextmanager
def _serving(role: dict[str, Any]) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch, _signed_in(role):
        patch.setattr(tenancy, "_trusted", False)
        yield


AsOwner = Callable[[], AbstractContextManager[None]]


def _asks_as_web(path: Path) -> bool:
    return AS_WEB or any(path.is_relative_to(part) for part in BY_WEB)


@pytest.fixture(scope="module", autouse=True)
def as_owner(request: pytest.FixtureRequest) -> Iterator[AsOwner]:
    """
    Return the context in which the database is used as the owner of its tables.

    In the directories of BY_WEB, and with TEST_ROLE=web everywhere, everything outside it runs as
    the role that serves, set-up of rows trusted.
    """
    if not _asks_as_web(request.path):
        yield nullcontext
        return
    request.getfixturevalue("django_db_setup")
    owner = {name: connection.settings_dict[name] for name in ("USER", "PASSWORD")}
    empty = TransactionTestCase._fixture_teardown

    def empty_as_owner(self: Any) -> None:
        with _signed_in(owner):
            empty(self)

    with pytest.MonkeyPatch.context() as patch, _signed_in(_web_role()):
        patch.setattr(tenancy, "_trusted", True)
        patch.setattr(TransactionTestCase, "_fixture_teardown", empty_as_owner)
        yield lambda: _signed_in(owner)


@pytest.fixture
def _whole_test_as_owner(as_owner: AsOwner) -> Iterator[None]:
    with as_owner():
        yield


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Keep with --dist loadfile the files of tests/e2e in one process: they share a running site."""
    if config.getvalue("dist") != "loadfile":
        return None
    from xdist.scheduler import LoadFileScheduling  # noqa: PLC0415  # only there with -n

    # In the order of the collection, which is ours, instead of by the number of tests.
    config.option.loadscopereorder = False

    class Scheduling(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            path = Path(nodeid.partition("::")[0])
            return str(path.parent if path.parent.name == "e2e" else path)

    return Scheduling(config, log)


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave files without serial tests unread where only those run: to import all takes a while."""
    asked = config.getoption("markexpr").partition(" ")[0]
    is_test = collection_path.name.startswith("test_") and collection_path.suffix == ".py"
    return (
        True
        if asked in ON_REAL_CONNECTIONS and is_test and not _names_serial(collection_path)
        else None
    )


@functools.cache
def _names_serial(path: Path) -> bool:
    return "mark.serial" in path.read_text(encoding="utf-8")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """
    Put long files first, and sign in as the owner ahead of everything that a test marked so asks for.

    :raises UsageError: a serial test would not be found where only those are read
    """
    hidden = {
        str(item.path)
        for item in items
        if any(map(item.get_closest_marker, ON_REAL_CONNECTIONS)) and not _names_serial(item.path)
    }
    if hidden:
        raise pytest.UsageError(f"name mark.serial in the files themselves: {sorted(hidden)}")
    if "PYTEST_XDIST_WORKER" in os.environ:
        tests = Counter(item.path for item in items)
        root = config.rootpath

        def seconds(item: pytest.Item) -> float:
            known = LONG.get(item.path.relative_to(root).as_posix(), 0)
            return known + SECONDS_OF_A_TEST * tests[item.path]

        items.sort(key=seconds, reverse=True)
    for item in items:
        is_owners = isinstance(item, pytest.Function) and item.get_closest_marker("owner")
        if is_owners and _asks_as_web(item.path):
            item.fixturenames.insert(0, "_whole_test_as_owner")


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    """End the connections that threads of the tests left, so that the database can be dropped."""
    yield
    with django_db_blocker.unblock(), connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            " AND pg_has_role(usename, 'MEMBER')"
        )


@receiver(setting_changed)
def _make_providers_anew(**_: Any) -> None:
    """Accounts at providers are read from the settings, once."""
    from smartqueue.notifications.providers.base import forget_providers  # noqa: PLC0415

    forget_providers()


@pytest.fixture(autouse=True)
def _no_scope_left_over() -> Iterator[None]:
    """The scope, person and language that a test or its requests leave behind end with the test."""
    with tenancy.restored():
        yield
    translation.deactivate()
