from django.db import migrations

from smartqueue.common.walls import RaiseWalls


class Migration(migrations.Migration):
    """Keep the rows of one organization apart from another's."""

    dependencies = [
        ("queues", "0002_last_in_line"),
        ("business", "0002_walls"),
    ]

    operations = [
        RaiseWalls(
            public=("Queue", "QueuePriority", "QueueService", "VehicleCategory"),
            personal={"CounterSession": "agent", "Ticket": "customer"},
        )
    ]
