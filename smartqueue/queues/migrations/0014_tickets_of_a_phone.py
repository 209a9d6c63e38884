from django.db import migrations, models


class Migration(migrations.Migration):
    """Let the tickets of a phone be found: by whoever writes or dials, and by staff who write to it."""

    dependencies = [("queues", "0013_watched")]

    operations = [
        migrations.AddIndex(
            model_name="ticket",
            index=models.Index(
                fields=["phone", "-joined_at"],
                condition=models.Q(("phone", ""), _negated=True),
                name="ticket_by_phone",
            ),
        ),
    ]
