"""What an organization decides about itself, and its history."""

import io
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from smartqueue.accounts.enums import Role
from smartqueue.accounts.errors import SecondFactorRequired
from smartqueue.accounts.models import User
from smartqueue.business import colours, operations, ports, queries, switches
from smartqueue.business.enums import Switch
from smartqueue.business.models import Organization, OrganizationSettings, SettingsVersion
from smartqueue.business.tests import factories as make
from smartqueue.common.errors import InvalidInput, NotFound
from smartqueue.notifications import operations as notifications
from smartqueue.notifications import texts
from smartqueue.notifications.models import OutgoingMessage
from smartqueue.outbox.models import DomainEvent

pytestmark = pytest.mark.django_db

NOW = make.NOW
JSON = "application/json"


@pytest.fixture(autouse=True)
def everybody_has_a_factor(monkeypatch):
    monkeypatch.setattr("smartqueue.accounts.actor._has_factor", lambda user_id: True)


@pytest.fixture
def owner() -> User:
    return make.user(first_name="Awa", last_name="Ndiaye")


@pytest.fixture
def place(owner) -> Organization:
    return make.organization(owner)


@pytest.fixture
def kinds(monkeypatch) -> None:
    monkeypatch.setattr(ports, "_periods", lambda: {"tickets": 395, "messages": 30})


def change(user: User, place: Organization, **changes: Any) -> OrganizationSettings:
    return operations.update_settings(
        actor=make.actor_of(user), organization_id=place.pk, changes=changes, now=NOW
    )


def url(place: Organization, more: str = "") -> str:
    return f"/api/business/organizations/{place.pk}/settings/{more}"


def test_before_anything_is_decided_the_defaults_hold(owner, place, django_assert_num_queries):
    read = Organization.objects.select_related("settings").get(pk=place.pk)
    with django_assert_num_queries(0):
        settings = queries.settings_of(read)

    assert settings.version == 0
    assert settings.languages == ["fr", "en", "ar"]
    assert all(settings.is_on(name) is switches.REGISTRY[name].default for name in Switch)
    answer = make.signed_in(owner).get(url(place)).json()
    assert answer["version"] == 0
    assert answer["text_color"] is None
    assert [feature["name"] for feature in answer["features"]] == [str(name) for name in Switch]


def test_a_change_is_kept_told_and_remembered_with_who_and_what(owner, place):
    change(owner, place, display_name="  Mairie  de Dakar ", switches={"kiosk_names": True})
    change(owner, place, display_name="Mairie")

    (event, _first) = DomainEvent.objects.filter(type="business.settings.changed.v1").order_by(
        "-subject_version"
    )
    assert event.payload == {"fields": ["display_name"]}
    history = list(queries.list_settings_versions(place.pk))
    assert [row.version for row in history] == [2, 1]
    assert history[0].by == owner
    assert history[0].at == NOW
    assert queries.changed_settings(history[0]) == ["display_name"]
    assert (history[0].before["display_name"], history[0].after["display_name"]) == (
        "Mairie de Dakar",
        "Mairie",
    )
    assert queries.changed_settings(history[1]) == ["display_name", "switches"]


def test_what_changes_nothing_leaves_no_trace(owner, place):
    change(owner, place, shows_estimate=True)

    assert not SettingsVersion.objects.with_scopes_disabled().exists()
    assert not DomainEvent.objects.filter(type="business.settings.changed.v1").exists()


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"primary_color": "red"}, "primary_color"),
        ({"primary_color": "#12345"}, "primary_color"),
        ({"primary_color": "#0a5c4g"}, "primary_color"),
        ({"languages": []}, "languages"),
        ({"languages": ["wo"]}, "languages"),
        ({"languages": ["fr"], "default_language": "en"}, "default_language"),
        ({"languages": ["en"]}, "default_language"),
        ({"quiet_hours": "21:00-21:00"}, "quiet_hours"),
        ({"quiet_hours": "21:00-24:30"}, "quiet_hours"),
        ({"display_detail": "everything"}, "display_detail"),
        ({"display_name": "x" * 121}, "display_name"),
        ({"display_name": "\u0000"}, "display_name"),
        ({"switches": {"telepathy": True}}, "switches.telepathy"),
        ({"switches": {"kiosk_names": "yes"}}, "switches.kiosk_names"),
        ({"retention_days": {"secrets": 1}}, "retention_days.secrets"),
        ({"retention_days": {"tickets": 396}}, "retention_days.tickets"),
        ({"retention_days": {"tickets": 0}}, "retention_days.tickets"),
        ({"retention_days": {"tickets": True}}, "retention_days.tickets"),
        ({"retention_days": {"tickets": "7"}}, "retention_days.tickets"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_wrong_value_is_refused_with_the_field_named(owner, place, kinds, changes, field):
    with pytest.raises(InvalidInput) as refused:
        change(owner, place, **changes)

    assert refused.value.errors[0].field == field
    assert not OrganizationSettings.objects.with_scopes_disabled().exists()


def test_only_what_may_be_shortened_is_shortened(owner, place, kinds):
    change(owner, place, retention_days={"tickets": 90, "messages": 7})
    change(owner, place, retention_days={"messages": None})

    assert queries.shortened_retention() == {place.pk: {"tickets": timedelta(days=90)}}
    operations.close_organization(actor=make.actor_of(owner), organization_id=place.pk, now=NOW)
    assert queries.shortened_retention() == {}


def test_a_manager_changes_all_but_what_owners_answer_for(owner, place, kinds):
    manager = make.member(owner, place, Role.MANAGER)
    local = make.member(owner, place, Role.MANAGER, (make.branch(owner, place).pk,))

    change(manager, place, shows_estimate=False)
    for changes in ({"requires_second_factor": True}, {"retention_days": {"tickets": 5}}):
        with pytest.raises(InvalidInput) as refused:
            change(manager, place, **changes)
        assert refused.value.errors[0].code == "owner_only"
    with pytest.raises(NotFound):
        change(local, place, shows_estimate=True)
    make.enrol(owner)
    change(owner, place, requires_second_factor=True, retention_days={"tickets": 5})
    # What an owner has decided does not stand in a manager's way.
    change(manager, place, shows_estimate=True)


def test_a_second_factor_is_required_of_staff_while_the_organization_says_so(owner, place):
    agent = make.member(owner, place, Role.AGENT)
    stranger = make.user()
    make.enrol(owner)
    assert not queries.requires_second_factor(agent.pk)

    change(owner, place, requires_second_factor=True)

    assert queries.requires_second_factor(agent.pk)
    assert queries.requires_second_factor(owner.pk)
    assert queries.memberships_of(agent.pk)[0].needs_second_factor
    assert not queries.requires_second_factor(stranger.pk)
    membership = make.membership(agent, place)
    operations.remove_member(actor=make.actor_of(owner), membership_id=membership.pk, now=NOW)
    assert not queries.requires_second_factor(agent.pk)


def test_an_owner_without_a_second_factor_does_not_require_one(owner, place):
    change(owner, place, display_name="A")
    make.enrol(owner)
    change(owner, place, requires_second_factor=True)
    change(owner, place, requires_second_factor=False)
    make.disenrol(owner)
    client = make.signed_in(owner)

    refused = [
        client.patch(url(place), {"requires_second_factor": True}, content_type=JSON),
        client.post(url(place, "restore/"), {"version": 2}, content_type=JSON),
    ]

    assert {(r.status_code, r.json()["code"]) for r in refused} == {
        (409, "own_second_factor_missing")
    }
    assert queries.get_settings(place.pk).version == 3
    assert not queries.get_settings(place.pk).requires_second_factor
    make.enrol(owner)
    accepted = client.patch(url(place), {"requires_second_factor": True}, content_type=JSON)
    assert accepted.status_code == 200
    assert queries.get_settings(place.pk).requires_second_factor


def test_whoever_lacks_the_factor_that_is_required_may_do_nothing_here(owner, place, monkeypatch):
    agent = make.member(owner, place, Role.MANAGER)
    make.enrol(owner)
    change(owner, place, requires_second_factor=True)
    monkeypatch.setattr("smartqueue.accounts.actor._has_factor", lambda user_id: False)

    with pytest.raises(SecondFactorRequired):
        change(agent, place, display_name="x")
    assert queries.get_settings(place.pk).display_name == ""


def test_a_change_from_an_old_version_is_refused(owner, place):
    client = make.signed_in(owner)
    body = {"version": 0, "display_name": "First"}
    assert client.patch(url(place), body, content_type=JSON).json()["version"] == 1

    late = client.patch(url(place), body | {"display_name": "Late"}, content_type=JSON)

    assert (late.status_code, late.json()["code"], late.json()["version"]) == (
        409,
        "settings_changed",
        1,
    )
    assert client.get(url(place)).json()["display_name"] == "First"


def test_patch_leaves_and_put_resets_what_is_not_named(owner, place):
    client = make.signed_in(owner)
    first = {"display_name": "A", "switches": {"kiosk_names": True, "joining_by_web": False}}
    client.patch(url(place), first, content_type=JSON)

    patched = client.patch(
        url(place), {"switches": {"joining_by_web": None}}, content_type=JSON
    ).json()
    on = {feature["name"]: feature["is_on"] for feature in patched["features"]}
    assert (patched["display_name"], on["kiosk_names"], on["joining_by_web"]) == ("A", True, True)

    put = client.put(url(place), {"primary_color": "#0A5C49"}, content_type=JSON).json()
    assert (put["display_name"], put["primary_color"], put["text_color"]) == (
        "",
        "#0a5c49",
        "#ffffff",
    )
    assert all(feature["is_default"] for feature in put["features"])


def test_a_version_is_restored_as_a_change_of_its_own(owner, place):
    client = make.signed_in(owner)
    change(owner, place, display_name="A", switches={"kiosk_names": True})
    change(owner, place, display_name="B", switches={"joining_by_web": False, "kiosk_names": None})

    restored = client.post(url(place, "restore/"), {"version": 1}, content_type=JSON).json()

    assert restored["display_name"] == "A"
    assert queries.get_settings(place.pk).switches == {"kiosk_names": True}
    latest, *_ = client.get(url(place, "history/")).json()["results"]
    assert (latest["version"], latest["restored_version"]) == (3, 1)
    assert latest["changed"] == ["display_name", "switches"]
    assert latest["before"]["display_name"] == "B"
    assert latest["by_name"] == "Awa Ndiaye"
    unknown = client.post(url(place, "restore/"), {"version": 9}, content_type=JSON)
    assert unknown.status_code == 404


def test_a_manager_does_not_restore_what_owners_answer_for(owner, place):
    manager = make.member(owner, place, Role.MANAGER)
    make.enrol(owner)
    change(owner, place, display_name="A")
    change(owner, place, requires_second_factor=True)

    with pytest.raises(InvalidInput):
        operations.restore_settings(
            actor=make.actor_of(manager), organization_id=place.pk, version=1, now=NOW
        )
    assert queries.get_settings(place.pk).requires_second_factor


@pytest.mark.parametrize("rows", [1, 3])
def test_the_history_takes_the_same_queries(rows, owner, place, django_assert_num_queries):
    for number in range(rows):
        change(owner, place, display_name=f"Name {number}")
    client = make.signed_in(owner)

    # Session, account, organization, memberships, count, page.
    with django_assert_num_queries(6):
        answer = client.get(url(place, "history/"))

    assert answer.json()["count"] == rows


@pytest.mark.parametrize("body", [{}, {"version": "x"}, {"version": 0}, {"version": -1}])
def test_a_wrong_restore_is_a_wrong_input(owner, place, body):
    answer = make.signed_in(owner).post(url(place, "restore/"), body, content_type=JSON)

    assert answer.status_code == 400


@pytest.mark.parametrize(
    "colour", ["#ffffff", "#000000", "#ff7900", "#777777", "#ffff00", "#0a5c49"]
)
def test_every_text_on_an_organizations_colour_has_the_contrast_of_level_aa(colour):
    soft = colours.mixed(colour, colours.WHITE, 0.88)
    deep = colours.deep(colour)

    assert colours.contrast(colour, colours.text_on(colour)) >= colours.AA
    assert colours.contrast(deep, colours.WHITE) >= colours.AA
    assert colours.contrast(deep, soft) >= colours.AA
    for page in (colours.PAGE, colours.WHITE):
        assert colours.contrast(colours.as_text(colour), page) >= colours.AA


def test_any_colour_has_a_text_that_can_be_read_on_it():
    for red in range(0, 256, 15):
        for green in range(0, 256, 15):
            for blue in range(0, 256, 15):
                colour = f"#{red:02x}{green:02x}{blue:02x}"
                assert colours.contrast(colour, colours.text_on(colour)) >= colours.AA


def test_contrast_is_that_of_the_standard():
    assert colours.contrast("#ffffff", "#000000") == pytest.approx(21)
    assert colours.contrast("#777777", "#ffffff") == pytest.approx(4.478, abs=0.001)


# --- The logo --------------------------------------------------------------------------------


def picture(side: int = 900, name: str = "logo.png") -> SimpleUploadedFile:
    drawn = io.BytesIO()
    camera = PngInfo()
    camera.add_text("Author", "Awa Ndiaye")
    Image.new("RGB", (side, side), "red").save(drawn, "PNG", pnginfo=camera)
    return SimpleUploadedFile(name, drawn.getvalue(), "image/png")


def send(client: Client, place: Organization, file: Any, **headers: str) -> Any:
    return client.post(url(place, "logo/"), {"file": file}, headers=headers)


@pytest.fixture
def media(settings: Any, tmp_path: Path) -> Path:
    settings.MEDIA_ROOT = tmp_path
    settings.STORAGES = settings.STORAGES | {
        "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"}
    }
    return tmp_path


def files(media: Path) -> list[Path]:
    return [path for path in media.rglob("*") if path.is_file()]


def test_a_logo_is_drawn_anew_and_served_apart(owner, place, media):
    client = make.signed_in(owner)
    answer = send(client, place, picture())

    assert answer.status_code == 200
    (stored,) = files(media)
    logo = answer.json()["logo"]
    assert logo == f"/media/public/{place.pk}/{stored.name}"
    with Image.open(stored) as kept:
        assert (max(kept.size), kept.info.get("Author")) == (512, None)
    served = Client().get(logo)
    assert b"".join(served.streaming_content) == stored.read_bytes()
    assert served.status_code == 200
    assert "sandbox" in served.headers["Content-Security-Policy"]
    version = SettingsVersion.objects.with_scopes_disabled().get()
    assert version.after["logo"] == f"public/{place.pk}/{stored.name}"

    gone = client.delete(url(place, "logo/"))
    assert (gone.status_code, gone.json()["logo"]) == (200, "")
    back = client.post(url(place, "restore/"), {"version": 1}, content_type=JSON)
    assert back.json()["logo"] == logo


@pytest.mark.parametrize(
    ("file", "status", "code"),
    [
        (b"<svg onload=alert(1)>", 415, "unsupported_file"),
        (b"", 400, "empty_file"),
        (b"\x89PNG\r\n\x1a\nxx", 422, "damaged_file"),
    ],
    ids=["script", "nothing", "no picture"],
)
def test_what_is_no_picture_is_neither_shown_nor_kept(owner, place, media, file, status, code):
    answer = send(make.signed_in(owner), place, SimpleUploadedFile("logo.png", file, "image/png"))
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert files(media) == []
    assert not OrganizationSettings.objects.with_scopes_disabled().exists()


def test_pictures_stay_within_the_quota_and_a_refused_one_is_not_kept(
    owner, place, media, settings
):
    client = make.signed_in(owner)
    assert send(client, place, picture()).status_code == 200
    (first,) = files(media)
    settings.MEDIA_QUOTA_MEGABYTES = first.stat().st_size * 1.5 / 1_048_576

    refused = send(client, place, picture(901))

    assert (refused.status_code, refused.json()["code"]) == (409, "storage_full")
    assert files(media) == [first]
    assert OrganizationSettings.objects.with_scopes_disabled().get().logo.endswith(first.name)


def test_a_key_that_comes_again_keeps_one_picture(owner, place, media):
    client, key = make.signed_in(owner), str(uuid4())
    answers = [send(client, place, picture(), idempotency_key=key).json() for _ in range(2)]
    assert answers[0] == answers[1]
    assert len(files(media)) == 1


def test_strangers_change_no_logo(owner, place, media):
    for user, status in ((make.user(), 404), (None, 401)):
        client = make.signed_in(user) if user else Client()
        assert send(client, place, picture()).status_code == status
        assert client.delete(url(place, "logo/")).status_code == status
    assert files(media) == []


# --- The night ------------------------------------------------------------------------------------


def test_what_can_wait_waits_for_the_end_of_the_organization_s_night(owner, place):
    person = notifications.Person(phone="+221771234567", timezone="Africa/Dakar")
    words = dict.fromkeys(texts.text_of("appointment_reminder").variables, "x")
    night = datetime(2026, 11, 23, 22, 0, tzinfo=UTC)

    def waits(code: str, to: notifications.Person = person, **extra: str) -> set[timedelta]:
        told = notifications.tell(
            to=to,
            code=code,
            data=words | extra,
            dedupe_key=str(uuid4()),
            now=night,
            organization_id=place.pk,
        )
        rows = OutgoingMessage.objects.filter(pk__in=[message.pk for message in told])
        return {row.next_attempt_at - row.stored_at for row in rows}

    assert waits("appointment_reminder") == {timedelta(hours=9)}
    in_paris = replace(person, timezone="Europe/Paris")
    assert waits("appointment_reminder", in_paris) == {timedelta(hours=8)}
    called = {"number": "A1", "counter": "1", "ahead": "2"}
    assert waits("ticket_called", **called) == {timedelta(0)}
    assert waits("ticket_near", **called) == {timedelta(0)}
    assert waits("appointment_booked") == {timedelta(0)}
    change(owner, place, quiet_hours="23:30-06:00")
    assert waits("appointment_reminder") == {timedelta(0)}
    change(owner, place, quiet_hours="20:00-06:00")
    assert waits("appointment_reminder") == {timedelta(hours=8)}

    # Who said so themselves is left alone then, and at no other time.
    night_owl = make.user(phone="+221771234599")
    own = notifications.Quiet(time(3, 0), time(4, 0))
    notifications.set_quiet_hours(actor=make.actor_of(night_owl), quiet=own)
    assert waits("appointment_reminder", notifications.person_of(night_owl)) == {timedelta(0)}
    change(owner, place, quiet_hours="")
    assert waits("appointment_reminder") == {timedelta(0)}
