"""Kiosks and displays: paired by a code that is typed on them, known by a token they keep."""

import secrets
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.conf import settings
from django.utils.translation import gettext_lazy as _

from smartqueue.accounts import tokens
from smartqueue.accounts.actor import SYSTEM, Actor
from smartqueue.business import policies
from smartqueue.business.enums import Ability, DeviceKind
from smartqueue.business.errors import PairingCodeWrong
from smartqueue.business.events import DeviceAdded, DeviceEvent, DevicePaired, DeviceRevoked
from smartqueue.business.models import Branch, BranchCredential
from smartqueue.business.operations._checks import check
from smartqueue.common import tenancy
from smartqueue.common.crypto import keyed_digest
from smartqueue.common.db import operation
from smartqueue.common.errors import InvalidInput
from smartqueue.outbox import operations as outbox
from smartqueue.realtime import operations as realtime

# Without letters and digits that are mistaken for one another on a screen.
CODE_ALPHABET: Final = "23456789ABCDEFGHJKMNPQRSTVWXYZ"
CODE_LENGTH: Final = 8
CODE_LIFE: Final = timedelta(minutes=10)


@operation
def add_device(
    *, actor: Actor, branch_id: UUID, kind: DeviceKind, name: str, now: datetime
) -> tuple[BranchCredential, str]:
    """
    Prepare a device of a branch; returns it and the code that pairs it once within ten minutes.

    :raises NotFound: unknown branch, or not the actor's to manage
    :raises InvalidInput: no name, or one that another device of the branch has
    """
    branch = policies.access_branch(actor, branch_id, Ability.MANAGE, lock=True)
    credential = BranchCredential(
        organization_id=branch.organization_id,
        branch=branch,
        kind=kind,
        name=_free_name(branch, name),
        created_by_id=actor.user_id,
        created_at=now,
    )
    code = _give_code(credential, now)
    check(credential)
    credential.save(force_insert=True)
    _tell(DeviceAdded, credential, actor, now)
    return credential, code


@operation
def renew_pairing_code(
    *, actor: Actor, credential_id: UUID, now: datetime
) -> tuple[BranchCredential, str]:
    """
    Make another code for a device that was not paired in time, or is to be paired anew; the token
    it has works until the new code is typed.

    :raises NotFound: unknown, revoked, or not the actor's to manage
    """
    credential = policies.access_credential(actor, credential_id, lock=True)
    code = _give_code(credential, now)
    credential.version += 1
    credential.save(update_fields=["code_digest", "code_expires_at", "version"])
    _tell(DeviceAdded, credential, actor, now)
    return credential, code


@operation
def pair_device(*, code: str, now: datetime) -> tuple[BranchCredential, str]:
    """
    Take the code typed on a device; returns its credential and the token, which is told this once.

    :raises PairingCodeWrong: unknown, used, older than ten minutes, or the branch has closed
    """
    typed = "".join(code.split()).replace("-", "").upper()
    rows = BranchCredential.objects.with_scopes_disabled().filter(
        code_digest=_digest_of(typed),
        code_expires_at__gt=now,
        revoked_at=None,
        branch__closed_at=None,
    )
    credential: BranchCredential | None = rows.select_for_update(of=("self",), no_key=True).first()
    if credential is None:
        raise PairingCodeWrong
    tenancy.enter(credential.organization_id)
    token = tokens.make_opaque_token(credential.pk)
    credential.digest = token.digest
    credential.code_digest = credential.code_expires_at = None
    credential.paired_at = now
    credential.version += 1
    credential.save(
        update_fields=["digest", "code_digest", "code_expires_at", "paired_at", "version"]
    )
    # A device that is paired anew takes the place of the one before.
    realtime.close_device_after_commit(credential.pk)
    _tell(DevicePaired, credential, SYSTEM, now)
    return credential, token.text


@operation
def revoke_device(*, actor: Actor, credential_id: UUID, now: datetime) -> None:
    """
    Take a device's token back: it opens nothing from now on, and its sockets close.

    :raises NotFound: unknown, revoked, or not the actor's to manage
    """
    credential = policies.access_credential(actor, credential_id, lock=True)
    credential.revoked_at = now
    credential.digest = credential.code_digest = credential.code_expires_at = None
    credential.version += 1
    credential.save(
        update_fields=["revoked_at", "digest", "code_digest", "code_expires_at", "version"]
    )
    realtime.close_device_after_commit(credential.pk)
    _tell(DeviceRevoked, credential, actor, now)


@operation
def add_demonstration_device(
    *, actor: Actor, branch_id: UUID, kind: DeviceKind, name: str, token: str, now: datetime
) -> BranchCredential:
    """
    Let in a device whose token is public, for the demonstration; production refuses it twice, here
    and where the token is shown.

    :raises NotFound: unknown branch, or not the actor's to manage
    """
    known = tokens.read_opaque_token(token)
    if known is None or not settings.ALLOW_DEMO_ACCOUNTS:
        raise ValueError("no demonstration devices here")
    branch = policies.access_branch(actor, branch_id, Ability.MANAGE, lock=True)
    credential = BranchCredential(
        id=known.id,
        organization_id=branch.organization_id,
        branch=branch,
        kind=kind,
        name=_free_name(branch, name),
        digest=known.digest,
        is_demonstration=True,
        created_by_id=actor.user_id,
        created_at=now,
        paired_at=now,
    )
    credential.save(force_insert=True)
    _tell(DevicePaired, credential, actor, now)
    return credential


def _free_name(branch: Branch, name: str) -> str:
    name = " ".join(name.split())
    if not name:
        raise InvalidInput.on("name", _("Give it a name, such as where it stands."), "required")
    if BranchCredential.objects.filter(branch=branch, name=name, revoked_at=None).exists():
        raise InvalidInput.on("name", _("Another device here has this name."), "taken")
    return name


def _give_code(credential: BranchCredential, now: datetime) -> str:
    code = "".join(secrets.choice(CODE_ALPHABET) for _position in range(CODE_LENGTH))
    credential.code_digest = _digest_of(code)
    credential.code_expires_at = now + CODE_LIFE
    return code


def _digest_of(code: str) -> bytes:
    return keyed_digest("pairing", code)


def _tell(
    event: type[DeviceEvent], credential: BranchCredential, actor: Actor, now: datetime
) -> None:
    outbox.publish(
        event(
            organization_id=credential.organization_id,
            credential_id=credential.pk,
            branch_id=credential.branch_id,
            kind=credential.kind,
            subject_version=credential.version,
            occurred_at=now,
            actor=actor.label,
        )
    )
