"""The doors of dialogues."""

from datetime import datetime

from smartqueue.dialogues.operations.dialling import answer_ussd
from smartqueue.dialogues.operations.lines import set_line
from smartqueue.dialogues.operations.ringing import answer_missed_call
from smartqueue.dialogues.operations.texting import answer_text
from smartqueue.notifications.ports import UssdAnswer, UssdStep
from smartqueue.notifications.providers.base import InboundText

__all__ = ["ANSWERS", "answer_missed_call", "answer_text", "answer_ussd", "set_line"]


class Answers:
    """What fills the port of notifications."""

    def answer_text(self, message: InboundText, now: datetime) -> str | None:
        """Return the reply to send by text message; None for none."""
        return answer_text(message=message, now=now)

    def answer_ussd(self, step: UssdStep, now: datetime) -> UssdAnswer:
        """Return what the phone shows next."""
        return answer_ussd(step=step, now=now)

    def answer_missed_call(self, *, phone: str, called: str, event_id: str, now: datetime) -> None:
        """Give a ticket by text message to somebody who rang and hung up."""
        answer_missed_call(phone=phone, called=called, event_id=event_id, now=now)


ANSWERS = Answers()
