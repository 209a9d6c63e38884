"""Access tokens that last for an hour or so."""

import threading
import time
from collections.abc import Callable
from typing import Final

from smartqueue.notifications.providers.base import ProviderError

EARLY_SECONDS: Final = 120.0


class Tokens:
    """
    The access token that all threads share. It is renewed two minutes before it ends, by one thread
    while the others go on with it.
    """

    def __init__(
        self, fetch: Callable[[], tuple[str, float]], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._fetch, self._clock = fetch, clock
        self._lock = threading.Lock()
        self._held: tuple[str, float, float] | None = None

    def current(self) -> str:
        """
        Return a token that is good.

        :raises ProviderError: there is none to be had now
        """
        held, now = self._held, self._clock()
        is_good = held is not None and now < held[2]
        if held is not None and is_good and now < held[1]:
            return held[0]
        # Whoever still has a good one need not wait for whoever renews it.
        if not self._lock.acquire(blocking=not is_good):
            return held[0] if held is not None else ""
        try:
            if self._held is held:
                self._held = self._renewed()
            return self._held[0] if self._held is not None else ""
        except ProviderError:
            if held is None or not is_good:
                raise
            return held[0]
        finally:
            self._lock.release()

    def _renewed(self) -> tuple[str, float, float]:
        asked_at = self._clock()
        token, seconds = self._fetch()
        early = min(EARLY_SECONDS, seconds / 2)
        return token, asked_at + seconds - early, asked_at + seconds

    def drop(self, token: str) -> None:
        """Use a token no more: it was refused. Another that came meanwhile stays."""
        with self._lock:
            if self._held is not None and self._held[0] == token:
                self._held = None
