import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from smartqueue.accounts import entrance
from smartqueue.accounts import operations as account_operations
from smartqueue.accounts.actor import Actor
from smartqueue.accounts.device import Device
from smartqueue.accounts.enums import ActorKind, EndReason
from smartqueue.accounts.models import Session, User
from smartqueue.accounts.operations import Tokens
from smartqueue.accounts.tests.factories import make_user
from smartqueue.outbox import relay, wake
from smartqueue.outbox.enums import HandlerMode
from smartqueue.realtime import consumer, hub, operations, review
from smartqueue.realtime.consumer import PROTOCOL
from smartqueue.realtime.tests import samples
from smartqueue.realtime.tests.conftest import Client, Open, start, stop
from smartqueue.realtime.tests.samples import gathered, new_sample, tell

pytestmark = pytest.mark.usefixtures("transactional_db")

NOW = datetime.now(UTC)


def signed_in() -> tuple[User, Tokens]:
    user = make_user()
    return user, account_operations.sign_in(user=user, device=Device(), now=NOW)


def header(tokens: Tokens) -> dict[str, Any]:
    return {"additional_headers": {"Authorization": f"Bearer {tokens.access}"}}


def socket_ticket(actor: Actor) -> dict[str, Any]:
    ticket = account_operations.make_socket_ticket(actor=actor, now=NOW)
    return {"subprotocols": [PROTOCOL, f"ticket.{ticket}"]}


@pytest.fixture
def reader(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A ticket's holder as `queues` would read one."""
    ticket_id = uuid4()

    def read(token: str) -> Actor | None:
        return Actor(ActorKind.TICKET, ticket_id=ticket_id) if token == "sample-token" else None

    monkeypatch.setattr(entrance, "_token_readers", [read])
    return ticket_id


def test_the_authorization_header_signs_in(open_socket: Open) -> None:
    user, tokens = signed_in()
    sample = new_sample(user.pk)
    client = open_socket(f"/ws/sample/{sample}/", **header(tokens))
    assert client.get()["type"] == "snapshot"


def test_a_socket_ticket_signs_in_once(open_socket: Open) -> None:
    user, tokens = signed_in()
    sample = new_sample(user.pk)
    options = socket_ticket(entrance.actor_of_access_token(tokens.access))
    client = open_socket(f"/ws/sample/{sample}/", **options)
    assert client.line.subprotocol == PROTOCOL
    assert client.get()["type"] == "snapshot"
    assert open_socket(f"/ws/sample/{sample}/", **options).close_code() == consumer.NOT_SIGNED_IN


def test_a_first_message_signs_in_and_nothing_is_sent_before(open_socket: Open) -> None:
    user, tokens = signed_in()
    sample = new_sample(user.pk)
    client = open_socket(f"/ws/sample/{sample}/?since=0")
    tell(sample)
    assert client.silent()
    client.put({"type": "auth", "access": tokens.access})
    assert client.get()["version"] == 1


def test_a_ticket_holder_signs_in_by_message_and_header(open_socket: Open, reader: Any) -> None:
    sample = new_sample(uuid4())
    samples.holders[sample] = reader
    client = open_socket(f"/ws/sample/{sample}/")
    client.put({"type": "auth", "ticket_token": "sample-token"})
    assert client.get()["type"] == "snapshot"
    client = open_socket(
        f"/ws/sample/{sample}/", additional_headers={"X-Ticket-Token": "sample-token"}
    )
    assert client.get()["type"] == "snapshot"


@pytest.mark.parametrize(
    "message",
    [
        {"type": "auth", "access": "forged"},
        {"type": "auth", "ticket_token": "forged"},
        {"type": "auth", "access": "\u0000"},
        {"type": "subscribe", "topic": "sample:x"},
        {"type": "resume", "topic": "sample:x", "since": 1},
    ],
)
def test_anything_but_a_valid_sign_in_closes_a_private_path(
    open_socket: Open, reader: Any, message: dict[str, Any]
) -> None:
    client = open_socket(f"/ws/sample/{new_sample(uuid4())}/")
    client.put(message)
    assert client.close_code() == consumer.NOT_SIGNED_IN


@pytest.mark.parametrize(
    "options",
    [
        {"additional_headers": {"Authorization": "Bearer forged"}},
        {"additional_headers": {"Authorization": "Basic x"}},
        {"subprotocols": [PROTOCOL, "ticket.forged"]},
        {"additional_headers": {"Cookie": "sessionid=x"}, "origin": "https://app.example"},
    ],
)
def test_a_bad_credential_closes_a_private_path(
    open_socket: Open, settings: Any, monkeypatch: pytest.MonkeyPatch, options: dict[str, Any]
) -> None:
    monkeypatch.setattr(consumer, "SIGN_IN_SECONDS", 0.3)
    settings.CORS_ALLOWED_ORIGINS = ["https://app.example"]
    client = open_socket(f"/ws/sample/{new_sample(uuid4())}/", **options)
    assert client.close_code() == consumer.NOT_SIGNED_IN


def test_a_protocol_that_is_not_ascii_is_refused(open_socket: Open) -> None:
    protocol = b"\x80\xff".decode("latin-1")
    with pytest.raises(InvalidStatus) as refused:
        open_socket(additional_headers={"Sec-WebSocket-Protocol": protocol})
    assert refused.value.response.status_code == 400


def test_a_token_in_the_address_signs_nobody_in(
    open_socket: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(consumer, "SIGN_IN_SECONDS", 0.3)
    user, tokens = signed_in()
    path = f"/ws/sample/{new_sample(user.pk)}/"
    for query in (f"access={tokens.access}", f"token={tokens.access}"):
        assert open_socket(f"{path}?{query}").close_code() == consumer.NOT_SIGNED_IN


def test_who_does_not_sign_in_within_five_seconds_is_closed(open_socket: Open) -> None:
    client = open_socket(f"/ws/sample/{new_sample(uuid4())}/")
    started = time.monotonic()
    assert client.close_code(8) == consumer.NOT_SIGNED_IN
    assert 4.5 < time.monotonic() - started < 6.5


def test_subscribing_before_signing_in_gives_public_topics_only(open_socket: Open) -> None:
    user, tokens = signed_in()
    private, public = new_sample(user.pk), new_sample()
    client = open_socket()
    client.subscribe(f"sample:{private}")
    assert client.get() == {
        "type": "error",
        "code": "not_signed_in",
        "topic": f"sample:{private}",
    }
    tell(private)
    assert client.silent()
    client.subscribe(f"sample:{public}")
    assert client.get()["type"] == "snapshot"
    client.put({"type": "auth", "access": tokens.access})
    client.subscribe(f"sample:{private}")
    assert client.get()["version"] == 1
    client.put({"type": "auth", "access": tokens.access})
    assert client.get() == {"type": "error", "code": "already_signed_in"}


def test_another_persons_topic_looks_unknown(open_socket: Open) -> None:
    _, tokens = signed_in()
    theirs = new_sample(uuid4())
    assert open_socket(f"/ws/sample/{theirs}/", **header(tokens)).close_code() == consumer.NOT_FOUND
    client = open_socket(**header(tokens))
    for topic in (f"sample:{theirs}", f"sample:{uuid4()}"):
        client.subscribe(topic)
        assert client.get() == {"type": "error", "code": "not_found", "topic": topic}
    tell(theirs)
    assert client.silent()


def test_a_path_without_an_id_is_the_actors_own_topic(open_socket: Open) -> None:
    user, tokens = signed_in()
    assert open_socket("/ws/own/", **header(tokens)).close_code() == consumer.NOT_FOUND
    mine = new_sample(user.pk)
    assert open_socket("/ws/own/", **header(tokens)).get()["topic"] == f"sample:{mine}"
    client = open_socket("/ws/own/")
    client.put({"type": "auth", "access": tokens.access})
    assert client.get()["topic"] == f"sample:{mine}"


def test_a_revoked_session_closes_its_sockets_at_once(open_socket: Open) -> None:
    user, tokens = signed_in()
    other = account_operations.sign_in(user=user, device=Device(), now=NOW)
    sample = new_sample(user.pk)
    closed = open_socket(f"/ws/sample/{sample}/", **header(tokens))
    kept = open_socket(f"/ws/sample/{sample}/", **header(other))
    closed.get()
    kept.get()
    time.sleep(0.2)

    account_operations.end_session(
        session_id=tokens.session_id, reason=EndReason.SIGNED_OUT, ended_by="system", now=NOW
    )
    relay.carry_due(HandlerMode.OUTSIDE)

    assert closed.close_code() == consumer.NOT_SIGNED_IN
    tell(sample)
    assert kept.get()["version"] == 1


@pytest.fixture
def reviewed_often(monkeypatch: pytest.MonkeyPatch, transactional_db: None) -> Iterator[Open]:
    """A server that looks at the rights of everybody every two seconds."""
    monkeypatch.setattr(hub, "REVIEW_SECONDS", 2)
    server, thread, port = start()
    with ExitStack() as stack:

        def open_(path: str = "/ws/", **options: Any) -> Client:
            line = connect(f"ws://127.0.0.1:{port}{path}", **options)
            return Client(stack.enter_context(line))

        yield open_
    stop(server, thread)


def test_rights_are_looked_at_again(reviewed_often: Open) -> None:
    user, tokens = signed_in()
    _, lost = signed_in()
    sample, public = new_sample(user.pk), new_sample()
    on_path = reviewed_often(f"/ws/sample/{sample}/", **header(tokens))
    on_socket = reviewed_often(**header(tokens))
    signed_out = reviewed_often(**header(lost))
    anonymous = reviewed_often(f"/ws/sample/{public}/")
    for name in (sample, public):
        on_socket.subscribe(f"sample:{name}")
        on_socket.get()
    on_path.get()
    anonymous.get()

    samples.owners[sample] = uuid4()
    Session.objects.filter(pk=lost.session_id).update(ended_at=NOW)

    assert on_path.close_code() == consumer.NOT_FOUND
    assert on_socket.get() == {
        "type": "error",
        "code": "not_found",
        "topic": f"sample:{sample}",
    }
    assert signed_out.close_code() == consumer.NOT_SIGNED_IN
    tell(sample)
    tell(public)
    assert on_socket.get()["topic"] == f"sample:{public}"
    assert on_socket.silent()
    assert anonymous.get()["type"] == "event"


def test_a_member_that_left_is_told_of_no_longer(reviewed_often: Open) -> None:
    group, stays, leaves = str(uuid4()), new_sample(), new_sample()
    gathered[group] = [stays, leaves]
    client = reviewed_often(f"/ws/samples/{group}/")
    client.get()
    gathered[group].remove(leaves)
    assert set(client.get()["data"]) == {stays}
    tell(leaves)
    tell(stays)
    assert client.get()["topic"] == f"sample:{stays}"
    assert client.silent()


def test_changed_roles_are_looked_at_at_once(open_socket: Open) -> None:
    user, tokens = signed_in()
    sample = new_sample(user.pk)
    client = open_socket(f"/ws/sample/{sample}/", **header(tokens))
    client.get()
    time.sleep(0.2)
    samples.owners[sample] = uuid4()
    operations.review_user_after_commit(user.pk)
    assert client.close_code(2) == consumer.NOT_FOUND


def test_who_signs_in_while_rights_are_looked_at_stays_signed_in(
    open_socket: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    user, tokens = signed_in()
    public, private = new_sample(), new_sample(user.pk)
    client = open_socket(f"/ws/sample/{public}/")
    client.get()
    looking, may_end = threading.Event(), threading.Event()
    look = review.look_again

    def slowly(actor: Actor, names: Any) -> Any:
        seen = look(actor, names)
        if actor.user_id is None:
            looking.set()
            may_end.wait(10)
        return seen

    monkeypatch.setattr(review, "look_again", slowly)
    # As at the look of every minute, at those whom nobody knows.
    wake.send(("PUBLISH", wake.REVOCATION_CHANNEL, "user None"))
    assert looking.wait(5)
    client.put({"type": "auth", "access": tokens.access})
    # Answered only after the sign-in.
    client.subscribe("nothing:1")
    assert client.get()["code"] == "not_found"
    may_end.set()
    operations.review_user_after_commit(user.pk)
    assert client.silent()

    client.subscribe(f"sample:{private}")

    assert client.get()["type"] == "snapshot"


def test_too_many_sockets_of_one_person_are_refused(open_socket: Open, settings: Any) -> None:
    settings.SOCKETS_PER_USER = 2
    settings.SOCKETS_PER_ADDRESS = 1
    user, tokens = signed_in()
    _, others = signed_in()
    sample = new_sample(user.pk)
    for _ in range(2):
        assert open_socket(f"/ws/sample/{sample}/", **header(tokens)).get()["version"] == 0
    refused = open_socket(f"/ws/sample/{sample}/", **header(tokens))
    assert refused.close_code() == consumer.TOO_MANY
    other = open_socket(**header(others))
    other.subscribe("nothing:1")
    assert other.get()["code"] == "not_found"
