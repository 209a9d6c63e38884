"""Settings of every environment, complete and safe; the others only override."""

from pathlib import Path
from typing import Any

import environ
from csp.constants import NONCE, NONE, SELF
from django.utils.translation import gettext_lazy as _

from config.openapi import API_DESCRIPTION, API_TAGS, ENUM_NAMES, SECURITY_SCHEMES
from config.settings._apps import android_apps, apple_apps
from config.settings._gis import GDAL_LIBRARY_PATH, GEOS_LIBRARY_PATH  # noqa: F401
from config.settings._push import fcm_account, web_push_account
from config.settings._sms import smpp_accounts, sms_accounts

BASE_DIR = Path(__file__).resolve().parents[2]
env = environ.Env()
# Whatever this installation writes, unless one of its directories is named below.
DATA_DIR = Path(env.str("SMARTQUEUE_DATA_DIR", default="") or BASE_DIR / ".data").absolute()

# --- Core ---------------------------------------------------------------------------------------

SECRET_KEY = env.str("SECRET_KEY")
SECRET_KEY_FALLBACKS: list[str] = env.list("SECRET_KEY_FALLBACKS", default=[])
TOKEN_KEY = env.str("TOKEN_KEY", default=SECRET_KEY + ":tokens")
TOKEN_KEY_FALLBACKS: list[str] = env.list("TOKEN_KEY_FALLBACKS", default=[])
DEBUG = False
ALLOWED_HOSTS: list[str] = env.list("ALLOWED_HOSTS", default=[])
PUBLIC_URL = env.str("PUBLIC_URL", default="http://localhost:8000")
TRUSTED_PROXY_COUNT = env.int("TRUSTED_PROXY_COUNT", default=0)

ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
ASGI_APPLICATION = "config.asgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

INSTALLED_APPS = [
    "modeltranslation",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.gis",
    "django.contrib.postgres",
    "channels",
    "django_prometheus",
    "rest_framework",
    "django_filters",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "corsheaders",
    "django_htmx",
    "js_lib_leaflet",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "smartqueue.common",
    "smartqueue.outbox",
    "smartqueue.idempotency",
    "smartqueue.limits",
    "smartqueue.accounts",
    "smartqueue.realtime",
    "smartqueue.audit",
    "smartqueue.notifications",
    "smartqueue.locations",
    "smartqueue.business",
    "smartqueue.agents",
    "smartqueue.queues",
    "smartqueue.analytics",
    "smartqueue.appointments",
    "smartqueue.dialogues",
    "smartqueue.privacy",
    "smartqueue.support",
    "smartqueue.webhooks",
    "smartqueue.web",
]

MIDDLEWARE = [
    "smartqueue.queues.interfaces.status.StatusMiddleware",
    "smartqueue.common.middleware.RequestMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "corsheaders.middleware.CorsMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "smartqueue.accounts.middleware.ActorMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "smartqueue.web.middleware.ScriptsOfPackages",
    "smartqueue.web.middleware.PageProblems",
]

# The API's own chain (config/api.py): what pages need, forms, messages and htmx, it does without.
API_MIDDLEWARE = [
    "smartqueue.queues.interfaces.status.StatusMiddleware",
    "smartqueue.common.middleware.RequestMiddleware",
    "smartqueue.common.middleware.SecurityOfApi",
    "corsheaders.middleware.CorsMiddleware",
    "smartqueue.accounts.middleware.SessionIfAnyMiddleware",
    "smartqueue.common.middleware.LanguageMiddleware",
    "smartqueue.accounts.middleware.ActorMiddleware",
]

TEMPLATES: list[dict[str, Any]] = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.template.context_processors.i18n",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

# --- Data ---------------------------------------------------------------------------------------

# 0 gives each thread a connection of its own that it keeps: less work for a server whose threads
# are few and stay, as granian's do. A pool suits the socket process and the workers.
DATABASE_POOL_SIZE = env.int("DATABASE_POOL_SIZE", default=12)
DATABASES = {
    "default": {
        **env.db("DATABASE_URL", engine="smartqueue.common.postgis"),
        "CONN_MAX_AGE": 0 if DATABASE_POOL_SIZE else 1800,
        "OPTIONS": {
            "pool": DATABASE_POOL_SIZE
            and {
                "min_size": 2,
                "max_size": DATABASE_POOL_SIZE,
                "timeout": 3,
                "max_lifetime": 1800,
            },
            # Only cursors that bind on the server prepare (common/db.py, prepared_cursor).
            "prepare_threshold": 3,
            "options": "-c lock_timeout=3000 -c idle_in_transaction_session_timeout=10000",
        },
    },
}

REDIS_URL = env.str("REDIS_URL")
# Of pokes, limits and cached bytes, which nothing may wait for: the database answers instead.
REDIS_TIMEOUT_SECONDS = 0.1
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": REDIS_URL,
    },
}

# --- People -------------------------------------------------------------------------------------

AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = ["smartqueue.accounts.backends.PasswordBackend"]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.Argon2PasswordHasher"]
AUTH_PASSWORD_VALIDATORS = [
    *(
        {"NAME": f"django.contrib.auth.password_validation.{name}"}
        for name in (
            "UserAttributeSimilarityValidator",
            "MinimumLengthValidator",
            "CommonPasswordValidator",
            "NumericPasswordValidator",
        )
    ),
    {"NAME": "smartqueue.accounts.passwords.ListedWordValidator"},
]
# What people here would try first, in small letters.
PASSWORD_WORDS = (
    "smartqueue",
    "senegal",
    "sénégal",
    "dakar",
    "teranga",
    "motdepasse",
    "password",
    "passer",
    "bonjour",
    "mairie",
    "hopital",
    "banque",
)
LOGIN_URL = "/sign-in/"
LOGIN_REDIRECT_URL = "/"
# In seconds: how long a right code lets a new password be set.
PASSWORD_RESET_TIMEOUT = 600
# Where people mind what confirms their sign-ins.
SECURITY_URL = "/account/security/"
# In the database, so that consoles go on while Redis is away and signing out counts at once.
SESSION_ENGINE = "django.contrib.sessions.backends.db"

# allauth keeps passwords, e-mail addresses and second factors; docs/decisions/004-identity.md.
ACCOUNT_ADAPTER = "smartqueue.accounts.adapter.AccountAdapter"
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_LOGIN_METHODS = {"email", "phone"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "phone", "password1*"]
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_RATE_LIMITS = False
MFA_ADAPTER = "smartqueue.accounts.adapter.MfaAdapter"
MFA_TOTP_ISSUER = "SmartQueue"
MFA_TOTP_TOLERANCE = 1

# Apps of our own that use passkeys, as "android:apk-key-hash:<hash>"; the pages are PUBLIC_URL's.
WEBAUTHN_APP_ORIGINS: list[str] = env.list("WEBAUTHN_APP_ORIGINS", default=[])
# Apps of our own that phones may hand our addresses and passkeys to.
ANDROID_APPS = android_apps(env.list("ANDROID_APPS", default=[]))
APPLE_APPS = apple_apps(env.list("APPLE_APPS", default=[]))
# Without a second factor an administrator of the platform may do what anybody may, and enrol.
ADMINS_NEED_SECOND_FACTOR = True

# Accounts at demo.smartqueue.test share a published password.
ALLOW_DEMO_ACCOUNTS = False

# --- Limits -------------------------------------------------------------------------------------

# How often, by action and by what is counted; reasons in docs/patterns/limits.md. A right answer
# forgives the identifier's or the person's. Offices and operators' gateways share one address.
LIMITS: dict[str, dict[str, str]] = {
    "register": {"identifier": "5/hour", "address": "60/hour"},
    "code": {"identifier": "5/hour", "address": "60/hour"},
    "contact": {"user": "10/hour"},
    "verify": {"identifier": "10/10 minutes", "address": "200/5 minutes"},
    "login": {"identifier": "10/5 minutes", "address": "200/5 minutes"},
    "mfa": {"user": "20/hour", "address": "200/5 minutes"},
    "factor_reset": {"user": "10/hour; 20/day"},
    "pair": {"address": "30/10 minutes"},
    "passkey": {"address": "200/5 minutes"},
    "reauthenticate": {"user": "10/5 minutes", "address": "200/5 minutes"},
    "refresh": {"token": "30/minute", "address": "600/minute"},
    "sms": {
        "phone": "5/hour; 10/day",
        "address": "60/hour; 300/day",
        "everybody": "3000/hour",
    },
    "join": {
        "account": "12/hour; 30/day",
        "phone": "10/day",
        "device": "12/hour; 40/day",
        "address": "300/10 minutes",
    },
    "book": {"account": "30/hour; 60/day", "device": "30/hour", "address": "300/10 minutes"},
    "feed": {"token": "60/hour", "address": "6000/hour"},
    "text": {"phone": "30/hour; 100/day"},
    "ussd": {"phone": "60/minute; 600/day"},
    "missed_call": {"phone": "3/hour; 5/day"},
    "phone_join": {"phone": "6/hour; 12/day"},
    "message": {"account": "60/hour", "organization": "1000/day"},
    "read": {"account": "600/minute", "address": "6000/minute"},
    "write": {"account": "300/minute", "address": "3000/minute"},
}
# These go on uncounted while Redis is away; all others are counted in PostgreSQL, or refused.
LIMITS_OPEN = frozenset({"join", "book", "read", "write"})
# Every limit this many times as high: for a measurement, or a very large site.
LIMITS_FACTOR = env.int("LIMITS_FACTOR", default=1)

# Where people write and dial, as posters say it; empty where there is no such number.
SMS_NUMBER = env.str("SMS_NUMBER", default="")
USSD_CODE = env.str("USSD_CODE", default="")
# Text messages go to mobile numbers of these countries only.
SMS_REGIONS: list[str] = env.list("SMS_REGIONS", default=["SN"])

# --- Languages and time -------------------------------------------------------------------------

LANGUAGE_CODE = "fr"
LANGUAGES = [("fr", _("French")), ("en", _("English")), ("ar", _("Arabic"))]
MODELTRANSLATION_LANGUAGES = ("fr", "en", "ar")
MODELTRANSLATION_DEFAULT_LANGUAGE = "fr"
MODELTRANSLATION_FALLBACK_LANGUAGES = ("fr", "en", "ar")
# Ahead of the packages', which have words of their own for "Page not found" and the like.
LOCALE_PATHS = [BASE_DIR / "locale", BASE_DIR / "smartqueue" / "web" / "locale"]
TIME_ZONE = "UTC"
USE_TZ = True

# --- HTTP ---------------------------------------------------------------------------------------

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [],
    "DEFAULT_PERMISSION_CLASSES": [],
    "DEFAULT_THROTTLE_CLASSES": ["smartqueue.limits.rest.CallsOfTheApi"],
    "DEFAULT_RENDERER_CLASSES": ["smartqueue.common.rest.renderers.JsonAtOnceRenderer"],
    "DEFAULT_PARSER_CLASSES": ["smartqueue.common.rest.parsers.BoundedJsonParser"],
    "DEFAULT_CONTENT_NEGOTIATION_CLASS": "smartqueue.common.rest.negotiation.JsonAtOnce",
    "DEFAULT_PAGINATION_CLASS": "smartqueue.common.rest.pagination.PageNumbers",
    "DEFAULT_FILTER_BACKENDS": ["django_filters.rest_framework.DjangoFilterBackend"],
    "DEFAULT_SCHEMA_CLASS": "smartqueue.common.rest.schema.ProblemAutoSchema",
    "EXCEPTION_HANDLER": "smartqueue.common.rest.problems.handle_exception",
    "UNAUTHENTICATED_USER": None,
    "PAGE_SIZE": 20,
}
SPECTACULAR_SETTINGS: dict[str, Any] = {
    "TITLE": "SmartQueue",
    "DESCRIPTION": API_DESCRIPTION,
    "VERSION": "1.0.0",
    "OAS_VERSION": "3.1.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "COMPONENT_SPLIT_REQUEST": True,
    "SCHEMA_PATH_PREFIX": "/api/",
    "TAGS": API_TAGS,
    "APPEND_COMPONENTS": {"securitySchemes": SECURITY_SCHEMES},
    "ENUM_NAME_OVERRIDES": ENUM_NAMES,
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "config.openapi.add_examples",
        "config.openapi.add_webhooks",
    ],
}
DATA_UPLOAD_MAX_MEMORY_SIZE = 1_048_576
DATA_UPLOAD_MAX_NUMBER_FIELDS = 200
DATA_UPLOAD_MAX_NUMBER_FILES = 10
FILE_UPLOAD_HANDLERS = [
    "smartqueue.common.uploads.BoundedUploads",
    "django.core.files.uploadhandler.MemoryFileUploadHandler",
    "django.core.files.uploadhandler.TemporaryFileUploadHandler",
]

CORS_URLS_REGEX = r"^/api/"
CORS_EXPOSE_HEADERS = ["etag", "retry-after", "x-request-id"]
CORS_ALLOWED_ORIGINS: list[str] = env.list("CORS_ALLOWED_ORIGINS", default=[])
CORS_ALLOW_HEADERS = [
    "accept",
    "accept-language",
    "authorization",
    "content-type",
    "idempotency-key",
    "if-none-match",
    "x-csrftoken",
    "x-device-id",
    "x-ticket-token",
]
CSRF_TRUSTED_ORIGINS: list[str] = env.list("CSRF_TRUSTED_ORIGINS", default=[])
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
MESSAGE_STORAGE = "django.contrib.messages.storage.session.SessionStorage"
CSRF_FAILURE_VIEW = "smartqueue.web.views.errors.forbidden"
# Scripts run by the page's nonce only, so that no file which somebody left on this site is one.
CONTENT_SECURITY_POLICY: dict[str, dict[str, Any]] = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "connect-src": [SELF, PUBLIC_URL.replace("http", "ws", 1)],
        "font-src": [SELF],
        "img-src": [SELF, "data:", "https://tile.openstreetmap.org"],
        "manifest-src": [SELF],
        "media-src": [SELF],
        "script-src": [NONCE],
        "style-src": [SELF],
        "worker-src": [SELF],
        "base-uri": [NONE],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
    },
}

STATIC_URL = "/static/"
WHITENOISE_ALLOW_ALL_ORIGINS = False
STATIC_ROOT = env.path("STATIC_ROOT", default=str(DATA_DIR / "static"))
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    # Sealed archives of people's data: beside everything that is served.
    "exports": {
        "BACKEND": "django.core.files.storage.FileSystemStorage",
        "OPTIONS": {
            "location": env.str("EXPORTS_DIR", default=str(DATA_DIR / "exports")),
            "file_permissions_mode": 0o600,
        },
    },
    "staticfiles": {"BACKEND": "smartqueue.web.storage.StaticFiles"},
}

# Below public/ anybody may read; private/ is given out by views that ask who wants it.
MEDIA_ROOT = env.path("MEDIA_ROOT", default=str(DATA_DIR / "media"))
MEDIA_URL = "/media/"
# What one organization's files may take together.
MEDIA_QUOTA_MEGABYTES = env.int("MEDIA_QUOTA_MEGABYTES", default=500)
FILE_UPLOAD_PERMISSIONS = 0o640

# Spoken calls of the wall displays, made once and kept.
SPEECH_DIR = env.path("SPEECH_DIR", default=str(DATA_DIR / "speech"))
# Recorded clips, <language>/<name>.wav; they come before those that are made.
SPEECH_RECORDINGS = env.path("SPEECH_RECORDINGS", default=str(DATA_DIR / "recordings"))

# Whom people write to about their data, and the country where the servers stand: both are printed in
# the privacy policy and in the register of processing.
PRIVACY_CONTACT = env.str("PRIVACY_CONTACT", default="")
DATA_LOCATION = env.str("DATA_LOCATION", default="")

# --- Messages out -------------------------------------------------------------------------------

DEFAULT_FROM_EMAIL = env.str("DEFAULT_FROM_EMAIL", default="SmartQueue <no-reply@localhost>")
EMAIL_CONFIG = env.email_url("EMAIL_URL", default="smtp://localhost:25")
vars().update(EMAIL_CONFIG)
SMS_ACCOUNTS = sms_accounts()
SMPP_ACCOUNTS = smpp_accounts()
FCM_ACCOUNT = fcm_account()
WEB_PUSH_ACCOUNT = web_push_account(DATA_DIR)
# Whether providers may be stand-ins on this machine: in development and tests only.
ALLOW_LOCAL_PROVIDERS = False
# Where a mail server is named, mails go there even where there is a development mailbox.
EMAIL_IS_SET = "EMAIL_URL" in env
# Ends the address to which bounces are reported; empty, mails are final once the server has them.
EMAIL_CALLBACK_SECRET = env.str("EMAIL_CALLBACK_SECRET", default="")
EMAIL_TIMEOUT = 20
# A worker that has not reported for so long is taken to be dead; for so long one waits for word of
# a vital message that may have arrived (of another five times), and of one that was handed over.
MESSAGE_LEASE_SECONDS = env.int("MESSAGE_LEASE_SECONDS", default=120)
MESSAGE_UNKNOWN_SECONDS = env.int("MESSAGE_UNKNOWN_SECONDS", default=90)
MESSAGE_RECEIPT_SECONDS = env.int("MESSAGE_RECEIPT_SECONDS", default=86400)
# Among so many processes a provider's limit is divided while Redis is away.
MESSAGE_WORKERS = env.int("MESSAGE_WORKERS", default=2)
# A provider's account with fewer messages or less money (in minor units) is nearly empty.
LOW_BALANCE_UNITS = env.int("LOW_BALANCE_UNITS", default=500)
LOW_BALANCE_MINOR = env.int("LOW_BALANCE_MINOR", default=10000)

# --- Background work ----------------------------------------------------------------------------

CELERY_BROKER_URL = REDIS_URL
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_SOFT_SHUTDOWN_TIMEOUT = 10
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "visibility_timeout": 120,
    "queue_order_strategy": "priority",
}
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
# Of workers of their own: a slow receiver keeps no message from a person who waits.
CELERY_TASK_ROUTES = {"smartqueue.webhooks.tasks.deliver_task": {"queue": "webhooks"}}

# For so long a process believes what it read of who listens to which events; None: it reads nothing
# and knows what it changed itself.
WEBHOOKS_LISTENERS_SECONDS: float | None = 10.0

CHANNEL_LAYERS: dict[str, Any] = {}

# Counted in each process.
SOCKETS_PER_USER = env.int("SOCKETS_PER_USER", default=20)
SOCKETS_PER_ADDRESS = env.int("SOCKETS_PER_ADDRESS", default=100)

# --- Sight --------------------------------------------------------------------------------------

SENTRY_DSN = env.str("SENTRY_DSN", default="")
METRICS_TOKEN = env.str("METRICS_TOKEN", default="")
LOG_LEVEL = env.str("LOG_LEVEL", default="INFO")
LOGGING_CONFIG = "smartqueue.common.logging.configure"
LOGGING = {"level": LOG_LEVEL}

# A development mailbox lists outgoing messages; production has none.
DEVELOPMENT_MAILBOX = False
