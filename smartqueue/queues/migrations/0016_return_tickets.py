import django.db.models.deletion
from django.db import migrations, models
from django.db.models import Q

from smartqueue.common.walls import RaiseWalls


class Migration(migrations.Migration):
    dependencies = [
        ("queues", "0015_tickets_stopped"),
    ]

    operations = [
        migrations.AddField(
            model_name="queue",
            name="returns_on",
            field=models.DateField(editable=False, null=True),
        ),
        migrations.AddField(
            model_name="ticket",
            name="returns_on",
            field=models.DateField(null=True),
        ),
        migrations.AddField(
            model_name="ticket",
            name="return_of",
            field=models.ForeignKey(
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="+",
                to="queues.ticket",
            ),
        ),
        migrations.AddConstraint(
            model_name="ticket",
            constraint=models.UniqueConstraint(
                condition=Q(return_of__isnull=False),
                fields=["return_of"],
                name="ticket_returned_once",
            ),
        ),
        migrations.AddIndex(
            model_name="ticket",
            index=models.Index(
                condition=Q(returns_on__isnull=False),
                fields=["branch", "returns_on"],
                name="ticket_returns",
            ),
        ),
        RaiseWalls(
            public=("Queue", "QueuePriority", "QueueService", "VehicleCategory"),
            personal={"CounterSession": "agent", "Ticket": "customer"},
        ),
    ]
