"""Whose data it is, and who answers for an organization's register."""

from datetime import datetime
from uuid import UUID

from smartqueue.accounts.actor import Actor
from smartqueue.accounts.models import User
from smartqueue.accounts.policies import require_recent_sign_in
from smartqueue.business.enums import ROLES_WITH, Ability
from smartqueue.business.models import Organization
from smartqueue.business.policies import access_organization, require
from smartqueue.common.errors import NotFound
from smartqueue.privacy.models import Export, RegisterEntry


def access_self(actor: Actor, now: datetime, *, lock: bool = False) -> User:
    """
    Return the actor's own open account, locked if asked; only right after they have signed in.

    :raises NotSignedIn: nobody is signed in
    :raises ReauthenticationNeeded: the sign-in is not recent
    """
    actor.require_user()
    require_recent_sign_in(actor, now)
    rows = User.objects.filter(pk=actor.require_user(), is_active=True)
    if lock:
        rows = rows.select_for_update(of=("self",), no_key=True)
    user = rows.first()
    if user is None:
        raise NotFound
    return user


def access_export(actor: Actor, export_id: UUID, now: datetime) -> Export:
    """
    Return an export of the actor's own: nobody else's, an administrator's neither.

    :raises NotFound: unknown, or somebody else's
    :raises ReauthenticationNeeded: the sign-in is not recent
    """
    export = Export.objects.filter(pk=export_id, user_id=actor.require_user()).first()
    if export is None:
        raise NotFound
    require_recent_sign_in(actor, now)
    return export


def access_register(actor: Actor, organization_id: UUID) -> Organization:
    """
    Return a live organization whose register of processing the actor answers for.

    :raises NotFound: unknown, closed, or not owned by the actor
    """
    return access_organization(actor, organization_id, Ability.OWN)


def registers_of(actor: Actor) -> list[Organization]:
    """Return the live organizations whose register of processing the actor answers for, by name."""
    owned = [m.organization_id for m in actor.memberships if m.role in ROLES_WITH[Ability.OWN]]
    return list(Organization.objects.filter(pk__in=owned, closed_at=None).order_by("name"))


def access_entry(actor: Actor, entry_id: UUID) -> RegisterEntry:
    """
    Return an entry of a register that the actor answers for, locked.

    :raises NotFound: unknown, or not owned by the actor
    """
    rows = RegisterEntry.objects.with_scopes_disabled().select_for_update(of=("self",))
    entry: RegisterEntry | None = rows.filter(pk=entry_id).first()
    if entry is None:
        raise NotFound
    require(actor, entry.organization_id, Ability.OWN)
    return entry
