"""What every test run needs."""

import os
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

from smartqueue.common import tenancy

AS_WEB = os.environ.get("TEST_ROLE") == "web"
# What is asked here is asked as the role that serves, whom row policies hold.
BY_WEB = tuple(Path(__file__).parent / "tests" / name for name in ("contracts", "concurrency"))


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

    class Scheduling(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            path = Path(nodeid.partition("::")[0])
            return str(path.parent if path.parent.name == "e2e" else path)

    return Scheduling(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Sign in as the owner ahead of everything that a test marked so asks for."""
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
