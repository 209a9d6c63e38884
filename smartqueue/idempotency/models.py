from django.db import models

from smartqueue.common.models import IdModel


class IdempotencyKey(IdModel):
    """
    The answer once given to a request, stored in the transaction that made it true.

    `digest` covers the actor, the route and the key; `body_digest` the body, so that another body
    under the same key is seen.
    """

    digest = models.BinaryField(max_length=32, unique=True)
    body_digest = models.BinaryField(max_length=32)
    status = models.PositiveSmallIntegerField()
    answer = models.JSONField()
    created_at = models.DateTimeField(db_index=True)
