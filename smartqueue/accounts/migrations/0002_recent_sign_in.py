"""When a session's person last proved who they are, from where, and what a challenge is for."""

from datetime import UTC, datetime

from django.db import migrations, models

LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


class Migration(migrations.Migration):
    dependencies = [("accounts", "0001_initial")]

    operations = [
        migrations.AddField(
            "session",
            "authenticated_at",
            models.DateTimeField(default=LONG_AGO),
            preserve_default=False,
        ),
        migrations.AddField(
            "session",
            "device",
            models.BinaryField(default=b"", max_length=32),
            preserve_default=False,
        ),
        migrations.AddField("session", "network", models.CharField(blank=True, max_length=43)),
        migrations.AddField(
            "mfachallenge",
            "purpose",
            models.CharField(
                choices=[
                    ("sign_in", "Sign In"),
                    ("reauthentication", "Reauthentication"),
                    ("password_reset", "Password Reset"),
                ],
                default="sign_in",
                max_length=16,
            ),
        ),
    ]
