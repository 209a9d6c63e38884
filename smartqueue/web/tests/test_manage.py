"""The manager's view."""

from datetime import timedelta

import pytest
from django.test import Client

from smartqueue.accounts.enums import Role
from smartqueue.common import clock
from smartqueue.notifications.models import Batch
from smartqueue.queues import operations
from smartqueue.queues.models import LongLine, Queue
from smartqueue.queues.tests import factories
from smartqueue.queues.tokens import token_of
from smartqueue.web.tests.conftest import sign_in

pytestmark = pytest.mark.django_db


def _queue(place: factories.Place) -> Queue:
    queue: Queue = Queue.objects.with_scopes_disabled().get(pk=place.queue.pk)
    return queue


def _action(place: factories.Place, action: str) -> str:
    return f"/manage/branches/{place.branch.pk}/queues/{place.queue.pk}/{action}/"


def test_a_queue_is_paused_with_a_reason_closed_and_opened(
    client: Client, place: factories.Place
) -> None:
    sign_in(client, place.owner)
    client.post(_action(place, "pause"), {"reason": " Coupure de  courant "})
    assert (_queue(place).state, _queue(place).state_reason) == ("paused", "Coupure de courant")
    part = client.post(_action(place, "close"), headers={"HX-Request": "true"}).content.decode()
    assert "<html" not in part
    assert 'data-testid="open"' in part
    client.post(_action(place, "open"))
    assert _queue(place).state == "open"


def test_an_outage_sends_people_home_and_takes_them_back_another_day(
    client: Client, place: factories.Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine, theirs = factories.join(place), factories.join(place, customer_name="Awa Diop")
    sign_in(client, place.agent)
    home = f"/manage/branches/{place.branch.pk}/"
    assert 'data-testid="outage"' not in client.get(home).content.decode()
    assert client.post(_action(place, "outage")).status_code == 404
    sign_in(client, place.owner)
    page = client.get(home).content.decode()
    assert 'name="day" id="outage-day-A" required value="2026-11-24"' in page
    assert client.post(_action(place, "outage"), {"day": "soon"}).status_code == 400
    client.post(_action(place, "outage"), {"day": "2026-11-24", "reason": "Coupure"})
    assert _queue(place).state == "closed"
    operations.expire_tickets(queue_id=place.queue.pk, now=factories.NOW)
    ticket = f"/t/{token_of(mine.pk)}/"
    page = Client().get(ticket).content.decode()
    assert 'data-testid="state"' in page
    assert "24/11/2026" in page
    assert 'data-testid="use-return"' not in page

    morrow = factories.NOW + timedelta(days=1)
    monkeypatch.setattr(clock, "now", lambda: morrow)
    client.post(_action(place, "open"))
    assert 'data-testid="use-return"' in Client().get(ticket).content.decode()
    new = Client().post(f"{ticket}use-return/").headers["Location"]
    assert new != ticket
    assert f'href="{new}" data-testid="returned-as"' in Client().get(ticket).content.decode()
    sign_in(client, place.agent)
    page = client.get(home).content.decode()
    assert "Awa Diop" in page
    assert page.count('data-testid="use-return"') == 1
    other = factories.make_branch(place.organization)
    path = f"/manage/branches/{{}}/returns/{theirs.pk}/"
    assert client.post(path.format(other.pk)).status_code == 404
    assert client.post(path.format(place.branch.pk)).headers["Location"] == home
    assert 'data-testid="returns"' not in client.get(home).content.decode()
    assert _queue(place).waiting_count == 2


def test_it_shows_counters_and_who_is_there(client: Client, place: factories.Place) -> None:
    factories.sit_down(place)
    factories.join(place)
    page = sign_in(client, place.owner).get(f"/manage/branches/{place.branch.pk}/")
    text = page.content.decode()
    assert 'data-testid="total-waiting">1</dd>' in text
    assert f"/manage/branches/{place.branch.pk}/devices/" in text


def test_the_devices_are_for_managers(client: Client, place: factories.Place) -> None:
    page = sign_in(client, place.agent).get(f"/manage/branches/{place.branch.pk}/")
    assert page.status_code == 200
    assert "devices-link" not in page.content.decode()


def test_a_viewer_sees_and_changes_nothing(client: Client, place: factories.Place) -> None:
    sign_in(client, factories.make_member(place.organization, Role.VIEWER))
    page = client.get(f"/manage/branches/{place.branch.pk}/").content.decode()
    assert 'data-testid="pause"' not in page
    assert client.post(_action(place, "close")).status_code == 404
    assert _queue(place).state == "open"


@pytest.mark.parametrize("path", ["", "part/"])
def test_another_organization_gets_404(client: Client, place: factories.Place, path: str) -> None:
    sign_in(client, factories.make_place().owner)
    assert client.get(f"/manage/branches/{place.branch.pk}/{path}").status_code == 404
    assert client.post(_action(place, "close")).status_code == 404
    assert _queue(place).state == "open"


def test_a_queue_of_another_branch_is_not_acted_on(client: Client, place: factories.Place) -> None:
    other = factories.make_branch(place.organization)
    sign_in(client, place.owner)
    path = f"/manage/branches/{other.pk}/queues/{place.queue.pk}/close/"
    assert client.post(path).status_code == 404
    assert _queue(place).state == "open"


def test_the_list_leads_to_the_only_place(client: Client, place: factories.Place) -> None:
    factories.make_place()
    response = sign_in(client, place.owner).get("/manage/")
    assert response.headers["Location"] == f"/manage/branches/{place.branch.pk}/"


@pytest.mark.parametrize("queues", [1, 3])
def test_the_part_asks_the_database_as_often_for_any_number_of_counters(
    client: Client, place: factories.Place, queues: int, django_assert_max_num_queries: object
) -> None:
    for _ in range(queues):
        factories.make_counter(place.branch)
    sign_in(client, place.owner)
    client.get(f"/manage/branches/{place.branch.pk}/part/")
    with django_assert_max_num_queries(11):  # type: ignore[operator]
        client.get(f"/manage/branches/{place.branch.pk}/part/")


def test_a_long_line_comes_with_what_helps(client: Client, place: factories.Place) -> None:
    factories.sit_down(place)
    factories.join(place)
    path = f"/manage/branches/{place.branch.pk}/"
    sign_in(client, place.owner)
    assert 'data-testid="help"' not in client.get(path).content.decode()
    asked = client.get(f"{path}?queue={place.queue.pk}").content.decode()
    assert 'id="long-line"' in asked
    assert asked.count('data-testid="open-seat"') == 1
    assert f"?branch={place.branch.pk}&amp;counter={place.counters[1].pk}" in asked
    assert 'data-testid="hint"' in asked

    told = client.post(f"/manage/queues/{place.queue.pk}/long-line/", {"people": "1"})
    assert told.headers["Location"] == f"{path}?queue={place.queue.pk}#long-line"
    operations.watch_long_lines(now=factories.NOW)
    assert 'data-testid="help"' in client.get(f"{path}part/").content.decode()
    wrong = client.post(f"/manage/queues/{place.queue.pk}/long-line/", {"people": "x"})
    assert wrong.status_code == 400
    client.post(f"/manage/queues/{place.queue.pk}/long-line/", {"people": ""})
    assert not LongLine.objects.with_scopes_disabled().filter(queue=place.queue).exists()

    client.post(_action(place, "stop-tickets"), {"focus": str(place.queue.pk)})
    stopped = client.get(path).content.decode()
    assert 'data-testid="tickets-stopped"' in stopped
    joining = client.get(f"/q/{place.queue.pk}/").content.decode()
    assert 'data-testid="tickets-stopped"' in joining
    assert 'data-testid="join-form"' not in joining
    client.post(_action(place, "give-tickets"))
    assert _queue(place).tickets_stopped_on is None

    sign_in(client, place.agent)
    assert 'data-testid="help"' not in client.get(f"{path}?queue={place.queue.pk}").content.decode()
    assert client.post(f"/manage/queues/{place.queue.pk}/long-line/").status_code == 404


def test_the_page_asks_as_often_for_any_number_of_long_lines(
    client: Client, place: factories.Place, django_assert_max_num_queries: object
) -> None:
    sign_in(client, place.owner)
    path = f"/manage/branches/{place.branch.pk}/part/"
    for number in range(3):
        queue = place.queue if not number else factories.make_queue(place, "BCD"[number])
        operations.set_long_line(actor=place.owner, queue_id=queue.pk, people=1)
        factories.join(place, queue_id=queue.pk)
        operations.watch_long_lines(now=factories.NOW)
        client.get(path)
        with django_assert_max_num_queries(12):  # type: ignore[operator]
            page = client.get(path)
        assert page.content.decode().count('data-testid="help"') == number + 1


def test_a_text_to_the_line_is_looked_at_before_it_is_sent(
    client: Client, place: factories.Place
) -> None:
    factories.join(place, phone="+221775550199")
    path = f"/manage/queues/{place.queue.pk}/message/"
    sign_in(client, place.owner)
    looked = client.post(path, {"text": "Bonjour\r\nà tous"}).content.decode()
    assert 'data-testid="segments">1 ' in looked
    assert 'data-testid="cost"' in looked
    assert 'name="send"' in looked
    # Other words than those looked at are shown first.
    other = client.post(path, {"text": "Au revoir", "looked": "Bonjour", "send": "1"})
    assert 'data-testid="preview"' in other.content.decode()
    assert not Batch.objects.with_scopes_disabled().exists()
    sent = client.post(path, {"text": "Au revoir", "looked": "Au revoir", "send": "1"})
    assert sent.status_code == 302
    assert Batch.objects.with_scopes_disabled().get().total == 1
