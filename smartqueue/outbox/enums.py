from django.db import models


class DeliveryState(models.TextChoices):
    PENDING = "pending"
    DONE = "done"
    DEAD = "dead"


class HandlerMode(models.TextChoices):
    """Whether a handler's work commits together with its mark, or reaches outside the database."""

    DATABASE = "database"
    OUTSIDE = "outside"
