"""One example of the body and the answer of each call of the core flow, by operation."""

from dataclasses import dataclass
from typing import Any, Final


@dataclass(frozen=True, slots=True)
class Example:
    """A body (None: the call takes none) and the answer to it (None: an empty one)."""

    body: Any = None
    answer: Any = None
    status: int = 200


_ORGANIZATION = "01936f5e-8c1a-7a52-9d0b-1f5a6b7c8d01"
_BRANCH = "01936f5e-8c1a-7a52-9d0b-1f5a6b7c8d02"
_SERVICE = "01936f5e-8c1a-7a52-9d0b-1f5a6b7c8d03"
_COUNTER = "01936f5e-8c1a-7a52-9d0b-1f5a6b7c8d04"
_QUEUE = "01936f5e-8c1a-7a52-9d0b-1f5a6b7c8d05"
_OTHER_QUEUE = "01936f5e-8c1a-7a52-9d0b-1f5a6b7c8d06"
_SESSION = "01936f5e-8c1a-7a52-9d0b-1f5a6b7c8d07"
_TICKET = "01936f5e-8c1a-7a52-9d0b-1f5a6b7c8d08"
_USER = "01936f5e-8c1a-7a52-9d0b-1f5a6b7c8d09"

EXAMPLES: Final[dict[str, Example]] = {}
