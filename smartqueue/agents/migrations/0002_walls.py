from django.db import migrations

from smartqueue.common.walls import RaiseWalls


class Migration(migrations.Migration):
    """Keep the rows of one organization apart from another's."""

    dependencies = [
        ("agents", "0001_initial"),
        ("business", "0002_walls"),
    ]

    operations = [RaiseWalls()]
