"""The page of what a person was told."""

from uuid import uuid4

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from smartqueue.accounts.models import User
from smartqueue.business.tests import factories
from smartqueue.common.clock import now
from smartqueue.notifications import operations
from smartqueue.notifications.models import Notification

pytestmark = pytest.mark.django_db

INDEX = "/account/notifications/"


@pytest.fixture
def user() -> User:
    return factories.user()


@pytest.fixture
def client(user: User) -> Client:
    return factories.signed_in(user)


def told(user: User, number: str = "A001", link: str = "") -> Notification:
    made = operations.notify(
        user_id=user.pk,
        code="ticket_called",
        data={"place": "Mairie <b>", "number": number, "counter": "Guichet 3", "link": link},
        dedupe_key=str(uuid4()),
        now=now(),
    )
    assert made is not None
    return made


def test_nothing_was_told_yet(client: Client) -> None:
    assert b"Rien encore" in client.get(INDEX).content


def test_what_was_told_is_listed_counted_and_read_at_once(user: User, client: Client) -> None:
    told(user)
    told(factories.user(), "Z999")
    newest = told(user, "A002")
    shown = client.get(INDEX).content.decode()
    assert shown.count('data-testid="notification"') == 2
    assert shown.index("A002") < shown.index("A001")
    assert "Mairie &lt;b&gt;" in shown
    assert "Z999" not in shown
    assert "2 non lues" in shown
    assert "2 non lues" in client.get(reverse("web:account")).content.decode()

    later = told(user, "A003")
    assert client.post(INDEX, {"until": str(newest.pk)}).status_code == 302
    assert list(Notification.objects.filter(user=user, read_at=None)) == [later]
    assert "1 non lue<" in client.get(INDEX).content.decode()
    assert client.post(INDEX, {"until": "x"}).status_code == 302
    assert Notification.objects.filter(user=user, read_at=None).count() == 1


def test_pages_hold_twenty_and_ask_as_much_for_one_as_for_three(user: User, client: Client) -> None:
    for number in range(21):
        told(user, f"A{number:03}")
    assert client.get(INDEX).content.count(b'data-testid="notification"') == 20
    assert client.get(INDEX, {"page": 2}).content.count(b'data-testid="notification"') == 1
    for count in (3, 1):
        kept = Notification.objects.filter(user=user).values_list("pk", flat=True)[:count]
        Notification.objects.filter(user=user).exclude(pk__in=list(kept)).delete()
        with CaptureQueriesContext(
            connection,
        ) as queries:
            client.get(INDEX)
        assert len(queries) == 7


@pytest.mark.parametrize(
    ("link", "leads_to"),
    [
        ("http://localhost:8000/t/token/", "/t/token/"),
        ("/manage/", "/manage/"),
        ("", INDEX),
        ("http://localhost:8000.evil.example/", INDEX),
        ("http://localhost:8000//evil.example/", INDEX),
        ("https://evil.example/", INDEX),
        ("javascript:alert(1)", INDEX),
    ],
)
def test_opening_one_reads_it_and_stays_within_the_product(
    user: User, client: Client, link: str, leads_to: str
) -> None:
    one = told(user, link=link)
    opened = reverse("web:notification-opened", args=[one.pk])
    assert client.get(opened).status_code == 405
    assert client.post(opened)["Location"] == leads_to
    one.refresh_from_db()
    assert one.read_at is not None


def test_somebody_elses_is_not_found(client: Client) -> None:
    one = told(factories.user())
    assert client.post(reverse("web:notification-opened", args=[one.pk])).status_code == 404
    one.refresh_from_db()
    assert one.read_at is None
