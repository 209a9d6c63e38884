"""The wall display and its voice."""

import io
import wave
from typing import Any

import pytest
from django.test import Client
from django.utils import translation

from smartqueue.queues import operations
from smartqueue.queues.tests import factories
from smartqueue.web import speech, wording

pytestmark = pytest.mark.django_db


def _speech(place: factories.Place, **given: str) -> tuple[str, dict[str, str]]:
    query = {"lang": "fr", "number": "A042", "counter": place.counters[0].name, **given}
    return f"/d/{place.branch.slug}/speech/", query


def test_it_begins_with_who_is_called(client: Client, place: factories.Place) -> None:
    session = factories.sit_down(place)
    factories.join(place)
    operations.call_next_for_session(actor=place.agent, session_id=session.pk, now=factories.NOW)
    page = client.get(f"/d/{place.branch.slug}/?lang=fr,ar,xx").content.decode()
    assert 'data-languages="fr,ar"' in page
    assert "A001" in page


@pytest.mark.parametrize("language", ["fr", "en", "ar"])
def test_a_call_is_spoken(client: Client, place: factories.Place, language: str) -> None:
    response = client.get(*_speech(place, lang=language))
    assert response.headers["Content-Type"] == "audio/wav"
    with wave.open(io.BytesIO(response.content)) as clip:
        seconds = len(clip.readframes(10**9)) / (clip.getframerate() * clip.getsampwidth())
    assert 0.8 < seconds < 10


def test_a_clip_is_made_once(
    client: Client, place: factories.Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = client.get(*_speech(place)).content
    monkeypatch.setattr(speech, "program", lambda: "/nowhere/espeak-ng")
    assert client.get(*_speech(place)).content == first
    assert client.get(*_speech(place, number="A043")).status_code == 404


def test_without_the_program_there_is_no_clip(
    client: Client, place: factories.Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(speech, "program", lambda: None)
    assert client.get(*_speech(place)).status_code == 404


@pytest.mark.parametrize(
    "given",
    [{"number": "B042"}, {"number": "A"}, {"counter": "rm -rf"}, {"lang": "xx"}, {"number": ""}],
)
def test_only_the_branchs_own_calls_are_spoken(
    client: Client, place: factories.Place, given: dict[str, str], settings: Any
) -> None:
    assert client.get(*_speech(place, **given)).status_code == 404
    assert not settings.SPEECH_DIR.exists()


def test_old_clips_make_room(place: factories.Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(speech, "CLIPS_KEPT", 2)
    for number in ("A001", "A002", "A003"):
        assert speech.clip("fr", number, "1") is not None
    assert len(list(speech._directory().glob("*.wav"))) == 2


@pytest.mark.parametrize(
    ("number", "spoken"), [("A042", "A 42"), ("AB007", "A B 7"), ("100", "100")]
)
def test_numbers_are_read_without_their_zeros(number: str, spoken: str) -> None:
    assert wording.spoken_number(number) == spoken


@pytest.mark.parametrize(
    ("language", "counter", "sentence"),
    [
        ("en", "Guichet 3", "Ticket A 42, counter 3."),
        ("en", "Salle Bleue", "Ticket A 42, Salle Bleue."),
        ("en", "Piste 2", "Ticket A 42, Piste 2."),
    ],
)
def test_the_sentence_names_the_counter(language: str, counter: str, sentence: str) -> None:
    with translation.override(language):
        assert wording.announcement("A042", counter) == sentence


@pytest.mark.parametrize(
    ("low", "high", "words"),
    [
        (0, 45, "in a moment"),
        (30, 299, "up to 5\N{NO-BREAK SPACE}min"),
        (725, 1190, "between 12 and 20\N{NO-BREAK SPACE}min"),
        (600, 600, "about 10\N{NO-BREAK SPACE}min"),
        (
            1200,
            4290,
            "between 20\N{NO-BREAK SPACE}min and 1\N{NO-BREAK SPACE}h\N{NO-BREAK SPACE}12",
        ),
    ],
)
def test_an_interval_is_rounded_outwards(low: int, high: int, words: str) -> None:
    with translation.override("en"):
        assert wording.wait_interval({"low": low, "high": high}) == words


def test_no_estimate_is_said_plainly() -> None:
    with translation.override("en"):
        assert wording.wait_interval(None) == "not known yet"
