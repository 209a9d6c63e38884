"""Loading reference data."""

import csv
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from django.db.models import QuerySet

from smartqueue.common.db import operation
from smartqueue.common.geo import point
from smartqueue.locations.models import Commune

OWN_TABLE: Final = Path(__file__).parent / "data" / "communes.csv"
_TEXTS: Final = ("name", "region", "department", "arrondissement")
_COMPARED: Final = (*_TEXTS, "other_names", "population", "point")
_BATCH: Final = 500


@dataclass(frozen=True, slots=True)
class Loaded:
    """What a load did, in communes."""

    added: int
    changed: int
    unchanged: int


def _commune_of(row: dict[str, str]) -> Commune:
    return Commune(
        code=row["code"],
        other_names=[name for name in row["other_names"].split("|") if name],
        population=int(row["population"] or 0),
        point=point(lat=float(row["lat"]), lon=float(row["lon"])),
        **{name: row[name] for name in _TEXTS},
    )


def _facts(commune: Commune) -> tuple[object, ...]:
    here = commune.point
    texts = tuple(getattr(commune, name) for name in _TEXTS)
    return (*texts, tuple(commune.other_names), commune.population, here.x, here.y)


@operation
def load_communes(*, path: Path = OWN_TABLE) -> Loaded:
    """
    Make the communes say what a table says; what is already so is not written.

    :raises KeyError: a column is missing
    :raises ValueError: a point or a population is not a number, or out of range
    """
    with path.open(encoding="utf-8", newline="") as file:
        read = [_commune_of(row) for row in csv.DictReader(file)]
    stored: QuerySet[Commune] = Commune.objects.defer("search_text")
    present = {commune.code: _facts(commune) for commune in stored}
    differing = [commune for commune in read if present.get(commune.code) != _facts(commune)]
    Commune.objects.bulk_create(
        differing,
        batch_size=_BATCH,
        update_conflicts=True,
        unique_fields=["code"],
        update_fields=_COMPARED,
    )
    added = sum(commune.code not in present for commune in differing)
    return Loaded(added, len(differing) - added, len(read) - len(differing))
