from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("business", "0003_settings_devices_support"),
    ]

    operations = [
        migrations.AddField(
            model_name="organizationsettings",
            name="quiet_hours",
            field=models.CharField(blank=True, default="21:00-07:00", max_length=11),
        ),
    ]
