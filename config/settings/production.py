"""Production only tightens; what has no default fails at boot."""

import environ
from django.core.exceptions import ImproperlyConfigured

from config.settings.base import *  # noqa: F403
from config.settings.base import CONTENT_SECURITY_POLICY, SENTRY_DSN

env = environ.Env()

if env.str("SMARTQUEUE_CLOCK_FILE", default=""):
    raise ImproperlyConfigured("SMARTQUEUE_CLOCK_FILE is for demonstrations: unset it.")

ALLOWED_HOSTS = env.list("ALLOWED_HOSTS")
PUBLIC_URL = env.str("PUBLIC_URL")
TOKEN_KEY = env.str("TOKEN_KEY")
METRICS_TOKEN = env.str("METRICS_TOKEN")
TRUSTED_PROXY_COUNT = env.int("TRUSTED_PROXY_COUNT", default=1)

# Only a proxy of ours may say that the client came by HTTPS.
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if TRUSTED_PROXY_COUNT else None
SECURE_SSL_REDIRECT = env.bool("SECURE_SSL_REDIRECT", default=True)
SECURE_HSTS_SECONDS = 31_536_000
SECURE_HSTS_INCLUDE_SUBDOMAINS = True
SECURE_HSTS_PRELOAD = True
SESSION_COOKIE_SECURE = True
CSRF_COOKIE_SECURE = True
# Browsers keep cookies of these names only from this very host, by HTTPS and for every path.
SESSION_COOKIE_NAME = "__Host-sessionid"
CSRF_COOKIE_NAME = "__Host-csrftoken"
LANGUAGE_COOKIE_NAME = "__Host-language"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        **CONTENT_SECURITY_POLICY["DIRECTIVES"],
        "connect-src": ["'self'", PUBLIC_URL.replace("http", "ws", 1)],
        "upgrade-insecure-requests": True,
    },
}

if SENTRY_DSN:
    # Installed by requirements/sentry.txt only.
    import sentry_sdk

    # Variables and bodies hold names and phone numbers.
    sentry_sdk.init(
        dsn=SENTRY_DSN,
        send_default_pii=False,
        include_local_variables=False,
        max_request_body_size="never",
    )
