"""Whole visits by text messages alone and by USSD alone, with the pretend phones of the sandbox."""

import io
import time
from collections.abc import Callable
from typing import Any

import pytest
from django.core.management import call_command

from sandbox.settings import CALLBACKS
from smartqueue.appointments.models import Appointment
from smartqueue.business.models import Counter
from smartqueue.dialogues.management.commands.load_demo_dialogues import BOOKED_FOR, CODES
from smartqueue.dialogues.models import BranchLine
from smartqueue.notifications.models import (
    DeliveryAttempt,
    InboundMessage,
    OutgoingMessage,
    ProviderCallback,
)
from smartqueue.notifications.tasks import settle_messages_task
from smartqueue.notifications.tests.sms.conftest import (
    Control,
    _calls,
    _running,
    accounts,
    control,
)
from smartqueue.outbox.enums import HandlerMode
from smartqueue.outbox.models import Delivery
from smartqueue.outbox.relay import carry_due
from smartqueue.queues.management.commands._api import Account, Api
from smartqueue.queues.management.commands._demonstration import DOMAIN, PASSWORD
from smartqueue.queues.models import Queue, Ticket

__all__ = ["_calls", "_running", "accounts", "control"]

pytestmark = [pytest.mark.e2e, pytest.mark.serial, pytest.mark.django_db(transaction=True)]

SECRET = "s" * 32
USED = ("orange_sms", "africas_talking")
TOLD_TWICE = 5


class Phone:
    """A pretend phone, new to the limits."""

    def __init__(self, control: Control, number: str = "") -> None:
        self.control = control
        self.number = number or f"+22177{time.time_ns() % 10**7:07d}"

    def _do(self, action: str, **given: Any) -> Any:
        return self.control.call("POST", f"phones/{self.number}/{action}", **given)

    def inbox(self) -> list[str]:
        """Return what came, newest first."""
        query = f"messages?phone={self.number.replace('+', '%2B')}&limit=100"
        found = self.control.call("GET", query)["messages"]
        return [one["text"] for one in found if one["direction"] == "to_phone"]

    def got(self, count: int) -> str:
        """Return the newest message once so many have come."""
        carried_until(lambda: len(self.inbox()) >= count)
        assert len(self.inbox()) == count
        return self.inbox()[0]

    def hears(self, *words: str) -> None:
        """Wait for one message with all of the words."""
        carried_until(lambda: any(all(word in text for word in words) for text in self.inbox()))

    def writes(self, text: str) -> str:
        """Return the one answer to a text message."""
        before = len(self.inbox())
        assert self._do("sms", text=text)["sent"]["status"] == 200
        return self.got(before + 1)

    def rings(self) -> str:
        """Return the answer to a missed call."""
        before = len(self.inbox())
        assert self._do("call")["message"]["text"] == "Missed call"
        return self.got(before + 1)

    def dials(self, *keys: str) -> str:
        """Return the screen after dialling and keying in; a menu that has ended begins with END."""
        shown = self._do("ussd")
        for key in keys:
            assert shown["open"], shown
            shown = self._do("ussd/reply", text=key)
        assert not shown["problem"], shown
        return f"{'' if shown['open'] else 'END '}{shown['screen']}"

    def loses_connection(self) -> None:
        self._do("ussd/drop")


def carried_until(happened: Callable[[], bool]) -> None:
    """Do the relay's work, and beat's for receipts, until something has happened."""
    ends = time.monotonic() + 60
    while True:
        if not sum(carry_due(mode) for mode in HandlerMode):
            settle_messages_task()
            if happened():
                return
            time.sleep(0.02)
        assert time.monotonic() < ends


@pytest.fixture
def town(control: Control, accounts: None, live_server: Any, settings: Any) -> Queue:
    """The town hall of the demonstration, whose providers are the sandbox's and tell some receipts twice."""
    settings.PUBLIC_URL = live_server.url
    settings.SMPP_ACCOUNTS = {}
    empty = {"client_id": "", "account": "", "username": ""}
    settings.SMS_ACCOUNTS = {
        name: account if name in USED else account | empty
        for name, account in settings.SMS_ACCOUNTS.items()
    }
    settings.SMS_ACCOUNTS["orange_sms"]["prefixes"] = ["+22177"]
    called = {
        name: f"{live_server.url}{path}{SECRET}/"
        for name, path in CALLBACKS.items()
        if path and name.startswith(USED)
    }
    control.call("PUT", "callbacks", **called)
    receipt = {"statuses": ["DeliveredToTerminal"]}
    control.rule(receipts=receipt)
    control.rule(receipts=receipt | {"copies": 2}, times=TOLD_TWICE)
    for command in ("load_demo", "load_demo_appointments", "load_demo_dialogues"):
        call_command(command, stdout=io.StringIO())
    again = io.StringIO()
    call_command("load_demo_dialogues", stdout=again)
    assert "all there" in again.getvalue()
    assert BranchLine.objects.with_scopes_disabled().count() == len(CODES)
    queue: Queue = Queue.objects.with_scopes_disabled().get(
        branch__name="Hôtel de ville", prefix="A"
    )
    return queue


class Agent:
    """Somebody at a counter of the queue, through the API."""

    def __init__(self, site: str, queue: Queue) -> None:
        self.account = Account(Api(site), f"owner@{DOMAIN}", PASSWORD)
        counters = Counter.objects.with_scopes_disabled().filter(branch=queue.branch_id)
        self.counter = counters.order_by("name")[0]
        seat = {"counter": str(self.counter.pk), "queues": [str(queue.pk)]}
        self.session = self.account.post("/api/agents/sessions/", **seat)["id"]

    def calls(self) -> str:
        """Call the next person; return their number."""
        called = self.account.post(f"/api/agents/sessions/{self.session}/call-next/")
        number: str = called["number"]
        return number


def test_whole_visits_from_pretend_phones(town: Queue, live_server: Any, control: Control) -> None:
    writer, dialler, caller = (Phone(control) for _ in range(3))

    an_appointment_is_confirmed_and_given_up(Phone(control, BOOKED_FOR.phone))

    # Three ways in.
    assert "MAIRIE et la lettre" in writer.writes("mairie")
    assert "Ticket A001" in writer.writes("Mairie A")
    assert "personne derrière vous" in writer.writes("RETARD")
    assert "1 Prendre un ticket" in dialler.dials()
    assert "1 A " in dialler.dials("1", "MAIRIE")
    dialler.loses_connection()
    assert "1 A " in dialler.dials()
    assert dialler.dials("1", "1").startswith("END Ticket A002")
    assert "Ticket A003" in caller.rings()
    assert "A003" in caller.rings()

    # Waiting: where they stand, and letting others pass.
    assert "2 devant vous" in writer.writes("retard")
    assert "prochain" in dialler.dials("2")

    # Called: everybody hears of their turn by text message, answers in their own way, and leaves.
    agent = Agent(live_server.url, town)
    for number, phone in (("A002", dialler), ("A003", caller), ("A001", writer)):
        assert agent.calls() == number
        phone.hears(number, agent.counter.name)
        if phone is dialler:
            # The menu was left open at the ticket, so it is there again.
            assert "votre tour" in phone.dials()
            assert phone.dials("2", "1").startswith(f"END {number}: vous avez quitt")
        else:
            assert "votre tour" in phone.writes("place")
            assert f"{number}: vous avez quitt" in phone.writes("quitter")

    assert_each_thing_happened_once(control)
    rows = Ticket.objects.with_scopes_disabled().order_by("number")
    assert [(row.number, row.channel, row.state) for row in rows] == [
        ("A001", "sms", "cancelled"),
        ("A002", "ussd", "cancelled"),
        ("A003", "sms", "cancelled"),
    ]


def an_appointment_is_confirmed_and_given_up(phone: Phone) -> None:
    rows = Appointment.objects.with_scopes_disabled().filter(phone=phone.number)
    phone.hears("vous avez rendez-vous")

    assert "1 Je viendrai" in phone.dials("3")
    assert phone.dials("1").startswith("END Merci")
    assert rows.get().attendance_at is not None
    assert rows.get().reference in phone.writes("OUI")
    assert phone.dials("3", "2", "1").startswith("END Rendez-vous annul")
    phone.hears("est annul")
    assert phone.dials("3").startswith("END Aucun rendez-vous")
    assert rows.get().state == "cancelled"


def assert_each_thing_happened_once(control: Control) -> None:
    """Compare what the product says it has sent with what the sandbox counts."""
    messages = OutgoingMessage.objects.filter(channel="sms")
    carried_until(lambda: not messages.filter(ended_at=None).exists())
    control.call("POST", "quiet", seconds=10)
    taken = control.call("GET", "messages?limit=500")["messages"]
    arrived = [one for one in taken if one["direction"] == "to_phone"]

    assert set(messages.values_list("state", flat=True)) == {"delivered"}
    assert len(arrived) == messages.count() == DeliveryAttempt.objects.count()
    assert len({one["provider_id"] for one in arrived}) == len(arrived)
    assert sum(len(one["receipts"]) for one in arrived) == len(arrived) + TOLD_TWICE
    assert not InboundMessage.objects.filter(answered_at=None).exists()
    assert set(ProviderCallback.objects.values_list("state", flat=True)) == {"done"}
    assert set(Delivery.objects.values_list("state", flat=True)) == {"done"}
