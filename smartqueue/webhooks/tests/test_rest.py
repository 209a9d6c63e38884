"""The wire of webhooks: status, shape, rights and the mapped errors."""

from typing import Any

import pytest

from smartqueue.accounts.enums import Role
from smartqueue.queues.tests.conftest import Api, entrance
from smartqueue.queues.tests.factories import Place, make_member, make_place
from smartqueue.webhooks import operations
from smartqueue.webhooks.models import Endpoint
from smartqueue.webhooks.tests.receiver import PAST, deliver, fresh, make_endpoint, ping_of

__all__ = ["entrance"]

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("entrance")]

LIST = "webhooks/endpoints/"


def test_a_manager_sets_up_a_webhook_and_sees_its_secret_once(place: Place) -> None:
    api = Api(make_member(place.organization, Role.MANAGER))
    form = {
        "organization": str(place.organization.pk),
        "url": "https://example.org/hook",
        "event_types": ["ticket.called", "ping-less"],
    }
    assert api.post(LIST, form).json()["errors"][0]["field"] == "event_types"
    form["event_types"] = ["ticket.called"]
    for url in ("http://example.org/", "https://localhost/", "https://10.0.0.1/", "ftp://x.sn/"):
        answer = api.post(LIST, form | {"url": url})
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, "url"), url

    made = api.post(LIST, form)

    assert made.status_code == 201
    assert made.json()["secret"].startswith("whsec_")
    assert api.post(LIST, form).json()["code"] == "endpoint_exists"
    one = f"{LIST}{made.json()['id']}/"
    assert "secret" not in api.get(one).json()
    [listed] = api.get(LIST).json()["results"]
    assert (listed["state"], listed["event_types"]) == ("active", ["ticket.called"])
    rotated = api.post(f"{one}rotate/", {}).json()
    assert rotated["secret"] != made.json()["secret"]
    assert rotated["old_secret_until"] is not None
    assert api.call("patch", one, {"event_types": None}).json()["event_types"] is None
    assert api.post(f"{one}pause/", {}).json()["state"] == "paused"
    assert api.post(f"{one}test/", {}).json()["code"] == "endpoint_not_active"
    assert api.post(f"{one}resume/", {}).json()["state"] == "active"
    sent = api.post(f"{one}test/", {})
    assert (sent.status_code, sent.json()["type"]) == (202, "ping")
    message = f"webhooks/messages/{sent.json()['id']}/"
    assert api.post(f"{message}replay/", {}).json()["code"] == "message_under_way"
    assert api.get(message).json()["tried"] == []
    assert api.post(f"{one}replay/", {"since": PAST.isoformat()}).json() == {"replayed": 0}
    assert api.call("delete", one).status_code == 204
    assert api.get(message).status_code == 404
    types = {row["type"] for row in api.get("webhooks/event-types/").json()}
    assert {"ticket.called", "case.opened"} <= types


def test_others_find_nothing(place: Place) -> None:
    endpoint, _ = make_endpoint(place)
    message = operations.send_test(
        actor=place.owner, endpoint_id=endpoint.pk, now=endpoint.created_at
    )
    one = f"{LIST}{endpoint.pk}/"
    steps = [f"{one}{step}/" for step in ("rotate", "pause", "resume", "test", "replay")]
    steps.append(f"webhooks/messages/{message.pk}/replay/")
    strangers = (
        place.agent,
        make_member(place.organization, Role.VIEWER),
        make_member(place.organization, Role.MANAGER, place.branch),
        make_place().owner,
    )
    before = Endpoint.objects.with_scopes_disabled().values().get(pk=endpoint.pk)
    for stranger in strangers:
        api = Api(stranger)
        assert api.get(LIST).json()["count"] == 0
        form = {"organization": str(place.organization.pk), "url": "https://example.org/"}
        assert api.post(LIST, form).status_code == 404
        assert {api.post(path, {"since": PAST.isoformat()}).status_code for path in steps} == {404}
        reads = (one, f"{one}messages/", f"webhooks/messages/{message.pk}/")
        assert {api.get(path).status_code for path in reads} == {404}
        assert (api.call("delete", one).status_code, api.call("patch", one, {}).status_code) == (
            404,
            404,
        )
    assert Endpoint.objects.with_scopes_disabled().values().get(pk=endpoint.pk) == before


def test_lists_ask_as_often_for_three_as_for_one(
    place: Place, django_assert_num_queries: Any
) -> None:
    api = Api(place.owner)
    endpoint, _ = make_endpoint(place)
    ping_of(place, endpoint)
    deliver(endpoint.pk)
    log = f"{LIST}{endpoint.pk}/messages/"
    for _ in range(2):
        with django_assert_num_queries(LIST_COST):
            assert api.get(LIST).status_code == 200
        with django_assert_num_queries(LOG_COST):
            assert api.get(log + "?type=ping").json()["count"] >= 1
        for _again in range(2):
            ping_of(place, make_endpoint(place)[0])
            ping_of(place, endpoint)
    assert fresh(endpoint).state == "active"
    assert api.get(log + "?state=nothing").status_code == 400


LIST_COST = 3
LOG_COST = 4
