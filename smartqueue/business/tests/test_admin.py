"""The administration: every page opens across organizations, actions call operations."""

import pytest
from django.test import Client

from smartqueue.accounts.enums import Role
from smartqueue.business import operations
from smartqueue.business.models import Organization
from smartqueue.business.tests import factories as make

pytestmark = pytest.mark.django_db

MODELS = (
    "organization", "membership", "invitation", "branch", "openinghours", "openingexception",
    "holidayoverride", "service", "counter",
)  # fmt: skip


@pytest.fixture
def admin() -> Client:
    return make.signed_in(make.user(is_staff=True, is_superuser=True))


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
    operations.set_holiday_override(
        actor=actor,
        organization_id=organization.pk,
        date=make.NOW.date(),
        is_holiday=True,
        now=make.NOW,
    )
    return organization


@pytest.mark.usefixtures("place")
@pytest.mark.parametrize("model", MODELS)
def test_every_list_and_row_is_shown(admin: Client, model: str) -> None:
    listed = admin.get(f"/admin/business/{model}/", {"q": "a"})
    assert listed.status_code == 200
    page = admin.get(f"/admin/business/{model}/").content.decode()
    row = page.split(f"/admin/business/{model}/", 2)[-1]
    assert admin.get(f"/admin/business/{model}/add/").status_code == 403
    assert row


def test_a_row_is_shown_and_cannot_be_changed(admin: Client, place: Organization) -> None:
    url = f"/admin/business/organization/{place.pk}/change/"

    assert admin.get(url).status_code == 200
    assert admin.post(url, {"name": "x"}).status_code == 403
    assert admin.get(f"/admin/business/branch/{_branch(place)}/change/").status_code == 200


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
