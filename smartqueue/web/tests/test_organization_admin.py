"""Members, devices, settings and support access, on their pages."""

import io
import re
from typing import Any

import pytest
from allauth.mfa.totp.internal.auth import TOTP, generate_totp_secret
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from PIL import Image

from smartqueue.accounts import entrance
from smartqueue.accounts.enums import Role
from smartqueue.accounts.models import User
from smartqueue.business import colours
from smartqueue.business import operations as business
from smartqueue.business.enums import DeviceKind
from smartqueue.business.models import (
    BranchCredential,
    Invitation,
    Membership,
    OrganizationSettings,
    SupportAccess,
)
from smartqueue.common.errors import InvalidInput
from smartqueue.queues import operations
from smartqueue.queues.models import Ticket
from smartqueue.queues.tests import factories
from smartqueue.web.tests.conftest import sign_in
from smartqueue.web.tests.pages import Page

pytestmark = pytest.mark.django_db

SETTINGS = {
    "languages": ["fr", "ar"],
    "default_language": "ar",
    "display_detail": "numbers",
    "own_color": "on",
    "primary_color": "#B3261E",
    "display_name": "Ville",
    "switch_joining_by_web": "on",
    "switch_joining_without_account": "on",
    "switch_kiosk_names": "on",
}


def manage(place: factories.Place, path: str) -> str:
    return f"/manage/{place.organization.pk}/{path}/"


def decide(place: factories.Place, **changes: Any) -> None:
    business.update_settings(
        actor=place.owner,
        organization_id=place.organization.pk,
        changes=changes,
        now=factories.NOW,
    )


# --- Members ---------------------------------------------------------------------------------


def test_somebody_is_invited_again_and_uninvited(
    client: Client, place: factories.Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    sign_in(client, place.owner)
    client.post(manage(place, "members"), {"identifier": "new@example.org", "role": "agent"})
    invitation = Invitation.objects.with_scopes_disabled().get()
    page = client.get(manage(place, "members")).content.decode()
    assert "new@example.org" in page
    again = f"/manage/{place.organization.pk}/invitations/{invitation.pk}/resend/"
    refused = client.post(again)
    assert (refused.status_code, 'data-code="sent_just_now"' in refused.content.decode()) == (
        409,
        True,
    )
    Invitation.objects.with_scopes_disabled().update(sent_at=None)
    assert client.post(again).status_code == 302
    client.post(again.replace("resend", "withdraw"))
    assert not Invitation.objects.with_scopes_disabled().exists()
    assert client.post(again.replace("resend", "burn")).status_code == 404


def test_a_role_is_changed_and_ended(client: Client, place: factories.Place) -> None:
    sign_in(client, place.owner)
    rows = Membership.objects.with_scopes_disabled()
    member = rows.get(user=place.agent.user_id)
    path = manage(place, f"members/{member.pk}/change")

    client.post(path, {"role": "manager", "branches": [str(place.branch.pk)]})

    assert rows.get(pk=member.pk).role == "manager"
    assert client.post(path, {"role": "king"}).status_code == 400
    assert client.post(path, {"role": "agent", "branches": ["x"]}).status_code == 400
    client.post(path.replace("change", "remove"))
    assert not rows.filter(pk=member.pk).exists()
    own = rows.get(user=place.owner.user_id)
    last = client.post(manage(place, f"members/{own.pk}/remove"))
    assert (last.status_code, 'data-code="last_owner"' in last.content.decode()) == (409, True)


def test_a_local_manager_sees_their_people_and_no_settings(
    client: Client, place: factories.Place
) -> None:
    manager = factories.make_member(place.organization, Role.MANAGER, place.branch)
    page = sign_in(client, manager).get(manage(place, "members")).content.decode()
    assert page.count('data-testid="member"') == 1
    assert "/settings/" not in page
    assert client.get(manage(place, "settings")).status_code == 404
    assert client.get(manage(place, "support")).status_code == 404


def test_an_invitation_is_accepted_from_its_link(client: Client, place: factories.Place) -> None:
    user = factories.make_user()
    invitation = business.add_member(
        actor=place.owner,
        organization_id=place.organization.pk,
        identifier="new@example.org",
        role=Role.AGENT,
        now=factories.NOW,
    )
    token = business.invitation_token(invitation)
    sign_in(client, factories.make_actor(user))
    assert token in client.get("/invitation/", {"token": token}).content.decode()
    for_another = client.post("/invitation/", {"token": token})
    assert 'data-code="invitation_for_another"' in for_another.content.decode()
    User.objects.filter(pk=user.pk).update(email="new@example.org")
    assert client.post("/invitation/", {"token": token}).status_code == 302
    assert Membership.objects.with_scopes_disabled().filter(user=user).exists()


@pytest.mark.parametrize("rows", [1, 3])
def test_the_page_of_members_takes_the_same_queries(
    client: Client, place: factories.Place, rows: int, django_assert_num_queries: Any
) -> None:
    sign_in(client, place.owner)
    for _row in range(rows):
        factories.make_member(place.organization, Role.VIEWER, place.branch)
    # Session, account, organization, roles, branches, count, people, invitations.
    with django_assert_num_queries(8):
        client.get(manage(place, "members"))


# --- Devices ---------------------------------------------------------------------------------


@pytest.mark.parametrize(("kind", "start"), [("kiosk", "/k/"), ("display", "/w/")])
def test_a_device_is_paired_by_its_code_used_and_revoked(
    client: Client, place: factories.Place, kind: str, start: str
) -> None:
    sign_in(client, place.owner)
    path = f"/manage/branches/{place.branch.pk}/devices/"
    page = client.post(path, {"kind": kind, "name": "Entrance"}).content.decode()
    found = re.search(r'data-testid="pairing-code">([^<]+)<', page)
    assert found is not None
    device = Client()
    assert "pairing-code" not in client.get(path).content.decode()

    moved = device.post("/device/", {"code": found[1]})

    assert moved.headers["Location"].startswith(start)
    assert device.get(moved.headers["Location"]).status_code == 200
    assert device.get(moved.headers["Location"].replace(start, "/t/")).status_code == 404
    credential = BranchCredential.objects.with_scopes_disabled().get()
    client.post(f"{path}{credential.pk}/revoke/")
    assert device.get(moved.headers["Location"]).status_code == 404
    assert device.post("/device/", {"code": found[1]}).status_code == 400


def test_a_kiosk_is_no_display_and_a_display_no_kiosk(
    client: Client, place: factories.Place
) -> None:
    kiosk = factories.make_device(place.branch)
    wall = factories.make_device(place.branch, DeviceKind.DISPLAY)
    assert client.get(f"/w/{kiosk}/").status_code == 404
    assert client.get(f"/k/{wall}/").status_code == 404
    data = {"queue": str(place.queue.pk)}
    assert client.post(f"/k/{wall}/tickets/", data).status_code == 404
    assert not Ticket.objects.with_scopes_disabled().exists()


def test_a_wall_shows_the_calls_of_its_branch(client: Client, place: factories.Place) -> None:
    session = factories.sit_down(place)
    factories.join(place)
    operations.call_next_for_session(actor=place.agent, session_id=session.pk, now=factories.NOW)
    page = client.get(f"/w/{factories.make_device(place.branch, DeviceKind.DISPLAY)}/")
    assert "A001" in page.content.decode()
    assert "no-store" in page.headers["Cache-Control"]


# --- Settings --------------------------------------------------------------------------------


def test_a_form_changes_the_settings_and_the_history_takes_them_back(
    client: Client, place: factories.Place
) -> None:
    sign_in(client, place.owner)
    assert client.get(manage(place, "settings")).status_code == 200
    client.post(manage(place, "settings"), SETTINGS | {"version": "0"})
    row = OrganizationSettings.objects.with_scopes_disabled().get()
    assert (row.languages, row.primary_color, row.shows_estimate) == (
        ["fr", "ar"],
        "#b3261e",
        False,
    )
    assert row.switches == {"kiosk_names": True}
    late = client.post(manage(place, "settings"), SETTINGS | {"version": "0"})
    assert 'data-code="settings_changed"' in late.content.decode()
    decide(place, display_name="Autre")
    history = client.get(manage(place, "settings/history")).content.decode()
    assert "Autre" in history
    client.post(manage(place, "settings/history/1/restore"))
    row.refresh_from_db()
    assert (row.display_name, row.version) == ("Ville", 3)


def test_an_owner_without_a_second_factor_is_led_to_enrolment(
    client: Client, place: factories.Place
) -> None:
    sign_in(client, place.owner)
    form = SETTINGS | {"version": "0", "requires_second_factor": "on"}

    refused = client.post(manage(place, "settings"), form)

    assert refused.status_code == 409
    shown = refused.content.decode()
    assert 'data-code="own_second_factor_missing"' in shown
    assert 'href="/account/security/"' in shown
    assert not OrganizationSettings.objects.with_scopes_disabled().exists()
    TOTP.activate(User.objects.get(pk=place.owner.user_id), generate_totp_secret())
    client.post(manage(place, "settings"), form)
    assert OrganizationSettings.objects.with_scopes_disabled().get().requires_second_factor


def test_a_wrong_setting_comes_back_with_what_was_typed(
    client: Client, place: factories.Place
) -> None:
    sign_in(client, place.owner)
    wrong = SETTINGS | {"default_language": "en"}
    answer = client.post(manage(place, "settings"), wrong)
    assert answer.status_code == 400
    assert Page(answer.content.decode()).fields["display_name"] == "Ville"
    assert not OrganizationSettings.objects.with_scopes_disabled().exists()


def picture(side: int = 8) -> SimpleUploadedFile:
    drawn = io.BytesIO()
    Image.new("RGB", (side, side), "red").save(drawn, "PNG")
    return SimpleUploadedFile("logo.png", drawn.getvalue(), "image/png")


def test_a_logo_is_drawn_anew_shown_and_taken_off(
    client: Client, place: factories.Place, settings: Any, tmp_path: Any
) -> None:
    settings.MEDIA_ROOT = tmp_path
    sign_in(client, place.owner)
    path = manage(place, "settings/logo")

    assert client.post(path, {"logo": picture()}).status_code == 302

    row = OrganizationSettings.objects.with_scopes_disabled().get()
    assert row.logo.startswith(f"public/{place.organization.pk}/")
    for public in public_pages(place):
        assert row.logo in client.get(public).content.decode(), public
    fake = SimpleUploadedFile("logo.png", b"<svg onload=alert(1)>", "image/png")
    refused = client.post(path, {"logo": fake})
    assert 'data-code="unsupported_file"' in refused.content.decode()
    row.refresh_from_db()
    assert row.logo
    client.post(path)
    row.refresh_from_db()
    assert row.logo == ""


def test_another_organizations_picture_is_no_logo(place: factories.Place) -> None:
    with pytest.raises(InvalidInput):
        decide(place, logo=f"public/{factories.make_place().organization.pk}/x.png")


def public_pages(place: factories.Place) -> list[str]:
    ticket = factories.join(place, actor=place.agent)
    from smartqueue.queues.tokens import token_of  # noqa: PLC0415

    return [
        f"/o/{place.organization.slug}/",
        f"/b/{place.branch.slug}/",
        f"/q/{place.queue.pk}/",
        f"/t/{token_of(ticket.pk)}/",
        f"/k/{factories.make_device(place.branch)}/",
        f"/d/{place.branch.slug}/",
        f"/w/{factories.make_device(place.branch, DeviceKind.DISPLAY)}/",
    ]


def test_public_pages_wear_the_organizations_colour_and_no_inline_style(
    client: Client, place: factories.Place
) -> None:
    style = f"/o/{place.organization.slug}/brand.css"
    paths = public_pages(place)
    assert not any(style in client.get(path).content.decode() for path in paths)
    assert client.get(style).content == b""

    decide(place, primary_color="#ff7900")

    for path in paths:
        page = Page(client.get(path).content.decode())
        assert f"{style}?v=1" in page.assets, path
        assert page.inline == [], path
    css = client.get(style)
    assert css.headers["Content-Type"].startswith("text/css")
    values = dict(re.findall(r"(--[a-z-]+): (#[0-9a-f]{6});", css.content.decode()))
    assert values["--brand"] == "#ff7900"
    assert colours.contrast(values["--brand"], values["--on-brand"]) >= colours.AA


def test_pages_are_offered_in_the_organizations_languages_only(
    client: Client, place: factories.Place
) -> None:
    decide(place, languages=["fr", "ar"], default_language="ar")
    for path in public_pages(place):
        page = Page(client.get(path, headers={"Accept-Language": "en"}).content.decode())
        assert page.lang == "ar", path
        assert 'value="en"' not in page.text
        assert "?lang=en" not in page.text
    french = client.get(f"/b/{place.branch.slug}/", headers={"Accept-Language": "fr"})
    assert Page(french.content.decode()).lang == "fr"
    elsewhere = client.get("/", headers={"Accept-Language": "en"})
    assert Page(elsewhere.content.decode()).lang == "en"


def test_what_the_organization_does_not_show_is_on_no_public_page(
    client: Client, place: factories.Place
) -> None:
    factories.join(place, actor=place.agent)
    paths = list(public_pages(place))
    shown = "".join(client.get(path).content.decode() for path in paths)
    figures = (
        'data-figure="waiting"',
        'data-figure="nobody"',
        'data-figure="estimate"',
        "waiting-A",
        'data-testid="ahead"',
        'data-testid="estimate"',
    )
    assert [figure for figure in figures if figure not in shown] == []

    decide(place, shows_waiting_count=False, shows_estimate=False)

    for path in paths:
        text = client.get(path).content.decode()
        for figure in figures:
            assert figure not in text, path
        assert "&quot;waiting_count&quot;: 2" not in text


def test_a_display_of_numbers_only_names_no_counter(client: Client, place: factories.Place) -> None:
    session = factories.sit_down(place)
    factories.join(place)
    operations.call_next_for_session(actor=place.agent, session_id=session.pk, now=factories.NOW)
    path = f"/d/{place.branch.slug}/"
    counter = f"&quot;counter&quot;: &quot;{place.counters[0].name}&quot;"
    assert counter in client.get(path).content.decode()

    decide(place, display_detail="numbers")

    text = client.get(path).content.decode()
    assert "A001" in text
    assert counter not in text
    assert 'data-part="counter"' not in text


def test_the_doors_of_the_join_page_follow_the_switches(
    client: Client, place: factories.Place
) -> None:
    path = f"/q/{place.queue.pk}/"
    form = {"service": str(place.service.pk)}
    decide(place, switches={"joining_without_account": False})
    assert 'data-testid="account-needed"' in client.get(path).content.decode()
    assert client.post(path, form).status_code == 409
    sign_in(client, factories.make_actor())
    assert 'data-testid="join-form"' in client.get(path).content.decode()
    assert client.post(path, form).status_code == 302

    decide(place, switches={"joining_by_web": False})

    assert 'data-testid="at-the-place"' in client.get(path).content.decode()
    assert client.post(path, form).status_code == 409
    assert Ticket.objects.with_scopes_disabled().count() == 1


def test_a_kiosk_takes_a_name_only_where_it_asks_for_one(
    client: Client, place: factories.Place
) -> None:
    kiosk = f"/k/{factories.make_device(place.branch)}/"
    data = {"queue": str(place.queue.pk), "customer_name": "  Awa  Diop "}
    client.post(f"{kiosk}tickets/", data)
    decide(place, switches={"kiosk_names": True})
    assert 'data-testid="kiosk-name"' in client.get(kiosk).content.decode()
    client.post(f"{kiosk}tickets/", data)
    rows = Ticket.objects.with_scopes_disabled().order_by("sequence")
    assert [ticket.customer_name for ticket in rows] == ["", "Awa Diop"]


# --- Support access --------------------------------------------------------------------------


def test_staff_open_access_for_a_reason_and_an_owner_ends_it(
    client: Client, place: factories.Place
) -> None:
    staff = factories.make_actor(factories.make_user(is_superuser=True))
    inside, owner = sign_in(Client(), staff), sign_in(client, place.owner)
    assert inside.get(manage(place, "members")).status_code == 404
    form = {"organization": str(place.organization.pk), "minutes": "60"}
    assert inside.post("/manage/support/", form | {"reason": "x"}).status_code == 400
    inside.post("/manage/support/", form | {"reason": "The kiosk prints nothing"})
    assert inside.get(manage(place, "members")).status_code == 200
    page = owner.get(manage(place, "support")).content.decode()
    assert "The kiosk prints nothing" in page
    access = SupportAccess.objects.with_scopes_disabled().get()
    owner.post(f"/manage/support/{access.pk}/close/")
    assert inside.get(manage(place, "members")).status_code == 404
    assert (
        entrance.actor_of_user(
            staff.require_user(), is_platform_admin=True, language="fr"
        ).memberships
        == ()
    )
    assert owner.get("/manage/support/").status_code == 404
