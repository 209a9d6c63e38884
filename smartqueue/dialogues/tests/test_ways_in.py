"""The routes that providers call, and the pages of managers."""

import time
from typing import Any
from urllib.parse import urlencode

import pytest
from django.test import Client

from smartqueue.accounts.models import User
from smartqueue.business.models import Branch
from smartqueue.business.tests.factories import signed_in
from smartqueue.dialogues import operations, queries
from smartqueue.queues.models import Ticket
from smartqueue.queues.tests.conftest import Api
from smartqueue.queues.tests.factories import NOW, make_place

PHONE = f"+22177{time.time_ns() % 10**7:07d}"
SECRET = "callback-secret-of-a-test"


@pytest.mark.django_db
def test_a_step_that_an_aggregator_tells_again_is_done_once(settings: Any) -> None:
    place = make_place()
    operations.set_line(actor=place.owner, branch_id=place.branch.pk, code="MAIRIE", now=NOW)
    account = {**settings.SMS_ACCOUNTS["africas_talking"], "callback_secret": SECRET}
    settings.SMS_ACCOUNTS = {**settings.SMS_ACCOUNTS, "africas_talking": account}

    def step(text: str) -> str:
        form = {"sessionId": "s1", "serviceCode": "*245#", "phoneNumber": PHONE, "text": text}
        path = f"/api/notifications/webhooks/africas-talking/ussd/{SECRET}/"
        answer = Client().post(
            path, urlencode(form), content_type="application/x-www-form-urlencoded"
        )
        return f"{answer.status_code} {answer.content.decode()}"

    assert step("").startswith("200 CON SmartQueue")
    assert step("1*MAIRIE A").startswith("200 CON ")
    assert "END Ticket A001" in step("1*MAIRIE A*1")
    assert step("1*MAIRIE A*1") == step("1*MAIRIE A*1")
    assert Ticket.objects.with_scopes_disabled().filter(phone=PHONE).count() == 1


@pytest.mark.django_db
def test_a_manager_sets_the_line_that_the_poster_shows(settings: Any) -> None:
    settings.SMS_NUMBER, settings.USSD_CODE = "24500", "*245#"
    place = make_place()
    path = f"dialogues/branches/{place.branch.pk}/line/"
    owner = Api(place.owner)
    before = owner.get(path).json()
    given = {
        "code": "Étoile 7",
        "missed_call_number": "33 821 00 07",
        "missed_call_queue": str(place.queue.pk),
    }

    saved = owner.call("put", path, given)
    refused = owner.call("put", path, {**given, "missed_call_queue": None})
    poster = Client().get(f"/q/{place.queue.pk}/poster/").content.decode()

    assert (before["code"], before["suggested_code"]) == ("", "AGENCE")
    assert saved.status_code == 200, saved.content
    assert saved.json()["code"] == "ETOILE7"
    assert refused.json()["errors"][0]["field"] == "missed_call_queue"
    for shown in ("ETOILE7 A", "24500", "*245#", "+221 33 821 00 07"):
        assert shown in poster
    page = signed_in(User.objects.get(pk=place.owner.user_id))
    wrong = page.post(f"/manage/branches/{place.branch.pk}/phone/", {"code": "ab"})
    said = wrong.content.decode()
    assert (wrong.status_code, 'value="ab"' in said) == (400, True)
    # What people do is what is kept, whatever is being typed.
    assert '<b dir="ltr">ETOILE7</b>' in said
    assert '<b dir="ltr">+221 33 821 00 07</b>' in said
    again: Branch = make_place().branch
    again.name = "Étoile"
    assert queries.free_code(again) == "ETOILE"
