"""
Sockets, and HTTP beside them for one process that does everything.

In production granian serves `config.wsgi` and uvicorn this module; a proxy sends /ws/ here.
"""

import gc
import os
from typing import Any

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.local")

http: Any = get_wsgi_application()

from a2wsgi import WSGIMiddleware  # noqa: E402
from channels.routing import ProtocolTypeRouter  # noqa: E402

from config.topics import register_topics  # noqa: E402
from smartqueue.realtime.routing import websocket  # noqa: E402

register_topics()

# What is loaded stays; without this each full collection looks at all of it, and every socket waits.
gc.collect()
gc.freeze()

application = ProtocolTypeRouter({"http": WSGIMiddleware(http, workers=10), "websocket": websocket})
