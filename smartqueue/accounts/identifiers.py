"""E-mail addresses and phone numbers as they are stored and compared."""

from dataclasses import dataclass

from django.core.exceptions import ValidationError
from django.core.validators import EmailValidator
from django.utils.translation import gettext_lazy as _
from phonenumber_field.phonenumber import PhoneNumber, to_python

from smartqueue.accounts.enums import Channel
from smartqueue.common.errors import InvalidInput

FIRST_REGION = "SN"
MAX_EMAIL = 254
# Names and numbers of the mail server's own network are nobody's address.
_check_email = EmailValidator(allowlist=[])


@dataclass(frozen=True, slots=True)
class Identifier:
    """Something a person is known by, and the channel that reaches them there."""

    channel: Channel
    value: str


def email(text: str, *, field: str = "email") -> Identifier:
    """
    Return an address in lower case, one mailbox in one spelling: its domain as mail servers write
    it, whichever of Unicode's letters and dots were typed.

    :raises InvalidInput: not an e-mail address
    """
    local, _at, domain = text.strip().lower().rpartition("@")
    try:
        address = f"{local}@{domain.encode('idna').decode()}"
        _check_email(address)
    except (ValidationError, UnicodeError) as error:
        raise InvalidInput.on(field, _("Enter a valid e-mail address.")) from error
    if len(address) > MAX_EMAIL or not address.isascii() or "[" in domain:
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
