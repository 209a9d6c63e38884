"""Where somebody is signed in, and ending it."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.sessions.models import Session as Cookie
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from smartqueue.accounts import device
from smartqueue.accounts.models import Session, User
from smartqueue.accounts.tests.conftest import Api, bearer
from smartqueue.accounts.tests.factories import make_user
from smartqueue.outbox.models import DomainEvent

pytestmark = pytest.mark.django_db

ANDROID = (
    "Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/131.0.0.0 Mobile Safari/537.36"
)
IPAD = (
    "Mozilla/5.0 (iPad; CPU OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
    "Version/17.5 Mobile/15E148 Safari/604.1"
)
EDGE = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/131.0.0.0 Safari/537.36 Edg/131.0.0.0"
)


def sessions(api: Api, access: str) -> Any:
    return api.client.get("/api/accounts/sessions/", headers=bearer(access))


def end(api: Api, access: str, session_id: object) -> Any:
    return api.client.delete(f"/api/accounts/sessions/{session_id}/", headers=bearer(access))


def only_other(user: User, api: Api, access: str) -> str:
    rows = sessions(api, access).json()["results"]
    return next(row["id"] for row in rows if not row["is_current"])


def grow_old() -> None:
    Session.objects.update(authenticated_at=timezone.now() - timedelta(minutes=11))


def test_the_list_says_what_a_person_knows_a_device_by(api: Api, user: User) -> None:
    api.client.defaults["REMOTE_ADDR"] = "41.82.10.77"
    api.login(user, **{"User-Agent": ANDROID})
    here = api.login(user, **{"User-Agent": "SmartQueue/2.1 (okhttp)"})
    api.login(make_user())
    answer = sessions(api, here["access"]).json()
    assert answer["count"] == 2
    this, that = answer["results"]
    assert this["is_current"]
    assert not that["is_current"]
    assert this["device"] == {"kind": "other", "name": "SmartQueue"}
    assert that["device"] == {"kind": "phone", "name": "Chrome, Android"}
    assert that["network"] == "41.82.10.0/24"
    assert that.keys() == {
        "id",
        "kind",
        "device",
        "network",
        "created_at",
        "last_used_at",
        "is_current",
    }


@pytest.mark.parametrize(
    ("agent", "kind", "name"),
    [
        (ANDROID, "phone", "Chrome, Android"),
        (ANDROID.replace(" Mobile", ""), "tablet", "Chrome, Android"),
        (IPAD, "tablet", "Safari, iPad"),
        (EDGE, "computer", "Edge, Windows"),
        ("curl/8.5.0", "other", "curl"),
        ("", "other", ""),
    ],
    ids=["android", "android-tablet", "ipad", "edge", "program", "nothing"],
)
def test_a_device_is_described(agent: str, kind: str, name: str) -> None:
    described = device.describe(agent)
    assert (described.kind, described.name) == (kind, name)


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("41.82.10.77", "41.82.10.0/24"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1::/48"),
        ("::ffff:41.82.10.77", "41.82.10.0/24"),
        ("", ""),
        ("rubbish", ""),
        (None, ""),
    ],
    ids=["ipv4", "ipv6", "mapped", "empty", "rubbish", "none"],
)
def test_an_address_is_cut_short(address: str | None, network: str) -> None:
    assert device.network_of(address) == network


@pytest.mark.parametrize("count", [1, 3])
def test_the_list_takes_three_queries_however_long(api: Api, user: User, count: int) -> None:
    for _ in range(count - 1):
        api.login(user)
    access = api.login(user)["access"]
    with CaptureQueriesContext(connection) as queries:
        assert sessions(api, access).json()["count"] == count
    # The entrance, the count and the rows.
    assert len(queries) == 3


def test_what_is_over_is_not_listed(api: Api, user: User) -> None:
    here = api.login(user)
    for change in (
        {"ended_at": timezone.now()},
        {"expires_at": timezone.now()},
        {"last_used_at": timezone.now() - timedelta(days=30, seconds=1)},
    ):
        api.login(user)
        Session.objects.filter(pk=only_other(user, api, here["access"])).update(**change)
        assert sessions(api, here["access"]).json()["count"] == 1
    pages = Client()
    pages.force_login(user)
    assert sessions(api, here["access"]).json()["count"] == 2
    Cookie.objects.update(expire_date=timezone.now())
    assert sessions(api, here["access"]).json()["count"] == 1


def test_another_devices_session_is_ended_at_once(api: Api, user: User) -> None:
    here, there = api.login(user), api.login(user)
    other = only_other(user, api, here["access"])
    assert end(api, here["access"], other).status_code == 204
    assert api.me(there["access"]).status_code == 401
    refreshed = api.post("auth/refresh/", {"refresh": there["refresh"]})
    assert refreshed.json()["code"] == "session_ended"
    assert api.me(here["access"]).status_code == 200
    # What closes its sockets.
    event = DomainEvent.objects.get(type="accounts.session.revoked.v1")
    assert event.payload["session_id"] == other
    assert event.payload["reason"] == "revoked"
    assert end(api, here["access"], other).status_code == 404


def test_a_session_of_the_pages_is_ended_at_once(api: Api, user: User) -> None:
    pages = Client()
    pages.force_login(user)
    here = api.login(user)
    assert end(api, here["access"], only_other(user, api, here["access"])).status_code == 204
    assert pages.get("/api/accounts/users/me/").status_code == 401


def test_ending_this_session_needs_no_password(api: Api, user: User) -> None:
    here = api.login(user)
    grow_old()
    this = sessions(api, here["access"]).json()["results"][0]["id"]
    assert end(api, here["access"], this).status_code == 204
    assert api.me(here["access"]).status_code == 401


def test_ending_another_needs_a_recent_sign_in(api: Api, user: User) -> None:
    here, there = api.login(user), api.login(user)
    grow_old()
    refused = end(api, here["access"], only_other(user, api, here["access"]))
    assert (refused.status_code, refused.json()["code"]) == (403, "reauthentication_needed")
    assert api.me(there["access"]).status_code == 200


def test_somebody_elses_session_does_not_exist(api: Api, user: User) -> None:
    here, stranger = api.login(user), api.login(make_user())
    mine = sessions(api, here["access"]).json()["results"][0]["id"]
    assert end(api, stranger["access"], mine).status_code == 404
    assert api.me(here["access"]).status_code == 200


@pytest.mark.parametrize("keep", [True, False])
def test_signing_out_everywhere(api: Api, user: User, keep: bool) -> None:
    here, there = api.login(user), api.login(user)
    other_person = api.login(make_user())
    response = api.post("sessions/sign-out-all/", {"keep_current": keep}, **bearer(here["access"]))
    assert response.json() == {"ended": 1 if keep else 2}
    assert api.me(here["access"]).status_code == (200 if keep else 401)
    assert api.me(there["access"]).status_code == 401
    assert api.me(other_person["access"]).status_code == 200
    event = DomainEvent.objects.get(type="accounts.user.signed_out_everywhere.v1")
    assert event.payload == {"user_id": str(user.pk), "ended_count": 1 if keep else 2}


def test_signing_out_everywhere_needs_a_recent_sign_in(api: Api, user: User) -> None:
    here, there = api.login(user), api.login(user)
    grow_old()
    refused = api.post("sessions/sign-out-all/", {}, **bearer(here["access"]))
    assert refused.json()["code"] == "reauthentication_needed"
    assert api.me(there["access"]).status_code == 200


def is_new() -> list[bool]:
    events = DomainEvent.objects.filter(type="accounts.session.started.v1").order_by("id")
    return [event.payload["is_new_device"] for event in events]


def test_a_device_is_new_once_and_an_update_makes_it_no_other(api: Api, user: User) -> None:
    updated = ANDROID.replace("131.0.0.0", "132.0.6834.80")
    for headers in (
        {"User-Agent": ANDROID},
        {"User-Agent": ANDROID},
        {"User-Agent": updated},
        {"User-Agent": EDGE},
        {"User-Agent": ANDROID, "X-Device-ID": "another"},
        {"User-Agent": EDGE},
    ):
        api.login(user, **headers)
    # The first sign-in of an account is no news.
    assert is_new() == [False, False, False, True, True, False]
