"""The document says what the sockets do."""

import re
from pathlib import Path
from typing import Any

import yaml
from django.conf import settings
from jsonschema import Draft202012Validator

from smartqueue.realtime import consumer, routing
from smartqueue.realtime.tests.conftest import Open
from smartqueue.realtime.tests.samples import new_sample, tell

DOCUMENT: dict[str, Any] = yaml.safe_load((settings.BASE_DIR / "docs/asyncapi.yaml").read_text())
SOURCE = Path(consumer.__file__).read_text()


def resolved(node: Any) -> Any:
    if isinstance(node, dict):
        if "$ref" in node:
            found: Any = DOCUMENT
            for part in node["$ref"].removeprefix("#/").split("/"):
                found = found[part]
            return resolved(found)
        return {key: resolved(value) for key, value in node.items()}
    return [resolved(item) for item in node] if isinstance(node, list) else node


MESSAGES = resolved(DOCUMENT["components"]["messages"])


def test_every_path_is_in_the_document() -> None:
    paths = {"/" + re.sub(r"<uuid:(\w+)>", r"{\1}", route) for route, _ in routing._paths}
    assert paths == {channel["address"] for channel in DOCUMENT["channels"].values()}


def test_every_reference_and_example_holds() -> None:
    resolved(DOCUMENT["channels"])
    resolved(DOCUMENT["operations"])
    for message in MESSAGES.values():
        Draft202012Validator.check_schema(message["payload"])
        for example in message.get("examples", ()):
            Draft202012Validator(message["payload"]).validate(example["payload"])


def test_every_message_type_of_a_client_is_in_the_document() -> None:
    handled = set(re.findall(r'case "(\w+)"', SOURCE))
    assert handled == {"auth", "subscribe", "unsubscribe", "resume"}
    assert handled < MESSAGES.keys()


def test_every_close_code_is_explained() -> None:
    codes = set(re.findall(r"^[A-Z_]+: Final = (\d+)$", SOURCE, re.MULTILINE))
    assert len(codes) == 6
    assert all(code in DOCUMENT["info"]["description"] for code in codes)


def test_what_is_sent_is_what_the_document_says(open_socket: Open) -> None:
    sample = new_sample()
    client = open_socket(f"/ws/sample/{sample}/")
    snapshot = client.get()
    tell(sample)
    event = client.get() | {"event": "ticket.called"}
    client.subscribe("nothing:1")
    for message in (snapshot, event, client.get()):
        Draft202012Validator(MESSAGES[message["type"]]["payload"]).validate(message)
