"""The limit that every call of the API has, unless its view counts it otherwise."""

from typing import Any

from rest_framework.permissions import SAFE_METHODS
from rest_framework.throttling import BaseThrottle

from smartqueue.limits import operations as limits


class CallsOfTheApi(BaseThrottle):
    """Counts reads and writes by account and by address, in one round trip to Redis."""

    def allow_request(self, request: Any, view: Any) -> bool:
        """
        Count the call.

        :raises TooManyRequests: with the seconds to wait
        """
        user_id = request._request.actor.user_id
        action = "read" if request.method in SAFE_METHODS else "write"
        limits.check(action, account=str(user_id) if user_id else None)
        return True
