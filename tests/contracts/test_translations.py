"""People read French, English or Arabic; no sentence that can reach them stays in another language."""

import ast
import importlib
import pkgutil
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from babel.messages.pofile import read_po
from django.contrib import admin
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.test import Client
from django.urls import path
from django.utils import translation
from django.utils.functional import Promise
from rest_framework import serializers
from rest_framework.response import Response

import smartqueue
from config import labels
from config.urls import handler403, handler404, handler500, urlpatterns  # noqa: F401 - a URLconf
from smartqueue.accounts.models import User
from smartqueue.common.errors import InvalidInput, Problem
from smartqueue.common.rest.views import ApiView
from smartqueue.notifications import texts

ROOT = Path(__file__).resolve().parents[2]
ARABIC = re.compile(r"[\u0600-\u06ff]")
LANGUAGES = ("fr", "en", "ar")
# Words that are the same in English and in French.
SAME_IN_FRENCH: set[str] = set()
# Every letter that one text message of 160 characters can carry (GSM 03.38).
SMS_LETTERS = set(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)


def subclasses(of: type[Any]) -> Iterator[type[Any]]:
    for child in of.__subclasses__():
        yield child
        yield from subclasses(child)


def everything_imported() -> None:
    for module in pkgutil.walk_packages(smartqueue.__path__, "smartqueue."):
        if not {"tests", "migrations", "management"} & set(module.name.split(".")):
            importlib.import_module(module.name)


everything_imported()
PROBLEMS = {
    f"{problem.__module__}.{problem.__name__}": problem
    for problem in [Problem, *subclasses(Problem)]
    if problem.__module__.startswith("smartqueue.")
}


class RaisingView(ApiView):
    public = True

    def get(self, request: Any, name: str) -> Response:
        raise PROBLEMS[name]


urlpatterns = [*urlpatterns, path("api/raise/<str:name>/", RaisingView.as_view())]


def answers(name: str) -> dict[str, dict[str, Any]]:
    client = Client()
    return {
        language: client.get(f"/api/raise/{name}/", headers={"Accept-Language": language}).json()
        for language in LANGUAGES
    }


def in_language(language: str, text: str | Promise) -> str:
    with translation.override(language):
        return str(text)


def is_translated(text: str | Promise) -> bool:
    """Whether a sentence is French in French and Arabic in Arabic, given where it is English."""
    english, french, arabic = (in_language(code, text) for code in ("en", "fr", "ar"))
    return (french != english or english in SAME_IN_FRENCH) and bool(ARABIC.search(arabic))


@pytest.mark.urls(__name__)
@pytest.mark.django_db
@pytest.mark.parametrize("name", sorted(PROBLEMS))
def test_each_problem_answers_in_the_language_asked_for(name):
    found = answers(name)

    assert {body["code"] for body in found.values()} == {PROBLEMS[name].code}
    for member in ("title", *(["detail"] if PROBLEMS[name].detail else [])):
        english, french, arabic = (found[code][member] for code in ("en", "fr", "ar"))
        assert english == in_language("en", getattr(PROBLEMS[name], member))
        assert french != english or english in SAME_IN_FRENCH
        assert ARABIC.search(arabic)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("asked", "answered"),
    [("", "fr"), ("wo", "fr"), ("de, en;q=0.5", "en"), ("ar-MA", "ar"), ("fr-SN", "fr")],
)
def test_the_nearest_language_answers_and_french_by_default(asked, answered):
    headers = {"Accept-Language": asked} if asked else {}

    body = Client().get("/api/accounts/users/me/", headers=headers).json()

    assert body["code"] == "not_signed_in"
    assert body["title"] == in_language(
        answered, PROBLEMS["smartqueue.common.errors.NotSignedIn"].title
    )


@pytest.mark.django_db
@pytest.mark.parametrize("language", LANGUAGES)
def test_wrong_fields_are_explained_in_the_language_asked_for(language):
    def explained(asked: str) -> dict[str, str]:
        answer = Client().post(
            "/api/accounts/auth/register/",
            {"first_name": "A" * 500, "phone": "12", "password": "x"},
            content_type="application/json",
            headers={"Accept-Language": asked},
        )
        assert answer.json()["code"] == InvalidInput.code
        return {error["field"]: error["message"] for error in answer.json()["errors"]}

    others = [explained(other) for other in LANGUAGES if other != language]

    for field, message in explained(language).items():
        assert all(message != other[field] for other in others)


def serializer_classes() -> list[type[serializers.Serializer[Any]]]:
    found = {
        c for c in subclasses(serializers.Serializer) if c.__module__.startswith("smartqueue.")
    }
    return sorted(found, key=lambda c: (c.__module__, c.__name__))


def fields_of(field: Any) -> Iterator[Any]:
    yield field
    if (child := getattr(field, "child", None)) is not None:
        yield from fields_of(child)
    if isinstance(field, serializers.Serializer):
        for inner in field.fields.values():
            yield from fields_of(inner)


def messages_in(language: str, cls: type[serializers.Serializer[Any]]) -> list[str]:
    """Return what the fields of a serializer can answer; made anew, because a message is kept once read."""
    with translation.override(language):
        fields = list(fields_of(cls()))
        told = [str(text) for field in fields for text in field.error_messages.values()]
        limits = [str(v.message) for f in fields for v in f.validators if hasattr(v, "message")]
        return told + limits


@pytest.mark.parametrize("cls", serializer_classes(), ids=lambda c: f"{c.__module__}.{c.__name__}")
def test_each_field_has_its_messages_in_french_and_arabic(cls):
    english, french, arabic = (messages_in(code, cls) for code in ("en", "fr", "ar"))

    assert [e for e, f in zip(english, french, strict=True) if e == f] == []
    assert [e for e, a in zip(english, arabic, strict=True) if not ARABIC.search(a)] == []


@pytest.mark.parametrize("password", ["1", "password", "Ndeyefatou"])
def test_weak_passwords_are_refused_in_french_and_arabic(password):
    labels.name_everything()
    told = {}
    for language in LANGUAGES:
        with translation.override(language), pytest.raises(ValidationError) as refused:
            validate_password(password, User(first_name="Ndeyefatou"))
        told[language] = refused.value.messages

    assert all(ARABIC.search(text) for text in told["ar"])
    assert not any(re.search(r"[A-Za-z]{2}", text) for text in told["ar"])
    assert not any(re.search(r"\b(?:password|name)\b", text) for text in told["fr"])


# What staff or an answer says in its own words has none of the product.
@pytest.mark.parametrize("code", sorted(c for c, text in texts._texts.items() if not text.is_raw))
def test_each_message_fits_its_channel_in_french(code):
    text = texts._texts[code]

    assert is_translated(text.subject)
    assert is_translated(text.body)
    assert set(in_language("fr", text.body)) - SMS_LETTERS == set()


def admin_models() -> list[type[Any]]:
    ours = [model for model in admin.site._registry if model.__module__.startswith("smartqueue.")]
    return sorted(ours, key=lambda model: model._meta.label)


@pytest.mark.parametrize("model", admin_models(), ids=lambda model: model._meta.label)
def test_the_administration_names_its_things_in_each_language(model):
    options = model._meta
    columns = [field.verbose_name for field in [*options.fields, *options.many_to_many]]
    names = [options.app_config.verbose_name, options.verbose_name, options.verbose_name_plural]

    assert [
        str(name) for name in names + columns if not ARABIC.search(in_language("ar", name))
    ] == []


def test_an_english_name_is_kept_for_english_readers():
    assert in_language("en", labels.column("required_papers_ar")) == "papers to bring [ar]"
    assert in_language("fr", labels.column("required_papers_ar")) == "pièces à apporter [ar]"


def own_messages() -> Iterator[tuple[str, Any]]:
    for file in sorted([*ROOT.glob("locale/**/*.po"), *ROOT.glob("smartqueue/**/locale/**/*.po")]):
        language = file.parts[-3]
        with file.open("rb") as source:
            for message in read_po(source, locale=language):
                if message.id:
                    yield language, message


def test_no_catalogue_of_a_package_speaks_over_ours():
    shown = []
    for language, message in own_messages():
        one = check_translations.texts_of(message)[0]
        wanted = check_translations.forms_of(message)
        with translation.override(language):
            if len(wanted) > 1:
                found = translation.ngettext(one, message.id[1], 1)
                wanted = [wanted[0 if language == "fr" else 1]]
            elif message.context:
                found = translation.pgettext(message.context, one)
            else:
                found = translation.gettext(one)
        if [found] != wanted:
            shown.append((language, one, found))

    assert shown == []


COUNTED = re.compile(
    r"(?:%\((?:n|count|days|most|limit|minutes|hours|seconds)\)[sd]"
    r"|\{\{? ?(?:n|count|days|most|limit|minutes|hours|seconds) ?\}?\})(?:</\w+>)? ([a-z]+)"
)
# Signs and words that stay as they are whatever the number.
UNCHANGING = {"min", "h", "ms", "of", "to", "and", "waiting"}
ONE_FORM = {"_", "gettext", "gettext_lazy", "pgettext", "pgettext_lazy"}


def sentences_with_one_form() -> Iterator[tuple[str, str]]:
    for file in sorted(ROOT.glob("smartqueue/**/*.py")):
        if "tests" in file.parts or "migrations" in file.parts:
            continue
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") in ONE_FORM:
                for text in node.args:
                    if isinstance(text, ast.Constant):
                        yield file.name, str(text.value)
    block = re.compile(
        r"\{% blocktranslate(?! count| trimmed count)[^%]*%\}(.*?)\{% endblock", re.DOTALL
    )
    for file in sorted(ROOT.glob("smartqueue/**/templates/**/*.html")):
        for text in block.findall(file.read_text()):
            yield file.name, text


def test_a_counted_sentence_has_plural_forms():
    counted = [
        (file, text)
        for file, text in sentences_with_one_form()
        if any(word not in UNCHANGING for word in COUNTED.findall(text))
    ]
    assert counted == []


@pytest.mark.parametrize(
    "text",
    ["Wait {n} minutes.", "%(count)d people", "{{ n }} counters open", "<b>{{ n }}</b> days"],
)
def test_control_a_counted_sentence_is_seen(text):
    assert COUNTED.search(text)


# The gate itself: script/check_translations.py sees each fault.

sys.path.insert(0, str(ROOT / "script"))
import check_translations  # noqa: E402 - a script, not a package

HEADER = (
    'msgid ""\nmsgstr ""\n"Content-Type: text/plain; charset=UTF-8\\n"\n"Plural-Forms: {}\\n"\n\n'
)
SOUND = 'msgid "%(n)s of <b>%(all)s</b>"\nmsgstr "%(n)s sur <b>%(all)s</b>"\n'
PLURAL = 'msgid "%(n)s man"\nmsgid_plural "%(n)s men"\n'


def faults(tmp_path: Path, body: str, language: str = "fr", rule: str = "") -> list[str]:
    file = tmp_path / f"locale/{language}/LC_MESSAGES/django.po"
    file.parent.mkdir(parents=True, exist_ok=True)
    rule = rule or check_translations.PLURAL_RULES[language]
    file.write_text(HEADER.format(rule) + body)
    with file.open("rb") as source:
        return check_translations.problems_of(read_po(source, locale=language), language)


def test_the_gate_passes_what_is_sound(tmp_path):
    arabic = "".join(f'msgstr[{n}] "{"%(n)s " if n > 2 else ""}رجل"\n' for n in range(6))

    assert faults(tmp_path, SOUND) == []
    assert faults(tmp_path, PLURAL + arabic, "ar") == []


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        (SOUND.replace("%(n)s sur", "%(m)s sur"), "placeholders differ"),
        (SOUND.replace("%(n)s sur", "sur"), "placeholders differ"),
        ('msgid "{time} left"\nmsgstr "reste"\n', "placeholders differ"),
        ('msgid "%d left"\nmsgstr "reste"\n', "placeholders differ"),
        (SOUND.replace("sur <b>", "sur "), "markup differs"),
        (SOUND.replace('"%(n)s sur <b>%(all)s</b>"', '""'), "missing"),
        (PLURAL + 'msgstr[0] "%(n)s homme"\nmsgstr[1] ""\n', "missing"),
        (PLURAL + 'msgstr[0] "un homme"\nmsgstr[1] "des hommes"\n', "placeholders differ"),
        ("#, fuzzy\n" + SOUND, "fuzzy"),
    ],
)
def test_the_gate_sees_each_fault(tmp_path, body, fault):
    assert [line.split(": ")[1] for line in faults(tmp_path, body)] == [fault]


def test_the_gate_sees_a_wrong_plural_rule(tmp_path):
    assert "Plural-Forms" in faults(tmp_path, SOUND, "ar", "nplurals=2; plural=(n != 1);")[0]


def test_the_gate_sees_one_text_with_two_translations(tmp_path):
    faults(tmp_path / "one", SOUND)
    faults(tmp_path / "two", SOUND.replace("sur", "parmi"))

    found = check_translations.problems(tmp_path)

    assert found == ["fr: two translations: '%(n)s of <b>%(all)s</b>'"]
