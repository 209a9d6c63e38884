"""What the owner of a pretend phone does: sends a text, rings and hangs up, dials a USSD code."""

from typing import Final, Literal

from sandbox import phones
from sandbox.callbacks import Sent
from sandbox.providers.africas_talking import AfricasTalking
from sandbox.providers.twilio import Twilio, is_rejected
from sandbox.rules import BadRule
from sandbox.store import Message, UssdSession
from sandbox.world import TextProvider, World

USUAL: Final = "africas_talking"


def _number(given: str) -> str:
    number = phones.normalised(given)
    if not phones.is_e164(number):
        raise BadRule(f"{given!r} is no phone number")
    return number


class PhoneActions:
    """The same for the pages and for the control interface."""

    def __init__(self, world: World, africas_talking: AfricasTalking, twilio: Twilio) -> None:
        self._world = world
        self._africas_talking, self._twilio = africas_talking, twilio

    def provider_for(self, phone: str) -> TextProvider:
        """Return the provider whose text came last to a phone: answers go back the same way."""
        known = self._world.store.phones.get(phone)
        for message in reversed(known.messages if known else ()):
            if message.to_phone and message.provider in self._world.text_providers:
                return self._world.text_providers[message.provider]
        return self._world.text_providers[USUAL]

    async def send_text(
        self, phone: str, text: str, *, to: str = "", provider: str = ""
    ) -> tuple[Message, Sent]:
        """
        Send a text from a phone; without a receiver to the number of the provider.

        :raises BadRule: no phone number, no text, or no such provider
        """
        phone = _number(phone)
        if not text.strip():
            raise BadRule("text is empty")
        if provider and provider not in self._world.text_providers:
            raise BadRule(f"provider: one of {', '.join(self._world.text_providers)}")
        by = self._world.text_providers[provider] if provider else self.provider_for(phone)
        number = to.strip() or by.number
        message = self._keep(by.name, "sms", phone, number, text)
        sent = await by.send_inbound(phone=phone, to=number, text=text)
        _note(message, sent)
        return message, sent

    async def call(
        self, phone: str, *, to: str = "", provider: str = USUAL
    ) -> tuple[Message, Sent]:
        """
        Ring a number and hang up; without one, the number that the provider has for missed calls.

        :raises BadRule: no phone number, or the provider takes no calls
        """
        phone = _number(phone)
        callers: dict[str, Twilio | AfricasTalking] = {
            one.name: one for one in (self._twilio, self._africas_talking)
        }
        by = callers.get(provider)
        if by is None:
            raise BadRule("provider: africas_talking or twilio")
        number = _number(to) if to.strip() else by.called_number
        message = self._keep(provider, "call", phone, number, "Called")
        sent = await by.send_call(phone=phone, to=number)
        _note(message, sent)
        if sent.is_ok:
            message.text = "Missed call" if is_rejected(sent.answer) else "Call answered: not free"
        return message, sent

    async def dial(self, phone: str, code: str) -> UssdSession:
        """
        Dial a USSD code.

        :raises BadRule: no phone number, or no code
        """
        phone = _number(phone)
        if not code.strip().startswith("*"):
            raise BadRule("a USSD code begins with *")
        return await self._africas_talking.dial(phone=phone, code=code)

    def menu(self, phone: str) -> UssdSession:
        """
        Return the menu on the screen.

        :raises BadRule: there is none that can be answered
        """
        session = self._world.store.phone(_number(phone)).ussd
        if session is None or not session.is_open:
            raise BadRule("no menu is open")
        return session

    async def key_in(self, phone: str, text: str) -> UssdSession:
        """
        Answer the menu.

        :raises BadRule: no menu is open
        """
        session = self.menu(phone)
        await self._africas_talking.key_in(session, text)
        return session

    async def drop(self, phone: str) -> UssdSession:
        """
        Let the network lose the menu.

        :raises BadRule: no menu is open
        """
        session = self.menu(phone)
        await self._africas_talking.drop(session)
        return session

    def close_menu(self, phone: str) -> None:
        """Take a menu that has ended off the screen."""
        self._world.store.phone(_number(phone)).ussd = None

    def _keep(
        self, provider: str, channel: Literal["sms", "call"], phone: str, number: str, text: str
    ) -> Message:
        return self._world.store.add(
            Message(
                provider=provider,
                channel=channel,
                to_phone=False,
                phone=phone,
                peer=number,
                text=text,
            )
        )


def _note(message: Message, sent: Sent) -> None:
    message.status = "delivered" if sent.is_ok else "not delivered"
    if not sent.is_ok:
        message.problem = sent.problem or f"The product answered {sent.status}."
