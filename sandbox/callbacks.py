"""What the sandbox sends to the product: receipts, inbound texts, USSD steps, calls."""

import asyncio
import contextlib
from collections import deque
from collections.abc import Coroutine, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

import httpx2

from sandbox import store

KEPT: Final = 1_000
AT_ONCE: Final = 20
ATTEMPTS: Final = 3
BODY_SHOWN: Final = 2_000
PENDING_MAX: Final = 50_000


@dataclass(slots=True)
class Sent:
    """One request to the product; `status` is None when no answer came, then `problem` says why."""

    name: str
    method: str
    url: str
    body: str
    status: int | None = None
    answer: str = ""
    problem: str = ""
    attempts: int = 0
    at: datetime = field(default_factory=store.now)

    @property
    def is_ok(self) -> bool:
        return self.status is not None and self.status < 300 and not self.problem

    def as_json(self) -> dict[str, Any]:
        return {
            "at": self.at.isoformat(),
            "name": self.name,
            "method": self.method,
            "url": self.url,
            "body": self.body,
            "status": self.status,
            "answer": self.answer,
            "problem": self.problem,
            "attempts": self.attempts,
        }


class Callbacks:
    """Sends requests to the product and remembers the last ones."""

    def __init__(self, *, retry_delay: float) -> None:
        self._retry_delay = retry_delay
        self._tasks: set[asyncio.Task[None]] = set()
        self._slots = asyncio.Semaphore(AT_ONCE)
        self._client = httpx2.AsyncClient(timeout=10, follow_redirects=False, trust_env=False)
        self.sent: deque[Sent] = deque(maxlen=KEPT)
        self.dropped = 0

    @property
    def pending(self) -> int:
        """How many receipts and other sendings are still to come."""
        return len(self._tasks)

    def start(self, work: Coroutine[Any, Any, None]) -> None:
        """Let something happen later; it ends with the sandbox. What is too much is dropped and counted."""
        if len(self._tasks) >= PENDING_MAX:
            work.close()
            self.dropped += 1
            return
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def quiet(self, seconds: float) -> None:
        """Wait until nothing is to be sent any more, but no longer than so many seconds."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while self._tasks:
                    await asyncio.wait(self._tasks)

    async def forget(self) -> None:
        """Call off what is still to come and forget what was sent."""
        current = asyncio.current_task()
        tasks = [task for task in self._tasks if task is not current]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self.sent.clear()
        self.dropped = 0

    async def close(self) -> None:
        await self.forget()
        await self._client.aclose()

    async def send(
        self,
        name: str,
        url: str,
        *,
        method: str = "POST",
        form: Mapping[str, str] | None = None,
        json: object = None,
        headers: Mapping[str, str] | None = None,
        attempts: int = ATTEMPTS,
        timeout: float = 10.0,  # noqa: ASYNC109  # it is the limit of each attempt, not of the whole
    ) -> Sent:
        """Send one request, again after no answer or a 5xx; an address of "" sends nothing."""
        request = self._client.build_request(
            method, url or "http://nowhere.invalid/", data=form, json=json, headers=headers
        )
        sent = Sent(name, method, url, request.content.decode("utf-8", "replace")[:BODY_SHOWN])
        self.sent.append(sent)
        if not url:
            sent.problem = "no address is set for it"
            return sent
        while sent.attempts < attempts:
            if sent.attempts:
                await asyncio.sleep(self._retry_delay * 2 ** (sent.attempts - 1))
            sent.attempts += 1
            await self._try(sent, request, timeout)
            if sent.status is not None and sent.status < 500:
                break
        return sent

    async def _try(self, sent: Sent, request: httpx2.Request, seconds: float) -> None:
        sent.status, sent.answer, sent.problem = None, "", ""
        try:
            async with self._slots, asyncio.timeout(seconds):
                response = await self._client.send(request)
        except (httpx2.HTTPError, httpx2.InvalidURL, TimeoutError) as error:
            sent.problem = f"{type(error).__name__}: {error}"
        else:
            sent.status, sent.answer = response.status_code, response.text[:BODY_SHOWN]
