"""The words of messages, an organization's own among them, and whom they are told to."""

import re
from datetime import UTC, datetime, time, timedelta
from typing import Any

import pytest
from django.test import Client

from smartqueue.accounts.entrance import actor_of_user
from smartqueue.accounts.models import User
from smartqueue.accounts.tests.factories import make_user
from smartqueue.business.models import Organization
from smartqueue.business.tests import factories
from smartqueue.common.clock import now
from smartqueue.common.errors import Problem
from smartqueue.notifications import operations, templating, texts
from smartqueue.notifications.enums import Channel, Group, Importance
from smartqueue.notifications.models import Notification, OutgoingMessage, QuietHours
from smartqueue.notifications.operations import Person, telling, wording
from smartqueue.notifications.segments import measure
from smartqueue.notifications.tests.test_devices import browser, register, signed_in

pytestmark = pytest.mark.django_db

BASE = "/api/notifications/"
NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
NAMES = ("place", "name", "number")
STRANGE = (
    "Ndèye Fatou Bintou Rassoul Sarr Diallo de la Grande Mosquée de Touba et de Saint-Louis, Sénégal",
    "\u202egnp.exe \u200f\u0639\u0627\u0626\u0634\u0629\u2067 \u0628\u0646\u062a\u0000\u0007",
    "👩🏿‍⚕️" * 40,
    "{{ link }} {% for x in y %} {{ ''.__class__ }} %(name)s %s {name}",
    '"O\'Néill" <script>alert(1)</script> & Co',
    "\r\nBcc: all@example.test\r\n\r\nhello",
    "",
)


@pytest.fixture(autouse=True)
def sample() -> None:
    """`conftest.words` takes it out again."""
    texts.register_text(
        "test_turn",
        subject="Turn of %(number)s",
        body="%(place)s: %(name)s, ticket %(number)s: %(link)s",
        group=Group.QUEUE,
        life=timedelta(hours=1),
        is_live=True,
        variables={
            "place": "Mairie",
            "name": "Awa",
            "number": "B1",
            "link": "https://smartqueue.example/t/x/",
        },
    )
    texts.register_text(
        "test_vital",
        subject="Now",
        body="Now %(name)s",
        group=Group.QUEUE,
        importance=Importance.VITAL,
        also=(Channel.EMAIL,),
        variables={"name": "Awa"},
    )


# What the product itself makes, beside numbers and links; everything else somebody writes.
OURS = {
    "code": "K7QM-W2SZ",
    "hours": "24",
    "link": "https://smartqueue.example/register/?invitation=AZ8kq3bVd9eXkWc0Tt5uYg.7QmW2sZr",
    "path": "/manage/cases/0198c2a4-8f5e-7c31-b2f0-3d4f5a6b7c8d/",
    "role": "Propriétaire",
}


def values_of(code: str, strange: str) -> dict[str, str]:
    """Return a strange value for everything in a message's words that somebody writes."""
    text = texts.text_of(code)
    source = texts.source_of(code, "fr")
    named = re.findall(r"{{ (\w+) }}", source.subject + source.body)
    samples = {name: OURS.get(name, "Awa") for name in named} | dict(text.variables)
    return {
        name: sample if sample in OURS.values() or "://" in sample or sample.isdigit() else strange
        for name, sample in samples.items()
    }


def test_every_message_bears_the_longest_and_strangest_values_in_each_language():
    worded = [code for code in texts._texts if not texts.text_of(code).is_raw]
    said = {"ticket_called", "appointment_booked", "queue_long", "business_invitation"}
    assert said | {"account_access_opened", "support_case_answered"} <= set(worded)
    for code in worded:
        for strange in STRANGE:
            values = values_of(code, strange)
            for language in ("fr", "en", "ar"):
                # Translators may place a mark of direction.
                marks = set(texts.source_of(code, language).body)
                for channel in (Channel.SMS, Channel.PUSH, Channel.EMAIL, Channel.IN_APP):
                    subject, body = texts.render(code, values, language, channel)
                    where = (code, language, channel, strange[:20])
                    unseen = set("\u202e\u2067\u200f\x00\x07\r") - marks
                    assert not unseen & set(subject + body), where
                    assert "\n" not in subject, where
                    assert body.count("\u2068") == body.count("\u2069"), where
                    if channel == Channel.SMS:
                        assert measure(body).segments <= wording.MOST_SEGMENTS, where
                    if channel == Channel.PUSH:
                        assert len(subject) <= 100, where
                        assert len(body) <= 400, where
                    if "{{" in strange and channel == Channel.EMAIL and "name" in body:
                        assert "{% for x in y %}" in body, where
                    for value in values.values():
                        if "://" in value and "%(link)s" in str(texts.text_of(code).body):
                            assert value in body, where


def test_names_are_narrowed_to_what_a_text_message_carries_cheaply_and_no_further():
    def name(value: str, language: str = "fr") -> str:
        return texts.render("test_vital", {"name": value}, language, Channel.SMS)[1]

    assert name("Hôpital « Principal » 🏥 cœur…") == 'Now Hopital " Principal " coeur...'
    assert name("محمد") == "Now محمد"
    assert name("Awa", "ar") == "Now \u2068Awa\u2069"
    assert texts.render("test_vital", {"name": "Hôpital"}, "fr", Channel.EMAIL)[1] == "Now Hôpital"


@pytest.mark.parametrize(
    ("source", "code", "line"),
    [
        ("{{ name|upper }}", "template_forbidden", 1),
        ("a\n{{ name.__class__ }}", "template_forbidden", 2),
        ("{{ name['x'] }}", "template_forbidden", 1),
        ("{{ name() }}", "template_forbidden", 1),
        ("{{ 7*7 }}", "template_forbidden", 1),
        ("{% for x in name %}{% endfor %}", "template_forbidden", 1),
        ("{% set name = 1 %}", "template_forbidden", 1),
        ("{% include 'x' %}", "template_forbidden", 1),
        ("\n\n{% raw %}{{ x }}{% endraw %}", "template_forbidden", 3),
        ("{% if name is defined %}x{% endif %}", "template_forbidden", 1),
        ("{{ name", "template_broken", 1),
        ("{% if name %}", "template_broken", 1),
        ("{% if name %}" * 300, "template_broken", None),
        ("{% if name %}" * 20 + "{% endif %}" * 20, "template_forbidden", 1),
        ("{{ person }}", "unknown_template_variable", 1),
        ("{{ self }}", "unknown_template_variable", 1),
    ],
    ids=range(16),
)
def test_a_template_holds_variables_and_conditions_only(source, code, line):
    with pytest.raises(Problem) as refused:
        templating.check(source, ("name", "number"))
    assert refused.value.code == code
    if line is not None:
        assert refused.value.extra["line"] == line


def test_values_are_put_in_and_never_evaluated():
    source = "{% if name and not number %}Dear {{ name }}{% elif number %}{{ number }}{% endif %}"
    evil = "{{ 7*7 }}{% if name %}"
    assert templating.render(source, {"name": evil}, ("name", "number")) == f"Dear {evil}"
    assert templating.render(source, {"number": "B1"}, ("name", "number")) == "B1"


# --- An organization's own words -----------------------------------------------------------------


@pytest.fixture
def place() -> tuple[Organization, User]:
    owner = factories.user()
    return factories.organization(owner), owner


def client_of(user: Any) -> Client:
    return factories.signed_in(user)


def test_own_words_are_looked_at_kept_said_and_taken_back(place):
    organization, owner = place
    client, others = client_of(owner), client_of(factories.user())
    url = f"{BASE}templates/test_turn/sms/fr/"
    body = {
        "organization": str(organization.pk),
        "body": "Bonjour {{ name }}, {{ number }} à l'agence {{ place }}",
        "number": 0,
    }

    def put(who: Client, **changes: Any) -> Any:
        return who.put(url, {**body, **changes}, "application/json")

    assert put(others).status_code == 404
    assert put(client, body="{{ name|upper }}").json()["code"] == "template_forbidden"
    assert put(client, body="{{ other }}").json()["variable"] == "other"
    assert put(client, body="x" * 620).json()["code"] == "template_too_long"
    shown = client.post(f"{url}preview/", body, "application/json").json()
    assert shown["body"] == "Bonjour Awa, B1 à l'agence Mairie"
    assert (shown["segments"], shown["alphabet"], shown["longest_segments"]) == (1, "gsm_7", 1)
    assert shown["cost_minor"] > 0

    assert put(client).json()["number"] == 1
    assert put(client).json()["code"] == "template_changed"
    told = {"name": "Moussa", "number": "A7", "place": "Yoff", "link": "https://x.example/"}
    said = operations.tell(
        to=Person(phone="+221771234567", name="Moussa"),
        code="test_turn",
        data=told,
        dedupe_key="one",
        now=now(),
        organization_id=organization.pk,
    )
    assert [message_of(m) for m in said] == ["Bonjour Moussa, A7 à l'agence Yoff"]

    back = client.post(
        f"{url}restore/", {"organization": str(organization.pk), "number": 0}, "application/json"
    )
    assert (back.json()["number"], back.json()["is_default"]) == (2, True)
    versions = client.get(f"{url}versions/", {"organization": str(organization.pk)}).json()
    assert [(v["number"], v["is_default"]) for v in versions] == [(2, True), (1, False)]
    assert versions[1]["changed_by"] == str(owner.pk)
    listed = client.get(f"{BASE}templates/", {"organization": str(organization.pk)}).json()
    assert {"ticket_called", "test_turn"} <= {one["code"] for one in listed}
    assert "sign_in_code" not in {one["code"] for one in listed}


def message_of(message: OutgoingMessage) -> str:
    from smartqueue.common.crypto import decrypt  # noqa: PLC0415
    from smartqueue.notifications.queries import BODY_PURPOSE  # noqa: PLC0415

    return decrypt(message.sealed_body, BODY_PURPOSE)


# --- Who is told, and how ------------------------------------------------------------------------


def told(to: Person, code: str = "test_vital", key: str = "k", at: datetime = NOON) -> list[str]:
    data = {"name": "Awa", "number": "B1", "place": "P", "link": "https://x.example/"}
    sent = operations.tell(to=to, code=code, data=data, dedupe_key=key, now=at)
    return [str(message.channel) for message in sent]


def test_an_account_is_told_once_by_what_it_has_and_wants():
    user = make_user(phone="+221771234567")
    actor = actor_of_user(user.pk, is_platform_admin=False, language="fr")
    person = operations.person_of(user)
    assert told(person, "test_turn") == ["sms"]
    assert told(person, "test_turn") == []
    assert Notification.objects.filter(user=user, code="test_turn").count() == 1
    assert told(person, "test_vital", "v") == ["sms", "email"]

    operations.choose(actor=actor, wanted={(Group.QUEUE, Channel.SMS): False})
    assert told(person, "test_turn", "second") == ["email"]
    operations.choose(actor=actor, wanted={(Group.QUEUE, Channel.EMAIL): False})
    assert told(person, "test_turn", "third") == []
    assert Notification.objects.filter(user=user, code="test_turn").count() == 3
    with pytest.raises(Problem):
        operations.choose(actor=actor, wanted={(Group.SECURITY, Channel.EMAIL): False})


def test_a_device_comes_first_and_the_rest_follow_where_it_fails(monkeypatch):
    user = make_user(phone="+221771234567")
    actor = signed_in(user)
    old = str(register(actor, "token-1", device_id="phone-1").pk)
    new = str(register(actor, "token-2", device_id="phone-2").pk)
    shown = operations.add_browser(actor=actor, subscription=browser(), now=now())
    monkeypatch.setattr(telling.sending, "can_send", lambda channel: True)
    text = texts.text_of("test_turn")
    ways = telling._ways(operations.person_of(user), text, telling.queries.Wishes())
    assert ways == [
        (
            Channel.PUSH,
            new,
            [
                (Channel.WEB_PUSH, str(shown)),
                (Channel.SMS, user.phone),
                (Channel.EMAIL, user.email),
            ],
        ),
        (Channel.PUSH, old, []),
    ]
    only = telling._ways(Person(phone="+221338210000"), text, telling.queries.Wishes())
    assert only == []


def test_quiet_hours_keep_what_is_not_vital_until_they_end_or_drop_it():
    user = make_user(phone="+221771234567")
    actor = actor_of_user(user.pk, is_platform_admin=False, language="fr")
    quiet = operations.Quiet(time(22, 0), time(6, 30))
    operations.set_quiet_hours(actor=actor, quiet=quiet)
    person = operations.person_of(user)
    night = datetime(2026, 11, 23, 23, 0, tzinfo=UTC)
    assert told(person, "test_vital", "night", night) == ["sms", "email"]
    assert told(person, "test_turn", "late", night) == []
    assert told(person, "test_turn", "waits", night.replace(hour=6, minute=10)) == ["sms"]
    held = OutgoingMessage.objects.get(dedupe_key="waits")
    wait = held.next_attempt_at - held.stored_at
    assert timedelta(minutes=19) < wait <= timedelta(minutes=20)
    row = QuietHours.objects.get(user=user)
    assert telling.quiet_until(row, night) == datetime(2026, 11, 24, 6, 30, tzinfo=UTC)
    assert telling.quiet_until(row, NOON) is None
    row.begins_at, row.ends_at, row.timezone = time(12, 0), time(14, 0), "Europe/Paris"
    assert telling.quiet_until(row, NOON) == datetime(2026, 11, 23, 13, 0, tzinfo=UTC)
    operations.set_quiet_hours(actor=actor, quiet=None)
    assert told(person, "test_turn", "again", night) == ["sms"]


def test_people_choose_over_the_api():
    client = client_of(make_user())
    url = f"{BASE}preferences/"
    change = {
        "channels": [{"group": "queue", "channel": "sms", "is_on": False}],
        "quiet_hours": {"begins_at": "22:00", "ends_at": "07:00"},
    }
    assert client.patch(url, change, "application/json").status_code == 200
    shown = client.get(url).json()
    assert [c for c in shown["channels"] if not c["is_on"]] == change["channels"]
    assert shown["quiet_hours"]["timezone"] == "Africa/Dakar"
    bad = {"quiet_hours": {"begins_at": "22:00", "ends_at": "22:00"}}
    assert client.patch(url, bad, "application/json").status_code == 400
    assert (
        client.patch(url, {"quiet_hours": None}, "application/json").json()["quiet_hours"] is None
    )
