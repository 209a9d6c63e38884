"""What a code is for, who may answer it, and changes of contact with both their ends."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

import smartqueue.common.ids


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0002_recent_sign_in"),
    ]

    operations = [
        migrations.RemoveField(
            model_name="verificationcode",
            name="is_change",
        ),
        migrations.AddField(
            model_name="verificationcode",
            name="asker",
            field=models.BinaryField(max_length=32, null=True),
        ),
        migrations.AddField(
            model_name="verificationcode",
            name="purpose",
            field=models.CharField(
                choices=[
                    ("registration", "Registration"),
                    ("contact", "Contact"),
                    ("sign_in", "Sign In"),
                    ("reauthentication", "Reauthentication"),
                    ("password_reset", "Password Reset"),
                ],
                default="sign_in",
                max_length=16,
            ),
            # A code of before answers nothing any more: it has no asker.
            preserve_default=False,
        ),
        migrations.AlterField(
            model_name="session",
            name="end_reason",
            field=models.CharField(
                blank=True,
                choices=[
                    ("signed_out", "Signed out"),
                    ("token_reused", "A used token came back"),
                    ("revoked", "Ended by the person or an administrator"),
                    ("erased", "The account was erased"),
                    ("password", "The password was changed"),
                ],
                max_length=12,
            ),
        ),
        migrations.CreateModel(
            name="ContactChange",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=smartqueue.common.ids.new_id,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                (
                    "channel",
                    models.CharField(
                        choices=[("email", "E-mail"), ("sms", "Text message")], max_length=5
                    ),
                ),
                ("old_value", models.CharField(blank=True, max_length=254)),
                ("new_value", models.CharField(blank=True, max_length=254)),
                (
                    "voucher",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("replaced", "The one that is replaced"),
                            ("other", "My other address or number"),
                            ("second_factor", "My second factor"),
                        ],
                        max_length=13,
                    ),
                ),
                ("new_confirmed_at", models.DateTimeField(null=True)),
                ("old_confirmed_at", models.DateTimeField(null=True)),
                ("created_at", models.DateTimeField(db_index=True)),
                ("expires_at", models.DateTimeField()),
                ("done_at", models.DateTimeField(null=True)),
                (
                    "user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="contact_changes",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "abstract": False,
            },
        ),
        migrations.AddField(
            model_name="verificationcode",
            name="contact_change",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="codes",
                to="accounts.contactchange",
            ),
        ),
    ]
