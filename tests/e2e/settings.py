"""The demonstration's settings, with static files as production serves them: hashed and compressed."""

from config.settings import base
from config.settings.local import *  # noqa: F403

STORAGES = base.STORAGES
WHITENOISE_USE_FINDERS = False
