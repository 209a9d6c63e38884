from django.db import migrations

from smartqueue.common.walls import RaiseWalls


class Migration(migrations.Migration):
    """Keep the rows of one organization apart from another's."""

    dependencies = [
        ("business", "0001_initial"),
    ]

    operations = [
        RaiseWalls(
            public=(
                "Branch",
                "Counter",
                "HolidayOverride",
                "OpeningException",
                "OpeningHours",
                "Service",
            ),
            personal={"Membership": "user"},
        )
    ]
