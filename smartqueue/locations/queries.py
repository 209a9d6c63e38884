"""Reads about communes."""

from typing import Final

from django.db.models import F, QuerySet, Value

from smartqueue.common.search import Plain, has_word, likeness, words_of
from smartqueue.locations.models import Commune

ATTRIBUTION: Final = (
    "© OpenStreetMap contributors (ODbL); GeoNames (CC BY 4.0); ANSD, RGPH-5 2023; "
    "WHO/KEMRI-Wellcome 2019 (CC BY 4.0)"
)


def list_communes(
    *, search: str = "", region: str = "", department: str = ""
) -> "QuerySet[Commune]":
    """Return communes by name, or by likeness to `search`; accents and capitals do not count."""
    communes = Commune.objects.defer("search_text")
    if region:
        communes = communes.alias(plain_region=Plain(F("region"))).filter(
            plain_region=Plain(Value(region))
        )
    if department:
        communes = communes.alias(plain_department=Plain(F("department"))).filter(
            plain_department=Plain(Value(department))
        )
    if not search.strip():
        return communes.order_by("name", "code")
    for word in words_of(search):
        communes = communes.filter(has_word(word))
    return communes.alias(like=likeness(search)).order_by("-like", "name", "code")


def commune_by_code(code: str) -> Commune | None:
    """Return the commune with an ANSD code such as "SN-DK-DD1-2"."""
    return Commune.objects.defer("search_text").filter(code=code).first()
