"""
A marked person uses everything, is erased, and no mark is left: not in PostgreSQL's own dump, in
Redis, in files, in logs. Each control leaves one step out, and its marks are found.
"""

import json
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.db import connection
from django.db.models import F

from smartqueue.accounts.models import Session, User
from smartqueue.audit.models import PersonKey, RowChange
from smartqueue.audit.queries import open_sealed
from smartqueue.business.models import SupportAccess
from smartqueue.notifications.models import OutgoingMessage
from smartqueue.privacy import places
from smartqueue.privacy.enums import Fate
from smartqueue.privacy.models import Erasure
from smartqueue.privacy.operations._erasing import SETTLED_AFTER, subject_of_user
from smartqueue.privacy.subject import Subject
from smartqueue.privacy.tasks import carry_out_erasures_task
from smartqueue.privacy.tests import marks
from smartqueue.privacy.tests.marks import Api, carry_everything, code_for, live, marks_in
from smartqueue.queues.models import Ticket, TicketPeriod
from smartqueue.queues.tests.factories import make_user
from smartqueue.support import operations as support
from smartqueue.support.models import CaseMessage, SupportCase

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.serial,
    pytest.mark.usefixtures("_no_limits"),
]


def test_nothing_is_left_of_an_erased_person(exports: Path, capfd: Any) -> None:
    life = live()
    before = marks_in(marks.database_dump())
    assert set(before) == set(marks.MARKS), "every mark was somewhere"
    assert list(exports.iterdir())
    assert "wombatremark" in marks_in(marks.case_files_dump())
    tickets, periods = len(life.tickets), TicketPeriod.objects.with_scopes_disabled().count()
    subject = subject_of_user(User.objects.get(pk=life.user_id))
    assert labels_with_rows(subject) >= USED
    assert labels_naming(life.user_id) == LOOSENED

    life.api.ask("DELETE", f"accounts/users/{life.user_id}/")
    carry_everything()

    assert marks.marks_left() == []
    assert marks_in(marks.redis_dump()) == []
    assert marks_in(marks.files_dump(exports)) == []
    assert list(exports.iterdir()) == []
    assert marks.case_files_dump() == ""
    gone = {place.label for place in places.PLACES if place.fate is Fate.DELETED}
    assert labels_with_rows(subject) & gone == set()
    assert labels_naming(life.user_id) == set()
    written = capfd.readouterr()
    assert marks_in(written.err + written.out) == []
    # History stays, without the person.
    rows = Ticket.objects.with_scopes_disabled().filter(pk__in=life.tickets)
    assert rows.count() == tickets
    assert TicketPeriod.objects.with_scopes_disabled().count() == periods
    assert not Session.objects.filter(user=life.user_id).exists()
    Erasure.objects.update(requested_at=F("requested_at") - SETTLED_AFTER)
    carry_out_erasures_task()
    proof = Erasure.objects.get()
    assert proof.sealed_subject == ""
    assert proof.finished_at is not None
    assert proof.counts["queues.Ticket"] == 5
    life.api.ask("GET", "accounts/users/me/", status=401)
    cases = SupportCase.objects.with_scopes_disabled().filter(pk__in=life.cases)
    assert {(c.title, c.person_id, c.holder_ticket_id) for c in cases} == {("", None, None)}
    assert sorted(c.state for c in cases) == ["closed", "closed", "resolved"]
    messages = CaseMessage.objects.with_scopes_disabled().filter(case__in=life.cases)
    assert set(messages.values_list("body", flat=True)) == {""}
    assert messages.count() == 9
    inside = SupportAccess.objects.with_scopes_disabled().get()
    assert (str(inside.admin_id), inside.reason) == (life.user_id, marks.SUPPORT_REASON)


# What the person did, so that an empty table proves something.
USED = {
    "account.EmailAddress",
    "accounts.ContactChange",
    "accounts.Passkey",
    "accounts.PasskeyChallenge",
    "accounts.RefreshToken",
    "accounts.Session",
    "accounts.SocketTicket",
    "accounts.TotpEnrolment",
    "accounts.VerificationCode",
    "business.Invitation",
    "business.Membership",
    "business.SettingsVersion",
    "business.SupportAccess",
    "mfa.Authenticator",
    "notifications.Notification",
    "notifications.OutgoingMessage",
    "privacy.Consent",
    "privacy.Export",
    "queues.Ticket",
    "sessions.Session",
    "support.CaseAttachment",
    "support.CaseMessage",
    "support.SupportCase",
}
LOOSENED = {
    "business.BranchCredential",
    "business.Invitation",
    "business.SettingsVersion",
    "support.CaseMessage",
}


def labels_with_rows(subject: Subject) -> set[str]:
    return {place.label for place in places.PLACES if place.of(subject).exists()}


def labels_naming(user_id: str) -> set[str]:
    """Return the tables in which somebody else's row says that the person made or changed it."""
    return {
        place.label
        for place in places.PLACES
        for column in place.loosened
        if places.everybody(place.model).filter(**{column: user_id}).exists()
    }


FORGOTTEN = {
    "accounts.Session",
    "account.EmailAddress",
    "admin.LogEntry",
    "business.Invitation",
    "idempotency.IdempotencyKey",
    "notifications.OutgoingMessage",
    "outbox.Delivery",
    "queues.Ticket",
    "queues.TicketPeriod",
    "queues.TicketStep",
    "sessions.Session",
    "accounts.Passkey",
    "support.CaseMessage",
    "support.SupportCase",
}
# These are emptied by their own app as well.
EMPTIED_TWICE = {
    "account.EmailAddress",
    "accounts.Passkey",
    "accounts.Session",
    "queues.TicketStep",
    "support.CaseMessage",
    "support.SupportCase",
}


def tables_of(labels: set[str]) -> set[str]:
    return {apps.get_model(label)._meta.db_table for label in labels}


def test_control_each_forgotten_step_is_found(
    exports: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One life shows all: the marks that are left stand where a step was forgotten, nowhere else."""
    life = live()
    kept = tuple(place for place in places.PLACES if place.label not in FORGOTTEN)
    assert len(places.PLACES) - len(kept) == len(FORGOTTEN)
    monkeypatch.setattr(places, "PLACES", kept)

    life.api.ask("DELETE", f"accounts/users/{life.user_id}/")
    carry_everything()

    assert marks.marks_left() != []
    assert marks.tables_with_marks() == tables_of(FORGOTTEN - EMPTIED_TWICE)


@pytest.mark.parametrize(
    "forgotten", [{"support.CaseAttachment"}, {"support.CaseMessage", "support.SupportCase"}]
)
def test_control_a_case_forgotten_by_both_is_found(
    exports: Path, monkeypatch: pytest.MonkeyPatch, forgotten: set[str]
) -> None:
    life = live()
    kept = tuple(place for place in places.PLACES if place.label not in forgotten)
    monkeypatch.setattr(places, "PLACES", kept)
    monkeypatch.setattr(support, "forget_person", lambda **_: None)

    life.api.ask("DELETE", f"accounts/users/{life.user_id}/")
    carry_everything()

    is_file = "support.CaseAttachment" in forgotten
    assert bool(marks_in(marks.case_files_dump())) == is_file
    assert marks.tables_with_marks() == (set() if is_file else tables_of(forgotten))


def test_somebody_without_an_account_is_erased_by_phone() -> None:
    place = marks.make_place()
    agent = marks.staff(place)
    joining = {"queue": str(place.queue.pk), "phone": marks.PHONE, "plate": marks.PLATE}
    name = f"{marks.FIRST} {marks.LAST}"
    mine = Api().post("queues/tickets/", joining | {"customer_name": name})
    agent.ask("PATCH", f"queues/tickets/{mine['id']}/", {"note": marks.NOTE})
    other = Api().post("queues/tickets/", {"queue": joining["queue"], "customer_name": "Binta"})
    account = make_user(phone=marks.PHONE)
    theirs = Ticket.objects.with_scopes_disabled().filter(
        pk=Api().post("queues/tickets/", joining | {"customer_name": "Autre"})["id"]
    )
    theirs.update(customer=account)
    Api().post("privacy/erasures/", {"phone": "77 654 32 19"})
    carry_everything()
    assert marks.PLATE in marks_in(marks.database_dump())

    Api().post("privacy/erasures/confirm/", {"phone": marks.PHONE, "code": code_for(marks.PHONE)})
    carry_everything()

    # An account with this number keeps it, and what it joined with: its person erases it there.
    account.refresh_from_db()
    assert account.phone == marks.PHONE
    assert theirs.get().customer_name == "Autre"
    assert theirs.get().phone == ""
    User.objects.filter(pk=account.pk).update(phone="+221771112233")
    theirs.update(plate="")
    OutgoingMessage.objects.filter(user_id=account.pk).delete()
    assert marks.marks_left() == []
    assert marks_in(marks.redis_dump()) == []
    rows = Ticket.objects.with_scopes_disabled()
    assert rows.get(pk=mine["id"]).state == "waiting"
    assert rows.get(pk=other["id"]).customer_name == "Binta"


@pytest.mark.parametrize(
    "text",
    [
        f"1\t{marks.PHONE}",
        "\\\\x" + marks.EMAIL.encode().hex(),
        marks.base64.urlsafe_b64encode(f"ab{marks.PLATE}".encode()).decode(),
        marks.base64.b64encode(marks.zlib.compress(json.dumps([marks.NOTE]).encode())).decode(),
        json.dumps(f"Mme {marks.LAST}"),
    ],
    ids=["plain", "bytea", "base64", "compressed", "escaped"],
)
def test_control_every_form_of_a_mark_is_read(text: str) -> None:
    assert marks_in(text) != []


def test_nobody_can_read_in_the_journal_what_was_written_of_them(exports: Path) -> None:
    life = live()
    names = "SELECT count(*) FROM audit_rowchange WHERE after->'first_name'->>'sealed' IS NOT NULL"
    with connection.cursor() as cursor:
        cursor.execute(names)
        assert cursor.fetchone()[0] > 0
    keys = PersonKey.objects.filter(pk__in=[life.user_id, *life.tickets])
    assert keys.exclude(key=None).count() > 1

    life.api.ask("DELETE", f"accounts/users/{life.user_id}/")
    carry_everything()

    assert not keys.exclude(key=None).exists()
    # Whatever still opens was written of somebody else.
    changes: Any = list(RowChange.objects.with_scopes_disabled().all())
    open_sealed(changes)
    opened = json.dumps([[c.before, c.after] for c in changes], default=str)
    assert "somebody@else.example.test" in opened
    assert set(marks_in(opened)) <= {marks.ADDRESS}
