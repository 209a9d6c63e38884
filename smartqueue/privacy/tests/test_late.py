"""What an erasure meets when it comes late, or when something of the person comes after it."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from allauth.account.models import EmailAddress

from smartqueue.accounts import operations as accounts
from smartqueue.accounts.enums import Channel, CodePurpose
from smartqueue.accounts.models import User, VerificationCode
from smartqueue.accounts.tests.factories import make_signed_in, new_email, new_phone
from smartqueue.accounts.tests.factories import make_user as make_registered
from smartqueue.business.models import Invitation
from smartqueue.common import clock
from smartqueue.privacy import archive, operations, tasks
from smartqueue.privacy.models import Erasure, Export
from smartqueue.queues.models import Ticket
from smartqueue.queues.tests.factories import join, make_actor, make_place
from tests.concurrency.races import before_commit

pytestmark = pytest.mark.django_db


def erase(user: User) -> Erasure:
    actor = make_signed_in(user)
    accounts.erase_user(actor=actor, user_id=user.pk, now=clock.now())
    return Erasure.objects.get(user_id=user.pk)


def let_settle(erasure: Erasure) -> None:
    earlier = erasure.requested_at - timedelta(minutes=2)
    Erasure.objects.filter(pk=erasure.pk).update(requested_at=earlier)


def test_what_a_request_on_its_way_left_after_the_walk_goes_too() -> None:
    place, person = make_place(), make_registered()
    here = make_actor(person)
    erasure = erase(person)
    tasks.sweep_requests_task()
    ticket = join(place, actor=here, customer_name="Awa Diop", plate="DK 1 A")
    tasks.sweep_requests_task()
    let_settle(erasure)

    tasks.sweep_requests_task()

    left = Ticket.objects.with_scopes_disabled().get(pk=ticket.pk)
    assert (left.customer_id, left.customer_name, left.plate) == (None, "", "")
    erasure.refresh_from_db()
    assert erasure.finished_at is not None
    assert erasure.sealed_subject == ""


def test_a_walk_that_comes_late_leaves_whoever_opened_an_account_with_the_address_since() -> None:
    place = make_place()
    email, phone = new_email(), new_phone()
    erasure = erase(make_registered(email=email, phone=phone, first_name="Awa"))
    again = make_registered(email=email, phone=phone)
    ticket = join(place, actor=make_actor(again), phone=phone)
    code = VerificationCode.objects.create(
        user=again,
        purpose=CodePurpose.SIGN_IN,
        channel=Channel.SMS,
        recipient=phone,
        digest=b"",
        created_at=clock.now(),
        expires_at=clock.now() + timedelta(minutes=10),
    )
    invited = Invitation.objects.with_scopes_disabled().create(
        organization=place.organization,
        identifier=email,
        role="agent",
        language="fr",
        created_at=clock.now(),
        expires_at=clock.now() + timedelta(days=7),
    )

    tasks.sweep_requests_task()

    assert EmailAddress.objects.filter(user=again, email=email).exists()
    assert Ticket.objects.with_scopes_disabled().get(pk=ticket.pk).phone == phone
    assert VerificationCode.objects.filter(pk=code.pk).exists()
    assert Invitation.objects.with_scopes_disabled().filter(pk=invited.pk).exists()
    erasure.refresh_from_db()
    assert erasure.counts["accounts.User"] == 1


def test_what_cannot_be_done_holds_up_nobody_else(
    exports: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = Erasure.objects.create(
        sealed_subject="not ours", requested_at=clock.now() - timedelta(hours=1)
    )
    erasure = erase(make_registered())
    people = [make_registered(), make_registered()]
    for person in people:
        operations.request_export(actor=make_signed_in(person), now=clock.now())
    make = archive.make

    def make_of_second(subject: Any, *told: Any) -> bytes:
        if subject.user_id == people[0].pk:
            raise OSError("no room")
        return make(subject, *told)

    monkeypatch.setattr(archive, "make", make_of_second)

    tasks.sweep_requests_task()

    erasure.refresh_from_db()
    assert erasure.counts
    assert Erasure.objects.get(pk=broken.pk).finished_at is None
    assert [Export.objects.get(user=p).state for p in people] == ["requested", "ready"]


@pytest.mark.django_db(transaction=True)
@pytest.mark.serial
def test_an_archive_that_is_made_while_its_person_is_erased_leaves_no_file(exports: Path) -> None:
    person = make_registered()
    actor = make_signed_in(person)
    export = operations.request_export(actor=actor, now=clock.now())

    def make() -> bool:
        return operations.make_export(export_id=export.pk, now=clock.now())

    def erase_and_walk() -> None:
        accounts.erase_user(actor=actor, user_id=person.pk, now=clock.now())
        tasks.sweep_requests_task()

    made, erased = before_commit(make, erase_and_walk)

    assert made
    erased.get()
    assert not Export.objects.exists()
    assert list(exports.iterdir()) == []


@pytest.mark.django_db(transaction=True)
@pytest.mark.serial
def test_an_archive_that_is_made_at_the_last_moment_is_not_given_up(exports: Path) -> None:
    person = make_registered()
    export = operations.request_export(actor=make_signed_in(person), now=clock.now())
    Export.objects.update(requested_at=clock.now() - timedelta(days=1))

    made, removed = before_commit(
        lambda: operations.make_export(export_id=export.pk, now=clock.now()),
        lambda: operations.remove_old_exports(now=clock.now()),
    )

    assert made
    assert removed.get() == 0
    assert Export.objects.get().state == "ready"
