"""What the measured clients ask for, of the product and of the bare application."""

import itertools
import json
import random
import uuid

from bench.load import Client, request
from bench.place import Place, Seat


def key() -> str:
    """Return a new idempotency key."""
    return str(uuid.UUID(int=random.getrandbits(128), version=4))


def issue(place: Place, number: int) -> Client:
    """Join the queues in turn, without an account."""
    return _issuing(place, number, "/api/queues/tickets/")


def bare_issue(place: Place, number: int, way: str) -> Client:
    """The same rows; `way` is "several" statements or "one"."""
    return _issuing(place, number, f"/{way}/issue/")


def _issuing(place: Place, number: int, path: str) -> Client:
    bodies = [json.dumps({"queue": queue}).encode() for queue in place.queues]
    start = number % len(bodies)
    for body in itertools.cycle(bodies[start:] + bodies[:start]):
        yield "issue", request("POST", path, body, Idempotency_Key=key())


class Nobody(Exception):
    """The line is empty, so there is nothing to measure."""


def call(seat: Seat) -> Client:
    """Call the next person, start and complete."""
    bearer = {"Authorization": f"Bearer {seat.agent.access}"}
    next_path = f"/api/agents/sessions/{seat.session}/call-next/"
    while True:
        status, body = yield (
            "call",
            request("POST", next_path, b"{}", Idempotency_Key=key(), **bearer),
        )
        if status == 204:
            raise Nobody
        path = f"/api/queues/tickets/{json.loads(body)['id']}"
        for step in ("start", "complete"):
            yield step, request("POST", f"{path}/{step}/", b"{}", Idempotency_Key=key(), **bearer)


def bare_call(seat: Seat, way: str) -> Client:
    """The same rows for the same three steps."""
    known = {
        "queue": seat.queue,
        "session": seat.session,
        "counter": seat.counter,
        "agent": seat.agent.id,
    }
    body = json.dumps(known).encode()
    while True:
        _, answer = yield "call", request("POST", f"/{way}/call/", body, Idempotency_Key=key())
        with_ticket = json.dumps(known | {"ticket": json.loads(answer)["id"]}).encode()
        for step in ("start", "complete"):
            yield step, request("POST", f"/{way}/{step}/", with_ticket, Idempotency_Key=key())


def read(name: str, paths: list[str], number: int, **headers: str) -> Client:
    """Get the paths in turn."""
    requests = [request("GET", path, **headers) for path in paths]
    start = number % len(requests)
    for bytes_ in itertools.cycle(requests[start:] + requests[:start]):
        yield name, bytes_


def read_unchanged(path: str) -> Client:
    """Get one path with the ETag of the last answer, as a polling page does."""
    etag = "none"
    while True:
        _, body = yield "read", request("GET", path, If_None_Match=etag)
        etag = _etag_of(body) or etag


def _etag_of(body: bytes) -> str | None:
    if not body:
        return None
    status = json.loads(body)
    estimate = status["estimate"] or {}
    figures = "-".join(str(estimate.get(name)) for name in ("low", "median", "high"))
    return f'"{status["version"]}-{figures}"'
