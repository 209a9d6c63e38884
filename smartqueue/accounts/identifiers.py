"""E-mail addresses and phone numbers as they are stored and compared."""

from dataclasses import dataclass

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.utils.translation import gettext_lazy as _
from phonenumber_field.phonenumber import PhoneNumber, to_python

from smartqueue.accounts.enums import Channel
from smartqueue.common.errors import InvalidInput

FIRST_REGION = "SN"
MAX_EMAIL = 254


@dataclass(frozen=True, slots=True)
class Identifier:
    """Something a person is known by, and the channel that reaches them there."""

    channel: Channel
    value: str


def email(text: str, *, field: str = "email") -> Identifier:
    """
    Return an address in lower case.

    :raises InvalidInput: not an e-mail address
    """
    address = text.strip().lower()
    try:
        validate_email(address)
    except ValidationError as error:
        raise InvalidInput.on(field, _("Enter a valid e-mail address.")) from error
    if len(address) > MAX_EMAIL:
        raise InvalidInput.on(field, _("Enter a valid e-mail address."))
    return Identifier(Channel.EMAIL, address)


def phone(text: str, *, field: str = "phone") -> Identifier:
    """
    Return a number in international form, read as Senegalese where no country is given.

    :raises InvalidInput: not a phone number that exists
    """
    number = to_python(text.strip(), region=FIRST_REGION)
    if not isinstance(number, PhoneNumber) or not number.is_valid():
        raise InvalidInput.on(
            field, _("Enter a valid phone number, for example +221 77 123 45 67.")
        )
    return Identifier(Channel.SMS, number.as_e164)


def parse(text: str, *, field: str = "identifier") -> Identifier:
    """
    Return whichever of the two a person typed.

    :raises InvalidInput: neither
    """
    return email(text, field=field) if "@" in text else phone(text, field=field)
