"""What may be asked of analytics, and, for the schema, what is answered."""

from typing import Any

from rest_framework import serializers

Data = dict[str, Any]


class WaitAccuracyQuery(serializers.Serializer[Data]):
    """Which queues and weeks; a week is named by any of its days."""

    organization = serializers.UUIDField(required=False)
    branch = serializers.UUIDField(required=False)
    queue = serializers.UUIDField(required=False)
    since = serializers.DateField(required=False)
    until = serializers.DateField(required=False)
    shown = serializers.ChoiceField(
        choices=("joining", "waiting", "all"),
        default="joining",
        help_text="Estimates told on joining, those that replaced them later, or both.",
    )


class CountInput(serializers.Serializer[Data]):
    queue = serializers.UUIDField()


class CountedOutput(serializers.Serializer[Data]):
    rows = serializers.IntegerField(help_text="Positions and weeks counted anew.")


class AccuracyFiguresOutput(serializers.Serializer[Data]):
    """Times in seconds, shares between 0 and 1; null when nothing was scored."""

    estimates = serializers.IntegerField()
    mean_wait = serializers.IntegerField(allow_null=True)
    mean_median = serializers.IntegerField(allow_null=True)
    error = serializers.IntegerField(allow_null=True, help_text="Mean absolute, of the median.")
    coverage = serializers.FloatField(allow_null=True, help_text="The interval aims at 0.8.")
    width = serializers.IntegerField(allow_null=True)
    pinball = serializers.IntegerField(allow_null=True)
    early = serializers.FloatField(
        allow_null=True, help_text="Called more than five minutes before the interval."
    )


class PositionOutput(serializers.Serializer[Data]):
    """People ahead; `until` is null for the last."""

    since = serializers.IntegerField()
    until = serializers.IntegerField(allow_null=True)
    figures = AccuracyFiguresOutput()


class ComparisonOutput(serializers.Serializer[Data]):
    """Mean absolute errors in seconds over the same waits."""

    estimates = serializers.IntegerField()
    ours = serializers.IntegerField(allow_null=True)
    by_median = serializers.IntegerField(allow_null=True)
    by_last = serializers.IntegerField(allow_null=True)
    by_mean_of_ten = serializers.IntegerField(allow_null=True)
    by_people = serializers.IntegerField(allow_null=True)


class CalibrationOutput(serializers.Serializer[Data]):
    """Of the waits, `share` were at most the quantile told for `level`."""

    level = serializers.FloatField()
    share = serializers.FloatField()


class WaitAccuracyOutput(serializers.Serializer[Data]):
    """A queue's week; `week` is its Monday at the branch."""

    organization = serializers.UUIDField()
    branch = serializers.UUIDField()
    branch_name = serializers.CharField()
    queue = serializers.UUIDField()
    queue_name = serializers.CharField()
    week = serializers.DateField()
    figures = AccuracyFiguresOutput()
    positions = PositionOutput(many=True)
    comparison = ComparisonOutput()
    calibration = CalibrationOutput(many=True)
