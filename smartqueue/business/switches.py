"""The features that an organization turns on and off."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from smartqueue.business.enums import Switch


@dataclass(frozen=True, slots=True)
class Feature:
    """What a switch does, and whether it is on where nobody has said."""

    default: bool
    title: Promise
    effect: Promise


REGISTRY: Final[Mapping[Switch, Feature]] = {
    Switch.JOINING_BY_WEB: Feature(
        True,
        _("Joining from a phone or a computer"),
        _("Off: tickets are taken at the place only, at the kiosk or from the staff."),
    ),
    Switch.JOINING_WITHOUT_ACCOUNT: Feature(
        True,
        _("Joining without an account"),
        _("Off: whoever joins from a phone or a computer signs in first."),
    ),
    Switch.KIOSK_NAMES: Feature(
        False,
        _("Names at the kiosk"),
        _("On: people may type a name at the kiosk, and agents see it."),
    ),
}


def is_on(chosen: Mapping[str, bool] | None, switch: Switch) -> bool:
    """Whether a feature is on by what an organization chose; what it left open has the default."""
    return (chosen or {}).get(switch, REGISTRY[switch].default)
