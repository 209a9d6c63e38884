"""Why messages do not go or arrive, in words."""

from collections.abc import Mapping
from typing import Final

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

_REASONS: Final[Mapping[str, Promise]] = {
    "opted_out": _("This person wants no more of these messages"),
    "budget_spent": _("The month's budget is spent"),
    "withdrawn": _("It held no more when it was to leave"),
    "expired": _("It would have come too late"),
    "parked": _("It cannot be sent; our technicians see it"),
    "unknown": _("Nobody knows whether it arrived"),
    "worker_died": _("Sending was interrupted"),
    "no_provider": _("No provider takes it now"),
    "unreachable": _("The provider could not be reached"),
    "address_dead": _("Mail to this address comes back"),
    "device_gone": _("The device takes no messages any more"),
    "subscription_gone": _("The device takes no messages any more"),
    "no_such_number": _("There is no such number"),
    "link_down": _("The provider could not be reached"),
    "": _("Nobody said why"),
}


def reason_of(code: str) -> str:
    """Return why a message did not go or arrive; what a provider said as it said it."""
    return str(_REASONS.get(code) or _REASONS.get(code.partition(":")[0]) or code)
