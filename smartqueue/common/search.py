"""Search that ignores accents, capitals and small slips; the columns are made by a migration."""

from django.db.models import F, FloatField, Func, Q, TextField, Value
from django.db.models.functions import Coalesce

MAX_WORDS = 8
FORGIVING_FROM = 5


class Plain(Func):
    """Text without accents or capitals, as `search_text` columns store it."""

    function = "smartqueue_plain"
    arity = 1
    output_field = TextField()


class Joined(Func):
    """The elements of a text array, separated by spaces."""

    function = "smartqueue_joined"
    arity = 1
    output_field = TextField()


class Likeness(Func):
    """How much of the first text the second holds, from 0 to 1."""

    function = "public.word_similarity"
    arity = 2
    output_field = FloatField()


def words_of(search: str) -> list[str]:
    """Return the words that all have to be found; what comes after the eighth is not looked for."""
    return search.split()[:MAX_WORDS]


def has_word(word: str, field: str = "search_text") -> Q:
    """Return the condition that a column holds a word, or for a longer one something very like it."""
    plain = Plain(Value(word))
    condition = Q(**{f"{field}__contains": plain})
    if len(word) >= FORGIVING_FROM:
        condition |= Q(**{f"{field}__trigram_word_similar": plain})
    return condition


def likeness(search: str, field: str = "name") -> Coalesce:
    """Return how much of the sought words a column holds, 0 to 1, to put the best first."""
    return Coalesce(Likeness(Plain(Value(search)), Plain(F(field))), 0.0)
