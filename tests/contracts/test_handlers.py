"""
Every registered handler, run twice on each event of a day, leaves the same rows as run once.

A handler that is not reached by the day fails: give the day what it reacts to.
"""

from contextlib import nullcontext, suppress
from datetime import time, timedelta
from typing import Any, Final

import pytest
from django.apps import apps
from django.db import connection, transaction

from smartqueue.accounts import operations as accounts
from smartqueue.accounts.actor import ANONYMOUS, Actor
from smartqueue.accounts.device import Device
from smartqueue.accounts.enums import ActorKind, Channel, EndReason, KeyKind, Role, Voucher
from smartqueue.accounts.errors import MfaRequired, PasskeyRefused, TokenReused
from smartqueue.accounts.models import User
from smartqueue.accounts.tests.factories import (
    PASSWORD,
    give_passkey,
    let_wait_pass,
    make_signed_in,
    new_email,
    new_phone,
)
from smartqueue.accounts.tests.factories import make_user as make_person
from smartqueue.accounts.tests.security_key import SecurityKey
from smartqueue.accounts.tests.test_factors import code_at
from smartqueue.appointments import operations as appointments
from smartqueue.appointments.tests import factories as bookings
from smartqueue.business import operations as business
from smartqueue.business.models import Invitation, Membership
from smartqueue.notifications import operations as messages
from smartqueue.notifications import queries as notifications
from smartqueue.notifications.enums import Channel as MessageChannel
from smartqueue.notifications.operations import budgets
from smartqueue.notifications.providers.base import Balance
from smartqueue.notifications.tests.test_devices import browser
from smartqueue.outbox import registry
from smartqueue.outbox.enums import DeliveryState, HandlerMode
from smartqueue.outbox.events import known_events
from smartqueue.outbox.models import Delivery
from smartqueue.outbox.relay import DueDelivery, due_deliveries
from smartqueue.privacy import operations as privacy
from smartqueue.queues import operations
from smartqueue.queues.tests.factories import (
    NOW,
    Place,
    join,
    make_actor,
    make_place,
    make_queue,
    make_user,
    sit_down,
)
from smartqueue.support import operations as support
from smartqueue.support.enums import SubjectType
from smartqueue.support.tests.factories import open_case, write_with_file
from smartqueue.webhooks import operations as webhooks
from smartqueue.webhooks.enums import MOST_AT_ONCE

pytestmark = pytest.mark.django_db

# Handlers whose code is the same for every class of event they take, so that one of the events shows
# that a second run changes nothing: webhooks look up the public name of the class and nothing else,
# and keep one message by `catalogue.key_of`, which is made of what any event says.
ALIKE: Final = frozenset({"webhooks.on_public_event"})


def rows() -> dict[str, str]:
    """Return a digest of every table of ours, by name."""
    tables = [m._meta.db_table for m in apps.get_models() if m.__module__.startswith("smartqueue.")]
    found = {}
    with connection.cursor() as cursor:
        for table in sorted({*tables} - {Delivery._meta.db_table}):
            cursor.execute(  # the names come from the models
                f"SELECT md5(coalesce(string_agg(t::text, '|' ORDER BY t::text), '')) FROM {table} t"  # noqa: S608
            )
            found[table] = cursor.fetchone()[0]
    return found


def sign_in(actor: Actor) -> str:
    user = User.objects.get(pk=actor.user_id)
    return accounts.sign_in(user=user, device=Device(), now=NOW).refresh


def listen(place: Place) -> None:
    """Have everything told to an address that has as many calls under way as it may."""
    endpoint, _secret = webhooks.create_endpoint(
        actor=place.owner,
        organization_id=place.organization.pk,
        url="https://hooks.example.org/",
        now=NOW,
    )
    for _ in range(MOST_AT_ONCE):
        webhooks.send_test(actor=place.owner, endpoint_id=endpoint.pk, now=NOW)
        assert webhooks.claim_next(endpoint.pk) is not None


def live_a_day(settings: Any) -> None:
    """Do what people do on a day, until every event that somebody reacts to has been published."""
    place = make_place(agents=3)
    listen(place)
    owner, agent = place.owner, place.agent
    sessions = [sit_down(place, n) for n in range(3)]
    people = [join(place, actor=make_actor()) for _ in range(6)]
    for ticket, caller, session in zip(people, place.agents, sessions, strict=False):
        operations.call_ticket(actor=caller, ticket_id=ticket.pk, session_id=session.pk, now=NOW)
    operations.start_ticket(actor=agent, ticket_id=people[0].pk, now=NOW)
    operations.complete_ticket(actor=agent, ticket_id=people[0].pk, now=NOW)
    operations.mark_no_show(actor=place.agents[1], ticket_id=people[1].pk, now=NOW)
    operations.cancel_ticket(actor=owner, ticket_id=people[3].pk, now=NOW)
    case = open_case(place)
    support.assign_case(actor=owner, case_id=case.pk, assignee_id=agent.user_id, version=1, now=NOW)
    support.write_message(actor=agent, case_id=case.pk, body="Sorry.", now=NOW)
    support.resolve_case(actor=agent, case_id=case.pk, now=NOW)
    support.reopen_case(actor=agent, case_id=case.pk, now=NOW)
    theirs = open_case(place, place.agents[2], subject_type=SubjectType.ACCOUNT, subject_id=None)
    write_with_file(theirs, place.agents[2])
    operations.close_queue(actor=owner, queue_id=place.queue.pk, reason="", now=NOW)

    known, new = make_user(), new_email()
    for who in (known.email, new, new_email()):
        business.add_member(
            actor=owner,
            organization_id=place.organization.pk,
            identifier=who,
            role=Role.AGENT,
            now=NOW,
        )
    unanswered = Invitation.objects.with_scopes_disabled().exclude(identifier=new).get()
    later = NOW + timedelta(hours=1)
    business.resend_invitation(actor=owner, invitation_id=unanswered.pk, now=later)
    joined = Membership.objects.with_scopes_disabled().get(user=known)
    business.change_member(actor=owner, membership_id=joined.pk, role=Role.MANAGER, now=NOW)
    business.remove_member(actor=owner, membership_id=joined.pk, now=NOW)

    settings.DEVELOPMENT_MAILBOX = True
    accounts.register(
        email=new,
        phone="",
        password="a long enough word",
        first_name="Awa",
        last_name="Diop",
        language="fr",
        now=NOW,
    )
    (message,) = notifications.list_mailbox(new, limit=1)
    accounts.verify_code(actor=ANONYMOUS, identifier=new, code=message.code, now=NOW)
    # Its messages count as sent, so everything else is told without it.
    settings.DEVELOPMENT_MAILBOX = False
    accounts.end_sessions_of(
        user_id=known.pk, reason=EndReason.SIGNED_OUT, ended_by="system", now=NOW
    )
    stolen = sign_in(place.agents[2])
    accounts.refresh_tokens(refresh=stolen, device=Device(), now=NOW)
    with pytest.raises(TokenReused):
        accounts.refresh_tokens(refresh=stolen, device=Device(), now=NOW + timedelta(minutes=5))
    leaving = User.objects.get(pk=place.agents[2].user_id)
    accounts.erase_user(actor=make_signed_in(leaving), user_id=leaving.pk, now=NOW)

    settings.DEVELOPMENT_MAILBOX = True
    guard_an_account()
    use_rights_of_privacy()
    tell_a_line()
    settings.DEVELOPMENT_MAILBOX = False
    run_low(place)
    help_inside(place)
    lose_factors()
    keep_appointments()
    offer_places()
    close_places()


def close_places() -> None:
    """Close a place, and a whole organization."""
    empty, closing = make_place(), make_place()
    business.close_branch(actor=empty.owner, branch_id=empty.branch.pk, now=NOW)
    business.close_organization(
        actor=closing.owner, organization_id=closing.organization.pk, now=NOW
    )


def keep_appointments() -> None:
    """Book, move, cancel, arrive, leave the line, miss, and come back."""
    place = make_place()
    bookings.make_slot(place, capacity=9)
    moved, cancelled, missed, leaving, late, stays = (bookings.book(place) for _ in range(6))
    owner, nine = place.owner, bookings.NINE
    appointments.reschedule_appointment(
        actor=owner, appointment_id=moved.pk, starts_at=bookings.TEN, now=NOW
    )
    appointments.cancel_appointment(actor=owner, appointment_id=cancelled.pk, now=NOW)
    appointments.mark_no_show(actor=owner, appointment_id=missed.pk, now=nine)
    arrived, called, _ = (
        appointments.check_in_appointment(actor=owner, appointment_id=row.pk, now=nine)
        for row in (leaving, late, stays)
    )
    operations.cancel_ticket(actor=owner, ticket_id=arrived.ticket_id, now=nine)
    session = sit_down(place, now=nine)
    acting: Any = {"actor": place.agent, "ticket_id": called.ticket_id, "now": nine}
    operations.call_ticket(session_id=session.pk, **acting)
    operations.mark_no_show(**acting)
    operations.resume_ticket(**acting)
    operations.call_ticket(session_id=session.pk, **acting)
    operations.start_ticket(**acting)
    operations.complete_ticket(**acting)
    operations.close_queue(actor=owner, queue_id=place.queue.pk, reason="", now=nine)


def offer_places() -> None:
    """Ask for an appointment that staff have to approve; be reminded of one; be offered a place."""
    asking, booked = make_place(), make_place()
    for place in (asking, booked):
        bookings.make_slot(place, start_time=time(9), end_time=time(10))
    bookings.set_rules(asking, needs_approval=True)
    bookings.book(asking)
    bookings.set_rules(booked, reminder_minutes=[60])
    kept = bookings.book(booked)
    appointments.remind_of_appointment(
        appointment_id=kept.pk, now=bookings.NINE - timedelta(minutes=30)
    )
    bookings.wait_for_place(booked)
    appointments.cancel_appointment(actor=booked.owner, appointment_id=kept.pk, now=NOW)


def tell_a_line() -> None:
    """Grow a line long, follow it by a browser, write to it, interrupt it, call twice, take back."""
    place = make_place()
    owner, agent = place.owner, place.agent
    operations.set_long_line(actor=owner, queue_id=place.queue.pk, people=2)
    first, second = (join(place, phone=new_phone()) for _ in range(2))
    operations.watch_long_lines(now=NOW)
    other = make_queue(place, "B")
    operations.transfer_ticket(actor=agent, ticket_id=second.pk, target_queue_id=other.pk, now=NOW)
    holder = Actor(kind=ActorKind.TICKET, ticket_id=first.pk)
    messages.add_browser(actor=holder, subscription=browser(), now=NOW)
    messages.create_batch(
        organization_id=place.organization.pk,
        channel=MessageChannel.EMAIL,
        template="by_hand",
        context={"subject": "Tomorrow", "text": "Bring your papers."},
        recipients=[messages.BatchRecipient(new_email(), "fr")],
        now=NOW,
        created_by=owner,
    )
    session = sit_down(place)
    acting: Any = {"actor": agent, "ticket_id": first.pk}
    operations.call_ticket(session_id=session.pk, now=NOW, **acting)
    operations.recall_ticket(now=NOW + timedelta(minutes=1), **acting)
    operations.start_ticket(now=NOW + timedelta(minutes=2), **acting)
    operations.park_ticket(now=NOW + timedelta(minutes=3), **acting)
    operations.resume_ticket(now=NOW + timedelta(minutes=4), **acting)
    operations.pause_queue(actor=owner, queue_id=place.queue.pk, now=NOW + timedelta(minutes=5))


def run_low(place: Place) -> None:
    """Spend nearly all that text messages may cost, and leave little on a provider's account."""
    organization_id = place.organization.pk
    messages.set_sms_account(
        actor=place.owner,
        organization_id=organization_id,
        sender_name="",
        monthly_budget_minor=1000,
        alert_percent=80,
        now=NOW,
    )
    account = budgets.account_of(organization_id)
    budgets.charge(organization_id, 900, account=account, is_vital=False, now=NOW)
    make_user(is_superuser=True)
    messages.record_balance(provider="orange_sms", balance=Balance(units=0), now=NOW)


def guard_an_account() -> None:
    """Change everything by which a person signs in, and let a key of theirs be copied."""
    user = make_person(phone=new_phone())
    actor = make_signed_in(user)
    acting: Any = {"actor": actor, "now": NOW}
    setup = accounts.begin_app(**acting)
    accounts.confirm_app(code=code_at(setup.secret), **acting)
    accounts.make_recovery_codes(**acting)
    accounts.remove_app(**acting)
    asked = accounts.begin_passkey(kind=KeyKind.PASSKEY, **acting)
    key = SecurityKey()
    made = key.make(asked.options)
    accounts.add_passkey(token=asked.token, credential=made, name="Phone", **acting)
    copied_at_count = key.count
    for _ in range(2):
        key.count = copied_at_count
        begun = accounts.begin_passkey_sign_in(now=NOW)
        signing: Any = {"token": begun.token, "credential": key.sign(begun.options), "now": NOW}
        with suppress(PasskeyRefused):
            accounts.sign_in_with_passkey(**signing)
    accounts.change_password(old_password=PASSWORD, password="another long phrase", **acting)
    wish: Any = {"channel": Channel.SMS, "value": new_phone(), "voucher": Voucher.REPLACED}
    change = accounts.start_contact_change(user_id=user.pk, **wish, **acting)
    codes = [
        notifications.list_mailbox(phone, limit=1)[0].code for phone in (wish["value"], user.phone)
    ]
    accounts.confirm_contact_change(change_id=change.pk, codes=codes, **acting)
    accounts.sign_out_everywhere(keep_current=False, **acting)


def use_rights_of_privacy() -> None:
    """Ask for an archive, and have a phone's data erased."""
    privacy.request_export(actor=make_signed_in(make_person()), now=NOW)
    phone = new_phone()
    privacy.ask_phone_erasure(phone=phone, language="fr", now=NOW)
    (sent,) = notifications.list_mailbox(phone, limit=1)
    privacy.confirm_phone_erasure(phone=phone, code=sent.code, now=NOW)


def help_inside(place: Place) -> None:
    """Open and end access to an organization and to an account, by the platform's staff."""
    admin = make_actor(make_user(is_superuser=True))
    access = business.open_support_access(
        actor=admin,
        organization_id=place.organization.pk,
        reason="The screen stays dark",
        minutes=30,
        now=NOW,
    )
    business.close_support_access(actor=admin, access_id=access.pk, now=NOW)
    reached = accounts.open_account_access(
        actor=admin, whose=make_user().pk, reason="They lost their phone", now=NOW
    )
    accounts.close_account_access(actor=admin, access_id=reached.pk, now=NOW)


def lose_factors() -> None:
    """Vouch for somebody who lost every second factor, withdraw it, and have it used."""
    admin = make_signed_in(make_user(is_superuser=True))
    user = make_person(phone=new_phone())
    give_passkey(admin, user)
    given: Any = {"actor": admin, "whose": user.pk, "reason": "I met them", "now": NOW}
    first = accounts.issue_factor_reset(**given)
    accounts.cancel_factor_reset(actor=admin, reset_id=first.reset.pk, now=NOW)
    second = accounts.issue_factor_reset(**given)
    let_wait_pass(second.reset)
    with pytest.raises(MfaRequired) as asked:
        accounts.authenticate(identifier=str(user.email), password=PASSWORD, now=NOW)
    accounts.confirm_second_factor(
        token=asked.value.extra["mfa"]["token"], method="reset_code", code=second.code, now=NOW
    )


def run(delivery: DueDelivery) -> None:
    inside = delivery.handler.mode is HandlerMode.DATABASE
    with transaction.atomic() if inside else nullcontext():
        delivery.run()


def registered() -> set[tuple[str, str]]:
    ours = [cls for cls in known_events().values() if ".tests." not in cls.__module__]
    return {(cls.full_name(), h.name) for cls in ours for h in registry.handlers_of(cls)}


def test_every_handler_run_twice_leaves_the_same_rows(settings):
    live_a_day(settings)
    reached, changed = set(), []

    for _ in range(20):
        due = [d for mode in HandlerMode for d in due_deliveries(mode, limit=500)]
        if not due:
            break
        for delivery in due:
            reached.add((delivery.event_type, delivery.handler.name))
            run(delivery)
            Delivery.objects.filter(pk=delivery.id).update(state=DeliveryState.DONE)
            once = rows()
            run(delivery)
            twice = rows()
            changed += [(delivery.handler.name, t) for t in once if once[t] != twice[t]]

    assert changed == []
    seen = {handler for _event, handler in reached}
    missing = registered() - reached
    assert sorted(pair for pair in missing if pair[1] not in ALIKE & seen) == []
