"""Pages of messages, their words, and what people want to be told."""

import pytest
from django.urls import reverse

from smartqueue.accounts.enums import Role
from smartqueue.business.tests import factories
from smartqueue.common.clock import now
from smartqueue.notifications import operations
from smartqueue.notifications.models import (
    OutgoingMessage,
    Preference,
    QuietHours,
    SmsAccount,
)
from smartqueue.notifications.operations import Person

pytestmark = pytest.mark.django_db


def test_staff_see_messages_change_their_words_and_take_them_back():
    owner = factories.user()
    organization = factories.organization(owner)
    client, stranger = factories.signed_in(owner), factories.signed_in(factories.user())
    log = reverse("web:manage-messages", args=[organization.pk])
    url = reverse("web:manage-template", args=[organization.pk, "ticket_called", "sms"])
    listed = reverse("web:manage-templates", args=[organization.pk])
    assert {stranger.get(page).status_code for page in (log, url, listed)} == {404}
    assert b"ticket_called-sms" in client.get(listed).content

    wrong = {"language": "fr", "number": "0", "subject": "", "body": "a\n{{ name|upper }}"}
    refused = client.post(url, wrong | {"save": "1"})
    assert refused.status_code == 422
    assert b'data-code="template_forbidden"' in refused.content
    looked = client.post(url, wrong | {"body": "Bonjour {{ name }} <b>"})
    assert b"Bonjour Awa Diop &lt;b&gt;" in looked.content
    kept = client.post(url, wrong | {"body": "Bonjour {{ name }}", "save": "1"})
    assert kept.status_code == 302
    (sent,) = operations.tell(
        to=Person(phone="+221771234567"),
        code="ticket_called",
        data={"name": "Moussa"},
        dedupe_key="k",
        now=now(),
        organization_id=organization.pk,
    )
    assert b"+221771234567" in client.get(log).content
    OutgoingMessage.objects.filter(pk=sent.pk).update(state="failed", last_error="budget_spent")
    detail = reverse("web:manage-message", args=[sent.pk])
    assert b"+221771234567" in client.get(detail).content
    assert stranger.get(detail).status_code == 404
    back = {"language": "fr", "number": "0"}
    assert client.post(url + "restore/", back).status_code == 302
    assert b"Bonjour {{ name }}" in client.get(url).content


def test_managers_set_what_text_messages_may_cost():
    owner = factories.user()
    organization = factories.organization(owner)
    client, stranger = factories.signed_in(owner), factories.signed_in(factories.user())
    url = reverse("web:manage-budget", args=[organization.pk])
    given = {"monthly_budget_minor": "25000", "alert_percent": "70", "sender_name": "Mairie"}
    assert stranger.post(url, given).status_code == 404
    for wrong in (
        {"monthly_budget_minor": "-1"},
        {"alert_percent": "x"},
        {"sender_name": "1Mairie"},
    ):
        refused = client.post(url, given | wrong)
        assert 400 <= refused.status_code < 500
        assert b'data-testid="problem"' in refused.content
    assert client.post(url, given).status_code == 302
    account = SmsAccount.objects.with_scopes_disabled().get(organization_id=organization.pk)
    assert (account.monthly_budget_minor, account.alert_percent) == (25_000, 70)
    shown = client.get(reverse("web:manage-messages", args=[organization.pk])).content.decode()
    assert 'value="25000"' in shown
    assert client.post(url, given | {"monthly_budget_minor": ""}).status_code == 302
    account.refresh_from_db()
    assert account.monthly_budget_minor is None


def test_who_manages_may_do_without_the_digest():
    owner = factories.user()
    organization = factories.organization(owner)
    agent = factories.member(owner, organization, Role.AGENT)
    url = reverse("web:account-told")
    assert b'value="digest:email" checked' in factories.signed_in(owner).get(url).content
    assert b"digest:" not in factories.signed_in(agent).get(url).content
    chosen = {"on": ["queue:sms"]}
    assert factories.signed_in(owner).post(url, chosen).status_code == 302
    off = Preference.objects.filter(user=owner, group="digest")
    assert list(off.values_list("channel", "is_on")) == [("email", False)]


def test_a_person_chooses_what_they_are_told():
    user = factories.user()
    client = factories.signed_in(user)
    url = reverse("web:account-told")
    assert client.get(url).content.count(b" checked") == 16
    chosen = {"on": ["queue:sms"], "quiet": "1", "begins_at": "22:00", "ends_at": "06:00"}
    assert client.post(url, chosen).status_code == 302
    on = Preference.objects.filter(user=user, is_on=True).values_list("group", "channel")
    assert list(on) == [("queue", "sms")]
    assert QuietHours.objects.get(user=user).ends_at.hour == 6
    assert client.post(url, chosen | {"ends_at": "22:00"}).status_code == 400
