import django.contrib.postgres.fields
import django.db.models.deletion
from django.db import migrations, models

import smartqueue.common.ids
from smartqueue.common.walls import RaiseWalls


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("business", "0003_settings_devices_support"),
    ]

    operations = [
        migrations.CreateModel(
            name="Endpoint",
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
                ("url", models.CharField(max_length=1000)),
                ("description", models.CharField(blank=True, max_length=200)),
                (
                    "event_types",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=80), null=True, size=None
                    ),
                ),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("active", "Active"),
                            ("paused", "Paused"),
                            ("disabled", "Disabled after failures"),
                        ],
                        default="active",
                        max_length=8,
                    ),
                ),
                (
                    "disabled_reason",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("gone", "The receiver answered 410: it wants no more."),
                            ("failures", "Nothing was accepted for five days."),
                        ],
                        max_length=8,
                    ),
                ),
                ("sealed_secret", models.TextField()),
                ("sealed_old_secret", models.TextField(blank=True)),
                ("old_secret_until", models.DateTimeField(null=True)),
                ("failing_since", models.DateTimeField(null=True)),
                ("created_at", models.DateTimeField()),
                ("changed_at", models.DateTimeField()),
                (
                    "organization",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="business.organization",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="Message",
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
                ("event_key", models.UUIDField()),
                ("type", models.CharField(max_length=80)),
                ("subject_version", models.BigIntegerField()),
                ("occurred_at", models.DateTimeField()),
                ("body", models.TextField()),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("pending", "To be sent"),
                            ("sending", "Being sent"),
                            ("delivered", "Delivered"),
                            ("failed", "Failed"),
                        ],
                        default="pending",
                        max_length=9,
                    ),
                ),
                ("attempts", models.PositiveSmallIntegerField(default=0)),
                ("next_attempt_at", models.DateTimeField()),
                ("leased_until", models.DateTimeField(null=True)),
                ("created_at", models.DateTimeField()),
                ("ended_at", models.DateTimeField(null=True)),
                (
                    "endpoint",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="messages",
                        to="webhooks.endpoint",
                    ),
                ),
                (
                    "organization",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="business.organization",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="Attempt",
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
                ("started_at", models.DateTimeField()),
                ("ended_at", models.DateTimeField(null=True)),
                ("milliseconds", models.PositiveIntegerField(null=True)),
                ("status", models.PositiveSmallIntegerField(null=True)),
                ("answer", models.CharField(blank=True, max_length=1024)),
                ("error_code", models.CharField(blank=True, max_length=30)),
                (
                    "organization",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="business.organization",
                    ),
                ),
                (
                    "message",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="tried",
                        to="webhooks.message",
                    ),
                ),
            ],
        ),
        migrations.AddIndex(
            model_name="endpoint",
            index=models.Index(fields=["organization", "-created_at"], name="endpoint_newest"),
        ),
        migrations.AddIndex(
            model_name="endpoint",
            index=models.Index(
                condition=models.Q(("state", "active")),
                fields=["organization"],
                name="endpoint_listening",
            ),
        ),
        migrations.AddConstraint(
            model_name="endpoint",
            constraint=models.UniqueConstraint(
                fields=("organization", "url"), name="webhook_address_once"
            ),
        ),
        migrations.AddIndex(
            model_name="message",
            index=models.Index(
                condition=models.Q(("state", "pending")),
                fields=["endpoint", "next_attempt_at", "id"],
                name="webhook_due",
            ),
        ),
        migrations.AddIndex(
            model_name="message",
            index=models.Index(
                condition=models.Q(("state", "sending")),
                fields=["leased_until"],
                name="webhook_leased",
            ),
        ),
        migrations.AddIndex(
            model_name="message",
            index=models.Index(fields=["endpoint", "-created_at", "-id"], name="webhook_newest"),
        ),
        migrations.AddIndex(
            model_name="message",
            index=models.Index(fields=["created_at"], name="webhook_created_at"),
        ),
        migrations.AddConstraint(
            model_name="message",
            constraint=models.UniqueConstraint(
                fields=("endpoint", "event_key"), name="webhook_message_once"
            ),
        ),
        migrations.AddIndex(
            model_name="attempt",
            index=models.Index(fields=["message", "started_at"], name="webhook_tries"),
        ),
        RaiseWalls(),
    ]
