"""What a person hears when something happens to their account, and what the event keeps silent."""

import json
from datetime import time, timedelta

import pytest
import time_machine
from django.test import Client
from django.utils import timezone

from smartqueue.accounts import entrance
from smartqueue.accounts.device import Device
from smartqueue.accounts.enums import Channel, Voucher
from smartqueue.accounts.errors import MfaRequired, TokenReused
from smartqueue.accounts.models import User
from smartqueue.accounts.operations import (
    authenticate,
    change_password,
    confirm_second_factor,
    issue_factor_reset,
    open_account_access,
    refresh_tokens,
    sign_in,
    sign_out_everywhere,
    start_contact_change,
)
from smartqueue.accounts.tests.factories import (
    PASSWORD,
    give_passkey,
    let_wait_pass,
    make_signed_in,
    make_user,
    new_email,
    new_phone,
)
from smartqueue.common.clock import now
from smartqueue.notifications import queries, texts
from smartqueue.notifications.enums import Channel as NoticeChannel
from smartqueue.notifications.enums import Group, Importance
from smartqueue.notifications.models import (
    Notification,
    OutgoingMessage,
    Preference,
    QuietHours,
)
from smartqueue.notifications.operations import telling
from smartqueue.outbox import relay
from smartqueue.outbox.enums import HandlerMode
from smartqueue.outbox.models import DomainEvent

pytestmark = pytest.mark.django_db
NEW = "quite another sentence"


@pytest.fixture
def user() -> User:
    return make_user(phone=new_phone(), phone_verified_at=timezone.now())


def told(user: User) -> tuple[list[str], list[tuple[str, str]]]:
    """Return what the application told, and what left it: the words and whom they reached."""
    relay.carry_due(HandlerMode.DATABASE)
    inside = Notification.objects.filter(user=user).order_by("pk").values_list("code", flat=True)
    outside = OutgoingMessage.objects.filter(user_id=user.pk).order_by("pk")
    return list(inside), list(outside.values_list("template", "recipient"))


def agent(name: str) -> Device:
    return Device.of_headers({"User-Agent": name})


def test_a_new_device_is_told_once(user: User) -> None:
    for name in ("first", "second", "second", "first"):
        sign_in(user=user, device=agent(name), now=now())
    assert told(user) == (["new_device"], [("new_device", user.email)])


def test_who_has_no_address_gets_a_text_message() -> None:
    user = make_user(email=None, phone=new_phone(), phone_verified_at=timezone.now())
    for name in ("first", "second"):
        sign_in(user=user, device=agent(name), now=now())
    assert told(user)[1] == [("new_device", user.phone)]


def test_access_of_platform_staff_is_told_with_the_reason_of_the_row(user: User) -> None:
    admin = make_user(is_superuser=True)
    actor = entrance.actor_of_user(admin.pk, is_platform_admin=True, language="fr")
    reason = "They lost their phone and cannot sign in"
    open_account_access(actor=actor, whose=user.pk, reason=reason, now=now())
    assert told(user) == (["account_access_opened"], [("account_access_opened", user.email)])
    assert Notification.objects.get(user=user).data == {"reason": reason}
    assert told(admin) == ([], [])


def test_a_new_password_is_told(user: User) -> None:
    actor = make_signed_in(user)
    change_password(actor=actor, old_password=PASSWORD, password=NEW, now=now())
    assert told(user) == (["password_changed"], [("password_changed", user.email)])


def test_a_warning_comes_at_any_hour_and_by_text_where_the_mail_fails(user: User) -> None:
    for group in Group.values:
        for channel in (NoticeChannel.EMAIL, NoticeChannel.SMS):
            Preference.objects.create(user=user, group=group, channel=channel, is_on=False)
    begins_at, ends_at = time(0, 0), time(23, 59, 59, 999999)
    QuietHours.objects.create(user=user, begins_at=begins_at, ends_at=ends_at, timezone="UTC")
    change_password(actor=make_signed_in(user), old_password=PASSWORD, password=NEW, now=now())
    assert told(user)[1] == [("password_changed", user.email)]
    assert OutgoingMessage.objects.get(user_id=user.pk).importance == Importance.VITAL
    warning = texts.text_of("password_changed")
    ways = telling._ways(telling.person_of(user), warning, queries.wishes_of(user.pk))
    assert ways == [(NoticeChannel.EMAIL, user.email, [(NoticeChannel.SMS, user.phone)])]


def test_signing_out_everywhere_is_told(user: User) -> None:
    sign_out_everywhere(actor=make_signed_in(user), keep_current=True, now=now())
    assert told(user)[0] == ["signed_out_everywhere"]


@pytest.mark.parametrize("is_theft", [True, False], ids=["theft", "lost-answer"])
def test_a_used_token_kills_the_family_and_its_owner_hears_of_it(
    user: User, is_theft: bool
) -> None:
    phone, thief = agent("phone"), agent("thief")
    stolen = sign_in(user=user, device=phone, now=now())
    successor = refresh_tokens(refresh=stolen.refresh, device=phone, now=now())
    with pytest.raises(TokenReused):
        refresh_tokens(refresh=stolen.refresh, device=thief if is_theft else phone, now=now())
    me = Client().get(
        "/api/accounts/users/me/", headers={"Authorization": f"Bearer {successor.access}"}
    )
    assert me.status_code == (401 if is_theft else 200)
    expected = ["session_reused"] if is_theft else []
    assert told(user) == (expected, [(code, user.email) for code in expected])


def test_a_family_is_reported_once_however_often_its_tokens_come_back(user: User) -> None:
    phone = agent("phone")
    stolen = sign_in(user=user, device=phone, now=now())
    refresh_tokens(refresh=stolen.refresh, device=phone, now=now())
    with time_machine.travel(timezone.now() + timedelta(seconds=11)):
        for _ in range(3):
            with pytest.raises(TokenReused):
                refresh_tokens(refresh=stolen.refresh, device=phone, now=now())
    assert told(user)[0] == ["session_reused"]


def test_a_contact_that_was_taken_out_is_told_there_and_at_the_new_one(user: User) -> None:
    old, new = user.email, new_email()
    client = Client()
    access = sign_in(user=user, device=Device(), now=now()).access
    headers = {"Authorization": f"Bearer {access}"}
    started = client.post(
        "/api/accounts/auth/contact-changes/",
        {"channel": "email", "value": new},
        content_type="application/json",
        headers=headers,
    ).json()
    codes = [queries.list_mailbox(recipient)[0].code for recipient in (old, new)]
    done = client.post(
        f"/api/accounts/auth/contact-changes/{started['id']}/confirm/",
        {"codes": codes},
        content_type="application/json",
        headers=headers,
    )
    assert done.json()["is_done"]
    inside, outside = told(user)
    assert inside == ["contact_changed"]
    assert [(t, r) for t, r in outside if "code" not in t] == [
        ("contact_replaced", old),
        ("contact_changed", new),
    ]


def test_events_hold_nothing_of_the_person(user: User) -> None:
    actor = make_signed_in(user)
    wanted = new_phone()
    start_contact_change(
        actor=actor,
        user_id=user.pk,
        channel=Channel.SMS,
        value=wanted,
        voucher=Voucher.REPLACED,
        now=now(),
    )
    change_password(actor=actor, old_password=PASSWORD, password=NEW, now=now())
    sign_out_everywhere(actor=actor, keep_current=True, now=now())
    payloads = json.dumps([event.payload for event in DomainEvent.objects.all()])
    for mark in (user.email, user.phone, wanted, PASSWORD, NEW):
        assert mark is not None
        assert mark not in payloads


def test_a_code_for_lost_factors_is_told_on_every_channel(user: User) -> None:
    admin = make_user(is_superuser=True)
    give_passkey(admin, user)
    reason = "I called the number that we had"
    given = issue_factor_reset(actor=make_signed_in(admin), whose=user.pk, reason=reason, now=now())
    where = [user.email, user.phone]
    assert told(user) == (["factor_reset_issued"], [("factor_reset_issued", to) for to in where])
    assert Notification.objects.get(user=user).data == {"reason": reason, "hours": "24"}
    let_wait_pass(given.reset)
    with pytest.raises(MfaRequired) as asked:
        authenticate(identifier=str(user.email), password=PASSWORD, now=now())
    token = asked.value.extra["mfa"]["token"]
    confirm_second_factor(token=token, method="reset_code", code=given.code, now=now())
    assert told(user)[0][-1] == "factors_reset"
    assert told(user)[1][2:] == [("factors_reset", to) for to in where]
