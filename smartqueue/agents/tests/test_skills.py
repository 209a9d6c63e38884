"""What agents are good at, and who says so."""

from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from smartqueue.accounts.enums import Role
from smartqueue.agents import operations, queries
from smartqueue.agents.models import Skill
from smartqueue.business import operations as business_operations
from smartqueue.business.tests import factories as make
from smartqueue.common.errors import InvalidInput, NotFound
from smartqueue.outbox.enums import HandlerMode
from smartqueue.outbox.models import DomainEvent
from smartqueue.outbox.relay import carry_due

pytestmark = pytest.mark.django_db

API = "/api/agents"
JSON = "application/json"
NOW = make.NOW


@pytest.fixture
def place() -> dict[str, Any]:
    owner = make.user()
    organization = make.organization(owner)
    here, there = make.branch(owner, organization), make.branch(owner, organization, "Autre")
    return {
        "owner": owner,
        "organization": organization,
        "service": make.service(owner, organization),
        "other service": make.service(owner, organization, "Permis"),
        "agent": make.member(owner, organization, Role.AGENT, (here.pk,), last_name="A"),
        "far agent": make.member(owner, organization, Role.AGENT, (there.pk,), last_name="B"),
        "viewer": make.member(owner, organization, Role.VIEWER, last_name="V"),
        "local manager": make.member(owner, organization, Role.MANAGER, (here.pk,), last_name="M"),
        "here": here,
    }


def body(place: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return {
        "organization": str(place["organization"].pk),
        "user": str(place["agent"].pk),
        "service": str(place["service"].pk),
        "weight": "2.5",
    } | changes


def post(client: Client, data: dict[str, Any]) -> Any:
    return client.post(f"{API}/skills/", data, content_type=JSON)


def test_a_skill_is_set_changed_and_removed(place: dict[str, Any]) -> None:
    client = make.signed_in(place["owner"])

    made = post(client, body(place))
    again = post(client, body(place, weight=0))
    url = f"{API}/skills/{made.json()['id']}/"
    changed = client.patch(url, {"weight": "1.5"}, content_type=JSON)

    assert (made.status_code, made.json()["weight"]) == (201, "2.5")
    assert (again.json()["id"], again.json()["weight"]) == (made.json()["id"], "0.0")
    assert changed.json()["weight"] == "1.5"
    weights = queries.weights_for(place["organization"].pk, place["agent"].pk)
    assert weights == {place["service"].pk: Decimal("1.5")}
    listed = client.get(f"{API}/skills/", {"organization": str(place["organization"].pk)}).json()
    assert [row["id"] for row in listed["results"]] == [made.json()["id"]]
    assert client.delete(url).status_code == 204
    assert queries.weights_for(place["organization"].pk, place["agent"].pk) == {}


def test_weights_are_read_in_one_query(
    place: dict[str, Any], django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for service in ("service", "other service"):
        post(make.signed_in(place["owner"]), body(place, service=str(place[service].pk)))

    with django_assert_num_queries(1):
        weights = queries.weights_for(place["organization"].pk, place["agent"].pk)

    assert len(weights) == 2


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"weight": "11"}, "weight"),
        ({"weight": "-1"}, "weight"),
        ({"weight": "NaN"}, "weight"),
        ({"weight": "1.25"}, "weight"),
        ({"user": str(uuid4())}, "user"),
        ({"service": str(uuid4())}, "service"),
        ({"user": "x"}, "user"),
    ],
)
def test_a_wrong_skill_is_refused_with_the_field_named(
    place: dict[str, Any], changes: dict[str, Any], field: str
) -> None:
    answer = post(make.signed_in(place["owner"]), body(place, **changes))

    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, field)
    assert not Skill.objects.with_scopes_disabled().exists()


def test_who_does_not_serve_and_what_is_elsewhere_is_refused(place: dict[str, Any]) -> None:
    client = make.signed_in(place["owner"])
    foreign = make.service(place["viewer"], make.organization(place["viewer"]))

    assert post(client, body(place, user=str(place["viewer"].pk))).status_code == 400
    assert post(client, body(place, service=str(foreign.pk))).status_code == 400
    assert not Skill.objects.with_scopes_disabled().exists()


def test_infinite_weights_are_refused_at_the_door(place: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput):
        operations.set_skill(
            actor=make.actor_of(place["owner"]),
            organization_id=place["organization"].pk,
            user_id=place["agent"].pk,
            service_id=place["service"].pk,
            weight=Decimal("Infinity"),
            now=NOW,
        )


@pytest.mark.parametrize("caller", ["agent", "viewer", "stranger", "anonymous"])
def test_who_does_not_manage_gets_nothing(place: dict[str, Any], caller: str) -> None:
    made = post(make.signed_in(place["owner"]), body(place)).json()
    before = DomainEvent.objects.filter(type__startswith="agents.").count()
    person = place.get(caller) or make.user()
    client = Client() if caller == "anonymous" else make.signed_in(person)
    expected = 401 if caller == "anonymous" else 404
    url, asked = f"{API}/skills/{made['id']}/", {"organization": body(place)["organization"]}

    for answer in (
        post(client, body(place)),
        client.patch(url, {"weight": 1}, content_type=JSON),
        client.delete(url),
        client.get(f"{API}/skills/", asked),
        client.get(f"{API}/agents/", asked),
    ):
        assert answer.status_code == expected
    assert DomainEvent.objects.filter(type__startswith="agents.").count() == before


def test_a_manager_of_some_branches_reaches_their_agents_only(place: dict[str, Any]) -> None:
    owner, client = make.signed_in(place["owner"]), make.signed_in(place["local manager"])
    far = post(owner, body(place, user=str(place["far agent"].pk))).json()
    near = post(client, body(place))
    asked = {"organization": body(place)["organization"]}

    assert near.status_code == 201
    assert post(client, body(place, user=str(place["far agent"].pk))).status_code == 400
    url = f"{API}/skills/{far['id']}/"
    assert client.patch(url, {"weight": 1}, content_type=JSON).status_code == 404
    listed = client.get(f"{API}/skills/", asked).json()["results"]
    assert [row["id"] for row in listed] == [near.json()["id"]]
    agents = client.get(f"{API}/agents/", asked).json()["results"]
    assert [row["name"] for row in agents] == ["A", "M"]


def test_agents_are_listed_with_their_skills(
    place: dict[str, Any], django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    client = make.signed_in(place["owner"])
    post(client, body(place))
    asked = {"organization": body(place)["organization"]}

    # Session, account, memberships, organization, count, page, skills.
    with django_assert_num_queries(7):
        rows = client.get(f"{API}/agents/", asked).json()["results"]
    here = client.get(f"{API}/agents/", asked | {"branch": str(place["here"].pk)}).json()

    assert {row["name"] for row in rows} == {"A", "B", "M", str(place["owner"])}
    agent = next(row for row in rows if row["name"] == "A")
    assert agent["branches"] == [str(place["here"].pk)]
    assert [(skill["service"], skill["weight"]) for skill in agent["skills"]] == [
        (str(place["service"].pk), "2.5")
    ]
    assert {row["name"] for row in here["results"]} == {"A", "M", str(place["owner"])}


def test_who_has_come_back_before_the_leaving_is_heard_of_keeps_the_new_skills(
    place: dict[str, Any],
) -> None:
    owner, organization_id = make.actor_of(place["owner"]), place["organization"].pk
    membership = make.membership(place["agent"], place["organization"])
    business_operations.remove_member(actor=owner, membership_id=membership.pk, now=NOW)
    business_operations.add_member(
        actor=owner,
        organization_id=organization_id,
        identifier=str(place["agent"].email),
        role=Role.AGENT,
        branches=(),
        now=NOW,
    )
    post(make.signed_in(place["owner"]), body(place))

    carry_due(HandlerMode.DATABASE)

    assert Skill.objects.with_scopes_disabled().get().user_id == place["agent"].pk


def test_who_leaves_takes_no_skills_along(place: dict[str, Any]) -> None:
    post(make.signed_in(place["owner"]), body(place))
    membership = make.membership(place["agent"], place["organization"])

    business_operations.remove_member(
        actor=make.actor_of(place["owner"]), membership_id=membership.pk, now=NOW
    )
    operations.forget_agent(organization_id=place["organization"].pk, user_id=place["agent"].pk)

    assert not Skill.objects.with_scopes_disabled().exists()
    with pytest.raises(NotFound):
        operations.remove_skill(actor=make.actor_of(place["owner"]), skill_id=uuid4(), now=NOW)
