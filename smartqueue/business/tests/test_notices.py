"""What managers hear of the budget for text messages, and the platform's staff of providers."""

from datetime import UTC, datetime
from typing import Any

import pytest

from smartqueue.accounts.enums import Role
from smartqueue.accounts.models import User
from smartqueue.business import notices
from smartqueue.business.models import Organization
from smartqueue.business.tests import factories
from smartqueue.common.crypto import decrypt
from smartqueue.notifications import operations
from smartqueue.notifications.enums import Channel
from smartqueue.notifications.models import Notification, OutgoingMessage
from smartqueue.notifications.operations import budgets
from smartqueue.notifications.providers.base import Balance
from smartqueue.notifications.queries import BODY_PURPOSE
from smartqueue.outbox import registry
from smartqueue.outbox.models import DomainEvent
from smartqueue.queues.tests.test_notices import event_of

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)


@pytest.fixture
def owner() -> User:
    return factories.user(language="en")


@pytest.fixture
def place(owner: User) -> Organization:
    organization = factories.organization(owner, name="Mairie de Thiès")
    operations.set_sms_account(
        actor=factories.actor_of(owner),
        organization_id=organization.pk,
        sender_name="",
        monthly_budget_minor=1000,
        alert_percent=80,
        now=NOW,
    )
    return organization


def hear() -> None:
    """Let this module's handlers hear every event so far, twice."""
    for row in DomainEvent.objects.filter(type__startswith="notifications.").order_by("pk"):
        event = event_of(row)
        for handler in registry.handlers_for(event):
            if handler.run.__module__ == notices.__name__:
                handler.run(event)
                handler.run(event)


def told(person: User) -> list[str]:
    rows = Notification.objects.filter(user=person, code__in=[*notices.CODES.values()])
    return list(rows.order_by("pk").values_list("code", flat=True))


def charge(place: Organization, cost: int, *, now: datetime = NOW) -> None:
    account = budgets.account_of(place.pk)
    budgets.charge(place.pk, cost, account=account, is_vital=True, now=now)
    hear()


def test_managers_of_all_hear_once_a_month_that_the_budget_ends(
    owner: User, place: Organization
) -> None:
    branch = factories.branch(owner, place)
    manager = factories.member(owner, place, Role.MANAGER)
    of_branch = factories.member(owner, place, Role.MANAGER, (branch.pk,))
    agent = factories.member(owner, place, Role.AGENT)
    charge(place, 700)
    assert told(owner) == []
    charge(place, 100)
    charge(place, 100)
    assert told(owner) == [notices.NEARLY_SPENT]
    charge(place, 200)
    charge(place, 200)
    both = [notices.NEARLY_SPENT, notices.SPENT]
    assert [told(one) for one in (owner, manager, of_branch, agent)] == [both, both, [], []]
    charge(place, 1500, now=datetime(2026, 12, 2, 9, tzinfo=UTC))
    assert told(owner) == [*both, notices.SPENT]

    mails = OutgoingMessage.objects.filter(user_id=owner.pk, template=notices.SPENT)
    mail = mails.order_by("pk").first()
    assert mail is not None
    assert mail.channel == Channel.EMAIL
    words = decrypt(mail.sealed_body, BODY_PURPOSE)
    assert "Mairie de Thiès" in words
    assert "11/2026" in words
    assert "1,000" in words
    note = Notification.objects.filter(user=owner, code=notices.SPENT).order_by("pk").first()
    assert note is not None
    assert note.data["link"].endswith(f"/manage/{place.pk}/messages/")


def test_administrators_hear_once_a_day_that_an_account_is_nearly_empty(owner: User) -> None:
    admin = factories.user(is_superuser=True)
    factories.user(is_superuser=True, is_active=False)

    def see(units: int | None, now: datetime = NOW, **values: Any) -> None:
        operations.record_balance(provider="orange_sms", balance=Balance(units, **values), now=now)
        hear()

    see(100_000)
    see(3)
    see(100_000)
    see(3)
    rows = Notification.objects.filter(code=notices.BALANCE_LOW)
    assert [(row.user_id, row.data["left"]) for row in rows] == [(admin.pk, "3")]
    see(100_000)
    next_day = datetime(2026, 11, 24, 9, tzinfo=UTC)
    see(None, next_day, amount_minor=120, currency="USD", expires_at=next_day)
    (_, second) = rows.order_by("pk")
    assert "1,20" in second.data["left"]
    assert second.data["until"] == "24/11/2026"
