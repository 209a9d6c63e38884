"""The pages of webhooks: added with a secret shown once, a log with its tries, sent again."""

import re

import pytest
from django.test import Client

from smartqueue.queues.tests import factories
from smartqueue.web.tests.conftest import sign_in
from smartqueue.web.tests.pages import Page
from smartqueue.webhooks import operations
from smartqueue.webhooks.models import Endpoint, Message

pytestmark = pytest.mark.django_db


def test_a_webhook_is_added_tested_and_its_log_read(client: Client, place: factories.Place) -> None:
    sign_in(client, place.owner)
    home = f"/manage/{place.organization.pk}/webhooks/"
    form = {"url": "https://example.org/hook", "which": "some", "event_types": ["ticket.called"]}
    wrong = client.post(home, form | {"url": "https://10.0.0.1/"})
    assert (wrong.status_code, b'id="url-wrong"' in wrong.content) == (400, True)
    assert client.post(home, form | {"event_types": []}).status_code == 400

    made = client.post(home, form).content.decode()

    assert re.search(r"whsec_[A-Za-z0-9+/=]{44}", made)
    endpoint = Endpoint.objects.with_scopes_disabled().get()
    one = f"{home}{endpoint.pk}/"
    shown = client.get(one).content.decode()
    assert "whsec_" not in shown
    assert Page(shown).inline == []
    assert client.post(f"{one}test/").status_code == 302
    claimed = operations.claim_next(endpoint.pk)
    assert claimed is not None
    answer = operations.Answer(milliseconds=7, status=200, text="<b>fine</b>")
    operations.record_answer(attempt_id=claimed.attempt_id, answer=answer, now=factories.NOW)
    message = Message.objects.with_scopes_disabled().get()
    log = f"{one}messages/{message.pk}/"
    read = client.get(log).content.decode()
    assert "&lt;b&gt;fine&lt;/b&gt;" in read
    assert client.post(log).status_code == 302
    assert Message.objects.with_scopes_disabled().get().state == "pending"
    assert client.post(log).status_code == 409
    assert "whsec_" in client.post(f"{one}rotate/").content.decode()
    other = factories.make_place()
    assert client.get(f"/manage/{other.organization.pk}/webhooks/").status_code == 404
    sign_in(client, other.owner)
    elsewhere = f"/manage/{other.organization.pk}/webhooks/{endpoint.pk}/"
    assert {client.get(path).status_code for path in (home, one, log, elsewhere)} == {404}
    assert client.post(f"{elsewhere}remove/").status_code == 404
    sign_in(client, place.owner)
    assert client.post(f"{one}remove/").status_code == 302
    assert not Message.objects.with_scopes_disabled().exists()
