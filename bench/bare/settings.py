"""What Django needs to answer, and no more."""

import environ

env = environ.Env()

SECRET_KEY = env.str("SECRET_KEY")
DEBUG = False
ALLOWED_HOSTS = ["*"]
ROOT_URLCONF = "bench.bare.urls"
INSTALLED_APPS: list[str] = []
MIDDLEWARE: list[str] = []
USE_TZ = True
USE_I18N = False
# Connections that stay open, one a thread: the cheapest that Django has.
DATABASES = {
    "default": {
        **env.db("DATABASE_URL", engine="django.db.backends.postgresql"),
        "ENGINE": "django.db.backends.postgresql",
        "CONN_MAX_AGE": None,
        # Else the journal would take its writes for somebody's direct SQL, and write more rows.
        "OPTIONS": {"options": "-c smartqueue.acting=bare"},
    }
}
