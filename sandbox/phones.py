"""Phone numbers as providers write them."""

import re
from typing import Final

E164: Final = re.compile(r"\+[1-9]\d{6,14}")
# Mobile country and network codes by prefix; the prefix is only a hint, numbers are portable.
_NETWORKS: Final = {"70": "60803", "71": "60801", "76": "60802", "77": "60801", "78": "60801"}


def normalised(number: str) -> str:
    """Return a number as +E.164 where it can be read as one, else as it was given."""
    plain = re.sub(r"[\s().-]", "", number.removeprefix("tel:"))
    if re.fullmatch(r"[37]\d{8}", plain):
        return f"+221{plain}"
    if re.fullmatch(r"00[1-9]\d{6,14}", plain):
        return f"+{plain[2:]}"
    if re.fullmatch(r"[1-9]\d{9,14}", plain):
        return f"+{plain}"
    return plain


def is_e164(number: str) -> bool:
    return E164.fullmatch(number) is not None


def network_code(number: str) -> str:
    """Return the code of the network that the prefix hints at; 99999 is the aggregators' "Athena"."""
    return _NETWORKS.get(number.removeprefix("+221")[:2], "99999")
