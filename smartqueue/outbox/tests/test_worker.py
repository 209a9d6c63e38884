"""What a worker keeps from one task to the next."""

from types import SimpleNamespace

import pytest
from celery.fixups import django as fixups
from django.db import connection

from config.celery import app

_TASK = SimpleNamespace(request=SimpleNamespace(is_eager=False))


def _backend() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        return int(cursor.fetchone()[0])


@pytest.mark.django_db(transaction=True)
def test_a_worker_keeps_its_connection_unless_it_is_broken(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(connection.settings_dict, "CONN_MAX_AGE", None)
    connection.close()
    ours = next(fixup for fixup in app._fixups if fixup is not None).worker_fixup
    first = _backend()
    ours.on_task_postrun(_TASK)
    ours.on_task_prerun(_TASK)
    assert _backend() == first

    connection.connection.pgconn.finish()
    connection.errors_occurred = True
    ours.on_task_prerun(_TASK)
    second = _backend()
    assert second != first

    # What Celery does by itself; the stubs leave it out.
    fixups.DjangoWorkerFixup(app).on_task_postrun(_TASK)  # type: ignore[attr-defined]
    assert _backend() != second
    connection.close()
