from smartqueue.common.jobs import periodic
from smartqueue.common.purge import delete_where
from smartqueue.idempotency.models import IdempotencyKey

KEPT_HOURS = 48


@periodic(every_seconds=3600)
def purge_idempotency_keys_task() -> None:
    """Delete stored answers that nobody asks for again."""
    delete_where(IdempotencyKey, "created_at < now() - %s * interval '1 hour'", [KEPT_HOURS])
