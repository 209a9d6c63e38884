import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

import smartqueue.common.ids
from smartqueue.common.walls import RaiseWalls

# Consents are evidence: a row, once written, is neither changed nor deleted, except by the job that
# ends what is over, which says so in its transaction.
APPEND_ONLY = """
    CREATE FUNCTION privacy_consent_is_evidence() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF TG_OP = 'DELETE' AND current_setting('smartqueue.retention', true) = 'on' THEN
            RETURN OLD;
        END IF;
        RAISE EXCEPTION 'consents are append-only';
    END $$;
    CREATE TRIGGER privacy_consent_append_only BEFORE UPDATE OR DELETE ON privacy_consent
    FOR EACH ROW EXECUTE FUNCTION privacy_consent_is_evidence();
"""
CHANGEABLE = """
    DROP TRIGGER privacy_consent_append_only ON privacy_consent;
    DROP FUNCTION privacy_consent_is_evidence();
"""


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("business", "0002_walls"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="PhoneCode",
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
                ("phone_digest", models.BinaryField(db_index=True, max_length=32)),
                ("digest", models.BinaryField(max_length=32)),
                ("attempts", models.PositiveSmallIntegerField(default=0)),
                ("created_at", models.DateTimeField()),
                ("expires_at", models.DateTimeField(db_index=True)),
                ("used_at", models.DateTimeField(null=True)),
            ],
            options={
                "abstract": False,
            },
        ),
        migrations.CreateModel(
            name="Erasure",
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
                ("user_id", models.UUIDField(null=True)),
                ("sealed_subject", models.TextField(blank=True)),
                ("counts", models.JSONField(default=dict)),
                ("requested_at", models.DateTimeField()),
                ("finished_at", models.DateTimeField(null=True)),
            ],
            options={
                "indexes": [
                    models.Index(
                        condition=models.Q(("finished_at__isnull", True)),
                        fields=["requested_at"],
                        name="erasure_unfinished",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Consent",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "purpose",
                    models.CharField(
                        choices=[
                            ("marketing", "News and offers"),
                            ("location", "Use of my position"),
                            ("statistics", "Statistics about my visits"),
                        ],
                        max_length=20,
                    ),
                ),
                ("is_given", models.BooleanField()),
                ("text_version", models.PositiveSmallIntegerField()),
                (
                    "source",
                    models.CharField(
                        choices=[("page", "On the pages"), ("api", "In the application")],
                        max_length=8,
                    ),
                ),
                (
                    "language",
                    models.CharField(
                        choices=[("fr", "Français"), ("en", "English"), ("ar", "العربية")],
                        max_length=2,
                    ),
                ),
                ("at", models.DateTimeField()),
                (
                    "user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "indexes": [models.Index(fields=["user", "purpose", "-id"], name="consent_newest")],
            },
        ),
        migrations.CreateModel(
            name="Export",
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
                    "state",
                    models.CharField(
                        choices=[
                            ("requested", "Being prepared"),
                            ("ready", "Ready"),
                        ],
                        default="requested",
                        max_length=9,
                    ),
                ),
                (
                    "language",
                    models.CharField(
                        choices=[("fr", "Français"), ("en", "English"), ("ar", "العربية")],
                        max_length=2,
                    ),
                ),
                ("requested_at", models.DateTimeField()),
                ("ready_at", models.DateTimeField(null=True)),
                ("expires_at", models.DateTimeField(null=True)),
                ("downloaded_at", models.DateTimeField(null=True)),
                ("size", models.PositiveBigIntegerField(default=0)),
                ("file", models.CharField(blank=True, max_length=80)),
                ("sealed_key", models.TextField(blank=True)),
                (
                    "user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "indexes": [models.Index(fields=["user", "-id"], name="export_newest")],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("state", "requested")),
                        fields=("user",),
                        name="export_one_at_a_time",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="RegisterEntry",
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
                ("name", models.CharField(max_length=120)),
                ("purpose", models.TextField(max_length=1000)),
                ("people", models.CharField(max_length=300)),
                ("data", models.TextField(max_length=1000)),
                ("basis", models.CharField(blank=True, max_length=300)),
                ("recipients", models.TextField(blank=True, max_length=1000)),
                ("transfers", models.CharField(blank=True, max_length=300)),
                ("retention", models.CharField(max_length=300)),
                ("security", models.TextField(blank=True, max_length=1000)),
                ("declaration", models.CharField(blank=True, max_length=60)),
                ("created_at", models.DateTimeField()),
                ("version", models.PositiveIntegerField(default=1)),
                (
                    "organization",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="business.organization",
                    ),
                ),
            ],
            options={
                "indexes": [
                    models.Index(fields=["organization", "name"], name="register_entry_by_org")
                ],
            },
        ),
        migrations.RunSQL(APPEND_ONLY, CHANGEABLE),
        RaiseWalls(),
    ]
