"""A branch with queues, counters and agents at them, set up through the public HTTP API."""

import http.client
import json
import time
import uuid
from dataclasses import dataclass, replace
from typing import Any

from django.conf import settings
from django.contrib.auth.hashers import Argon2PasswordHasher

from bench.scratch import Scratch, Unusable

PASSWORD = "bench-password-of-nobody"  # noqa: S105
RENEW_AFTER_SECONDS = 240


class Api:
    """The product's HTTP API, one request after the other."""

    def __init__(self, port: int) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)

    def post(self, path: str, body: dict[str, Any], bearer: str | None = None) -> Any:
        """
        Return the answer's body.

        :raises Unusable: the answer is not a success
        """
        return self._ask("POST", path, body, bearer)

    def put(self, path: str, body: dict[str, Any], bearer: str | None = None) -> Any:
        """As `post`."""
        return self._ask("PUT", path, body, bearer)

    def get(self, path: str) -> Any:
        """Return what anybody may read; as `post`."""
        return self._ask("GET", path, None, None)

    def _ask(self, method: str, path: str, body: dict[str, Any] | None, bearer: str | None) -> Any:
        headers = {"Content-Type": "application/json", "Idempotency-Key": str(uuid.uuid4())}
        if bearer:
            headers["Authorization"] = f"Bearer {bearer}"
        sent = None if body is None else json.dumps(body)
        try:
            self._connection.request(method, path, sent, headers)
            answer = self._connection.getresponse()
        except (OSError, http.client.HTTPException):
            # Ended by the server while many rows were written; the key makes a repetition safe.
            self._connection.close()
            self._connection.request(method, path, sent, headers)
            answer = self._connection.getresponse()
        text = answer.read()
        if answer.status >= 300:
            raise Unusable(f"{method} {path}: {answer.status} {text[:600].decode()}")
        return json.loads(text) if text else None


@dataclass
class Person:
    """Somebody signed in."""

    api: Api
    id: str
    email: str
    access: str = ""
    refresh: str = ""
    renewed_at: float = 0.0

    def sign_in(self) -> None:
        """Sign in with the password that all have."""
        self._keep(
            self.api.post(
                "/api/accounts/auth/login/", {"identifier": self.email, "password": PASSWORD}
            )
        )

    def renew(self) -> None:
        """Take new tokens when the old ones have been used for some minutes."""
        if time.monotonic() - self.renewed_at > RENEW_AFTER_SECONDS:
            self._keep(self.api.post("/api/accounts/auth/refresh/", {"refresh": self.refresh}))

    def post(self, path: str, **body: Any) -> Any:
        """Post as this person."""
        return self.api.post(path, body, self.access)

    def _keep(self, tokens: dict[str, str]) -> None:
        self.access, self.refresh = tokens["access"], tokens["refresh"]
        self.renewed_at = time.monotonic()


@dataclass
class Seat:
    """An agent at a counter, serving one queue."""

    agent: Person
    counter: str
    session: str
    queue: str


@dataclass
class Place:
    """What there is to measure at."""

    organization: str
    branch: str
    service: str
    queues: list[str]
    seats: list[Seat]
    owner: Person

    def part(self, queues: list[str]) -> "Place":
        """Return the place with these queues only."""
        return replace(self, queues=queues, seats=[s for s in self.seats if s.queue in queues])

    def renew(self) -> None:
        """Keep every agent signed in."""
        for person in [self.owner, *(seat.agent for seat in self.seats)]:
            person.renew()


_ADD_PERSON = """
    INSERT INTO accounts_user (id, email, password, first_name, last_name, language, is_staff,
                               is_superuser, is_active, date_joined)
    VALUES (%s, %s, %s, 'Bench', 'Person', 'fr', false, false, true, now())
"""


def _people(scratch: Scratch, api: Api, count: int) -> list[Person]:
    if not settings.configured:
        settings.configure()
    password = Argon2PasswordHasher().encode(PASSWORD, "bench-salt-of-nobody")
    people = [Person(api, str(uuid.uuid4()), f"person{n}@bench.example.org") for n in range(count)]
    with scratch.connect() as connection, connection.cursor() as cursor:
        cursor.executemany(_ADD_PERSON, [[p.id, p.email, password] for p in people])
    for person in people:
        person.sign_in()
    return people


def prefix(number: int) -> str:
    """Return a prefix of letters for the queue of that number, from 0."""
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    return letters[number // 26] + letters[number % 26]


def set_up(scratch: Scratch, port: int, *, queues: int, seats: int) -> Place:
    """Make the place through the API; only the accounts are written to the database."""
    api = Api(port)
    owner, *agents = _people(scratch, api, seats + 1)
    organization = owner.post("/api/business/organizations/", name="Bench", category="town_hall")
    organization_id = organization["id"]
    branch = owner.post(
        "/api/business/branches/",
        organization=organization_id,
        name="Bench",
        point={"lat": 14.69, "lon": -17.44},
    )["id"]
    service = owner.post(
        "/api/business/services/", organization=organization_id, name="Bench", duration_minutes=5
    )["id"]
    made = []
    for number in range(queues):
        queue = owner.post(
            "/api/queues/queues/",
            branch=branch,
            name=f"Bench {number}",
            prefix=prefix(number),
            services=[service],
        )["id"]
        owner.post(f"/api/queues/queues/{queue}/open/")
        made.append(queue)
    taken = []
    for number, agent in enumerate(agents):
        owner.post(
            "/api/business/members/",
            organization=organization_id,
            identifier=agent.email,
            role="agent",
        )
        counter = owner.post("/api/business/counters/", branch=branch, name=f"{number + 1}")["id"]
        queue = made[number % queues]
        session = agent.post("/api/agents/sessions/", counter=counter, queues=[queue])["id"]
        taken.append(Seat(agent, counter, session, queue))
    return Place(organization_id, branch, service, made, taken, owner)
