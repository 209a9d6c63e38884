"""Accounts for push messages, as the environment names them."""

from pathlib import Path
from typing import Any, Final

import environ

env = environ.Env()

# Where the browsers that exist keep their push services; a name that begins with a dot takes in all below it.
PUSH_SERVICES: Final = (
    "fcm.googleapis.com",
    "updates.push.services.mozilla.com",
    ".push.services.mozilla.com",
    "web.push.apple.com",
    ".push.apple.com",
    ".notify.windows.com",
)


def fcm_account() -> dict[str, str]:
    """Return the service account of Firebase, the JSON itself or its file, and where messages go."""
    return {
        "url": env.str("FCM_URL", default="https://fcm.googleapis.com"),
        "service_account": env.str("FCM_SERVICE_ACCOUNT", default=""),
    }


def web_push_account(data_dir: Path) -> dict[str, Any]:
    """Return the key that browsers know us by, who answers for it, and where their services are."""
    return {
        "private_key": env.str("VAPID_PRIVATE_KEY", default=""),
        "subject": env.str("VAPID_SUBJECT", default=""),
        "key_file": data_dir / "vapid.pem",
        "hosts": env.list("WEB_PUSH_HOSTS", default=list(PUSH_SERVICES)),
    }
