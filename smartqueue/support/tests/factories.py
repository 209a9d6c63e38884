"""Cases at a place, opened through the operation."""

import io
from typing import Any

from django.core.files.uploadedfile import SimpleUploadedFile
from PIL import Image

from smartqueue.accounts.actor import Actor
from smartqueue.accounts.enums import ActorKind
from smartqueue.queues.models import Ticket
from smartqueue.queues.tests.factories import NOW, Place, join, make_actor
from smartqueue.support import operations
from smartqueue.support.enums import CaseCategory, SubjectType
from smartqueue.support.files import kept
from smartqueue.support.models import CaseMessage, SupportCase


def holder_of(ticket: Ticket) -> Actor:
    """Return whoever holds a ticket's token."""
    return Actor(kind=ActorKind.TICKET, ticket_id=ticket.pk)


def open_case(place: Place, actor: Actor | None = None, **values: Any) -> SupportCase:
    """Return a new case about the ticket of a person of its own, or as told."""
    if "subject_type" not in values:
        actor = actor or make_actor()
        values["subject_type"] = SubjectType.TICKET
        values["subject_id"] = join(place, actor=actor).pk
    assert actor is not None
    values.setdefault("category", CaseCategory.WAIT)
    values.setdefault("title", "Called too late")
    values.setdefault("body", "Somebody who came after me was called first.")
    values.setdefault("now", NOW)
    return operations.open_case(actor=actor, **values)


def open_about_branch(place: Place, actor: Actor, **values: Any) -> SupportCase:
    """Return a new case about a place's branch."""
    return open_case(
        place, actor, subject_type=SubjectType.BRANCH, subject_id=place.branch.pk, **values
    )


def person_of(case: SupportCase) -> Actor:
    """Return the actor of a case's person."""
    assert case.person is not None
    return make_actor(case.person)


def fresh(case: SupportCase) -> SupportCase:
    """Return a case as it is stored now."""
    found: SupportCase = SupportCase.objects.with_scopes_disabled().get(pk=case.pk)
    return found


def messages_of(case: SupportCase) -> list[CaseMessage]:
    """Return all messages of a case, oldest first."""
    return list(CaseMessage.objects.with_scopes_disabled().filter(case=case).order_by("position"))


def picture(name: str = "photo.png", color: str = "teal") -> "SimpleUploadedFile":
    """Return an image as a browser sends it."""
    out = io.BytesIO()
    Image.new("RGB", (40, 30), color).save(out, "PNG")
    return SimpleUploadedFile(name, out.getvalue(), "image/png")


def write_with_file(case: SupportCase, actor: Actor, body: str = "See the picture.") -> CaseMessage:
    """Return a message that brings a picture."""
    with kept([picture()], case.organization_id) as files:
        return operations.write_message(
            actor=actor, case_id=case.pk, body=body, files=files, now=NOW
        )
