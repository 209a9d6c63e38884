"""Who may see and change an account."""

import hmac
from collections.abc import Iterable
from datetime import datetime, timedelta
from uuid import UUID

from django.db.models import Q

from smartqueue.accounts import identifiers, queries, tokens
from smartqueue.accounts.actor import Actor, Membership, roles_of
from smartqueue.accounts.clock import wall_now
from smartqueue.accounts.enums import ActorKind, Role
from smartqueue.accounts.errors import (
    AccountAccessNeeded,
    MfaExpired,
    ReauthenticationNeeded,
    SecondFactorRequired,
    SupportOnly,
)
from smartqueue.accounts.models import (
    LONG_WAIT,
    SHORT_WAIT,
    AccountAccess,
    ContactChange,
    FactorReset,
    MfaChallenge,
    Passkey,
    Session,
    User,
)
from smartqueue.common.errors import NotFound

RECENT = timedelta(minutes=10)


def access_user(actor: Actor, user_id: UUID, *, lock: bool = False) -> User:
    """
    Return an open account that is the actor's own, or that a platform administrator has opened
    access to, with a reason.

    :raises NotFound: unknown, not proven yet, erased, or somebody else's
    :raises AccountAccessNeeded: a platform administrator without open access to it
    """
    if actor.user_id != user_id:
        if not actor.is_platform_admin:
            raise NotFound
        if not queries.open_accesses(actor.require_user()).filter(user=user_id).exists():
            raise AccountAccessNeeded
    rows = User.objects.filter(pk=user_id, is_active=True)
    if lock:
        rows = rows.select_for_update(of=("self",), no_key=True)
    user = rows.first()
    if user is None:
        raise NotFound
    return user


def access_user_to_open(actor: Actor, whose: UUID | str) -> User:
    """
    Return an open account of somebody else, locked, into which a platform administrator may ask to
    be let; `whose` is its id or a proven identifier.

    :raises NotFound: unknown, erased, the actor's own, or the actor is no platform administrator
    :raises InvalidInput: neither an e-mail address nor a phone number
    """
    if not actor.is_platform_admin:
        raise NotFound
    if isinstance(whose, UUID):
        is_named = Q(pk=whose)
    else:
        known = identifiers.parse(whose)
        is_named = Q(email=known.value) | Q(phone=known.value)
    rows = User.objects.filter(is_named, is_active=True).exclude(pk=actor.require_user())
    user = rows.select_for_update(of=("self",), no_key=True).first()
    if user is None:
        raise NotFound
    return user


def access_user_to_reset(actor: Actor, whose: UUID | str) -> tuple[User, timedelta]:
    """
    Return an open account of somebody else, locked, whose lost second factors the actor may vouch
    for, and how long the person can object first. The caller has a second factor of their own.

    :raises NotFound: unknown, erased, the actor's own, or no business of the actor's
    :raises SupportOnly: a member of the actor's organization and of another, or platform staff
    :raises SecondFactorRequired: the actor has no second factor
    :raises InvalidInput: neither an e-mail address nor a phone number
    """
    find = access_user_to_open if actor.is_platform_admin else _colleague
    user = find(actor, whose)
    if not queries.has_second_factor(actor.require_user()):
        raise SecondFactorRequired
    wait = wait_vouched(actor.memberships, user, is_platform_admin=actor.is_platform_admin)
    if wait is None:
        raise SupportOnly
    return user, wait


def _colleague(actor: Actor, whose: UUID | str) -> User:
    owned = _owned(actor.memberships)
    if not owned or not isinstance(whose, UUID) or whose == actor.require_user():
        raise NotFound
    rows = User.objects.filter(pk=whose, is_active=True)
    user = rows.select_for_update(of=("self",), no_key=True).first()
    if user is None or not owned & {role.organization_id for role in roles_of(user.pk)}:
        raise NotFound
    return user


def _owned(roles: Iterable[Membership]) -> set[UUID]:
    return {r.organization_id for r in roles if r.role == Role.OWNER and r.covers(None)}


def wait_vouched(
    roles: Iterable[Membership], user: User, *, is_platform_admin: bool
) -> timedelta | None:
    """
    Return how long a person can object before the word of somebody with these roles counts; None
    where it does not. An owner's counts for who works for that organization alone, since another
    one has no less to lose by the account, and had no second factor when they joined: an owner can
    make anybody a member, and no account must be the weaker for it.
    """
    if is_platform_admin:
        return LONG_WAIT
    theirs = roles_of(user.pk)
    if user.is_superuser or user.is_staff or len(theirs) != 1:
        return None
    joined = theirs[0]
    if joined.organization_id not in _owned(roles) or joined.since is None:
        return None
    if queries.has_second_factor(user.pk, since=joined.since):
        return None
    return LONG_WAIT if joined.role == Role.OWNER else SHORT_WAIT


def access_factor_reset(actor: Actor, reset_id: UUID) -> FactorReset:
    """
    Return a code for lost second factors that is out, locked, which the actor may withdraw: the
    person, and whoever could have given it.

    :raises NotFound: unknown, used, withdrawn, too old, or not the actor's
    """
    user_id = actor.require_user()
    rows = FactorReset.objects.filter(
        pk=reset_id, used_at=None, cancelled_at=None, expires_at__gt=wall_now()
    )
    reset = rows.select_for_update(of=("self",), no_key=True).select_related("user").first()
    if reset is None:
        raise NotFound
    word = wait_vouched(actor.memberships, reset.user, is_platform_admin=actor.is_platform_admin)
    if user_id not in {reset.user_id, reset.issuer_id} and word is None:
        raise NotFound
    return reset


def access_account_access(actor: Actor, access_id: UUID) -> AccountAccess:
    """
    Return an open access, locked, that the actor may end: its administrator, or the person.

    :raises NotFound: unknown, over, or not the actor's
    """
    user_id = actor.require_user()
    rows = AccountAccess.objects.filter(pk=access_id, closed_at=None, expires_at__gt=wall_now())
    rows = rows.filter(Q(admin=user_id) | Q(user=user_id))
    access = rows.select_for_update(of=("self",), no_key=True).first()
    if access is None:
        raise NotFound
    return access


def access_session(actor: Actor, session_id: UUID) -> Session:
    """
    Return a session of the actor's own that is not over.

    :raises NotFound: unknown, over, or somebody else's
    """
    found = queries.list_sessions(actor.require_user()).filter(pk=session_id).first()
    if found is None:
        raise NotFound
    return found


def access_contact_change(actor: Actor, change_id: UUID) -> ContactChange:
    """
    Return a change of contact of the actor's own account, which nobody else may confirm.

    :raises NotFound: unknown, or somebody else's
    """
    found = ContactChange.objects.filter(pk=change_id, user_id=actor.require_user()).first()
    if found is None:
        raise NotFound
    return found


def access_passkey(actor: Actor, passkey_id: UUID, *, lock: bool = False) -> Passkey:
    """
    Return one of the actor's own passkeys; an administrator has no business with another's.

    :raises NotFound: unknown, or somebody else's
    """
    rows = Passkey.objects.filter(pk=passkey_id, user_id=actor.require_user())
    if lock:
        rows = rows.select_for_update(of=("self",), no_key=True)
    passkey = rows.first()
    if passkey is None:
        raise NotFound
    return passkey


def access_mfa_challenge(token: str) -> MfaChallenge:
    """
    Return the challenge for a second factor whose token this is, while it can be answered.

    :raises MfaExpired: no such challenge, answered already, or too old
    """
    read = tokens.read_opaque_token(token)
    challenge = (
        MfaChallenge.objects.filter(
            pk=read.id, used_at=None, expires_at__gt=wall_now(), user__is_active=True
        ).first()
        if read
        else None
    )
    if read is None or challenge is None or not hmac.compare_digest(challenge.digest, read.digest):
        raise MfaExpired
    return challenge


def require_recent_sign_in(actor: Actor, now: datetime) -> None:
    """
    Let pass only who has proven within ten minutes who they are, with every factor they have:
    for changes that would let a thief of an open session keep the account.

    The system's own work passes. A caller without a session of their own never does.

    :raises ReauthenticationNeeded: longer ago; go on with `operations.reauthenticate`
    """
    if actor.kind is ActorKind.SYSTEM:
        return
    if actor.session_id is None or actor.user_id is None:
        raise ReauthenticationNeeded
    own = Session.objects.filter(pk=actor.session_id, user_id=actor.user_id, ended_at=None)
    if not own.filter(authenticated_at__gt=wall_now() - RECENT).exists():
        raise ReauthenticationNeeded
