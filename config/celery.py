"""The Celery application; PostgreSQL holds the truth of jobs, Celery executes them."""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.local")

app = Celery("smartqueue")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
