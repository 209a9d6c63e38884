"""The paths of the sockets; each is the same consumer with its topic already subscribed."""

from typing import Any

from channels.routing import URLRouter
from django.urls import path, re_path

from smartqueue.realtime.consumer import Socket

# Channels takes ASGI applications where Django's types know views only.
_paths: list[tuple[str, Any]] = [
    ("ws/", Socket()),
    ("ws/queue/<uuid:id>/", Socket("queue")),
    ("ws/ticket/<uuid:id>/", Socket("ticket")),
    ("ws/notifications/user/<uuid:id>/", Socket("user")),
    ("ws/admin/dashboard/", Socket("dashboard")),
    ("ws/org/<uuid:id>/monitor/", Socket("org")),
    ("ws/agent/", Socket("counter")),
]
_unknown: Any = Socket(is_known=False)

websocket: Any = URLRouter([*(path(*route) for route in _paths), re_path("", _unknown)])
