import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

import smartqueue.common.ids
from smartqueue.common.walls import RaiseWalls


class Migration(migrations.Migration):
    dependencies = [
        ("appointments", "0001_initial"),
        ("business", "0003_settings_devices_support"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="BusyCalendar",
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
                ("name", models.CharField(blank=True, max_length=60)),
                ("sealed_url", models.TextField()),
                ("host", models.CharField(max_length=255)),
                ("zone", models.CharField(max_length=40)),
                ("etag", models.CharField(blank=True, max_length=200)),
                ("last_modified", models.CharField(blank=True, max_length=80)),
                ("created_at", models.DateTimeField()),
                ("next_fetch_at", models.DateTimeField()),
                ("fetched_at", models.DateTimeField(null=True)),
                ("read_at", models.DateTimeField(null=True)),
                (
                    "error",
                    models.CharField(
                        blank=True,
                        choices=[
                            (
                                "address_refused",
                                "The address leads to a place that may not be asked.",
                            ),
                            ("unreachable", "Nobody answers at the address."),
                            ("timed_out", "The answer took too long."),
                            ("too_large", "The calendar is larger than 5 megabytes."),
                            ("bad_answer", "The answer could not be understood."),
                            ("too_many_redirects", "The address leads in circles."),
                            (
                                "refused",
                                "The server did not give the calendar. Is the address still right?",
                            ),
                            ("not_a_calendar", "There is no calendar at the address."),
                            ("bad_encoding", "The calendar is not written in UTF-8."),
                            (
                                "too_complex",
                                "The calendar repeats or nests its events without end.",
                            ),
                            ("too_many", "The calendar has more events than can be read."),
                        ],
                        max_length=20,
                    ),
                ),
                ("failures", models.PositiveSmallIntegerField(default=0)),
                ("version", models.PositiveIntegerField(default=1)),
                (
                    "agent",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="busy_calendars",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "branch",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="business.branch",
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
                (
                    "service",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="business.service",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="BusyTime",
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
                ("starts_at", models.DateTimeField()),
                ("ends_at", models.DateTimeField()),
                (
                    "agent",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "branch",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="business.branch",
                    ),
                ),
                (
                    "calendar",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="times",
                        to="appointments.busycalendar",
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
                (
                    "service",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="business.service",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="CalendarFeed",
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
                    "kind",
                    models.CharField(
                        choices=[
                            ("person", "My appointments"),
                            ("agent", "Appointments with me"),
                            ("branch", "Appointments of a branch"),
                        ],
                        max_length=6,
                    ),
                ),
                ("name", models.CharField(blank=True, max_length=60)),
                ("digest", models.BinaryField(max_length=32)),
                ("created_at", models.DateTimeField()),
                ("last_fetched_at", models.DateTimeField(null=True)),
                (
                    "branch",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="business.branch",
                    ),
                ),
                (
                    "owner",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="calendar_feeds",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
        ),
        migrations.AddIndex(
            model_name="busycalendar",
            index=models.Index(fields=["next_fetch_at"], name="busy_calendar_to_fetch"),
        ),
        migrations.AddConstraint(
            model_name="busycalendar",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(
                        ("agent__isnull", False),
                        ("branch__isnull", True),
                        ("service__isnull", True),
                    ),
                    models.Q(("agent__isnull", True), ("branch__isnull", False)),
                    _connector="OR",
                ),
                name="busy_calendar_of_one",
            ),
        ),
        migrations.AddIndex(
            model_name="busytime",
            index=models.Index(
                condition=models.Q(("agent__isnull", False)),
                fields=["agent", "ends_at"],
                name="busy_time_of_agent",
            ),
        ),
        migrations.AddIndex(
            model_name="busytime",
            index=models.Index(
                condition=models.Q(("branch__isnull", False)),
                fields=["branch", "ends_at"],
                name="busy_time_of_branch",
            ),
        ),
        migrations.AddConstraint(
            model_name="busytime",
            constraint=models.CheckConstraint(
                condition=models.Q(("ends_at__gt", models.F("starts_at"))), name="busy_time"
            ),
        ),
        migrations.AddConstraint(
            model_name="calendarfeed",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("branch__isnull", False), ("kind", "branch")),
                    models.Q(models.Q(("kind", "branch"), _negated=True), ("branch__isnull", True)),
                    _connector="OR",
                ),
                name="calendar_feed_of_branch",
            ),
        ),
        RaiseWalls(
            public=("AppointmentSlot", "BookingRules", "SlotException", "SlotPlaces"),
            personal={
                "AgentAbsence": "agent",
                "Appointment": "customer",
                "BusyCalendar": "agent",
                "BusyTime": "agent",
                "WaitlistEntry": "customer",
            },
        ),
    ]
