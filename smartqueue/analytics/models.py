from django.db import models

from smartqueue.common.models import TenantModel


class WaitAccuracy(TenantModel):
    """
    How right the shown waits of a queue were in one week (its Monday), by people ahead.

    Everything is a sum over scored estimates, so that rows add up; `queues.scores.Sums` says what
    each is. `bucket` counts from 0 in `queues.scores.BUCKETS`. `at_joining` tells the estimates
    told on joining from those that replaced them while people waited.
    """

    organization = models.ForeignKey(
        "business.Organization", on_delete=models.CASCADE, related_name="+"
    )
    queue = models.ForeignKey("queues.Queue", on_delete=models.CASCADE, related_name="+")
    week = models.DateField()
    bucket = models.PositiveSmallIntegerField()
    at_joining = models.BooleanField()
    estimates = models.PositiveIntegerField()
    waited = models.FloatField()
    median = models.FloatField()
    error = models.FloatField()
    width = models.FloatField()
    pinball = models.FloatField()
    below_low = models.PositiveIntegerField()
    up_to_median = models.PositiveIntegerField()
    up_to_high = models.PositiveIntegerField()
    early = models.PositiveIntegerField()
    compared = models.PositiveIntegerField()
    compared_error = models.FloatField()
    by_median_error = models.FloatField()
    by_last_error = models.FloatField()
    by_mean_of_ten_error = models.FloatField()
    by_people_error = models.FloatField()
    counted_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["queue", "week", "bucket", "at_joining"], name="wait_accuracy_once"
            ),
            models.CheckConstraint(condition=models.Q(bucket__lte=7), name="wait_accuracy_bucket"),
        ]
        indexes = [
            models.Index(fields=["organization", "-week"], name="wait_accuracy_by_week"),
        ]
