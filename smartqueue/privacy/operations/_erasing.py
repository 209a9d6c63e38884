"""Taking a person out of every table, and leaving the history that others need."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.db.models import Q, UUIDField

from smartqueue.accounts.actor import SYSTEM
from smartqueue.accounts.enums import Role
from smartqueue.accounts.models import ContactChange, User
from smartqueue.audit import operations as audit_operations
from smartqueue.audit.tracking import UNTRACKED
from smartqueue.business import operations as business_operations
from smartqueue.business.models import Membership, Organization
from smartqueue.common import tenancy
from smartqueue.common.db import operation
from smartqueue.notifications import operations as notification_operations
from smartqueue.outbox import operations as outbox
from smartqueue.privacy import archive, places
from smartqueue.privacy.enums import Fate
from smartqueue.privacy.errors import SoleOwner
from smartqueue.privacy.events import ErasureFinished
from smartqueue.privacy.models import Erasure, Export
from smartqueue.privacy.places import Place
from smartqueue.privacy.subject import Subject, words_of
from smartqueue.queues import operations as queue_operations
from smartqueue.queues.models import Ticket
from smartqueue.support import operations as support_operations

MOST_WAITING: Final = 100
# No request or handler that still knew the account is at work for as long.
SETTLED_AFTER: Final = timedelta(minutes=2)


def prepare_erasure(user: User, now: datetime) -> None:
    """
    Remember, sealed, whom to look for, while the account still says it.

    Runs within `accounts.erase_user`; the walk over the tables follows after its commit.

    :raises SoleOwner: an organization would be left without an owner
    """
    _refuse_sole_owner(user.pk)
    Erasure.objects.create(
        user_id=user.pk, sealed_subject=subject_of_user(user).sealed(), requested_at=now
    )


def _refuse_sole_owner(user_id: UUID) -> None:
    owned = Membership.objects.with_scopes_disabled().filter(
        user=user_id, role=Role.OWNER, organization__closed_at=None
    )
    # Asked for by themselves, because they open to the person's key and not to an administrator's.
    ids = list(owned.values_list("organization", flat=True))
    # Two owners who erase themselves at once wait here for each other, and the second is alone.
    locked = (
        Organization.objects.select_for_update(of=("self",), no_key=True)
        .filter(pk__in=ids)
        .order_by("pk")
    )
    alone = [organization for organization in locked if not _has_other_owner(organization, user_id)]
    if alone:
        raise SoleOwner(organizations=[{"id": str(o.pk), "name": o.name} for o in alone])


def _has_other_owner(organization: Organization, user_id: UUID) -> bool:
    owners = Membership.objects.with_scopes_disabled().filter(
        organization=organization, role=Role.OWNER, user__is_active=True
    )
    is_other: bool = owners.exclude(user=user_id).exists()
    return is_other


def subject_of_user(user: User) -> Subject:
    """Return an account with everything that its tables say of the person."""
    changes = list(ContactChange.objects.filter(user=user))
    contacts = _contacts_of(user, changes)
    tickets = _tickets_of(Subject(user.pk, contacts))
    names = (user.get_full_name(), user.first_name, user.last_name)
    wished = (change.new_value for change in changes)
    words = words_of(*names, *contacts, *wished, *_words(tickets))
    return Subject(user.pk, contacts, _ids(tickets), words)


def _contacts_of(user: User, changes: Iterable[ContactChange]) -> tuple[str, ...]:
    """Return where a person is reached, and was lately, unless that is somebody else's now."""
    earlier = {change.old_value for change in changes if change.done_at and change.old_value}
    others = User.objects.exclude(pk=user.pk).filter(Q(email__in=earlier) | Q(phone__in=earlier))
    theirs = {value for pair in others.values_list("email", "phone") for value in pair if value}
    present = {value for value in (user.email, user.phone) if value}
    return tuple(sorted(present | (earlier - theirs)))


def subject_of_phone(phone: str) -> Subject:
    """Return somebody without an account, known by a phone that they have proven."""
    tickets = _tickets_of(Subject(None, (phone,)))
    return Subject(None, (phone,), _ids(tickets), words_of(phone, *_words(tickets)))


def _tickets_of(subject: Subject) -> list[Ticket]:
    return list(places.BY_LABEL["queues.Ticket"].of(subject))


def _ids(tickets: Iterable[Ticket]) -> tuple[UUID, ...]:
    return tuple(ticket.pk for ticket in tickets)


def _words(tickets: Iterable[Ticket]) -> list[str]:
    return [text for t in tickets for text in (t.customer_name, t.phone, t.plate, t.note)]


def list_unfinished_erasures(*, now: datetime) -> list[UUID]:
    """Return the erasures that are to be carried out now, oldest first."""
    waiting = Erasure.objects.filter(_due(now), finished_at=None).order_by("requested_at")
    return list(waiting.values_list("pk", flat=True)[:MOST_WAITING])


def _due(now: datetime) -> Q:
    """Say which were not begun, or begun and have settled by now."""
    return Q(counts={}) | Q(requested_at__lte=now - SETTLED_AFTER)


@operation
def carry_out_erasure(*, erasure_id: UUID, now: datetime) -> bool:
    """
    Go through every table for one erasure; False when there is nothing to do, or somebody is at it.

    An account is looked for at once, and again after two minutes, by its id alone: a request that
    came in before it was closed may have been answered after the first walk.
    """
    erasure = (
        Erasure.objects.select_for_update(of=("self",), skip_locked=True)
        .filter(_due(now), pk=erasure_id, finished_at=None)
        .first()
    )
    if erasure is None:
        return False
    subject = _as_of_now(Subject.unsealed(erasure.sealed_subject))
    keys = {erasure.pk, *_keys_of(subject)}
    found = Counter(erase(subject, now=now))
    erasure.counts = dict(found | Counter(erasure.counts))
    is_settled = erasure.requested_at <= now - SETTLED_AFTER
    if subject.user_id is None or is_settled:
        erasure.sealed_subject = ""
        erasure.finished_at = now
        outbox.publish(ErasureFinished(erasure_id=erasure.pk, occurred_at=now, actor=SYSTEM.label))
    else:
        erasure.sealed_subject = Subject(subject.user_id, ()).sealed()
    erasure.save(update_fields=["counts", "sealed_subject", "finished_at"])
    # Last: what was changed on the way is sealed in the journal with the same keys.
    audit_operations.destroy_person_keys(keys)
    return True


def _as_of_now(subject: Subject) -> Subject:
    """
    Return whom to look for by now: with the tickets that came since, and without an address or
    phone with which somebody has opened another account.
    """
    if subject.user_id is None:
        return subject
    holders = User.objects.filter(Q(email__in=subject.contacts) | Q(phone__in=subject.contacts))
    taken = {value for pair in holders.values_list("email", "phone") for value in pair}
    mine = replace(subject, contacts=tuple(c for c in subject.contacts if c not in taken))
    tickets = {*subject.tickets, *_ids(_tickets_of(mine))}
    words = tuple(word for word in subject.words if word not in taken)
    return replace(mine, tickets=tuple(sorted(tickets)), words=words)


def _keys_of(subject: Subject) -> set[UUID]:
    """Name whose keys seal the person in the journal: the account, and rows that have none."""
    keys = set(subject.ids)
    for place in places.PLACES:
        has_id = isinstance(place.model._meta.pk, UUIDField)
        if has_id and place.personal.fields and place.label not in UNTRACKED:
            rows = place.of(subject)
            if place.personal.sealed_for:
                rows = rows.filter(**{place.personal.sealed_for: None})
            keys |= set(rows.values_list("pk", flat=True))
    return keys


def erase(subject: Subject, *, now: datetime) -> dict[str, int]:
    """Take a subject out of every table; return how many rows of which were touched."""
    if subject.user_id is not None:
        # Their own words first: they tell the world what ends, where a bare walk would be silent.
        with tenancy.restored():
            business_operations.remove_erased_person(user_id=subject.user_id, now=now)
        notification_operations.erase_person(user_id=subject.user_id)
        queue_operations.forget_person(user_id=subject.user_id)
    with tenancy.restored():
        support_operations.forget_person(user_id=subject.user_id, tickets=subject.tickets, now=now)
    # One that is being made is waited for, and with it the name of its file.
    for export in Export.objects.select_for_update(of=("self",)).filter(user=subject.user_id):
        archive.delete(export.file)
    counts = {place.label: _take_out(place, subject) for place in places.PLACES}
    return {label: count for label, count in counts.items() if count}


def _take_out(place: Place, subject: Subject) -> int:
    rows = place.of(subject).order_by()
    _loosen(place, subject)
    quietened = _quieten(rows, place.telling, subject) if place.telling else 0
    if place.fate is Fate.KEPT:
        return quietened
    count = rows.count()
    if place.fate is Fate.DELETED:
        rows.delete()
    else:
        rows.update(**place.emptied)
    return count


def _loosen(place: Place, subject: Subject) -> None:
    """Take the person out of other people's rows: as who made them, or under a proven phone."""
    everybody = places.everybody(place.model)
    if subject.user_id is not None:
        for column in place.loosened:
            everybody.filter(**{column: subject.user_id}).update(**{column: None})
    for column in place.loosened_contacts:
        told = everybody.filter(**{f"{column}__in": subject.contacts})
        told.update(**{column: place.emptied[column]})


def _quieten(rows: Any, columns: Iterable[str], subject: Subject) -> int:
    """Remove free text where it repeats something of the person."""
    touched = 0
    for row in rows.only("pk", *columns).iterator(chunk_size=500):
        told = [column for column in columns if subject.is_told_by(getattr(row, column))]
        if told:
            everybody = places.everybody(rows.model).filter(pk=row.pk)
            touched += everybody.update(**dict.fromkeys(told, ""))
    return touched
