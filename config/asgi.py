"""
Sockets, and HTTP beside them for one process that does everything.

In production granian serves `config.wsgi` and uvicorn this module; a proxy sends /ws/ here.
"""

import gc
import os
from typing import Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.local")

from config.wsgi import application as wsgi  # noqa: I001  # sets Django up for the rest

from a2wsgi import WSGIMiddleware
from channels.routing import ProtocolTypeRouter

from config.topics import register_topics
from smartqueue.realtime.routing import websocket

http: Any = wsgi

register_topics()

# What is loaded stays; without this each full collection looks at all of it, and every socket waits.
gc.collect()
gc.freeze()

application = ProtocolTypeRouter({"http": WSGIMiddleware(http, workers=10), "websocket": websocket})
