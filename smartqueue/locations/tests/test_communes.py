"""Communes: the table, the search, the wire."""

import csv
import json
import time
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from smartqueue.common.geo import point
from smartqueue.locations import operations, queries
from smartqueue.locations.models import Commune

pytestmark = pytest.mark.django_db

URL = "/api/locations/communes/"


def make(code: str, name: str, *, region: str = "Dakar", department: str = "Dakar") -> Commune:
    return Commune.objects.create(
        code=code,
        name=name,
        region=region,
        department=department,
        population=10,
        point=point(lat=14.7, lon=-17.4),
    )


def names(answer: dict[str, list[dict[str, str]]]) -> list[str]:
    return [row["name"] for row in answer["results"]]


def test_load_communes_loads_every_commune_once_and_writes_nothing_the_second_time() -> None:
    first = operations.load_communes()
    started = time.perf_counter()
    second = operations.load_communes()

    assert (first.added, first.changed, first.unchanged) == (553, 0, 0)
    assert (second.added, second.changed, second.unchanged) == (0, 0, 553)
    assert time.perf_counter() - started < 1
    saint_louis = Commune.objects.get(code="SN-SL-SD1-1")
    assert saint_louis.name == "Saint-Louis"
    assert saint_louis.region == "Saint-Louis"
    assert Commune.objects.get(code="SN-DB-BA3-1").other_names == ["Gaouane"]


def test_load_communes_repairs_what_was_changed() -> None:
    operations.load_communes()
    before = Commune.objects.get(code="SN-SL-SD1-1")
    Commune.objects.filter(pk=before.pk).update(name="wrong", point=point(lat=0, lon=0))

    loaded = operations.load_communes()

    after = Commune.objects.get(pk=before.pk)
    assert (loaded.added, loaded.changed) == (0, 1)
    assert (after.name, after.point.coords) == (before.name, before.point.coords)


def test_load_communes_refuses_a_file_of_another_form(tmp_path: Path) -> None:
    other = tmp_path / "other.csv"
    other.write_text("code,name\nSN-1,Somewhere\n")

    with pytest.raises(CommandError, match="not a table of communes"):
        call_command("load_communes", str(other))
    with pytest.raises(CommandError, match="cannot be read"):
        call_command("load_communes", str(tmp_path / "absent.csv"))

    assert Commune.objects.count() == 0


def test_the_attribution_is_kept_beside_the_table() -> None:
    beside = operations.OWN_TABLE.with_name("ATTRIBUTION.txt").read_text(encoding="utf-8")
    with operations.OWN_TABLE.open(encoding="utf-8") as file:
        regions = {row["region"] for row in csv.DictReader(file)}

    assert beside.splitlines()[0] == queries.ATTRIBUTION
    assert len(regions) == 14


@pytest.mark.parametrize(
    ("search", "expected"),
    [
        ("thies", ["Thiès Nord"]),
        ("THIÈS nord", ["Thiès Nord"]),
        ("mbour", ["Mbour"]),
        ("sacre coeur", ["Mermoz-Sacré-Cœur"]),
        ("sacre-coer", ["Mermoz-Sacré-Cœur"]),
        ("nowhere", []),
        ("100%", []),
        ("", ["Mbour", "Mermoz-Sacré-Cœur", "Thiès Nord"]),
    ],
)
def test_communes_are_found_whatever_the_accents(
    client: Client, search: str, expected: list[str]
) -> None:
    make("SN-1", "Thiès Nord", region="T", department="T")
    make("SN-2", "Mbour", region="T", department="M")
    make("SN-3", "Mermoz-Sacré-Cœur")

    answer = client.get(URL, {"search": search})

    assert names(answer.json()) == expected


def test_the_best_match_comes_first(client: Client) -> None:
    make("SN-1", "Aéré Lao", region="Podor")
    make("SN-2", "Podor", region="Saint-Louis", department="Podor")

    assert names(client.get(URL, {"search": "podor"}).json()) == ["Podor", "Aéré Lao"]


def test_communes_are_filtered_by_region_and_department(client: Client) -> None:
    make("SN-1", "Thiès Nord", region="Thiès", department="Thiès")
    make("SN-2", "Mbour", region="Thiès", department="Mbour")
    make("SN-3", "Gorée")

    assert names(client.get(URL, {"region": "thies"}).json()) == ["Mbour", "Thiès Nord"]
    assert names(client.get(URL, {"region": "Thiès", "department": "mbour"}).json()) == ["Mbour"]


def test_the_whole_selection_is_given_as_geojson(client: Client) -> None:
    operations.load_communes()

    answer = client.get(URL, {"format": "geojson", "region": "Dakar"})

    assert answer.headers["Content-Type"] == "application/geo+json"
    collection = json.loads(answer.content)
    assert collection["type"] == "FeatureCollection"
    assert collection["attribution"] == queries.ATTRIBUTION
    assert len(collection["features"]) == Commune.objects.filter(region="Dakar").count() > 20
    goree = next(f for f in collection["features"] if f["id"] == "SN-DK-DD1-1")
    longitude, latitude = goree["geometry"]["coordinates"]
    assert -18 < longitude < -17
    assert 14 < latitude < 15


def test_a_page_has_twenty_and_says_where_the_data_comes_from(client: Client) -> None:
    operations.load_communes()

    answer = client.get(URL).json()

    assert (answer["count"], len(answer["results"])) == (553, 20)
    assert answer["attribution"] == queries.ATTRIBUTION
    assert set(answer["results"][0]["point"]) == {"lat", "lon"}


@pytest.mark.parametrize("rows", [1, 3])
def test_a_list_takes_two_queries(
    client: Client, rows: int, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for number in range(rows):
        make(f"SN-{number}", f"Place {number}")

    with django_assert_num_queries(2):
        client.get(URL)


def test_one_commune_is_found_by_its_code(client: Client) -> None:
    make("SN-DK-1", "Gorée")

    assert client.get(f"{URL}SN-DK-1/").json()["name"] == "Gorée"
    assert client.get(f"{URL}SN-DK-2/").json()["code"] == "not_found"


def test_a_search_with_a_nul_character_names_the_field(client: Client) -> None:
    answer = client.get(URL, {"search": "a\x00b"})

    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"] == "search"
