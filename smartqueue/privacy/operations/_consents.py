"""Saying yes and no."""

from datetime import datetime

from smartqueue.accounts.actor import Actor
from smartqueue.accounts.models import User
from smartqueue.common.db import operation
from smartqueue.outbox import operations as outbox
from smartqueue.privacy import consents, queries
from smartqueue.privacy.enums import ConsentSource, Purpose
from smartqueue.privacy.errors import ConsentTextChanged
from smartqueue.privacy.events import ConsentRecorded
from smartqueue.privacy.models import Consent


@operation
def record_consent(
    *,
    actor: Actor,
    purpose: Purpose,
    is_given: bool,
    text_version: int,
    source: ConsentSource,
    language: str,
    now: datetime,
) -> Consent | None:
    """
    Note that the actor agrees to a purpose in the words of this version, or no longer does. The
    same word again adds nothing, and returns None.

    :raises NotSignedIn: nobody in particular is asking
    :raises ConsentTextChanged: a yes to words that are not in force
    """
    user_id = actor.require_user()
    text = consents.text_in_force(purpose)
    if is_given and text_version != text.version:
        raise ConsentTextChanged(version=text.version)
    # Two words at once are ordered by the account's row.
    User.objects.select_for_update(of=("self",), no_key=True).get(pk=user_id)
    if queries.has_consent(user_id, purpose) == is_given:
        return None
    consent = Consent.objects.create(
        user_id=user_id,
        purpose=purpose,
        is_given=is_given,
        text_version=text.version,
        source=source,
        language=language,
        at=now,
    )
    outbox.publish(
        ConsentRecorded(
            user_id=user_id,
            purpose=purpose.value,
            is_given=is_given,
            occurred_at=now,
            actor=actor.label,
        )
    )
    return consent
