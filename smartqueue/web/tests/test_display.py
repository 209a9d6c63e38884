"""The wall display and its voice."""

import io
import wave
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import translation

from smartqueue.business.models import Counter
from smartqueue.common import tenancy
from smartqueue.queues import operations
from smartqueue.queues.tests import factories
from smartqueue.web import speech, wording

pytestmark = pytest.mark.django_db


def test_it_begins_with_who_is_called(client: Client, place: factories.Place) -> None:
    session = factories.sit_down(place)
    factories.join(place)
    operations.call_next_for_session(actor=place.agent, session_id=session.pk, now=factories.NOW)
    page = client.get(f"/d/{place.branch.slug}/?lang=fr,ar,xx").content.decode()
    assert 'data-languages="fr,ar"' in page
    assert "A001" in page


def _address(place: factories.Place, clip: str = "") -> str:
    return f"/d/{place.branch.slug}/speech/{clip}"


def _rename(counter: Counter) -> None:
    with tenancy.organizations([counter.organization_id]):
        Counter.objects.filter(pk=counter.pk).update(name="Salle Bleue")


def _seconds(wav: bytes) -> float:
    with wave.open(io.BytesIO(wav)) as clip:
        return clip.getnframes() / clip.getframerate()


def test_a_display_learns_what_its_calls_need(client: Client, place: factories.Place) -> None:
    _rename(place.counters[1])
    spoken = client.get(_address(place)).json()
    assert sorted(spoken) == ["ar", "en", "fr"]
    first = place.counters[0].name
    assert spoken["fr"]["counters"] == {
        first: ["counter", int(first)],
        "Salle Bleue": ["place-salle-bleue"],
    }
    assert (spoken["fr"]["and"], spoken["en"]["and"]) == (False, True)
    clips = spoken["en"]["clips"]
    assert {"ticket", "letter-a", "number-0", "number-99", "hundred-9", "and-42"} < set(clips)
    assert "letter-b" not in clips
    assert "place-salle-bleue" in clips


def test_each_language_says_its_clips(client: Client, place: factories.Place) -> None:
    for language in ("fr", "en", "ar"):
        for name in ("ticket", "letter-a", "number-42", "counter"):
            response = client.get(_address(place, f"{language}/{name}.wav"))
            assert response.headers["Content-Type"] == "audio/wav"
            assert 0.1 < _seconds(response.content) < 2, (language, name)


def test_a_counter_with_a_name_of_its_own_is_said_by_it(
    client: Client, place: factories.Place
) -> None:
    _rename(place.counters[0])
    named = client.get(_address(place, "fr/place-salle-bleue.wav")).content
    assert 0.3 < _seconds(named) < 3


def test_a_clip_is_made_once(
    client: Client, place: factories.Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = client.get(_address(place, "fr/number-42.wav")).content
    monkeypatch.setattr(speech, "program", lambda: "/nowhere/espeak-ng")
    assert client.get(_address(place, "fr/number-42.wav")).content == first
    assert client.get(_address(place, "fr/number-43.wav")).status_code == 404


def test_a_recording_comes_before_what_is_made_and_brings_its_language(
    client: Client, place: factories.Place, settings: Any
) -> None:
    for language in ("fr", "wo"):
        (settings.SPEECH_RECORDINGS / language).mkdir(parents=True)
        (settings.SPEECH_RECORDINGS / language / "ticket.wav").write_bytes(b"recorded")
    assert client.get(_address(place, "fr/ticket.wav")).content == b"recorded"
    assert client.get(_address(place, "wo/ticket.wav")).content == b"recorded"
    assert client.get(_address(place, "wo/number-1.wav")).status_code == 404
    assert "wo" in client.get(_address(place)).json()
    page = client.get(f"/d/{place.branch.slug}/?voice=wo,fr,xx").content.decode()
    assert 'data-languages="wo,fr"' in page


def test_without_the_program_nothing_is_spoken(
    client: Client, place: factories.Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(speech, "program", lambda: None)
    assert client.get(_address(place)).json() == {}
    assert client.get(_address(place, "fr/ticket.wav")).status_code == 404


@pytest.mark.parametrize(
    "clip",
    ["fr/place-mine.wav", "fr/letter-é.wav", "xx/ticket.wav", "fr/number-100.wav", "fr/x.wav"],
)
def test_only_what_calls_of_the_branch_need_is_said(
    client: Client, place: factories.Place, clip: str, settings: Any
) -> None:
    assert client.get(_address(place, clip)).status_code == 404
    assert not settings.SPEECH_DIR.exists()


def test_the_command_says_what_is_left_to_record(settings: Any) -> None:
    said = io.StringIO()
    with pytest.raises(CommandError, match="236 clips"):
        call_command("make_speech", "wo", stdout=said)
    assert "wo/number-42.wav\t42" in said.getvalue()
    with pytest.raises(CommandError, match="not the code"):
        call_command("make_speech", "../x")


def test_counters_are_said_by_their_number_or_their_name() -> None:
    pieces = {name: speech.counter_pieces(name) for name in ("Guichet n° 3", "7", "Piste 2")}
    assert pieces == {
        "Guichet n° 3": ["counter", 3],
        "7": ["counter", 7],
        "Piste 2": ["place-piste-2"],
    }


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
