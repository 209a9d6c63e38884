from django.db import migrations, models


class Migration(migrations.Migration):
    """Let who waits for a place be found by phone, when staff write to it."""

    dependencies = [("appointments", "0003_holds_of_devices")]

    operations = [
        migrations.AddIndex(
            model_name="waitlistentry",
            index=models.Index(
                fields=["phone", "-created_at"],
                condition=models.Q(("phone", ""), _negated=True),
                name="waitlist_by_phone",
            ),
        ),
    ]
