"""What an organization offers."""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.utils.translation import gettext_lazy as _

from smartqueue.accounts.actor import Actor
from smartqueue.business import policies
from smartqueue.business.enums import Ability
from smartqueue.business.events import ServiceChanged, ServiceCreated, ServiceRetired
from smartqueue.business.models import Service
from smartqueue.business.operations._checks import (
    LANGUAGES,
    apply,
    check,
    check_price,
    refuse_if_held,
    translated,
)
from smartqueue.business.ports import Retirable
from smartqueue.common.db import operation
from smartqueue.common.errors import InvalidInput
from smartqueue.outbox import operations as outbox

TEXTS: Final = translated("name", "description", "required_papers")
CHANGEABLE: Final = (*TEXTS, "duration_minutes", "price_minor", "currency", "languages")
MAX_DURATION_MINUTES: Final = 480
LANGUAGE_CODE: Final = re.compile(r"[a-z]{2,3}")


def _check_service(service: Service) -> None:
    if not any((getattr(service, f"name_{language}") or "").strip() for language in LANGUAGES):
        raise InvalidInput.on("name", _("Give a name in at least one language."), "required")
    if not 1 <= service.duration_minutes <= MAX_DURATION_MINUTES:
        raise InvalidInput.on(
            "duration_minutes", _("Give between 1 and 480 minutes."), "out_of_range"
        )
    check_price(service.price_minor, service.currency)
    for index, language in enumerate(service.languages):
        if not LANGUAGE_CODE.fullmatch(language):
            raise InvalidInput.on(
                f"languages.{index}",
                _("Give a language by its ISO 639 code, such as fr or wo."),
                "unknown_language",
            )


def _facts(service: Service, actor: Actor, now: datetime) -> dict[str, Any]:
    return {
        "organization_id": service.organization_id,
        "service_id": service.pk,
        "subject_version": service.version,
        "occurred_at": now,
        "actor": actor.label,
    }


@operation
def create_service(
    *,
    actor: Actor,
    organization_id: UUID,
    texts: Mapping[str, str],
    duration_minutes: int,
    price_minor: int = 0,
    currency: str = "XOF",
    languages: Sequence[str] = (),
    now: datetime,
) -> Service:
    """
    Offer a service. `texts` holds `name_fr`, `description_en`, `required_papers_ar` and so on;
    `languages` are those that it is given in.

    :raises NotFound: unknown organization, or not the actor's to manage as a whole
    :raises InvalidInput: a wrong field, a negative price, an unknown currency
    """
    organization = policies.access_organization(actor, organization_id, Ability.MANAGE, lock=True)
    if strange := set(texts) - set(TEXTS):
        raise ValueError(f"not texts of a service: {sorted(strange)}")
    service = Service(
        organization=organization,
        duration_minutes=duration_minutes,
        price_minor=price_minor,
        currency=currency,
        languages=list(languages),
        created_at=now,
    )
    for field, text in texts.items():
        setattr(service, field, text)
    _check_service(service)
    check(service)
    service.save(force_insert=True)
    outbox.publish(ServiceCreated(**_facts(service, actor, now)))
    return service


@operation
def update_service(
    *, actor: Actor, service_id: UUID, changes: Mapping[str, Any], now: datetime
) -> Service:
    """
    Change any of `CHANGEABLE`.

    :raises NotFound: unknown, or not the actor's to manage
    :raises InvalidInput: a wrong field, a negative price, an unknown currency
    """
    service = policies.access_service(actor, service_id, Ability.MANAGE, lock=True)
    changed = apply(service, changes, CHANGEABLE, also=_check_service)
    if changed:
        outbox.publish(ServiceChanged(fields=changed, **_facts(service, actor, now)))
    return service


@operation
def retire_service(*, actor: Actor, service_id: UUID, now: datetime) -> None:
    """
    Take a service off the offer; history stays.

    :raises NotFound: unknown, or not the actor's to manage
    :raises PeopleWaiting: tickets still wait for it
    """
    service = policies.access_service(actor, service_id, Ability.MANAGE, lock=True)
    refuse_if_held(Retirable.SERVICE, service.pk)
    service.retired_at = now
    service.version += 1
    service.save(update_fields=["retired_at", "version"])
    outbox.publish(ServiceRetired(**_facts(service, actor, now)))
