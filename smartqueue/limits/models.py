from django.db import models


class Window(models.Model):
    """Attempts in one fixed stretch of time, counted here while Redis is away."""

    pk = models.CompositePrimaryKey("key", "window")
    key = models.BinaryField(max_length=32)
    window = models.BigIntegerField()
    count = models.PositiveIntegerField()
    ends_at = models.DateTimeField(db_index=True)
