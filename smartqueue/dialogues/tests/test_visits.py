"""Whole visits by text messages alone, by USSD alone, and by a missed call."""

import json
import re
import time
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from smartqueue.appointments.models import Appointment
from smartqueue.appointments.operations import Person
from smartqueue.appointments.tests.factories import book, make_slot
from smartqueue.common.errors import InvalidInput, NotFound
from smartqueue.dialogues import operations, texts, words
from smartqueue.dialogues.errors import CodeTaken
from smartqueue.dialogues.models import Conversation, GivenAnswer
from smartqueue.notifications import ports
from smartqueue.notifications.models import OutgoingMessage
from smartqueue.notifications.ports import UssdStep
from smartqueue.notifications.providers.base import InboundText
from smartqueue.notifications.segments import measure
from smartqueue.notifications.tests.test_content import STRANGE
from smartqueue.queues import operations as queues
from smartqueue.queues.models import Ticket
from smartqueue.queues.tests.factories import NOW, Place, make_place, make_queue

pytestmark = pytest.mark.django_db

NEIGHBOUR = "+221771110001"
_numbers = count(1)


@dataclass
class Phone:
    """Somebody's phone, new to the limits, and the port that its operator reaches."""

    number: str = field(default_factory=lambda: f"+22177{time.time_ns() % 10**7:07d}")
    now: datetime = NOW
    keyed: list[str] = field(default_factory=list)
    session: str = ""

    def writes(self, text: str, event_id: str = "") -> str:
        event_id = event_id or f"sms-{next(_numbers)}"
        answers = ports.conversations()
        assert answers is not None
        reply = answers.answer_text(InboundText(event_id, self.number, "21245", text), self.now)
        assert reply is not None
        assert measure(reply).segments <= 2
        return reply

    def dials(self) -> str:
        self.session, self.keyed = f"ussd-{next(_numbers)}", []
        return self._shown()

    def keys(self, word: str) -> str:
        self.keyed.append(word)
        return self._shown()

    def _shown(self) -> str:
        answers = ports.conversations()
        assert answers is not None
        step = UssdStep(self.session, self.number, "*245#", "*".join(self.keyed))
        answer = answers.answer_ussd(step, self.now)
        # Aggregators send a step again: it shows the same.
        assert answers.answer_ussd(step, self.now) == answer
        assert measure(answer.text).units <= 160
        assert not measure(answer.text).widening
        return f"{'END' if answer.ends else 'CON'} {answer.text}"


@pytest.fixture
def phone() -> Phone:
    return Phone()


@pytest.fixture
def town() -> Place:
    """A town hall with the queues A, and B with two people before; its code is MAIRIE."""
    place = make_place()
    second = make_queue(place, "B")
    for neighbour in (NEIGHBOUR, "+221771110002"):
        queues.issue_ticket(actor=place.agent, queue_id=second.pk, phone=neighbour, now=NOW)
    operations.set_line(
        actor=place.owner,
        branch_id=place.branch.pk,
        code="mairie",
        missed_call_number="33 821 00 00",
        missed_call_queue_id=second.pk,
        now=NOW,
    )
    return place


def tickets_of(phone: Phone) -> list[Ticket]:
    rows = Ticket.objects.with_scopes_disabled().filter(phone=phone.number)
    return list(rows.order_by("joined_at"))


def call_next(place: Place, ticket: Ticket) -> None:
    session = queues.open_session(
        actor=place.agent, counter_id=place.counters[0].pk, queue_ids=[ticket.queue_id], now=NOW
    )
    queues.call_ticket(actor=place.agent, ticket_id=ticket.pk, session_id=session.pk, now=NOW)


def test_a_whole_visit_by_text_messages(phone: Phone, town: Place) -> None:
    assert "code du lieu" in phone.writes("Bonjour")
    listed = phone.writes("mairie")
    assert "A File A (0), B File B (2)" in listed
    joined = phone.writes("  Mairie-b ", "again")
    assert phone.writes("  Mairie-b ", "again") == joined
    assert "Ticket B003" in joined
    assert "2 devant vous" in joined
    (ticket,) = tickets_of(phone)
    assert (ticket.channel, ticket.language) == ("sms", "fr")
    assert "2 devant vous" in phone.writes("MAIRIE B")
    third = Phone()
    assert "3 waiting" not in third.writes("EN")
    assert "3 before you" in third.writes("ticket mairie b")
    assert "2 devant vous" in phone.writes("plàce svp")
    delayed = phone.writes("Rétard", "late")
    assert "3 devant vous" in delayed
    assert phone.writes("Rétard", "late") == delayed
    assert "2 before you" in third.writes("position")
    call_next(town, ticket)
    assert "votre tour" in phone.writes("POSITON")
    assert "quitté la file" in phone.writes("quiter")
    assert "pas de ticket" in phone.writes("place")
    assert [row.state for row in tickets_of(phone)] == ["cancelled"]
    assert "MAIRIE" in phone.writes("MARIE B")


def test_a_whole_visit_by_ussd(phone: Phone, town: Place) -> None:
    assert "1 Prendre un ticket" in phone.dials()
    assert phone.keys("1").startswith("CON Tapez le code")
    assert "Choix inconnu" in phone.keys("NULLEPART")
    assert "2 B File B: 2 en attente" in phone.keys("Mairie")
    assert "2 en attente" in phone.keys("2")
    # The session drops; dialling again goes on where it was, once.
    assert "File B" in phone.dials()
    assert phone.keys("1").startswith("END Ticket B003")
    (ticket,) = tickets_of(phone)
    assert ticket.channel == "ussd"
    assert "1 Prendre un ticket" in phone.dials()
    assert "2 devant vous" in phone.keys("2")
    assert phone.keys("1").startswith("END B003: personne derrière vous")
    Phone().writes("MAIRIE B")
    phone.dials()
    phone.keys("2")
    assert phone.keys("1").startswith("END B003: vous laissez passer")
    phone.dials()
    # It takes minutes to forget where somebody was.
    phone.keys("1")
    phone.now += timedelta(minutes=6)
    assert "1 Prendre un ticket" in phone.dials()
    phone.keys("4")
    assert "1 Take a ticket" in phone.keys("2")
    assert tickets_of(phone)[0].language == "en"
    phone.dials()
    phone.keys("2")
    assert "Leave the queue B003?" in phone.keys("2")
    assert phone.keys("1").startswith("END B003: you have left")
    # Back to a place by its number among the last ones.
    phone.dials()
    assert f"1 {town.branch.name}" in phone.keys("1")
    assert "A File A" in phone.keys("1")
    assert [row.state for row in tickets_of(phone)] == ["cancelled"]


def test_an_appointment_is_confirmed_and_cancelled(phone: Phone, town: Place) -> None:
    make_slot(town, capacity=5, public_capacity=5)
    person = Person(phone=phone.number, customer_name="Awa")
    first = book(town, actor=town.owner, person=person)

    assert first.reference in phone.writes("oui")
    first.refresh_from_db()
    assert first.attendance_at == NOW
    phone.dials()
    assert "1 Je viendrai" in phone.keys("3")
    phone.keys("2")
    assert phone.keys("1").startswith("END Rendez-vous annulé")
    rows = Appointment.objects.with_scopes_disabled()
    assert rows.get(pk=first.pk).state == "cancelled"
    assert "Aucun rendez-vous" in phone.writes("ANNULER")


def test_a_missed_call_gives_a_ticket_once(phone: Phone, town: Place) -> None:
    answers = ports.conversations()
    assert answers is not None
    for event_id in ("ring-1", "ring-1", "ring-2"):
        answers.answer_missed_call(
            phone=phone.number, called="+221338210000", event_id=event_id, now=NOW
        )
    answers.answer_missed_call(phone=phone.number, called="+221338219999", event_id="x", now=NOW)

    assert [row.number for row in tickets_of(phone)] == ["B003"]
    sent = OutgoingMessage.objects.filter(recipient=phone.number, template="reply")
    assert sent.count() == 2


def test_a_phone_acts_on_its_own_tickets_only(phone: Phone, town: Place) -> None:
    theirs = Ticket.objects.with_scopes_disabled().get(phone=NEIGHBOUR)

    assert "pas de ticket" in phone.writes(f"QUITTER {theirs.number}")
    theirs.refresh_from_db()
    assert theirs.state == "waiting"


def test_a_closed_queue_says_why_and_keeps_nothing(phone: Phone, town: Place) -> None:
    phone.writes("AIDE")
    queues.pause_queue(actor=town.owner, queue_id=town.queue.pk, now=NOW, reason="Panne")

    assert "B File B" in phone.writes("MAIRIE A")
    assert tickets_of(phone) == []


def test_what_a_phone_may_take_is_limited(town: Place, settings: Any) -> None:
    phone = Phone()
    settings.LIMITS = {**settings.LIMITS, "phone_join": {"phone": "1/day"}}

    assert "Ticket A001" in phone.writes("MAIRIE A")
    assert "Trop de demandes" in phone.writes("MAIRIE B")
    assert len(tickets_of(phone)) == 1


def test_nothing_kept_names_the_number(phone: Phone, town: Place) -> None:
    phone.writes("MAIRIE B")
    phone.dials()

    for model in (Conversation, GivenAnswer):
        for row in model.objects.values():
            assert phone.number[4:] not in str(row)


def test_a_code_is_one_place_s_and_no_command(town: Place) -> None:
    other = make_place()
    given = {"actor": other.owner, "branch_id": other.branch.pk, "now": NOW}

    with pytest.raises(CodeTaken):
        operations.set_line(code="Mai-rie", **given)
    for wrong in ("aide", "ab", "TROPLONGPOURUNCODE"):
        with pytest.raises(InvalidInput):
            operations.set_line(code=wrong, **given)
    with pytest.raises(NotFound):
        operations.set_line(actor=other.owner, branch_id=town.branch.pk, code="AUTRE", now=NOW)


def test_every_text_fits_with_the_longest_and_strangest_names() -> None:
    long = "Ç\u2019est l\u2019éloge “œuvré” du Préfet à Ndiébène-Gandiol 😀 " * 3
    names = ["number", "branch", "queue", "service", "at", "counter", "code", "found", "reference"]
    place = texts.Whole("12 devant vous, env. 10-20 min.")
    extra: dict[str, object] = {"place": place, "ahead": 1, "wait": "", "low": 1, "high": 2}
    extra |= {"waiting": 9}
    choices = re.compile(r"^\d .*", re.MULTILINE)
    said_by_key = [
        (language, key, text)
        for language in texts.languages()
        for key, text in texts.tables()[language].items()
        if isinstance(text, str)
    ]
    for strange in (long, *STRANGE):
        values: dict[str, object] = dict.fromkeys([*names, "word", "text"], strange)
        values |= dict.fromkeys(
            ["lines", "numbers", "references"], texts.Whole(texts.cut(strange, 200))
        )
        for language, key, text in said_by_key:
            is_ussd = key.startswith(("menu", "joined_short", "line", "queue_place"))
            said = texts.fitted(texts.say(language, key, **values, **extra), ussd=is_ussd)
            where = (language, key, strange[:20])
            assert not set("\u202e\u2067\u200f\x00\x07\r") & set(said), where
            length = measure(said)
            assert length.segments <= 2, where
            if is_ussd:
                assert length.units <= (80 if length.widening else 160), where
                if key.startswith("menu"):
                    assert choices.findall(said)[-1:] == choices.findall(text)[-1:], where
            if language != "ar" and "\u0639" not in strange:
                assert not length.widening, where
    for language, key, _ in said_by_key:
        plain = texts.say(language, key, **dict.fromkeys([*values, *extra], "A"))
        assert language == "ar" or not measure(plain).widening, (language, key)


def test_a_language_is_a_file(
    phone: Phone, town: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for path in texts.CATALOG.glob("*.json"):
        (tmp_path / path.name).write_text(path.read_text())
    wolof = {
        "name": "Wolof",
        "ussd": True,
        "words": {"language": ["WO"], "leave": ["DEM"]},
        "left": "{number}: jërëjëf, yaŋ dem.",
        "menu_home": "SmartQueue\n1 Jël tike\n2 Sama tike",
    }
    (tmp_path / "wo.json").write_text(json.dumps(wolof))
    monkeypatch.setattr(texts, "CATALOG", tmp_path)
    texts.tables.cache_clear()
    words._commands.cache_clear()
    try:
        phone.dials()
        assert "3 Wolof" in phone.keys("4")
        assert phone.keys("3") == "CON SmartQueue\n1 Jel tike\n2 Sama tike"
        # What it leaves out is said in French.
        assert phone.keys("1").startswith("CON Tapez le code")
        phone.keys("MAIRIE A")
        assert phone.keys("1").startswith("END Ticket A001")
        assert phone.writes("dëm") == "A001: jerejef, yang dem."
        assert phone.writes("dem").startswith("Vous n'avez pas de ticket")
    finally:
        texts.tables.cache_clear()
        words._commands.cache_clear()
