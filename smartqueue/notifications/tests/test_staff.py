"""What staff send, see and stop over the API."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import pytest
from django.db.models.functions import Now
from django.test import Client
from django.urls import reverse

from smartqueue.accounts.actor import SYSTEM
from smartqueue.accounts.enums import Role
from smartqueue.business.models import Organization
from smartqueue.business.tests import factories
from smartqueue.common.clock import now
from smartqueue.notifications import operations, ports, tasks
from smartqueue.notifications.enums import Channel
from smartqueue.notifications.models import (
    Batch,
    BatchChunk,
    OptOut,
    OutgoingMessage,
    SmsAccount,
)
from smartqueue.notifications.operations import mail as mails
from smartqueue.notifications.ports import Addressees
from smartqueue.notifications.providers.base import Balance, ProviderError, Terms
from smartqueue.notifications.tests.carrier import Line, lines
from smartqueue.notifications.tests.test_engine import FREE, ORANGE, queued, work

pytestmark = pytest.mark.django_db

BASE = "/api/notifications/"
STRANGER = "+221781112233"
JSON = "application/json"


@dataclass
class Office:
    """An organization, its owner's browser, and one of an agent, who manages nothing."""

    organization: Organization
    owner: Client
    agent: Client

    @property
    def id(self) -> UUID:
        return self.organization.pk


@pytest.fixture
def office(monkeypatch: pytest.MonkeyPatch) -> Office:
    owner = factories.user()
    place = factories.organization(owner)
    agent = factories.member(owner, place, Role.AGENT)

    def knows(organization_id: UUID, people: Addressees, at: Any) -> Addressees:
        own = {ORANGE, FREE, "awa@example.test"}
        assert organization_id == place.pk
        return frozenset(one for one in people if one.address in own)

    monkeypatch.setattr(ports, "_relations", [knows])
    return Office(place, factories.signed_in(owner), factories.signed_in(agent))


@pytest.fixture
def line() -> Iterator[Line]:
    with lines(("carrier_one", Terms(countries=("SN",), price_minor=10))) as found:
        yield found[0]


def post(client: Client, path: str, **told: Any) -> Any:
    return client.post(BASE + path, told, content_type=JSON)


def sms(client: Client, office: Office, **told: Any) -> Any:
    return post(
        client,
        "send-sms/",
        **{"organization": str(office.id), "phone": ORANGE, "text": "Bonjour"} | told,
    )


def test_staff_send_a_text_to_one_of_their_people(line: Line, office: Office) -> None:
    answer = sms(office.owner, office, phone=f"{ORANGE[:4]} {ORANGE[4:6]}-{ORANGE[6:]}")
    assert answer.status_code == 202
    shown = answer.json()
    assert (shown["state"], shown["segments"], shown["recipient"]) == ("queued", 1, ORANGE)
    work(OutgoingMessage.objects.get())
    assert line.texts == {"Bonjour": 1}

    one = office.owner.get(f"{BASE}messages/{shown['id']}/").json()
    assert (one["state"], one["reason"], one["cost_minor"]) == ("sent", "", 10)
    assert [tried["provider"] for tried in one["tried"]] == ["carrier_one"]
    assert "Bonjour" not in str(one)


def test_what_cannot_go_is_refused_before_anything_is_queued(line: Line, office: Office) -> None:
    operations.opt_out(phone=FREE, now=now())
    refused = [
        (sms(office.owner, office, phone="+221338001122"), 422, "number_not_textable"),
        (sms(office.owner, office, phone="+33612345678"), 422, "number_not_textable"),
        (sms(office.owner, office, phone="77"), 422, "number_not_textable"),
        (sms(office.owner, office, text="ê" * 300), 422, "text_too_long"),
        (sms(office.owner, office, text="  "), 400, "invalid_input"),
        (sms(office.owner, office, phone=STRANGER), 403, "not_own_person"),
        (sms(office.owner, office, phone=FREE), 409, "opted_out"),
        (sms(office.agent, office), 404, "not_found"),
        (sms(Client(), office), 401, "not_signed_in"),
    ]
    assert [(a.status_code, a.json()["code"]) for a, _, _ in refused] == [
        (status, code) for _, status, code in refused
    ]
    SmsAccount.objects.with_scopes_disabled().create(
        organization_id=office.id, monthly_budget_minor=0, changed_at=now()
    )
    spent = sms(office.owner, office)
    assert (spent.status_code, spent.json()["code"]) == (409, "budget_spent")
    assert not OutgoingMessage.objects.exists()


def test_without_a_provider_nothing_is_promised(office: Office, settings: Any) -> None:
    settings.DEVELOPMENT_MAILBOX = False
    with lines():
        answer = sms(office.owner, office)
    assert answer.json()["code"] == "channel_unavailable"


def test_staff_write_an_email(office: Office) -> None:
    told = {
        "organization": str(office.id),
        "email": "awa@example.test",
        "subject": "Votre dossier\r\nBcc: x@example.test",
        "text": "Il est prêt.",
    }
    assert post(office.owner, "send-email/", **told).status_code == 202
    message = OutgoingMessage.objects.get()
    assert message.subject == "Votre dossier Bcc: x@example.test"
    stranger = post(office.owner, "send-email/", **told | {"email": "x@example.test"})
    assert stranger.json()["code"] == "not_own_person"
    url = mails.unsubscribe_url("awa@example.test", office.id)
    mails.unsubscribe(token=url.rstrip("/").rpartition("/")[2], now=now())
    assert post(office.owner, "send-email/", **told).json()["code"] == "opted_out"
    OptOut.objects.all().delete()
    mails.note_dead_address(message, "bounced", now())
    assert post(office.owner, "send-email/", **told).json()["code"] == "address_dead"
    assert OutgoingMessage.objects.count() == 1


def test_how_much_staff_write_has_an_end(line: Line, office: Office, settings: Any) -> None:
    settings.LIMITS = {**settings.LIMITS, "message": {"account": "1/hour"}}
    assert sms(office.owner, office).status_code == 202
    assert sms(office.owner, office).json()["code"] == "too_many_requests"


def test_the_log_shows_an_organization_its_own(
    line: Line, office: Office, django_assert_num_queries: Any
) -> None:
    def make() -> OutgoingMessage:
        return queued(organization_id=office.id)

    make()
    queued()
    other = factories.organization(factories.user(), "Autre")
    queued(organization_id=other.pk)
    path = f"{BASE}messages/"
    office.owner.get(path)
    with django_assert_num_queries(5):
        assert office.owner.get(path).json()["count"] == 1
    make()
    work(make())
    with django_assert_num_queries(5):
        assert office.owner.get(path).json()["count"] == 3
    assert office.owner.get(path, {"state": "sent"}).json()["count"] == 1
    assert office.owner.get(path, {"organization": str(other.pk)}).status_code == 404
    assert office.agent.get(path).json()["count"] == 0
    foreign = OutgoingMessage.objects.get(organization_id=other.pk)
    assert office.owner.get(f"{path}{foreign.pk}/").status_code == 404


def test_providers_are_shown_with_what_they_deliver(line: Line, office: Office) -> None:
    for delivery in ("delivered", "delivered", "failed"):
        message = work(queued(organization_id=office.id))
        message.deliveries.update(state=delivery)
    work(queued())
    operations.record_balance(provider="carrier_one", balance=Balance(units=7), now=now())
    admin = factories.signed_in(factories.user(is_superuser=True))

    def shown(client: Client) -> list[Any]:
        (one,) = client.get(f"{BASE}sms-providers/").json()["results"]
        told = ("name", "state", "delivery_rate", "sent", "balance_units", "is_balance_low")
        return [one[name] for name in told]

    assert shown(office.owner) == ["carrier_one", "in_use", 0.667, 3, None, None]
    assert shown(admin) == ["carrier_one", "in_use", 0.667, 4, 7, True]
    assert office.agent.get(f"{BASE}sms-providers/").status_code == 404
    page = office.owner.get(reverse("web:manage-messages", args=[office.id]))
    assert [one.sent for one in page.context["providers"]] == [3]


def test_an_organization_says_how_it_texts(line: Line, office: Office) -> None:
    told = {"organization": str(office.id), "sender_name": "Mairie Dakar!"}
    budget = {"monthly_budget_minor": 5000, "alert_percent": 90}
    path = f"{BASE}sms-account/"
    answer = office.owner.put(path, told | budget, content_type=JSON)
    assert answer.status_code == 400
    told["sender_name"] = "Mairie DKR"
    assert office.owner.put(path, told | budget, content_type=JSON).status_code == 200
    assert office.agent.put(path, told | budget, content_type=JSON).status_code == 404
    sms(office.owner, office)
    work(OutgoingMessage.objects.get())
    shown = office.owner.get(path, {"organization": str(office.id)}).json()
    assert (shown["sender_name"], shown["spent_minor"], shown["messages"]) == ("Mairie DKR", 10, 1)
    assert line.server.taken[0]["sender"] == "Mairie DKR"


def test_a_batch_is_made_counted_and_stopped(line: Line, office: Office) -> None:
    told = {"organization": str(office.id), "phones": [ORANGE, FREE, FREE], "text": "Fermé à midi"}
    assert post(office.owner, "batches/", **told | {"phones": [STRANGER]}).status_code == 403
    shown = post(office.owner, "batches/", **told).json()
    assert (shown["total"], shown["counts"], shown["state"]) == (2, {}, "preparing")
    tasks.make_batch_task(shown["id"])
    path = f"{BASE}batches/{shown['id']}/"
    assert office.owner.get(path).json()["counts"] == {"sent": 2}
    assert line.texts == {"Fermé à midi": 2}
    listed = office.owner.get(f"{BASE}batches/").json()["results"]
    assert [b["counts"] for b in listed] == [{"sent": 2}]
    OutgoingMessage.objects.update(ended_at=now())
    tasks.look_after_batches_task()
    assert office.owner.get(path).json()["state"] == "done"
    assert office.owner.post(f"{path}cancel/").json()["code"] == "batch_over"
    assert office.agent.get(path).status_code == 404


def test_a_batch_whose_channel_is_gone_ends_and_says_why(
    office: Office, settings: Any, monkeypatch: Any
) -> None:
    told = {"organization": str(office.id), "phones": [ORANGE, FREE], "text": "Fermé"}
    first = post(office.owner, "batches/", **told).json()
    broken = post(office.owner, "batches/", **told).json()
    BatchChunk.objects.with_scopes_disabled().filter(batch=broken["id"]).update(sealed="?")
    settings.DEVELOPMENT_MAILBOX = False
    with lines():
        tasks.look_after_batches_task()

    path = f"{BASE}batches/{first['id']}/"
    shown = office.owner.get(path).json()
    assert (shown["state"], shown["counts"]) == ("done", {"failed": 2})
    listed = office.owner.get(f"{BASE}messages/", {"batch": first["id"]}).json()["results"]
    assert {(one["state"], one["reason"]) for one in listed} == {("failed", "no_provider")}
    # What cannot be read holds up nobody else's, and can be stopped.
    assert office.owner.get(f"{BASE}batches/{broken['id']}/").json()["state"] == "preparing"
    assert office.owner.post(f"{BASE}batches/{broken['id']}/cancel/").status_code == 200


def test_a_batch_that_is_stopped_sends_no_more(line: Line, office: Office) -> None:
    people = [operations.BatchRecipient(f"+2217712345{n:02}") for n in range(3)]
    batch = operations.create_batch(
        organization_id=office.id,
        channel=Channel.SMS,
        template="by_hand",
        context={"subject": "", "text": "Fermé"},
        recipients=people,
        now=now(),
        created_by=SYSTEM,
    )
    made = operations.make_next_chunk(batch_id=batch.pk, now=now())
    assert made is not None
    work(OutgoingMessage.objects.get(pk=made[0]))
    choices = operations.choices_for(made[1])
    assert choices is not None
    claimed = operations.claim_message(message_id=made[1], choice=choices.found[0], now=now())
    assert claimed is not None
    shown = office.owner.post(f"{BASE}batches/{batch.pk}/cancel/").json()
    counts = {"sent": 1, "sending": 1, "cancelled": 1}
    assert (shown["state"], shown["counts"]) == ("cancelled", counts)
    # What the provider did not take after all does not go again.
    refused = ProviderError("down", retryable=True)
    operations.record_refusal(attempt_id=claimed.attempt_id, error=refused, now=now())
    OutgoingMessage.objects.update(next_attempt_at=Now())
    tasks.send_messages_task([str(pk) for pk in made])
    tasks.send_due_messages_task()
    assert line.texts == {"Fermé": 1}
    assert Batch.objects.with_scopes_disabled().get().cancelled_at is not None
