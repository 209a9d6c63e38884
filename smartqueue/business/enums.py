from enum import StrEnum
from typing import Final

from django.db import models
from django.utils.translation import gettext_lazy as _

from smartqueue.accounts.enums import Role


class Ability(StrEnum):
    """What an operation asks for; each includes the ones before it."""

    VIEW = "view"
    SERVE = "serve"
    MANAGE = "manage"
    OWN = "own"


ROLES_WITH: Final[dict[Ability, frozenset[Role]]] = {
    Ability.VIEW: frozenset(Role),
    Ability.SERVE: frozenset({Role.AGENT, Role.MANAGER, Role.OWNER}),
    Ability.MANAGE: frozenset({Role.MANAGER, Role.OWNER}),
    Ability.OWN: frozenset({Role.OWNER}),
}


class DeviceKind(models.TextChoices):
    """What a branch's device is for; each may do that and nothing else."""

    KIOSK = "kiosk", _("Kiosk")
    DISPLAY = "display", _("Display")


class DisplayDetail(models.TextChoices):
    """What a wall display says of a call."""

    NUMBERS = "numbers", _("Numbers only")
    NUMBERS_AND_COUNTERS = "numbers_and_counters", _("Numbers and counters")


class Switch(StrEnum):
    """A feature that an organization turns on and off; `switches.REGISTRY` says what each does."""

    JOINING_BY_WEB = "joining_by_web"
    JOINING_WITHOUT_ACCOUNT = "joining_without_account"
    KIOSK_NAMES = "kiosk_names"


class Category(models.TextChoices):
    """What kind of place an organization runs."""

    TOWN_HALL = "town_hall", _("Town hall")
    HOSPITAL = "hospital", _("Hospital")
    BANK = "bank", _("Bank")
    TELECOM = "telecom", _("Telecom shop")
    VEHICLE_INSPECTION = "vehicle_inspection", _("Vehicle inspection")
    POST = "post", _("Post office")
    GOVERNMENT = "government", _("Government office")
    OTHER = "other", _("Other")
