import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    """Drop the indexes whose columns others begin with: every change of a ticket writes them all."""

    dependencies = [
        ("queues", "0008_lessons"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AlterField(
            model_name="ticket",
            name="customer",
            field=models.ForeignKey(
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="tickets",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AlterField(
            model_name="ticket",
            name="issuing_queue",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="queues.queue",
            ),
        ),
        # Dropping the index of a column takes every other one of that column alone with it.
        migrations.RemoveConstraint(model_name="ticketperiod", name="period_open_once"),
        migrations.AlterField(
            model_name="ticketperiod",
            name="ticket",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="periods",
                to="queues.ticket",
            ),
        ),
        migrations.AddConstraint(
            model_name="ticketperiod",
            constraint=models.UniqueConstraint(
                condition=models.Q(("ended_at__isnull", True)),
                fields=("ticket",),
                name="period_open_once",
            ),
        ),
        migrations.AlterField(
            model_name="ticketstep",
            name="ticket",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="steps",
                to="queues.ticket",
            ),
        ),
    ]
