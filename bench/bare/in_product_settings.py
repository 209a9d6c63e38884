"""The product's settings and apps with the bare paths: what its weight alone costs."""

from config.settings.local import *  # noqa: F403

ROOT_URLCONF = "bench.bare.urls"
# allauth refuses to start without its own.
MIDDLEWARE = ["allauth.account.middleware.AccountMiddleware"]
