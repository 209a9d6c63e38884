from django.db import migrations, models


class Migration(migrations.Migration):
    """Keep with each queue what its organization does not show the public."""

    dependencies = [
        ("queues", "0003_walls"),
    ]

    operations = [
        migrations.AddField(
            model_name="queue",
            name="hides_estimate",
            field=models.BooleanField(default=False, editable=False),
        ),
        migrations.AddField(
            model_name="queue",
            name="hides_waiting_count",
            field=models.BooleanField(default=False, editable=False),
        ),
    ]
