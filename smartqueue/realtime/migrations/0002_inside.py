from django.db import migrations, models


class Migration(migrations.Migration):
    """Keep beside an event what only insiders of its topic are told."""

    dependencies = [
        ("realtime", "0001_initial"),
    ]

    operations = [
        migrations.AddField(
            model_name="topicevent",
            name="inside",
            field=models.JSONField(null=True),
        ),
    ]
