"""People's rights on the wire: what they get, and what nobody else gets."""

import io
import json
import zipfile
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from smartqueue.accounts import operations as accounts
from smartqueue.accounts.actor import Actor
from smartqueue.accounts.device import Device
from smartqueue.accounts.enums import Role
from smartqueue.accounts.models import ContactChange, Session, User
from smartqueue.business.models import Membership
from smartqueue.common import clock
from smartqueue.notifications.models import Notification, OutgoingMessage
from smartqueue.outbox import relay
from smartqueue.outbox.enums import HandlerMode
from smartqueue.outbox.models import DomainEvent
from smartqueue.privacy import archive, consents, operations, places, queries, tasks
from smartqueue.privacy.consents import ConsentText
from smartqueue.privacy.enums import Purpose
from smartqueue.privacy.models import Consent, Erasure, Export, RegisterEntry
from smartqueue.privacy.operations._erasing import subject_of_user
from smartqueue.privacy.tests.marks import new_phone
from smartqueue.queues.tests.factories import (
    Place,
    join,
    make_actor,
    make_member,
    make_place,
    make_user,
)
from smartqueue.support.models import SupportCase

pytestmark = pytest.mark.django_db


def api(actor: Actor | User | None = None) -> Client:
    if actor is None:
        return Client(content_type="application/json")
    user = actor if isinstance(actor, User) else User.objects.get(pk=actor.user_id)
    access = accounts.sign_in(user=user, device=Device(), now=clock.now()).access
    return Client(headers={"Authorization": f"Bearer {access}"})


def post(client: Client, path: str, body: Any = None) -> Any:
    return client.post(f"/api/privacy/{path}", body or {}, content_type="application/json")


def carry() -> None:
    relay.carry_due(HandlerMode.DATABASE)
    relay.carry_due(HandlerMode.OUTSIDE)


@pytest.fixture
def person() -> User:
    return make_user(first_name="Awa", last_name="Diop", phone="+221771230001", language="fr")


# --- The archive --------------------------------------------------------------------------------


def archived(client: Client) -> zipfile.ZipFile:
    (export,) = client.get("/api/privacy/exports/").json()["results"]
    response = client.get(f"/api/privacy/exports/{export['id']}/download/")
    assert response.status_code == 200
    assert response.headers["Content-Type"] == "application/zip"
    assert response.headers["Content-Disposition"].startswith("attachment")
    assert response.headers["Cache-Control"] == "no-store"
    return zipfile.ZipFile(io.BytesIO(response.content))


def test_a_person_gets_everything_that_is_stored_of_them(person: User, exports: Path) -> None:
    client = api(person)
    place = make_place()
    ticket = join(place, actor=make_actor(person), customer_name="Awa Diop", plate="DK 1 A")
    join(place, actor=make_actor(), customer_name="Binta Sow", phone="+221771230002")
    assert post(client, "exports/").json()["state"] == "requested"
    carry()

    given = archived(client)

    names = set(given.namelist())
    assert names == {"index.html"} | {f"data/{p.label}.json" for p in places.PLACES if p.shown}
    (account,) = json.loads(given.read("data/accounts.User.json"))
    assert (account["first_name"], account["phone"]) == ("Awa", "+221771230001")
    assert "password" not in account
    (told,) = json.loads(given.read("data/queues.Ticket.json"))
    assert (told["id"], told["plate"]) == (str(ticket.pk), "DK 1 A")
    everything = " ".join(given.read(name).decode() for name in names)
    assert "Binta" not in everything
    page = given.read("index.html").decode()
    assert '<html lang="fr" dir="ltr">' in page
    assert "Awa Diop" in page
    told = Notification.objects.filter(user=person).order_by("id").values_list("code", flat=True)
    assert list(told) == ["ticket_joined", "privacy_export_ready"]


def test_the_page_of_an_archive_reads_from_the_right_for_who_reads_arabic(person: User) -> None:
    content = archive.make(subject_of_user(person), "ar", clock.now())
    page = zipfile.ZipFile(io.BytesIO(content)).read("index.html").decode()
    assert '<html lang="ar" dir="rtl">' in page


def test_what_people_wrote_is_shown_and_not_run(person: User) -> None:
    join(make_place(), actor=make_actor(person), customer_name="<script>alert(1)</script>")
    content = archive.make(subject_of_user(person), "fr", clock.now())
    page = zipfile.ZipFile(io.BytesIO(content)).read("index.html").decode()
    assert "<script>" not in page
    assert "&lt;script&gt;" in page


def test_an_archive_lies_sealed(person: User, exports: Path) -> None:
    client = api(person)
    post(client, "exports/")
    carry()
    (file,) = exports.iterdir()
    assert b"Awa Diop" not in file.read_bytes()
    assert not zipfile.is_zipfile(file)


def test_nobody_else_downloads_it_an_administrator_neither(person: User, exports: Path) -> None:
    post(api(person), "exports/")
    carry()
    path = f"/api/privacy/exports/{Export.objects.get().pk}/download/"
    assert Client().get(path).status_code == 401
    for other in (make_user(), make_user(is_superuser=True)):
        assert api(other).get(path).status_code == 404
    assert Export.objects.get().downloaded_at is None


def test_asking_and_downloading_need_a_recent_sign_in(person: User, exports: Path) -> None:
    client = api(person)
    post(client, "exports/")
    carry()
    Session.objects.update(authenticated_at=clock.now() - timedelta(hours=1))
    download = f"/api/privacy/exports/{Export.objects.get().pk}/download/"
    for response in (client.get(download), post(client, "exports/")):
        assert response.json()["code"] == "reauthentication_needed"
    assert Export.objects.count() == 1


def test_one_archive_is_made_at_a_time(person: User) -> None:
    client = api(person)
    assert post(client, "exports/").status_code == 201
    assert post(client, "exports/").json()["code"] == "export_pending"


def test_a_request_whose_hint_was_lost_is_found(person: User, exports: Path) -> None:
    post(api(person), "exports/")
    tasks.sweep_requests_task()
    assert Export.objects.get().state == "ready"
    assert not operations.make_export(export_id=Export.objects.get().pk, now=clock.now())
    assert len(list(exports.iterdir())) == 1


def test_after_seven_days_the_archive_is_gone(person: User, exports: Path) -> None:
    client = api(person)
    post(client, "exports/")
    carry()
    export = Export.objects.get()
    assert export.expires_at is not None
    assert export.ready_at is not None
    assert export.expires_at - export.ready_at == timedelta(days=7)
    path = f"/api/privacy/exports/{export.pk}/download/"
    Export.objects.update(expires_at=clock.now())
    assert client.get(path).json()["code"] == "export_not_ready"
    tasks.remove_old_exports_task()
    assert list(exports.iterdir()) == []
    assert client.get(path).status_code == 404


def test_a_file_that_is_lost_is_no_failure_of_the_server(person: User, exports: Path) -> None:
    client = api(person)
    post(client, "exports/")
    assert (
        client.get(f"/api/privacy/exports/{Export.objects.get().pk}/download/").json()["code"]
        == "export_not_ready"
    )
    carry()
    next(exports.iterdir()).unlink()
    answer = client.get(f"/api/privacy/exports/{Export.objects.get().pk}/download/")
    assert answer.json()["code"] == "export_not_ready"


def test_no_archive_is_made_of_somebody_who_has_gone(person: User, exports: Path) -> None:
    post(api(person), "exports/")
    User.objects.filter(pk=person.pk).update(is_active=False)
    assert not operations.make_export(export_id=Export.objects.get().pk, now=clock.now())
    assert list(exports.iterdir()) == []
    tasks.remove_old_exports_task()
    assert Export.objects.exists()
    Export.objects.update(requested_at=clock.now() - timedelta(days=2))
    tasks.remove_old_exports_task()
    assert not Export.objects.exists()


# --- Consents -----------------------------------------------------------------------------------


def said(client: Client) -> dict[str, bool]:
    answer = client.get("/api/privacy/consents/").json()["consents"]
    return {state["purpose"]: state["is_given"] for state in answer}


def test_nothing_is_agreed_to_until_somebody_says_so(person: User) -> None:
    assert said(api(person)) == {"marketing": False, "location": False, "statistics": False}
    assert not queries.has_consent(person.pk, Purpose.MARKETING)


def test_a_yes_and_a_no_are_both_kept(person: User) -> None:
    client = api(person)
    for is_given in (True, True, False):
        body = {"purpose": "location", "is_given": is_given, "version": 1}
        assert post(client, "consents/", body).status_code == 200
        assert said(client)["location"] is is_given
        assert queries.has_consent(person.pk, Purpose.LOCATION) is is_given
    rows = Consent.objects.order_by("id").values_list(
        "purpose", "is_given", "source", "language", "text_version"
    )
    assert list(rows) == [("location", True, "api", "fr", 1), ("location", False, "api", "fr", 1)]
    history = client.get("/api/privacy/consents/history/").json()["results"]
    assert [row["is_given"] for row in history] == [False, True]
    told = DomainEvent.objects.filter(type="privacy.consent.recorded.v1")
    assert told.count() == 2


def test_a_yes_to_an_older_text_no_longer_counts(
    person: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = api(person)
    post(client, "consents/", {"purpose": "marketing", "is_given": True, "version": 1})
    texts = {**consents.TEXTS, Purpose.MARKETING: (ConsentText(1, "old"), ConsentText(2, "new"))}
    monkeypatch.setattr(consents, "TEXTS", texts)

    assert not queries.has_consent(person.pk, Purpose.MARKETING)
    assert said(client)["marketing"] is False
    refused = post(client, "consents/", {"purpose": "marketing", "is_given": True, "version": 1})
    assert (refused.status_code, refused.json()["code"]) == (409, "consent_text_changed")
    post(client, "consents/", {"purpose": "marketing", "is_given": True, "version": 2})
    assert queries.has_consent(person.pk, Purpose.MARKETING)
    text = consents.text_of(Purpose.MARKETING, 1)
    assert text is not None
    assert text.text == "old"


def test_reading_consents_takes_one_query_however_much_was_said(person: User) -> None:
    counts = []
    for is_given in (True, False, True):
        operations.record_consent(
            actor=make_actor(person),
            purpose=Purpose.MARKETING,
            is_given=is_given,
            text_version=1,
            source="page",  # type: ignore[arg-type]  # as a form gives it
            language="fr",
            now=clock.now(),
        )
        with CaptureQueriesContext(connection) as asked:
            queries.consents_of(person.pk)
        counts.append(len(asked))
    assert counts == [1, 1, 1]


# --- Erasure ------------------------------------------------------------------------------------


def erase(user: User) -> Any:
    return api(user).delete(f"/api/accounts/users/{user.pk}/")


def test_the_only_owner_is_told_what_to_do_first() -> None:
    place = make_place()
    owner = User.objects.get(pk=place.owner.user_id)

    refused = erase(owner)

    assert (refused.status_code, refused.json()["code"]) == (409, "sole_owner")
    assert refused.json()["organizations"] == [
        {"id": str(place.organization.pk), "name": place.organization.name}
    ]
    owner.refresh_from_db()
    assert owner.is_active
    assert not Erasure.objects.exists()
    make_member(place.organization, Role.OWNER)
    assert erase(owner).status_code == 204


def test_an_owner_who_is_gone_does_not_count() -> None:
    place = make_place()
    other = make_member(place.organization, Role.OWNER)
    assert erase(User.objects.get(pk=other.user_id)).status_code == 204
    # The role ends a moment later; until then its row is still there.
    assert Membership.objects.with_scopes_disabled().filter(user=other.user_id).exists()
    assert erase(User.objects.get(pk=place.owner.user_id)).status_code == 409


def test_an_erasure_that_nobody_was_told_of_is_found(person: User) -> None:
    erase(person)
    erasure = Erasure.objects.get()
    assert erasure.sealed_subject
    assert "Awa" not in erasure.sealed_subject
    tasks.sweep_requests_task()
    erasure.refresh_from_db()
    assert erasure.counts["accounts.User"] == 1
    assert not operations.carry_out_erasure(erasure_id=erasure.pk, now=clock.now())


def test_what_was_sent_before_registering_goes_with_the_account() -> None:
    stranger, run = Client(), uuid4().hex
    old, new, other = (f"{name}-{run}@example.test" for name in ("before", "after", "other"))
    for identifier in (old, new, other):
        asked = {"identifier": identifier}
        answer = stranger.post("/api/accounts/auth/code/", asked, content_type="application/json")
        assert answer.status_code == 202, answer.json()
    assert set(OutgoingMessage.objects.values_list("template", "user_id")) == {("no_account", None)}
    user = make_user(email=new)
    moment = clock.now()
    ContactChange.objects.create(
        user=user,
        channel="email",
        old_value=old,
        new_value=new,
        created_at=moment,
        expires_at=moment,
        done_at=moment,
    )

    erase(user)
    carry()

    assert set(OutgoingMessage.objects.values_list("recipient", flat=True)) == {other}


def test_an_earlier_address_that_is_another_account_s_stays_theirs(person: User) -> None:
    other = make_user(email="handed@example.test")
    told = {"channel": "email", "template": "t", "subject": "s", "recipient": other.email}
    times = {"created_at": clock.now(), "stored_at": clock.now()}
    kept = OutgoingMessage.objects.create(user_id=other.pk, dedupe_key="1", **told, **times)
    free = OutgoingMessage.objects.create(user_id=None, dedupe_key="2", **told, **times)
    ContactChange.objects.create(
        user=person,
        channel="email",
        old_value=other.email,
        new_value="mine@example.test",
        created_at=clock.now(),
        expires_at=clock.now(),
        done_at=clock.now(),
    )

    erase(person)
    carry()

    assert {m.pk for m in OutgoingMessage.objects.all()} >= {kept.pk, free.pk}


def test_a_phone_is_not_erased_without_its_code() -> None:
    phone, client = new_phone(), Client()
    ticket = join(make_place(), customer_name="Awa", phone=phone)
    assert post(client, "erasures/", {"phone": phone.removeprefix("+221")}).status_code == 202
    for code in ("000000", "", "x" * 12):
        answer = post(client, "erasures/confirm/", {"phone": phone, "code": code})
        assert answer.status_code == 400
    assert not Erasure.objects.exists()
    ticket.refresh_from_db()
    assert ticket.customer_name == "Awa"


def test_a_phone_s_code_dies_after_five_wrong_answers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from smartqueue.privacy.operations import _phones  # noqa: PLC0415

    monkeypatch.setattr(_phones.secrets, "randbelow", lambda _: 123456)
    client, phone = Client(), new_phone()
    post(client, "erasures/", {"phone": phone})
    right = {"phone": phone, "code": "123456"}
    for _ in range(5):
        post(client, "erasures/confirm/", right | {"code": "111111"})
    assert post(client, "erasures/confirm/", right).json()["code"] == "wrong_code"
    post(client, "erasures/", {"phone": phone})
    assert post(client, "erasures/confirm/", right).status_code == 204
    # A code is good once.
    assert post(client, "erasures/confirm/", right).json()["code"] == "wrong_code"


def test_codes_are_not_sent_without_end() -> None:
    client, phone = Client(), new_phone()
    answers = [post(client, "erasures/", {"phone": phone}) for _ in range(6)]
    assert [a.status_code for a in answers] == [202] * 5 + [429]
    assert int(answers[5].headers["Retry-After"]) > 0


def test_codes_to_erase_and_to_sign_in_count_together() -> None:
    client, phone = Client(), new_phone()
    for _ in range(5):
        assert post(client, "erasures/", {"phone": phone}).status_code == 202
    asked = client.post(
        "/api/accounts/auth/code/", {"identifier": phone}, content_type="application/json"
    )
    assert (asked.status_code, asked.json()["code"]) == (429, "too_many_requests")


@pytest.mark.parametrize("phone", ["+33612345678", "+221338210000", "+882161234567"])
def test_codes_go_to_local_mobile_numbers_alone(phone: str) -> None:
    answer = post(Client(), "erasures/", {"phone": phone})
    assert answer.status_code == 400
    assert [error["code"] for error in answer.json()["errors"]] == ["not_textable"]
    assert not OutgoingMessage.objects.exists()


def test_wrong_answers_are_counted_whatever_code_they_are_for() -> None:
    client, phone = Client(), new_phone()
    guess = {"phone": phone, "code": "111111"}
    answers = [post(client, "erasures/confirm/", guess).status_code for _ in range(11)]
    assert answers == [400] * 10 + [429]


def test_asking_tells_nobody_whether_anything_is_stored() -> None:
    stored, unknown = new_phone(), new_phone()
    join(make_place(), customer_name="Awa", phone=stored)
    bodies = [
        set(post(Client(), "erasures/", {"phone": phone}).json()) for phone in (stored, unknown)
    ]
    assert bodies == [{"expires_at"}, {"expires_at"}]


# --- Periods and register -----------------------------------------------------------------------


def test_anybody_reads_how_long_data_is_kept() -> None:
    kinds = Client().get("/api/privacy/retention/").json()["kinds"]
    assert all(kind["title"] and kind["purpose"] and kind["basis"] for kind in kinds)


ENTRY = {
    "name": "Vidéosurveillance",
    "purpose": "Sécurité des locaux",
    "people": "Visiteurs",
    "data": "Images",
    "retention": "30 jours",
}


@pytest.fixture
def place() -> Place:
    return make_place()


def test_an_owner_writes_the_register(place: Place) -> None:
    client = api(place.owner)
    body = ENTRY | {"organization": str(place.organization.pk)}
    added = post(client, "register-entries/", body)
    assert added.status_code == 201, added.json()
    path = f"/api/privacy/register-entries/{added.json()['id']}/"
    changed = client.patch(path, {"retention": "15 jours"}, content_type="application/json")
    assert (changed.json()["retention"], changed.json()["version"]) == ("15 jours", 2)
    assert changed.json()["name"] == ENTRY["name"]
    wrong = client.put(path, {"name": " "}, content_type="application/json")
    assert (wrong.status_code, wrong.json()["code"]) == (400, "invalid_input")
    assert client.delete(path).status_code == 204
    assert not RegisterEntry.objects.with_scopes_disabled().exists()
    told = DomainEvent.objects.filter(type="privacy.register.changed.v1").order_by("id")
    assert [e.subject_version for e in told] == [1, 2, 3]


@pytest.mark.parametrize("who", ["manager", "other_owner", "nobody"])
def test_nobody_else_reads_or_writes_it(place: Place, who: str) -> None:
    post(
        api(place.owner), "register-entries/", ENTRY | {"organization": str(place.organization.pk)}
    )
    entry = RegisterEntry.objects.with_scopes_disabled().get()
    callers: dict[str, Callable[[], Client]] = {
        "manager": lambda: api(make_member(place.organization, Role.MANAGER)),
        "other_owner": lambda: api(make_place().owner),
        "nobody": Client,
    }
    client, refused = callers[who](), 401 if who == "nobody" else 404
    path = f"/api/privacy/register-entries/{entry.pk}/"
    body = ENTRY | {"organization": str(place.organization.pk)}
    asked = f"/api/privacy/register-entries/?organization={place.organization.pk}"
    assert client.get(asked).status_code == refused
    assert post(client, "register-entries/", body).status_code == refused
    assert client.patch(path, {"name": "x"}, content_type="application/json").status_code == refused
    assert client.delete(path).status_code == refused
    entry.refresh_from_db()
    assert entry.version == 1


def test_lists_take_as_many_queries_for_three_rows_as_for_one(place: Place, person: User) -> None:
    owner, mine = api(place.owner), api(person)
    register = f"/api/privacy/register-entries/?organization={place.organization.pk}"
    counts = []
    for rows in (1, 3):
        while RegisterEntry.objects.with_scopes_disabled().count() < rows:
            RegisterEntry.objects.with_scopes_disabled().create(
                **ENTRY, organization=place.organization, created_at=clock.now()
            )
            Export.objects.create(
                user=person, state="ready", language="fr", requested_at=clock.now()
            )
        for client, path in ((owner, register), (mine, "/api/privacy/exports/")):
            with CaptureQueriesContext(connection) as asked:
                assert client.get(path).json()["count"] == rows
            counts.append(len(asked))
    assert counts == [4, 3, 4, 3]


def test_a_register_entry_is_made_once_for_one_key(place: Place) -> None:
    client = api(place.owner)
    body = ENTRY | {"organization": str(place.organization.pk)}
    key = {"Idempotency-Key": str(uuid4())}
    answers = [
        client.post(
            "/api/privacy/register-entries/", body, content_type="application/json", headers=key
        ).json()
        for _ in range(2)
    ]
    assert answers[0] == answers[1]
    assert RegisterEntry.objects.with_scopes_disabled().count() == 1


# --- What somebody has to see to ----------------------------------------------------------------


def ask(client: Client, **body: Any) -> Any:
    return post(client, "requests/", {"right": "rectification", "body": "My name is Aïda."} | body)


def test_a_right_is_asked_for_in_a_case_with_the_deadline_of_the_law(person: User) -> None:
    answer = ask(api(person))
    assert answer.status_code == 201
    case = SupportCase.objects.with_scopes_disabled().get()
    assert (case.category, case.person_id, case.organization_id) == ("privacy", person.pk, None)
    asked = answer.json()
    assert (asked["id"], asked["title"]) == (str(case.pk), case.title)
    due = datetime.fromisoformat(asked["answer_by"])
    assert due == case.opened_at + timedelta(days=30)
    whole = api(person).get(f"/api/support/cases/{case.pk}/").json()
    assert whole["messages"][0]["body"] == "My name is Aïda."
    assert datetime.fromisoformat(whole["answer_by"]) == due


def test_a_place_that_is_asked_sees_it_by_its_kind(person: User) -> None:
    place, other = make_place(), make_place()
    branch = str(place.branch.pk)
    assert ask(api(person), branch=branch).status_code == 201
    wait = {"subject_type": "branch", "subject_id": branch, "category": "wait"}
    api(person).post(
        "/api/support/cases/", wait | {"title": "Late", "body": "Late."}, "application/json"
    )
    staff = api(place.agent)
    for query, count in (("", 2), ("?category=privacy", 1)):
        assert staff.get(f"/api/support/cases/{query}").json()["count"] == count
    (case,) = staff.get("/api/support/cases/?category=privacy").json()["results"]
    assert case["answer_by"] is not None
    (late,) = staff.get("/api/support/cases/?category=wait").json()["results"]
    assert late["answer_by"] is None
    assert api(other.agent).get("/api/support/cases/?category=privacy").json()["count"] == 0


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"right": "erasure"}, 400),
        ({"body": "   "}, 400),
        ({"branch": str(uuid4())}, 404),
    ],
    ids=["a right that a button grants", "no words", "unknown place"],
)
def test_a_request_that_makes_no_sense_opens_no_case(
    person: User, body: dict[str, str], status: int
) -> None:
    assert ask(api(person), **body).status_code == status
    assert ask(api()).status_code == 401
    assert not SupportCase.objects.with_scopes_disabled().exists()


def test_staff_do_not_ask_the_place_where_they_serve() -> None:
    place = make_place()
    refused = ask(api(place.agent), branch=str(place.branch.pk))
    assert [error["code"] for error in refused.json()["errors"]] == ["own_place"]
    assert not SupportCase.objects.with_scopes_disabled().exists()
