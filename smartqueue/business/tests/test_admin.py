"""
The administration: pages show the organizations to which support access is open, actions call
operations.
"""

import re

import pytest
from django.test import Client

from smartqueue.accounts.enums import Role
from smartqueue.accounts.models import User
from smartqueue.business import operations
from smartqueue.business.enums import DeviceKind
from smartqueue.business.models import Organization, SupportAccess
from smartqueue.business.tests import factories as make
from smartqueue.common import clock

pytestmark = pytest.mark.django_db

MODELS = (
    "organization", "membership", "invitation", "branch", "openinghours", "openingexception",
    "holidayoverride", "service", "counter", "branchcredential", "organizationsettings",
    "settingsversion", "supportaccess",
)  # fmt: skip


@pytest.fixture
def staff() -> User:
    return make.user(is_staff=True, is_superuser=True)


@pytest.fixture
def admin(staff: User) -> Client:
    return make.signed_in(staff)


def let_in(staff: User, place: Organization) -> SupportAccess:
    return operations.open_support_access(
        actor=make.actor_of(staff),
        organization_id=place.pk,
        reason="The kiosk does not print",
        minutes=60,
        now=clock.now(),
    )


@pytest.fixture
def place() -> Organization:
    owner = make.user()
    organization = make.organization(owner)
    branch = make.branch(
        owner,
        organization,
        opening_hours=[operations.WeekHours(0, make.NOW.time(), make.NOW.replace(hour=12).time())],
    )
    make.service(owner, organization)
    make.counter(owner, branch)
    actor = make.actor_of(owner)
    operations.add_member(
        actor=actor, organization_id=organization.pk, identifier="n@example.org", role=Role.AGENT,
        branches=(branch.pk,), now=make.NOW,
    )  # fmt: skip
    operations.add_opening_exception(
        actor=actor, branch_id=branch.pk, date=make.NOW.date(), now=make.NOW
    )
    operations.add_device(
        actor=actor, branch_id=branch.pk, kind=DeviceKind.KIOSK, name="Entrée", now=make.NOW
    )
    operations.update_settings(
        actor=actor, organization_id=organization.pk, changes={"display_name": "a"}, now=make.NOW
    )
    operations.set_holiday_override(
        actor=actor,
        organization_id=organization.pk,
        date=make.NOW.date(),
        is_holiday=True,
        now=make.NOW,
    )
    return organization


@pytest.mark.parametrize("model", MODELS)
def test_every_list_and_row_is_shown_while_support_access_is_open(
    admin: Client, staff: User, place: Organization, model: str
) -> None:
    listed = admin.get(f"/admin/business/{model}/", {"q": "a"})
    assert listed.status_code == 200
    assert admin.get(f"/admin/business/{model}/add/").status_code == 403
    rows = re.compile(rf"/admin/business/{model}/([0-9a-f-]{{36}})/change/")
    # Organizations themselves are public, and that somebody had access is no secret of theirs.
    without = rows.findall(admin.get(f"/admin/business/{model}/").content.decode())
    assert bool(without) is (model == "organization")

    access = let_in(staff, place)

    (row, *_) = rows.findall(admin.get(f"/admin/business/{model}/").content.decode())
    page = admin.get(f"/admin/business/{model}/{row}/change/")
    assert page.status_code == 200
    assert "digest" not in page.content.decode()
    operations.close_support_access(
        actor=make.actor_of(staff), access_id=access.pk, now=clock.now()
    )
    after = rows.findall(admin.get(f"/admin/business/{model}/").content.decode())
    assert bool(after) is (model in {"organization", "supportaccess"})


def test_a_row_is_shown_and_cannot_be_changed(admin: Client, place: Organization) -> None:
    url = f"/admin/business/organization/{place.pk}/change/"

    assert admin.get(url).status_code == 200
    assert admin.post(url, {"name": "x"}).status_code == 403
    # Without support access, what is inside does not exist.
    assert admin.get(f"/admin/business/branch/{_branch(place)}/change/").status_code == 302


def _branch(place: Organization) -> str:
    from smartqueue.business.models import Branch  # noqa: PLC0415

    return str(Branch.objects.with_scopes_disabled().get(organization=place).pk)


def test_an_action_calls_the_operation(admin: Client, place: Organization) -> None:
    answer = admin.post(
        "/admin/business/organization/",
        {"action": "close", "_selected_action": [str(place.pk)]},
    )

    assert answer.status_code == 302
    place.refresh_from_db()
    assert place.closed_at is not None
