"""Which phone numbers text messages are sent to: the ranges that cost what a message costs."""

from django.conf import settings
from phonenumber_field.phonenumber import PhoneNumber, to_python
from phonenumbers import PhoneNumberType, number_type, region_code_for_number

_TEXTABLE = frozenset({PhoneNumberType.MOBILE, PhoneNumberType.FIXED_LINE_OR_MOBILE})


def is_textable(number: str) -> bool:
    """
    Whether a number in international form is a mobile number of a country in SMS_REGIONS.

    Premium, satellite and far-away ranges are what those who pump messages are paid for.
    """
    parsed = to_python(number)
    return (
        isinstance(parsed, PhoneNumber)
        and parsed.is_valid()
        and number_type(parsed) in _TEXTABLE
        and region_code_for_number(parsed) in settings.SMS_REGIONS
    )


def international(number: str) -> str:
    """Return a textable number as it is stored: E.164, without what people write between digits."""
    return str(PhoneNumber.from_string(number).as_e164)
