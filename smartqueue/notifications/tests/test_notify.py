from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from config.topics import register_topics
from smartqueue.accounts.actor import ANONYMOUS
from smartqueue.accounts.device import Device
from smartqueue.accounts.entrance import actor_of_user
from smartqueue.accounts.events import SessionRevoked, UserErased
from smartqueue.accounts.models import User
from smartqueue.accounts.operations import sign_in
from smartqueue.accounts.tests.factories import make_user
from smartqueue.common.clock import now
from smartqueue.common.errors import NotFound, NotSignedIn
from smartqueue.notifications import handlers, operations, queries
from smartqueue.notifications.errors import UnknownText
from smartqueue.notifications.models import Inbox, Notification
from smartqueue.notifications.operations import inbox
from smartqueue.notifications.tests.conftest import CODE
from smartqueue.outbox.models import DomainEvent
from smartqueue.realtime import registry
from smartqueue.realtime.models import TopicEvent


def tell(user: User, key: str | None = None, **data: Any) -> Notification | None:
    return operations.notify(
        user_id=user.pk,
        code=CODE,
        data={"name": "Awa"} | data,
        dedupe_key=key or str(uuid4()),
        now=now(),
    )


def user_topic() -> Any:
    register_topics()
    return registry.topic_of("user")


def told(user: User) -> list[TopicEvent]:
    return list(TopicEvent.objects.filter(topic=f"user:{user.pk}").order_by("version"))


def actor_of(user: User) -> Any:
    return actor_of_user(user.pk, is_platform_admin=False, language=user.language)


class Screen:
    """A client that keeps a snapshot up to date by its events."""

    def __init__(self, user: User) -> None:
        self.user = user
        self.version, self.data = user_topic().snapshot(actor_of(user), str(user.pk))

    def follow(self) -> None:
        for event in told(self.user):
            if event.version <= self.version:
                continue
            assert event.version == self.version + 1
            self.version = event.version
            change = dict(event.data)
            self.data["unread_count"] = change.pop("unread_count")
            if event.type == "notification.created":
                self.data["notifications"] = [change, *self.data["notifications"]][:20]
            elif event.type == "notification.all_read":
                for shown in self.data["notifications"]:
                    if shown["id"] <= change["until"] and shown["read_at"] is None:
                        shown["read_at"] = change["read_at"]
            else:
                (shown,) = (n for n in self.data["notifications"] if n["id"] == change["id"])
                shown.update(change)


@pytest.mark.django_db
def test_notify_is_seen_and_counted(user: User) -> None:
    notification = tell(user)
    assert notification is not None
    (event,) = told(user)
    assert (event.version, event.type) == (1, "notification.created")
    assert event.data == queries.as_wire(notification, "fr") | {"unread_count": 1}
    assert event.data["title"] == "Hello Awa"
    stored = DomainEvent.objects.get(type="notifications.notification.created.v1")
    assert stored.payload == {
        "notification_id": str(notification.pk),
        "user_id": str(user.pk),
        "code": CODE,
    }


@pytest.mark.django_db
def test_one_event_is_told_once(user: User) -> None:
    assert tell(user, "event-1") is not None
    assert tell(user, "event-1") is None
    assert [e.version for e in told(user)] == [1]
    assert tell(make_user(), "event-1") is not None


@pytest.mark.django_db
def test_who_was_erased_since_is_told_nothing(user: User) -> None:
    User.objects.filter(pk=user.pk).update(erased_at=now())
    assert tell(user) is None
    assert not Notification.objects.exists()
    assert not Inbox.objects.exists()


@pytest.mark.django_db
def test_a_code_without_words_is_a_mistake(user: User) -> None:
    with pytest.raises(UnknownText):
        operations.notify(user_id=user.pk, code="nothing", data={}, dedupe_key="x", now=now())
    assert not Notification.objects.exists()
    assert not told(user)


@pytest.mark.django_db
def test_snapshot_and_events_equal_a_fresh_snapshot(user: User) -> None:
    tell(user)
    screen = Screen(user)
    for number in range(25):
        notification = tell(user, number=number)
        assert notification is not None
        if number % 3 == 0:
            operations.read_notification(
                actor=actor_of(user), notification_id=notification.pk, now=now()
            )
    screen.follow()
    fresh = Screen(user)
    assert (screen.version, screen.data) == (fresh.version, fresh.data)
    assert fresh.version == 35
    assert fresh.data["unread_count"] == 17


@pytest.mark.django_db
def test_reading_twice_is_told_once(user: User) -> None:
    notification = tell(user)
    assert notification is not None
    for _ in range(2):
        read = operations.read_notification(
            actor=actor_of(user), notification_id=notification.pk, now=now()
        )
    assert read.read_at is not None
    assert [e.type for e in told(user)] == ["notification.created", "notification.read"]


@pytest.mark.django_db
def test_what_was_seen_is_read_at_once_and_what_came_since_is_not(user: User) -> None:
    seen = [tell(user), tell(user)]
    other = tell(make_user())
    screen = Screen(user)
    newer = tell(user)
    assert newer is not None
    assert seen[1] is not None
    assert other is not None
    for expected in (2, 0):
        count = operations.read_notifications(actor=actor_of(user), until=seen[1].pk, now=now())
        assert count == expected
    assert list(queries.list_notifications(user.pk, unread=True)) == [newer]
    assert queries.list_notifications(other.user_id, unread=True).count() == 1
    screen.follow()
    assert (screen.version, screen.data) == (Screen(user).version, Screen(user).data)
    assert told(user)[-1].type == "notification.all_read"
    with pytest.raises(NotSignedIn):
        operations.read_notifications(actor=ANONYMOUS, until=newer.pk, now=now())
    with pytest.raises(NotFound):
        operations.read_notifications(actor=actor_of(user), until=other.pk, now=now())


@pytest.mark.django_db
def test_a_snapshot_is_one_statement(user: User) -> None:
    tell(user)
    with CaptureQueriesContext(connection) as statements:
        user_topic().snapshot(actor_of(user), str(user.pk))
    assert len(statements) == 1


@pytest.mark.django_db
def test_a_topic_is_for_its_own_person(user: User) -> None:
    topic = user_topic()
    topic.authorize(actor_of(user), str(user.pk))
    for other in (make_user(), make_user(is_superuser=True)):
        with pytest.raises(NotFound):
            topic.authorize(actor_of(other), str(user.pk))
    with pytest.raises(NotSignedIn):
        topic.authorize(ANONYMOUS, str(user.pk))
    with pytest.raises(NotFound):
        topic.snapshot(actor_of(user), str(uuid4()))
    assert topic.snapshot(actor_of(user), str(user.pk)) == (
        0,
        {"unread_count": 0, "notifications": []},
    )


@pytest.mark.django_db
def test_a_stolen_token_is_told_to_its_owner(user: User) -> None:
    for reason, count in (("signed_out", 0), ("token_reused", 1), ("token_reused", 1)):
        handlers.on_session_revoked_warn(
            SessionRevoked(
                user_id=user.pk,
                session_id=user.pk,
                reason=reason,
                occurred_at=now(),
                actor="system",
            )
        )
        assert len(told(user)) == count


@pytest.mark.django_db
def test_erasure_removes_what_was_told(user: User) -> None:
    other = make_user()
    tell(user)
    tell(other)
    handlers.on_user_erased_remove(UserErased(user_id=user.pk, occurred_at=now(), actor="system"))
    assert not told(user)
    assert not Notification.objects.filter(user=user).exists()
    assert not Inbox.objects.filter(user=user).exists()
    assert len(told(other)) == 1


CALLERS = 8


def notify_at_once(user: User, key: str | None) -> list[Any]:
    barrier = Barrier(CALLERS)

    def caller(_: int) -> object:
        try:
            connection.ensure_connection()
            barrier.wait(10)
            return tell(user, key)
        finally:
            connection.close()

    with ThreadPoolExecutor(CALLERS) as pool:
        return list(pool.map(caller, range(CALLERS)))


@pytest.mark.serial
@pytest.mark.django_db(transaction=True)
def test_versions_have_no_gap_under_concurrency() -> None:
    user = make_user()
    assert None not in notify_at_once(user, None)
    assert [e.version for e in told(user)] == list(range(1, CALLERS + 1))
    assert [e.data["unread_count"] for e in told(user)] == list(range(1, CALLERS + 1))


@pytest.mark.serial
@pytest.mark.django_db(transaction=True)
def test_eight_at_once_with_one_key_tell_once() -> None:
    user = make_user()
    assert notify_at_once(user, "event-1").count(None) == CALLERS - 1
    assert [e.version for e in told(user)] == [1]


@pytest.mark.serial
@pytest.mark.django_db(transaction=True)
def test_control_without_the_inbox_lock_callers_collide(monkeypatch: pytest.MonkeyPatch) -> None:
    user = make_user()
    tell(user)
    monkeypatch.setattr(
        inbox,
        "_LOCK_INBOX",
        "SELECT version FROM notifications_inbox WHERE user_id = %s AND pg_sleep(0.2) IS NOT NULL",
    )
    with pytest.raises(Exception, match="duplicate key"):
        notify_at_once(user, None)


# --- REST ---------------------------------------------------------------------------------------


@pytest.fixture
def client(user: User) -> Client:
    access = sign_in(user=user, device=Device(), now=now()).access
    return Client(headers={"Authorization": f"Bearer {access}"})


PATH = "/api/notifications/notifications/"


@pytest.mark.django_db
def test_the_list_is_the_callers_own_newest_first(client: Client, user: User) -> None:
    tell(make_user())
    first, second = tell(user), tell(user)
    assert first is not None
    assert second is not None
    body = client.get(PATH).json()
    assert body.keys() == {"count", "next", "previous", "results"}
    assert [n["id"] for n in body["results"]] == [str(second.pk), str(first.pk)]
    operations.read_notification(actor=actor_of(user), notification_id=first.pk, now=now())
    for asked, expected in (("true", [second]), ("false", [first]), ("", [second, first])):
        results = client.get(PATH, {"unread": asked} if asked else {}).json()["results"]
        assert [n["id"] for n in results] == [str(n.pk) for n in expected]
    assert client.get(PATH, {"unread": "perhaps"}).json()["errors"][0]["field"] == "unread"


@pytest.mark.django_db
@pytest.mark.parametrize("count", [1, 3])
def test_a_list_is_three_queries_however_long(client: Client, user: User, count: int) -> None:
    for _ in range(count):
        tell(user)
    with CaptureQueriesContext(connection) as statements:
        assert client.get(PATH).json()["count"] == count
    assert len(statements) == 3


@pytest.mark.django_db
def test_reading_over_rest(client: Client, user: User) -> None:
    notification = tell(user)
    assert notification is not None
    headers = {"Idempotency-Key": str(uuid4())}
    path = f"{PATH}{notification.pk}/read/"
    first, again = (
        client.post(path, content_type="application/json", headers=headers) for _ in range(2)
    )
    assert first.status_code == 200
    assert first.json()["read_at"] is not None
    assert again.json() == first.json()


@pytest.mark.django_db
def test_somebody_elses_notification_does_not_exist(client: Client) -> None:
    theirs = tell(make_user())
    assert theirs is not None
    for pk in (theirs.pk, uuid4()):
        response = client.post(f"{PATH}{pk}/read/")
        assert (response.status_code, response.json()["code"]) == (404, "not_found")
    theirs.refresh_from_db()
    assert theirs.read_at is None
    assert Client().get(PATH).status_code == 401
    assert Client().post(f"{PATH}{theirs.pk}/read/").status_code == 401
