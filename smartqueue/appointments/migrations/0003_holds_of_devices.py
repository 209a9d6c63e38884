from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("appointments", "0002_calendars"),
        ("business", "0003_settings_devices_support"),
        ("queues", "0008_lessons"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField(
            model_name="appointment",
            name="held_for",
            field=models.BinaryField(max_length=32, null=True),
        ),
        migrations.AddIndex(
            model_name="appointment",
            index=models.Index(
                condition=models.Q(("held_for__isnull", False)),
                fields=["held_for"],
                name="appointment_held_by_device",
            ),
        ),
    ]
