"""A missed call: who rings a branch's number and hangs up gets a ticket by text message."""

from datetime import datetime, timedelta
from typing import Final

from phonenumber_field.phonenumber import to_python

from smartqueue.common.errors import TooManyRequests
from smartqueue.common.phones import is_textable
from smartqueue.dialogues import queries, texts
from smartqueue.dialogues.operations import _talk
from smartqueue.dialogues.operations._talk import Talk
from smartqueue.limits import operations as limits
from smartqueue.notifications import operations as notifications
from smartqueue.notifications.enums import Channel, Importance
from smartqueue.notifications.ports import UssdAnswer
from smartqueue.queues.enums import JoinChannel
from smartqueue.queues.models import Queue

REPLY_LIFE: Final = timedelta(minutes=30)


def answer_missed_call(*, phone: str, called: str, event_id: str, now: datetime) -> None:
    """
    Give whoever rang a ticket of the number's queue and tell them by text message, once per call.

    Who has one already is told where they stand. Nothing happens for a number of no branch, a caller
    to whom no text message goes, and one who rings too often.

    :raises Busy: somebody else holds the queue; the call may be tried again
    """
    number = to_python(called)
    line = queries.line_with_number(number.as_e164 if number and number.is_valid() else called)
    if line is None or line.missed_call_queue is None or not is_textable(phone):
        return
    event = _talk.Event(f"ring:{event_id}", phone, JoinChannel.SMS, now)
    try:
        limits.check("missed_call", once=event.digest.hex(), phone=phone)
    except TooManyRequests:
        return
    queue: Queue = line.missed_call_queue
    queue.branch = line.branch
    answer = _talk.answer_once(event, lambda talk: _joined(talk, queue))
    if notifications.can_send(Channel.SMS):
        notifications.send_message(
            channel=Channel.SMS,
            recipient=phone,
            template="reply",
            context={"text": answer.text},
            language=texts.FALLBACK,
            dedupe_key=f"missed-call:{event_id}",
            now=now,
            expires_at=now + REPLY_LIFE,
            importance=Importance.VITAL,
        )


def _joined(talk: Talk, queue: Queue) -> UssdAnswer:
    return UssdAnswer(_talk.joined(talk, queue, key="joined"), ends=True)
