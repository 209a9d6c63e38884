"""The wire: setting up a place, reading it, and who may do what."""

import json
from datetime import UTC, date, datetime, time
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client
from django.utils import translation
from pytest_django import DjangoAssertNumQueries

from smartqueue.accounts.enums import Role
from smartqueue.business import operations, queries
from smartqueue.business.enums import Category
from smartqueue.business.models import Branch, Counter, Organization, Service
from smartqueue.business.tests import factories as make
from smartqueue.common.geo import point
from smartqueue.outbox.models import DomainEvent

pytestmark = pytest.mark.django_db

API = "/api/business"
JSON = "application/json"
DAKAR = {"lat": 14.6937, "lon": -17.4441}


def post(client: Client, path: str, body: Any, **extra: Any) -> Any:
    return client.post(f"{API}/{path}/", body, content_type=JSON, **extra)


def names(answer: Any) -> list[str]:
    return [row["name"] for row in answer.json()["results"]]


def problem_fields(answer: Any) -> list[str]:
    assert answer.status_code == 400, answer.content
    assert answer.headers["Content-Type"] == "application/problem+json"
    return [error["field"] for error in answer.json()["errors"]]


def test_a_place_is_set_up_from_nothing() -> None:
    make.commune()
    owner = make.user()
    client = make.signed_in(owner)

    organization = post(
        client, "organizations", {"name": "Hôpital Principal", "category": "hospital"}
    ).json()
    branch = post(
        client,
        "branches",
        {
            "organization": organization["id"],
            "name": "Urgences",
            "point": DAKAR,
            "commune": "SN-DK-DD1-2",
            "opening_hours": [{"weekday": 0, "opens_at": "08:00", "closes_at": "24:00"}],
        },
    ).json()
    service = post(
        client,
        "services",
        {"organization": organization["id"], "name": "Analyse", "duration_minutes": 10},
    ).json()
    counter = post(client, "counters", {"branch": branch["id"], "name": "Guichet 1"})

    assert organization["slug"] == "hopital-principal"
    assert make.membership(owner, Organization.objects.get()).role == Role.OWNER
    assert branch["slug"] == "hopital-principal-urgences"
    assert (branch["commune"], branch["commune_name"]) == ("SN-DK-DD1-2", "Dakar-Plateau")
    assert (branch["point"], branch["timezone"]) == (DAKAR, "Africa/Dakar")
    assert branch["opening_hours"] == [{"weekday": 0, "opens_at": "08:00", "closes_at": "00:00"}]
    assert service["price"] == {"amount": 0, "currency": "XOF"}
    assert counter.status_code == 201
    told = DomainEvent.objects.filter(type__startswith="business.")
    assert set(told.values_list("type", flat=True)) == {
        "business.organization.created.v1",
        "business.member.joined.v1",
        "business.branch.created.v1",
        "business.service.created.v1",
        "business.counter.created.v1",
    }


def test_two_places_of_one_name_get_slugs_of_their_own() -> None:
    owner = make.user()
    slugs = {make.organization(owner, "Mairie").slug for _ in range(3)}
    arabic = make.organization(owner, "بلدية").slug

    assert len(slugs) == 3
    assert "mairie" in slugs
    assert arabic == "town-hall"


def test_a_double_click_makes_one_organization() -> None:
    client = make.signed_in(make.user())
    body = {"name": "Mairie", "category": "town_hall"}
    key = {"Idempotency-Key": str(uuid4())}

    first, second = (post(client, "organizations", body, headers=key) for _ in range(2))

    assert (first.status_code, second.status_code) == (201, 201)
    assert first.json()["id"] == second.json()["id"]
    assert Organization.objects.count() == 1


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"point": {"lat": 91, "lon": 0}}, "point.lat"),
        ({"point": {"lat": 0, "lon": 181}}, "point.lon"),
        ({"point": {"lat": "NaN", "lon": 0}}, "point.lat"),
        ({"point": {"lat": True, "lon": 0}}, "point.lat"),
        ({"point": {"lat": 10**400, "lon": 0}}, "point.lat"),
        ({"point": {"lat": 0}}, "point.lon"),
        ({"point": None}, "point"),
        ({"timezone": "Africa/Atlantis"}, "timezone"),
        ({"country": "XX"}, "country"),
        ({"commune": "SN-XX"}, "commune"),
        ({"name": ""}, "name"),
        ({"name": "a\x00b"}, "name"),
        ({"name": "a\ud800b"}, "name"),
        ({"phone": "12"}, "phone"),
        ({"address": "x" * 201}, "address"),
        ({"opening_hours": [{"weekday": 7, "opens_at": "08:00", "closes_at": "09:00"}]}, None),
        (
            {"opening_hours": [{"weekday": 0, "opens_at": "10:00", "closes_at": "09:00"}]},
            "opening_hours.0.closes_at",
        ),
        (
            {"opening_hours": [{"weekday": 0, "opens_at": "10:00", "closes_at": "10:00"}]},
            "opening_hours.0.closes_at",
        ),
        (
            {
                "opening_hours": [
                    {"weekday": 0, "opens_at": "08:00", "closes_at": "12:00"},
                    {"weekday": 1, "opens_at": "08:00", "closes_at": "12:00"},
                    {"weekday": 0, "opens_at": "11:59", "closes_at": "14:00"},
                ]
            },
            "opening_hours.2.opens_at",
        ),
        (
            {
                "opening_hours": [
                    {"weekday": 0, "opens_at": "20:00", "closes_at": "00:00"},
                    {"weekday": 0, "opens_at": "22:00", "closes_at": "23:00"},
                ]
            },
            "opening_hours.1.opens_at",
        ),
    ],
)
def test_a_wrong_branch_is_refused_with_the_field_named(
    changes: dict[str, Any], field: str | None
) -> None:
    owner = make.user()
    organization = make.organization(owner)
    body = {"organization": str(organization.pk), "name": "Centre", "point": DAKAR} | changes

    fields = problem_fields(post(make.signed_in(owner), "branches", body))

    assert fields == [field or "opening_hours.0.weekday"]
    assert not Branch.objects.with_scopes_disabled().exists()


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"price": {"amount": -1}}, "price.amount"),
        ({"price": {"amount": 1.5}}, "price.amount"),
        ({"price": {"amount": 10**13}}, "price.amount"),
        ({"price": {"amount": 1, "currency": "XXQ"}}, "price.currency"),
        ({"duration_minutes": 0}, "duration_minutes"),
        ({"duration_minutes": 481}, "duration_minutes"),
        ({"name": ""}, "name"),
        ({"languages": ["f1"]}, "languages.0"),
        ({"required_papers": "a\ud800"}, "required_papers"),
    ],
)
def test_a_wrong_service_is_refused_with_the_field_named(
    changes: dict[str, Any], field: str
) -> None:
    owner = make.user()
    organization = make.organization(owner)
    body = {"organization": str(organization.pk), "name": "Visa", "duration_minutes": 5}

    fields = problem_fields(post(make.signed_in(owner), "services", body | changes))

    assert fields == [field]
    assert not Service.objects.with_scopes_disabled().exists()


def test_another_currency_is_allowed() -> None:
    owner = make.user()
    organization = make.organization(owner)
    price = {"amount": 1250, "currency": "EUR"}
    body = {
        "organization": str(organization.pk),
        "name": "Visa",
        "duration_minutes": 5,
        "price": price,
    }

    assert post(make.signed_in(owner), "services", body).json()["price"] == price


def test_texts_are_written_and_read_in_the_language_of_the_request() -> None:
    owner = make.user()
    organization = make.organization(owner)
    body = {
        "organization": str(organization.pk),
        "name": "Passport",
        "name_fr": "Passeport",
        "required_papers": "Photo",
        "duration_minutes": 5,
    }

    made = post(make.signed_in(owner, "en"), "services", body).json()
    url = f"{API}/services/{made['id']}/"
    french = Client(headers={"Accept-Language": "fr"}).get(url).json()
    arabic = Client(headers={"Accept-Language": "ar"}).get(url).json()

    assert (made["name"], made["name_en"], made["name_fr"]) == ("Passport",) * 2 + ("Passeport",)
    assert (french["name"], french["required_papers"]) == ("Passeport", "Photo")
    assert (arabic["name"], arabic["name_ar"]) == ("Passeport", "")
    make.signed_in(owner, "ar").patch(url, {"name": "جواز سفر"}, content_type=JSON)
    with translation.override("ar"):
        assert Service.objects.with_scopes_disabled().get().name == "جواز سفر"
    assert Client(headers={"Accept-Language": "fr"}).get(url).json()["name"] == "Passeport"


def test_put_asks_for_the_whole_and_patch_for_a_part() -> None:
    owner = make.user()
    organization = make.organization(owner)
    client = make.signed_in(owner)
    url = f"{API}/organizations/{organization.pk}/"

    assert problem_fields(client.put(url, {"name": "Autre"}, content_type=JSON)) == ["category"]
    patched = client.patch(url, {"name": "Autre"}, content_type=JSON)
    assert (patched.status_code, patched.json()["name"]) == (200, "Autre")
    assert patched.json()["slug"] == organization.slug
    put = client.put(url, {"name": "Banque", "category": "bank"}, content_type=JSON)
    assert put.json()["category"] == "bank"
    changed = DomainEvent.objects.filter(type="business.organization.changed.v1")
    assert [event.payload["fields"] for event in changed.order_by("subject_version")] == [
        ["name"],
        ["category", "name"],
    ]
    client.put(url, {"name": "Banque", "category": "bank"}, content_type=JSON)
    assert changed.count() == 2


def test_a_branch_is_changed_with_its_hours() -> None:
    make.commune()
    owner = make.user()
    branch = make.branch(owner, make.organization(owner))
    client = make.signed_in(owner)
    url = f"{API}/branches/{branch.pk}/"
    week = [{"weekday": 2, "opens_at": "09:00", "closes_at": "10:00"}]

    changed = client.patch(
        url, {"commune": "SN-DK-DD1-2", "opening_hours": week}, content_type=JSON
    ).json()
    replaced = client.put(
        f"{url}opening-hours/", {"opening_hours": week * 1}, content_type=JSON
    ).json()

    assert (changed["commune"], changed["opening_hours"]) == ("SN-DK-DD1-2", week)
    assert replaced == {"opening_hours": week}
    assert client.get(f"{url}opening-hours/").json() == replaced
    told = DomainEvent.objects.filter(subject_id=branch.pk).values_list("type", flat=True)
    assert sorted(told) == [
        "business.branch.changed.v1",
        "business.branch.created.v1",
        "business.opening_hours.changed.v1",
    ]
    assert client.patch(url, {"commune": None}, content_type=JSON).json()["commune"] is None


def test_exceptions_and_overrides_change_when_a_branch_is_open() -> None:
    owner = make.user()
    organization = make.organization(owner)
    branch = make.branch(
        owner,
        organization,
        opening_hours=[operations.WeekHours(day, time(8), time(12)) for day in range(7)],
    )
    client = make.signed_in(owner)
    exception = {"branch": str(branch.pk), "date": "2026-12-01"}

    closed = post(client, "opening-exceptions", exception | {"reason": "Travaux"})
    twice = post(client, "opening-exceptions", exception | {"opens_at": "10:00"})
    override = post(
        client,
        "holiday-overrides",
        {"organization": str(organization.pk), "date": "2026-12-25", "is_holiday": False},
    )

    assert closed.json()["opens_at"] is None
    assert problem_fields(twice) == ["closes_at"]
    hours = {"opens_at": "10:00", "closes_at": "11:00"}
    assert problem_fields(post(client, "opening-exceptions", exception | hours)) == ["date"]
    url = f"{API}/opening-exceptions/{closed.json()['id']}/"
    assert client.patch(url, hours, content_type=JSON).json()["opens_at"] == "10:00"
    listed = client.get(f"{API}/opening-exceptions/", {"branch": str(branch.pk)}).json()
    assert [row["date"] for row in listed["results"]] == ["2026-12-01"]
    schedule = _schedule(branch)
    assert schedule.hours_on(date(2026, 12, 1)) == ((time(10), time(11)),)
    assert schedule.hours_on(date(2026, 12, 25)) == ((time(8), time(12)),)
    assert client.delete(url).status_code == 204
    assert client.delete(f"{API}/holiday-overrides/{override.json()['id']}/").status_code == 204
    assert _schedule(branch).hours_on(date(2026, 12, 1)) == ((time(8), time(12)),)
    assert _schedule(branch).hours_on(date(2026, 12, 25)) == ()


def _schedule(branch: Branch) -> Any:
    return queries.schedule_of(branch)


def test_the_same_override_said_twice_is_one() -> None:
    owner = make.user()
    organization = make.organization(owner)
    client = make.signed_in(owner)
    body = {"organization": str(organization.pk), "date": "2026-05-28", "is_holiday": True}

    first = post(client, "holiday-overrides", body).json()
    second = post(client, "holiday-overrides", body | {"name": "Tabaski"}).json()

    assert first["id"] == second["id"]
    listed = Client().get(f"{API}/holiday-overrides/", {"organization": str(organization.pk)})
    assert [row["name"] for row in listed.json()["results"]] == ["Tabaski"]


def test_two_counters_of_a_branch_have_two_names() -> None:
    owner = make.user()
    branch = make.branch(owner, make.organization(owner))
    first = make.counter(owner, branch, "1")
    second = make.counter(owner, branch, "2")
    client = make.signed_in(owner)

    again = post(client, "counters", {"branch": str(branch.pk), "name": "1"})
    renamed = client.patch(f"{API}/counters/{second.pk}/", {"name": "1"}, content_type=JSON)

    assert problem_fields(again) == problem_fields(renamed) == ["name"]
    assert client.delete(f"{API}/counters/{first.pk}/").status_code == 204
    assert (
        client.patch(f"{API}/counters/{second.pk}/", {"name": "1"}, content_type=JSON).json()[
            "name"
        ]
        == "1"
    )


def test_what_is_closed_is_not_shown_and_its_history_stays() -> None:
    owner = make.user()
    organization = make.organization(owner)
    branch = make.branch(owner, organization)
    service = make.service(owner, organization)
    counter = make.counter(owner, branch)
    client = make.signed_in(owner)

    assert client.delete(f"{API}/organizations/{organization.pk}/").status_code == 204

    for path in (
        f"organizations/{organization.pk}/",
        f"organizations/{organization.pk}/services/",
        f"branches/{branch.pk}/",
        f"services/{service.pk}/",
        f"counters/{counter.pk}/",
    ):
        assert client.get(f"{API}/{path}").json()["code"] == "not_found"
    for path in ("organizations/", "branches/", "services/", "counters/"):
        assert client.get(f"{API}/{path}").json()["count"] == 0
    assert client.delete(f"{API}/organizations/{organization.pk}/").status_code == 404
    assert Organization.objects.get().closed_at is not None
    assert Counter.objects.with_scopes_disabled().get().retired_at is not None


def search(path: str, **asked: Any) -> list[str]:
    return names(Client().get(f"{API}/{path}/", asked))


@pytest.fixture
def places() -> dict[str, Organization]:
    make.commune("SN-DK-DD1-2", "Dakar-Plateau")
    make.commune("SN-SL-SD1-1", "Saint-Louis", region="Saint-Louis")
    owner = make.user()
    hall = make.organization(owner, "Mairie de Saint-Louis")
    hospital = make.organization(
        owner, "Hôpital Principal", category=Category.HOSPITAL, texts={"description_fr": "Santé"}
    )
    make.branch(owner, hall, "Sud", point=point(lat=16.02, lon=-16.50), commune="SN-SL-SD1-1")
    make.branch(
        owner, hospital, "Plateau", point=point(lat=14.66, lon=-17.43), commune="SN-DK-DD1-2"
    )
    make.branch(owner, hospital, "Fann", point=point(lat=14.69, lon=-17.46))
    return {"hall": hall, "hospital": hospital}


@pytest.mark.usefixtures("places")
@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({"search": "hopital"}, ["Hôpital Principal"]),
        ({"search": "HÔPITAL"}, ["Hôpital Principal"]),
        ({"search": "sante"}, ["Hôpital Principal"]),
        ({"search": "hopitl principal"}, ["Hôpital Principal"]),
        ({"search": "fann"}, ["Hôpital Principal"]),
        ({"search": "mairie saint louis"}, ["Mairie de Saint-Louis"]),
        ({"search": "dakar-plateau"}, ["Hôpital Principal"]),
        ({"search": "mairie dakar"}, []),
        ({"search": "%"}, []),
        ({"search": "_____"}, []),
        ({"category": "hospital"}, ["Hôpital Principal"]),
        ({"category": "bank"}, []),
        ({"commune": "SN-SL-SD1-1"}, ["Mairie de Saint-Louis"]),
        ({"near": "16,-16.5"}, ["Mairie de Saint-Louis", "Hôpital Principal"]),
        ({"near": "14.66,-17.43"}, ["Hôpital Principal", "Mairie de Saint-Louis"]),
        ({"near": "14.66,-17.43", "within": 5000}, ["Hôpital Principal"]),
        ({"ordering": "-name"}, ["Mairie de Saint-Louis", "Hôpital Principal"]),
        ({}, ["Hôpital Principal", "Mairie de Saint-Louis"]),
    ],
)
def test_organizations_are_found(asked: dict[str, Any], expected: list[str]) -> None:
    assert search("organizations", **asked) == expected


@pytest.mark.usefixtures("places")
@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({"search": "fann"}, ["Fann"]),
        ({"search": "principal", "ordering": "name"}, ["Fann", "Plateau"]),
        ({"search": "hopital plateau"}, ["Plateau"]),
        ({"category": "town_hall"}, ["Sud"]),
        ({"commune": "SN-DK-DD1-2"}, ["Plateau"]),
        ({"near": "14.69,-17.46"}, ["Fann", "Plateau", "Sud"]),
        ({"near": "14.69,-17.46", "within": 100}, ["Fann"]),
    ],
)
def test_branches_are_found(asked: dict[str, Any], expected: list[str]) -> None:
    assert search("branches", **asked) == expected


@pytest.mark.usefixtures("places")
def test_distances_are_in_metres() -> None:
    rows = Client().get(f"{API}/branches/", {"near": "14.69,-17.46"}).json()["results"]
    organizations = Client().get(f"{API}/organizations/", {"near": "14.69,-17.46"}).json()

    assert [row["distance_metres"] for row in rows[:1]] == [0]
    assert 4_000 < rows[1]["distance_metres"] < 5_000
    assert [row["distance_metres"] for row in organizations["results"]] == [
        0,
        rows[2]["distance_metres"],
    ]


@pytest.mark.parametrize(
    ("path", "asked", "field"),
    [
        ("organizations", {"near": "here"}, "near"),
        ("organizations", {"near": "91,0"}, "near"),
        ("organizations", {"near": "nan,0"}, "near"),
        ("organizations", {"near": "1,2,3"}, "near"),
        ("organizations", {"within": "10"}, "near"),
        ("organizations", {"near": "1,1", "within": "0"}, "within"),
        ("organizations", {"category": "castle"}, "category"),
        ("organizations", {"search": "a\x00"}, "search"),
        ("organizations", {"ordering": "password"}, "ordering"),
        ("branches", {"organization": "x"}, "organization"),
        ("services", {"organization": "x"}, "organization"),
        ("counters", {"branch": "x"}, "branch"),
        ("opening-exceptions", {}, "branch"),
        ("holiday-overrides", {}, "organization"),
    ],
)
def test_a_wrong_question_names_its_parameter(path: str, asked: dict[str, str], field: str) -> None:
    assert problem_fields(Client().get(f"{API}/{path}/", asked)) == [field]


def test_public_answers_hold_public_columns_only(places: dict[str, Organization]) -> None:
    organization = Client().get(f"{API}/organizations/{places['hall'].pk}/").json()

    assert set(organization) == {
        "id", "name", "slug", "category", "description", "description_fr", "description_en",
        "description_ar", "phone", "website", "created_at", "distance_metres",
    }  # fmt: skip


@pytest.mark.parametrize("rows", [1, 3])
def test_lists_take_the_same_queries_whatever_their_length(
    rows: int, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    owner = make.user()
    for _ in range(rows):
        organization = make.organization(owner)
        branch = make.branch(owner, organization)
        make.service(owner, organization)
        make.counter(owner, branch)
    client = Client()

    for path, count in (
        ("organizations/", 2),
        ("branches/", 3),
        ("services/", 2),
        ("counters/", 2),
        (f"organizations/{organization.pk}/services/", 3),
        (f"opening-exceptions/?branch={branch.pk}", 1),
    ):
        with django_assert_num_queries(count):
            assert client.get(f"{API}/{path}").status_code == 200


def test_services_of_one_organization_are_its_own() -> None:
    owner = make.user()
    mine, other = make.organization(owner), make.organization(owner)
    make.service(owner, mine, "Passeport")
    make.service(owner, other, "Permis")

    assert names(Client().get(f"{API}/organizations/{mine.pk}/services/")) == ["Passeport"]
    assert search("services", organization=str(other.pk)) == ["Permis"]
    assert search("services", search="PASSE") == ["Passeport"]
    assert search("services", category="bank") == []


# --- Who may do what ----------------------------------------------------------------------------

CALLERS = ("anonymous", "stranger", "viewer", "agent", "local manager", "manager", "owner", "admin")


@pytest.fixture
def cast() -> dict[str, Any]:
    owner = make.user()
    organization = make.organization(owner)
    here, there = make.branch(owner, organization), make.branch(owner, organization, "Autre")
    people = {
        "stranger": make.user(),
        "viewer": make.member(owner, organization, Role.VIEWER),
        "agent": make.member(owner, organization, Role.AGENT),
        "local manager": make.member(owner, organization, Role.MANAGER, (here.pk,)),
        "manager": make.member(owner, organization, Role.MANAGER),
        "owner": owner,
        "admin": make.user(is_superuser=True),
    }
    make.organization(people["stranger"], "Other")
    return {
        "people": people,
        "organization": organization,
        "here": here,
        "there": there,
        "service": make.service(owner, organization),
        "counter": make.counter(owner, here),
        "far counter": make.counter(owner, there),
    }


WRITES: list[tuple[str, str, str, dict[str, Any] | None, set[str]]] = [
    ("PATCH", "organizations/{organization}/", "organization", {"phone": ""}, {"manager", "owner"}),
    ("PUT", "organizations/{organization}/", "organization",
     {"name": "x", "category": "bank"}, {"manager", "owner"}),
    ("DELETE", "organizations/{organization}/", "organization", None, {"owner"}),
    ("POST", "branches/", "organization",
     {"organization": "{organization}", "name": "x", "point": DAKAR}, {"manager", "owner"}),
    ("PATCH", "branches/{here}/", "here", {"name": "x"}, {"local manager", "manager", "owner"}),
    ("PATCH", "branches/{there}/", "there", {"name": "x"}, {"manager", "owner"}),
    ("DELETE", "branches/{here}/", "here", None, {"manager", "owner"}),
    ("PUT", "branches/{here}/opening-hours/", "here", {"opening_hours": []},
     {"local manager", "manager", "owner"}),
    ("POST", "opening-exceptions/", "here", {"branch": "{there}", "date": "2026-12-01"},
     {"manager", "owner"}),
    ("POST", "holiday-overrides/", "organization",
     {"organization": "{organization}", "date": "2026-12-01", "is_holiday": True},
     {"manager", "owner"}),
    ("POST", "services/", "organization",
     {"organization": "{organization}", "name": "x", "duration_minutes": 5}, {"manager", "owner"}),
    ("PATCH", "services/{service}/", "service", {"duration_minutes": 7}, {"manager", "owner"}),
    ("DELETE", "services/{service}/", "service", None, {"manager", "owner"}),
    ("POST", "counters/", "here", {"branch": "{here}", "name": "x"},
     {"local manager", "manager", "owner"}),
    ("PATCH", "counters/{far counter}/", "far counter", {"name": "x"}, {"manager", "owner"}),
    ("DELETE", "counters/{counter}/", "counter", None, {"local manager", "manager", "owner"}),
    ("GET", "members/?organization={organization}", "organization", None,
     {"local manager", "manager", "owner"}),
    ("POST", "members/", "organization",
     {"organization": "{organization}", "identifier": "new@example.org", "role": "agent"},
     {"manager", "owner"}),
    ("GET", "invitations/?organization={organization}", "organization", None,
     {"local manager", "manager", "owner"}),
]  # fmt: skip


@pytest.mark.parametrize("caller", CALLERS)
@pytest.mark.parametrize("write", WRITES, ids=lambda write: f"{write[0]} {write[1]}")
def test_who_may_do_what(cast: dict[str, Any], caller: str, write: Any) -> None:
    method, path, _, body, allowed = write
    ids = {name: str(row.pk) for name, row in cast.items() if name != "people"}
    filled = body and {
        key: value.format(**ids) if isinstance(value, str) else value for key, value in body.items()
    }
    client = Client() if caller == "anonymous" else make.signed_in(cast["people"][caller])
    before = DomainEvent.objects.count()

    answer = client.generic(
        method,
        f"{API}/{path.format(**ids)}",
        json.dumps(filled) if filled is not None else b"",
        content_type=JSON,
    )

    # Platform staff have no role anywhere, but may close an organization.
    if caller in allowed or (caller, method, path) == (
        "admin",
        "DELETE",
        "organizations/{organization}/",
    ):
        assert 200 <= answer.status_code < 300, answer.content
        return
    if caller == "local manager" and path == "members/":
        assert problem_fields(answer) == ["branches"]
    else:
        expected = 401 if caller == "anonymous" and "members" in path + "invitations" else 404
        assert answer.status_code in {expected, 401 if caller == "anonymous" else 404}
    assert DomainEvent.objects.count() == before


def test_nobody_makes_an_organization_without_an_account() -> None:
    answer = post(Client(), "organizations", {"name": "x", "category": "bank"})

    assert (answer.status_code, answer.json()["code"]) == (401, "not_signed_in")
    assert not Organization.objects.exists()


@pytest.mark.parametrize(
    ("path", "changes", "field"),
    [
        ("branches", {"point": {"lat": 1}}, "point.lon"),
        ("branches", {"point": []}, "point.non_field_errors"),
        ("branches", {"opening_hours": [{"weekday": 1}]}, "opening_hours.0.opens_at"),
        ("branches", {"opening_hours": [{"weekday": 1, "opens_at": [], "closes_at": {}}]},
         "opening_hours.0.opens_at"),
        ("branches", {"timezone": "../etc/passwd"}, "timezone"),
        ("services", {"price": {"currency": "EUR"}}, "price.amount"),
        ("services", {"name": ""}, "name"),
        ("services", {"name_fr": None}, "name_fr"),
        ("services", [], "non_field_errors"),
        ("organizations", {"website": "javascript:alert(1)"}, "website"),
        ("organizations", {"phone": "abc"}, "phone"),
        ("organizations", {"description": "a\ud800"}, "description"),
    ],
)  # fmt: skip
def test_a_wrong_change_is_refused_with_the_field_named(
    path: str, changes: Any, field: str
) -> None:
    owner = make.user()
    organization = make.organization(owner)
    things = {
        "organizations": organization,
        "branches": make.branch(owner, organization),
        "services": make.service(owner, organization),
    }
    before = DomainEvent.objects.count()

    answer = make.signed_in(owner).patch(
        f"{API}/{path}/{things[path].pk}/", changes, content_type=JSON
    )

    assert problem_fields(answer)[0] == field
    assert DomainEvent.objects.filter(type__startswith="business.").count() <= before


def test_a_price_is_changed_whole() -> None:
    owner = make.user()
    service = make.service(owner, make.organization(owner), price_minor=5, currency="EUR")

    answer = make.signed_in(owner).patch(
        f"{API}/services/{service.pk}/", {"price": {"amount": 7}}, content_type=JSON
    )

    assert answer.json()["price"] == {"amount": 7, "currency": "XOF"}


def test_single_things_are_read_by_anybody() -> None:
    owner = make.user()
    organization = make.organization(owner)
    branch = make.branch(
        owner,
        organization,
        opening_hours=[operations.WeekHours(day, time(0), time(0)) for day in range(7)],
    )
    counter = make.counter(owner, branch)
    operations.set_holiday_override(
        actor=make.actor_of(owner),
        organization_id=organization.pk,
        date=datetime.now(tz=UTC).date(),
        is_holiday=False,
        now=make.NOW,
    )
    client = Client()

    shown = client.get(f"{API}/branches/{branch.pk}/").json()
    assert (shown["is_open"], shown["next_opening"]) == (True, None)
    assert client.get(f"{API}/counters/{counter.pk}/").json()["name"] == "1"
    listed = client.get(f"{API}/counters/", {"organization": str(organization.pk)}).json()
    assert listed["count"] == 1
    assert queries.is_open(branch, make.NOW)
    assert queries.closing_time(branch, make.NOW) is None
    assert queries.closing_time(branch, make.NOW.replace(month=12, day=20)) == datetime(
        2026, 12, 25, tzinfo=UTC
    )
    assert queries.next_opening(branch, make.NOW) == datetime(2026, 12, 26, tzinfo=UTC)
    for path in ("branches", "counters", "services", "organizations"):
        assert client.get(f"{API}/{path}/{uuid4()}/").status_code == 404


def test_an_override_is_changed_by_its_id() -> None:
    owner, stranger = make.user(), make.user()
    organization = make.organization(owner)
    body = {"organization": str(organization.pk), "date": "2026-05-28", "is_holiday": True}
    made = post(make.signed_in(owner), "holiday-overrides", body).json()
    url = f"{API}/holiday-overrides/{made['id']}/"

    assert (
        make.signed_in(stranger).put(url, {"is_holiday": False}, content_type=JSON).status_code
        == 404
    )
    changed = make.signed_in(owner).put(url, {"is_holiday": False}, content_type=JSON).json()

    assert (changed["is_holiday"], changed["date"]) == (False, "2026-05-28")
    unknown = f"{API}/holiday-overrides/{uuid4()}/"
    assert make.signed_in(owner).delete(unknown).status_code == 404
    unknown = f"{API}/opening-exceptions/{uuid4()}/"
    assert make.signed_in(owner).delete(unknown).status_code == 404


def test_a_manager_of_some_branches_keeps_to_the_hours_of_those() -> None:
    owner = make.user()
    organization = make.organization(owner)
    here, there = make.branch(owner, organization), make.branch(owner, organization, "Autre")
    manager = make.signed_in(make.member(owner, organization, Role.MANAGER, (here.pk,)))
    far = post(
        make.signed_in(owner), "opening-exceptions", {"branch": str(there.pk), "date": "2026-12-01"}
    ).json()
    near = post(manager, "opening-exceptions", {"branch": str(here.pk), "date": "2026-12-01"})

    assert near.status_code == 201
    url = f"{API}/opening-exceptions/{far['id']}/"
    assert manager.delete(url).status_code == 404
    assert manager.patch(url, {"reason": "x"}, content_type=JSON).status_code == 404
    mine = f"{API}/opening-exceptions/{near.json()['id']}/"
    hours = {"date": "2026-12-02", "opens_at": "08:00", "closes_at": "24:00"}
    assert manager.put(mine, hours, content_type=JSON).json()["closes_at"] == "00:00"
    again = {
        "branch": str(here.pk),
        "date": "2026-12-02",
        "opens_at": "09:00",
        "closes_at": "10:00",
    }
    assert problem_fields(post(manager, "opening-exceptions", again)) == ["opens_at"]
