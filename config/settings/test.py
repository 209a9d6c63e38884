"""Tests: real PostgreSQL and Redis, cheap password hashes, no pool so that databases can be dropped."""

import os
import tempfile

os.environ.setdefault("SECRET_KEY", "test-only-secret-key-that-is-long-enough-for-hmac-use")
os.environ.setdefault("DATABASE_URL", "postgres://localhost/smartqueue")
os.environ.setdefault("REDIS_URL", "redis://localhost:6379/0")

from config.settings.base import *  # noqa: F403
from config.settings.base import DATABASES, LIMITS

ALLOWED_HOSTS = ["*"]
DEVELOPMENT_MAILBOX = True
ALLOW_DEMO_ACCOUNTS = True
ALLOW_LOCAL_PROVIDERS = True
ADMINS_NEED_SECOND_FACTOR = False
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
DATABASES["default"]["OPTIONS"].pop("pool")
# Colleagues' runs on one cluster keep apart by this suffix.
DATABASES["default"]["TEST"] = {
    "NAME": "test_smartqueue" + os.environ.get("TEST_SUFFIX", ""),
    # A migrated database, which script/test makes once and every process copies.
    "TEMPLATE": os.environ.get("TEST_TEMPLATE"),
}
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.InMemoryStorage"},
    "exports": {"BACKEND": "django.core.files.storage.InMemoryStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
STATIC_ROOT = tempfile.gettempdir()
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = True
# Where the machine is busy a late answer would let PostgreSQL count in its place, from nothing.
REDIS_TIMEOUT_SECONDS = 10
# Reading now and then would make the number of statements of an operation depend on the time.
WEBHOOKS_LISTENERS_SECONDS = None
CELERY_TASK_ALWAYS_EAGER = True
CELERY_TASK_EAGER_PROPAGATES = True
# Every test calls from one address.
for limits in LIMITS.values():
    limits["address"] = "1000000/minute"
LIMITS["sms"]["everybody"] = "1000000/minute"
