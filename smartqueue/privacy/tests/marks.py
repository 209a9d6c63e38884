"""A person whose every word is a mark, and where marks are looked for once the person is gone."""

import base64
import binascii
import json
import os
import re
import subprocess
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from django.conf import settings
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.contenttypes.models import ContentType
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from redis import Redis

from smartqueue.accounts import operations as accounts
from smartqueue.accounts.device import Device
from smartqueue.accounts.models import ContactChange, User
from smartqueue.accounts.tests.security_key import SecurityKey
from smartqueue.accounts.tests.test_factors import code_at
from smartqueue.common import clock, uploads
from smartqueue.notifications.queries import list_mailbox
from smartqueue.outbox import relay
from smartqueue.outbox.enums import HandlerMode
from smartqueue.outbox.models import Delivery
from smartqueue.queues.tests.factories import Place, make_device, make_place, make_queue
from smartqueue.queues.tokens import token_of

FIRST, LAST = "Xanthoria", "Quibdoé"
EMAIL = "xanthoria.quibdoe@marks.example.test"
NEW_EMAIL = "xanthoria.neuve@marks.example.test"
WISHED_EMAIL = "xanthoria.voulue@marks.example.test"
PHONE = "+221776543219"
PLATE = "MQ-4217-ZX"
NOTE = "wombatremark about Xanthoria"
REASON = "Xanthoria went away"
DEVICE = "MarkedBrowser/9.1"
ADDRESS = "203.0.113.77"
SUPPORT_REASON = "The screen of the hall stays dark"
PASSWORD = "une phrase bien longue et marquee"
MARKS = (
    FIRST,
    LAST,
    EMAIL,
    NEW_EMAIL,
    WISHED_EMAIL,
    PHONE,
    "776543219",
    PLATE,
    "wombatremark",
    DEVICE,
    ADDRESS,
)


class Api:
    """REST as one caller."""

    def __init__(self, access: str = "", token: str = "", **environ: str) -> None:
        headers = {"User-Agent": DEVICE} if environ else {}
        if access:
            headers["Authorization"] = f"Bearer {access}"
        if token:
            headers["X-Ticket-Token"] = token
        self._client = Client(headers=headers, **environ)

    def ask(self, method: str, path: str, body: Any = None, status: int = 0) -> Any:
        response = self._client.generic(
            method,
            f"/api/{path}",
            json.dumps(body or {}) if method != "GET" else "",
            content_type="application/json",
            headers={"Idempotency-Key": str(uuid4())} if method == "POST" else {},
        )
        wrong = f"{method} {path}: {response.status_code} {response.content.decode()}"
        assert response.status_code == status if status else response.status_code < 300, wrong
        return response.json() if response.content else None

    def post(self, path: str, body: Any = None) -> Any:
        return self.ask("POST", path, body)

    def upload(self, path: str, **form: Any) -> Any:
        headers = {"Idempotency-Key": str(uuid4())}
        response = self._client.post(f"/api/{path}", form, headers=headers)
        assert response.status_code == 201, response.content.decode()
        return response.json()


def staff(place: Place, index: int = 0) -> Api:
    user = User.objects.get(pk=place.agents[index].user_id)
    return Api(accounts.sign_in(user=user, device=Device(), now=clock.now()).access)


def owner(place: Place) -> Api:
    user = User.objects.get(pk=place.owner.user_id)
    return Api(accounts.sign_in(user=user, device=Device(), now=clock.now()).access)


def code_for(recipient: str) -> str:
    """Return the newest code in the development mailbox."""
    codes = (re.search(r"\b\d{6}\b", message.body) for message in list_mailbox(recipient))
    return next(found[0] for found in codes if found)


def carry_everything() -> None:
    """Let the relay and the workers do what waits."""
    for _ in range(3):
        relay.carry_due(HandlerMode.DATABASE)
        relay.carry_due(HandlerMode.OUTSIDE)


@dataclass
class Life:
    """What a marked person did, and the ids to ask about afterwards."""

    place: Place
    workplace: Place
    user_id: str = ""
    api: Api = field(default_factory=Api)
    tickets: list[str] = field(default_factory=list)
    cases: list[str] = field(default_factory=list)


def live() -> Life:
    """Use every feature that exists, through REST, as a marked person with an account."""
    life = Life(make_place(), make_place())
    _be_invited(life)
    _register(life)
    _use_tickets(life)
    _ask_for_help(life)
    _work(life)
    _help_inside(life)
    _add_factors(life)
    _use_privacy(life)
    _leave_traces_of_machinery(life)
    carry_everything()
    return life


def _be_invited(life: Life) -> None:
    for place in (life.workplace, make_place()):
        body = {"organization": str(place.organization.pk), "role": "manager"}
        for identifier in (EMAIL, PHONE):
            owner(place).post("business/members/", body | {"identifier": identifier})
    carry_everything()


def _register(life: Life) -> None:
    guest = Api(REMOTE_ADDR=ADDRESS)
    person = {"email": EMAIL, "phone": PHONE, "first_name": FIRST, "last_name": LAST}
    guest.post("accounts/auth/register/", person | {"password": PASSWORD, "language": "fr"})
    signed = guest.post("accounts/auth/verify/", {"identifier": EMAIL, "code": code_for(EMAIL)})
    life.user_id = signed["user"]["id"]
    life.api = Api(signed["access"], REMOTE_ADDR=ADDRESS)
    life.api.post("accounts/auth/verify/", {"identifier": PHONE, "code": code_for(PHONE)})
    login = {"identifier": PHONE, "password": PASSWORD}
    again = guest.post("accounts/auth/login/", login)
    guest.ask("POST", "accounts/auth/login/", login | {"password": "no"}, 401)
    guest.post("accounts/auth/refresh/", {"refresh": again["refresh"]})
    guest.post("accounts/auth/register/", person | {"password": PASSWORD, "phone": None})
    _sign_in_on_pages(life)
    _change_address(life)
    life.api = Api(
        accounts.sign_in(
            user=User.objects.get(pk=life.user_id), device=Device(name=DEVICE), now=clock.now()
        ).access,
        REMOTE_ADDR=ADDRESS,
    )
    life.api.post("accounts/auth/socket-ticket/")
    carry_everything()


def _change_address(life: Life) -> None:
    path = f"accounts/users/{life.user_id}/"
    life.api.ask("PATCH", path, {"email": NEW_EMAIL})
    change = ContactChange.objects.get(user=life.user_id)
    codes = [code_for(NEW_EMAIL), code_for(EMAIL)]
    confirm = f"accounts/auth/contact-changes/{change.pk}/confirm/"
    life.api.post(confirm, {"codes": codes})
    life.api.ask("PATCH", path, {"email": WISHED_EMAIL})
    # Nobody's any more: who asks for a code there is told that there is no account.
    Api(REMOTE_ADDR=ADDRESS).post("accounts/auth/code/", {"identifier": EMAIL})


def _sign_in_on_pages(life: Life) -> None:
    browser = Client(REMOTE_ADDR=ADDRESS, headers={"User-Agent": DEVICE})
    browser.post("/sign-in/", {"identifier": EMAIL, "password": PASSWORD})
    # A registration begun on another machine leaves its identifier in a session of nobody's.
    stranger = Client()
    names = {"first_name": FIRST, "last_name": LAST, "password": PASSWORD}
    stranger.post("/register/", {"identifier": EMAIL} | names)


def _use_tickets(life: Life) -> None:
    place, agent = life.place, staff(life.place)
    session = agent.post("agents/sessions/", {"counter": str(place.counters[0].pk)})["id"]
    joining = {"queue": str(place.queue.pk), "phone": PHONE, "plate": PLATE}
    own = life.api.post("queues/tickets/", joining | {"customer_name": f"{FIRST} {LAST}"})
    child = life.api.post("queues/tickets/", joining | {"customer_name": f"{FIRST} enfant"})
    by_phone = Api().post("queues/tickets/", joining | {"customer_name": f"{FIRST} seule"})
    by_agent = agent.post("queues/tickets/", joining | {"customer_name": f"{LAST} au guichet"})
    kiosk = Api(token=make_device(place.branch))
    kiosk.post("queues/tickets/", {"queue": joining["queue"], "customer_name": "", "phone": PHONE})
    life.tickets = [own["id"], child["id"], by_phone["id"], by_agent["id"]]
    path = f"queues/tickets/{own['id']}"
    agent.ask("PATCH", f"{path}/", {"note": NOTE})
    agent.ask("PATCH", f"queues/tickets/{by_phone['id']}/", {"note": NOTE})
    agent.post(f"{path}/call/", {"session": session})
    agent.post(f"{path}/recall/")
    agent.post(f"{path}/start/")
    agent.post(f"{path}/park/", {"reason": REASON})
    agent.post(f"{path}/resume/")
    agent.post(f"{path}/call/", {"session": session})
    agent.post(f"{path}/start/")
    agent.post(f"{path}/complete/", {"note": NOTE, "outcome": f"see {LAST}"})
    agent.post(f"{path}/undo/")
    agent.post(f"{path}/complete/", {"note": NOTE, "outcome": f"see {LAST}"})
    life.api.post(f"queues/tickets/{child['id']}/more-time/", {"minutes": 5})
    target = make_queue(place, "B")
    agent.post(f"queues/tickets/{by_phone['id']}/transfer/", {"queue": str(target.pk)})
    life.api.post(f"queues/tickets/{child['id']}/cancel/", {"reason": REASON})
    agent.post(f"queues/tickets/{by_agent['id']}/call/", {"session": session})
    agent.post(f"queues/tickets/{by_agent['id']}/no-show/")
    carry_everything()


def _ask_for_help(life: Life) -> None:
    """Cases of the account, of a ticket's holder without it, and what staff writes in them."""
    about = {"subject_type": "ticket", "category": "service", "title": f"{FIRST} asks"}
    words = {"body": f"{NOTE}, call {PHONE}"}
    own = life.api.post("support/cases/", about | words | {"subject_id": life.tickets[0]})
    holder = Api(token=token_of(UUID(life.tickets[2])))
    held = holder.post("support/cases/", about | words | {"subject_id": life.tickets[2]})
    account = about | {"subject_type": "account"}
    platform = life.api.post("support/cases/", account | words)
    life.cases = [own["id"], held["id"], platform["id"]]
    for writer, case in ((life.api, own), (holder, held)):
        path = f"support/cases/{case['id']}"
        message = writer.post(f"{path}/messages/", words)["id"]
        writer.upload(f"{path}/attachments/", message=message, file=marked_pdf())
        staff(life.place).post(f"{path}/messages/", {"body": f"Dear {LAST}"})
        staff(life.place).post(f"{path}/messages/", words | {"is_internal": True})
    owner(life.place).post(f"support/cases/{own['id']}/resolve/")
    carry_everything()


def marked_pdf() -> SimpleUploadedFile:
    """Return a PDF that is kept as it is, mark and all."""
    content = f"%PDF-1.4\n% {NOTE}\n1 0 obj<</Type/Catalog>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n"
    return SimpleUploadedFile(f"{FIRST}.pdf", content.encode(), "application/pdf")


def _work(life: Life) -> None:
    organization = str(life.workplace.organization.pk)
    body = {"organization": organization, "role": "viewer"}
    life.api.post("business/members/", body | {"identifier": "somebody@else.example.test"})
    life.api.ask(
        "PATCH", f"business/organizations/{organization}/settings/", {"shows_estimate": False}
    )
    device = {"branch": str(life.workplace.branch.pk), "kind": "kiosk", "name": "At the door"}
    life.api.post("business/devices/", device)
    carry_everything()


def _help_inside(life: Life) -> None:
    """For an hour the person is platform staff; a reason names nobody, as its form asks."""
    who = User.objects.filter(pk=life.user_id)
    who.update(is_superuser=True)
    inside = {"organization": str(make_place().organization.pk), "reason": SUPPORT_REASON}
    opened = life.api.post("business/support-accesses/", inside)
    life.api.post(f"business/support-accesses/{opened['id']}/close/")
    who.update(is_superuser=False)
    carry_everything()


def _add_factors(life: Life) -> None:
    setup = life.api.post("accounts/factors/totp/")
    life.api.post("accounts/factors/totp/confirm/", {"code": code_at(setup["secret"])})
    key = SecurityKey()
    asked = life.api.post("accounts/factors/passkeys/options/", {"kind": "passkey"})
    added = {"token": asked["token"], "credential": key.make(asked["options"])}
    life.api.post("accounts/factors/passkeys/", added | {"name": f"{FIRST}'s key"})
    life.api.post("accounts/factors/passkeys/options/", {"kind": "passkey"})
    life.api.post("accounts/factors/totp/")
    carry_everything()


def _use_privacy(life: Life) -> None:
    life.api.post("privacy/consents/", {"purpose": "marketing", "is_given": True, "version": 1})
    life.api.post("privacy/consents/", {"purpose": "marketing", "is_given": False, "version": 1})
    life.api.post("privacy/exports/")
    Api().post("privacy/erasures/", {"phone": PHONE})
    carry_everything()


def _leave_traces_of_machinery(life: Life) -> None:
    """What no caller can make at will: a failed delivery's text, and the administration's log."""
    failed = Delivery.objects.order_by("-id").first()
    assert failed is not None
    Delivery.objects.filter(pk=failed.pk).update(
        state="dead", last_error=f"IntegrityError: Key (phone)=({PHONE}) already exists."
    )
    LogEntry.objects.create(
        user_id=life.place.owner.user_id,
        content_type=ContentType.objects.get_for_model(User),
        object_id=life.user_id,
        object_repr=f"{FIRST} {LAST}",
        action_flag=CHANGE,
        change_message=json.dumps([{"changed": {"object": f"{FIRST} {LAST}"}}]),
    )


# --- Looking ------------------------------------------------------------------------------------

_HEX = re.compile(r"\\\\x([0-9a-f]{6,})")
_CODED = re.compile(r"[A-Za-z0-9+/_-]{12,}={0,2}")
_ESCAPED = re.compile(r"\\+u[0-9a-fA-F]{4}")


def database_dump() -> str:
    """Return all data of the test database, as PostgreSQL's own dump writes it."""
    told = connection.settings_dict
    command = ["pg_dump", "--data-only", "-h", told["HOST"], "-p", str(told["PORT"])]
    command += ["-U", told["USER"], told["NAME"]]
    environ = os.environ | {"PGPASSWORD": told["PASSWORD"]}
    done = subprocess.run(command, env=environ, capture_output=True, check=True)  # noqa: S603  # ours
    return done.stdout.decode()


# A record of who did what keeps where from for its 90 days, whoever asks to be erased.
WITH_ADDRESSES = ("outbox_domainevent", "audit_rowchange")
_TABLE = re.compile(r"^COPY public\.(\w+) .*?^\\\.$", re.MULTILINE | re.DOTALL)


def marks_left() -> list[str]:
    """Return the marks in the database, but for addresses in the record of who did what."""
    dump = database_dump()
    record = "".join(found[0] for found in _TABLE.finditer(dump) if found[1] in WITH_ADDRESSES)
    rest = _TABLE.sub(lambda found: "" if found[1] in WITH_ADDRESSES else found[0], dump)
    return sorted({*marks_in(rest), *marks_in(record)} - ({ADDRESS} - {*marks_in(rest)}))


def tables_with_marks() -> set[str]:
    """Return the tables in which marks are left, as `marks_left` counts them."""
    return {
        found[1]
        for found in _TABLE.finditer(database_dump())
        if set(marks_in(found[0])) - ({ADDRESS} if found[1] in WITH_ADDRESSES else set())
    }


def patient_redis() -> Any:
    """Return a client that waits, where the product's own gives up after a moment."""
    return Redis.from_url(settings.REDIS_URL, socket_timeout=30)


def new_phone() -> str:
    """
    Return a mobile number that no other test and no other run has: attempts are counted in Redis,
    which outlives a test and is shared.
    """
    return f"+22177{uuid4().int % 10**7:07}"


def redis_dump() -> str:
    """Return every key of Redis with its value."""
    client = patient_redis()
    read = {
        b"string": client.get,
        b"list": lambda key: client.lrange(key, 0, -1),
        b"set": client.smembers,
        b"zset": lambda key: client.zrange(key, 0, -1, withscores=True),
        b"hash": client.hgetall,
        b"stream": client.xrange,
    }
    texts = []
    for key in client.scan_iter(count=1000):
        value = read.get(client.type(key), lambda _: b"")(key)
        texts.append(f"{key!r} {value!r}")
    return "\n".join(texts)


def files_dump(*directories: Path) -> str:
    """Return the names and contents of all files below some directories."""
    files = [path for directory in directories for path in directory.rglob("*") if path.is_file()]
    return "\n".join(f"{path} {path.read_bytes()!r}" for path in files)


def case_files_dump() -> str:
    """Return the names and contents of all files of support cases."""
    names = uploads.private_files("cases")
    return "\n".join(f"{name} {default_storage.open(name).read()!r}" for name in names)


def readings_of(text: str) -> Iterator[str]:
    """Return a text, and what stands in it as hexadecimal, base64, compressed or escaped."""
    yield text
    yield _ESCAPED.sub(lambda found: chr(int(found[0][-4:], 16)), text)
    for found in _HEX.finditer(text):
        yield bytes.fromhex(found[1][: len(found[1]) // 2 * 2]).decode("utf-8", "replace")
    for word in set(_CODED.findall(text)):
        yield from _decoded(word)


def _decoded(word: str) -> Iterator[str]:
    bare = word.rstrip("=").replace("+", "-").replace("/", "_")
    for start in (0, 1, 2, 3):
        part = bare[start:]
        try:
            content = base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
        except (ValueError, binascii.Error):
            continue
        yield content.decode("utf-8", "replace")
        try:
            yield zlib.decompress(content).decode("utf-8", "replace")
        except zlib.error:
            continue


def marks_in(text: str) -> list[str]:
    """Return the marks that a text repeats, in whatever form."""
    found = set()
    for reading in readings_of(text):
        low = reading.casefold()
        found |= {mark for mark in MARKS if mark.casefold() in low}
    return sorted(found)
