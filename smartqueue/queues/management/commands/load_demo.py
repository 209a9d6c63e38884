"""`manage.py load_demo`: places, people and open queues to try everything with."""

from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from functools import partial
from typing import Any
from uuid import UUID

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db.models import Model

from smartqueue.accounts.actor import Actor
from smartqueue.accounts.entrance import actor_of_user
from smartqueue.accounts.models import User
from smartqueue.accounts.tokens import read_opaque_token
from smartqueue.agents import operations as agent_operations
from smartqueue.agents.models import Skill
from smartqueue.business import operations as business_operations
from smartqueue.business.enums import DeviceKind
from smartqueue.business.models import (
    Branch,
    BranchCredential,
    Counter,
    Membership,
    Organization,
    Service,
)
from smartqueue.common import clock
from smartqueue.common.geo import point
from smartqueue.locations import operations as location_operations
from smartqueue.locations.models import Commune
from smartqueue.queues import operations
from smartqueue.queues.enums import QueueState
from smartqueue.queues.management.commands import _demonstration as demo
from smartqueue.queues.models import Queue

DEVICE_NAMES = {DeviceKind.KIOSK: "Borne d'accueil", DeviceKind.DISPLAY: "Écran de la salle"}


def address_of(login: str) -> str:
    """Return the e-mail address of a demonstration account."""
    return f"{login}@{demo.DOMAIN}"


class _Loader:
    """Makes what is missing, through the operations; what is there stays as people left it."""

    def __init__(self, now: datetime) -> None:
        self.now = now
        self.made = 0
        self.people: dict[str, User] = {}

    def load(self) -> None:
        if not Commune.objects.exists():
            location_operations.load_communes()
        present = {user.email: user for user in User.objects.filter(email__endswith=demo.DOMAIN)}
        for person in demo.PEOPLE:
            self.people[person.login] = present.get(address_of(person.login)) or self._account(
                person
            )
        owner = self.people["owner"]
        self.owner: Actor = actor_of_user(owner.pk, is_platform_admin=False, language="fr")
        for place in demo.PLACES:
            self._place(place)

    def _account(self, person: demo.Person) -> User:
        self.made += 1
        return User.objects.create_user(
            address_of(person.login),
            demo.PASSWORD,
            first_name=person.first_name,
            last_name=person.last_name,
            language=person.language,
            is_staff=person.is_admin,
            is_superuser=person.is_admin,
        )

    def _ensure(self, model: type[Model], known_by: dict[str, Any], make: Callable[[], Any]) -> Any:
        manager: Any = model._default_manager
        found = manager.with_scopes_disabled().filter(**known_by).first()
        if found is None:
            self.made += 1
            return make()
        return found

    def _organization(self, place: demo.Place) -> Organization:
        mine = Organization.objects.filter(
            name=place.name,
            closed_at=None,
            pk__in=[membership.organization_id for membership in self.owner.memberships],
        )
        found = mine.first()
        if found is not None:
            return found
        self.made += 1
        return business_operations.create_organization(
            actor=self.owner,
            name=place.name,
            category=place.category,
            texts=place.texts,
            now=self.now,
        )

    def _place(self, place: demo.Place) -> None:
        organization = self._organization(place)
        services = {offer.name: self._service(organization, offer) for offer in place.offers}
        branches = {site.name: self._site(organization, site, services) for site in place.sites}
        for login, role, limited_to in place.staff:
            self._ensure(
                Membership,
                {"organization": organization, "user": self.people[login]},
                partial(
                    business_operations.add_member,
                    actor=self.owner,
                    organization_id=organization.pk,
                    identifier=address_of(login),
                    role=role,
                    branches=[branches[name] for name in limited_to],
                    now=self.now,
                ),
            )
        for login, service, weight in place.skills:
            self._skill(organization, login, services[service], Decimal(weight))

    def _service(self, organization: Organization, offer: demo.Offer) -> UUID:
        service: Service = self._ensure(
            Service,
            {"organization": organization, "name_fr": offer.name, "retired_at": None},
            lambda: business_operations.create_service(
                actor=self.owner,
                organization_id=organization.pk,
                texts=offer.texts,
                duration_minutes=offer.minutes,
                price_minor=offer.price,
                languages=["fr", "wo"],
                now=self.now,
            ),
        )
        return service.pk

    def _skill(
        self, organization: Organization, login: str, service: UUID, weight: Decimal
    ) -> None:
        user = self.people[login]
        self._ensure(
            Skill,
            {"organization": organization, "user": user, "service": service},
            lambda: agent_operations.set_skill(
                actor=self.owner,
                organization_id=organization.pk,
                user_id=user.pk,
                service_id=service,
                weight=weight,
                now=self.now,
            ),
        )

    def _site(self, organization: Organization, site: demo.Site, services: dict[str, UUID]) -> UUID:
        branch: Branch = self._ensure(
            Branch,
            {"organization": organization, "name": site.name, "closed_at": None},
            lambda: business_operations.create_branch(
                actor=self.owner,
                organization_id=organization.pk,
                name=site.name,
                point=point(lat=site.lat, lon=site.lon),
                address=site.address,
                commune=site.commune,
                opening_hours=site.week,
                now=self.now,
            ),
        )
        counters = {name: self._counter(branch, name) for name in site.counters}
        for kind in DeviceKind:
            self._device(branch, kind, demo.device_token(kind, site.name))
        for line in site.lines:
            self._line(branch, line, services, counters)
        return branch.pk

    def _device(self, branch: Branch, kind: DeviceKind, token: str) -> None:
        known = read_opaque_token(token)
        assert known is not None  # noqa: S101  # made in this form
        self._ensure(
            BranchCredential,
            {"id": known.id},
            lambda: business_operations.add_demonstration_device(
                actor=self.owner,
                branch_id=branch.pk,
                kind=kind,
                name=DEVICE_NAMES[kind],
                token=token,
                now=self.now,
            ),
        )

    def _counter(self, branch: Branch, name: str) -> UUID:
        counter: Counter = self._ensure(
            Counter,
            {"branch": branch, "name": name, "retired_at": None},
            lambda: business_operations.create_counter(
                actor=self.owner, branch_id=branch.pk, name=name, now=self.now
            ),
        )
        return counter.pk

    def _line(
        self,
        branch: Branch,
        line: demo.Line,
        services: dict[str, UUID],
        counters: dict[str, UUID],
    ) -> None:
        queue: Queue = self._ensure(
            Queue,
            {"branch": branch, "prefix": line.prefix, "retired_at": None},
            lambda: operations.create_queue(
                actor=self.owner,
                branch_id=branch.pk,
                name=line.name,
                prefix=line.prefix,
                services=[services[name] for name in line.services],
                policy=line.policy,
                priorities=demo.PRIORITIES,
                vehicle_categories=[
                    {
                        "code": code,
                        **names,
                        "duration_minutes": minutes,
                        "lanes": [counters[lane] for lane in lanes],
                    }
                    for code, names, minutes, lanes in line.vehicles
                ],
                now=self.now,
                **line.settings,
            ),
        )
        if queue.state == QueueState.CLOSED:
            self.made += 1
            operations.open_queue(actor=self.owner, queue_id=queue.pk, now=self.now)


class Command(BaseCommand):
    help = "Load the demonstration: three organizations, their queues open, and accounts to try."

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.ALLOW_DEMO_ACCOUNTS:
            raise CommandError("These settings refuse demonstration accounts; production does.")
        loader = _Loader(clock.now())
        loader.load()
        self.stdout.write(
            f"demonstration: {loader.made} things made"
            if loader.made
            else "demonstration: all there"
        )
