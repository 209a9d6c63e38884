"""Development and demonstration on one machine."""

import environ

from config.settings.base import *  # noqa: F403
from config.settings.base import LIMITS, STORAGES

env = environ.Env()

DEBUG = env.bool("DEBUG", default=False)
ALLOWED_HOSTS = ["*"]
DEVELOPMENT_MAILBOX = True
ALLOW_DEMO_ACCOUNTS = True
ALLOW_LOCAL_PROVIDERS = True
ADMINS_NEED_SECOND_FACTOR = False
STORAGES = {
    **STORAGES,
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
WHITENOISE_USE_FINDERS = True
# Everybody on one machine comes from one address.
for _limits in LIMITS.values():
    _limits["address"] = "100000/minute"
LIMITS["read"]["account"] = LIMITS["write"]["account"] = "100000/minute"
