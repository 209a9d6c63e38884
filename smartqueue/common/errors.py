"""Typed failures: a stable code for clients, a translated sentence for people."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, TypeAlias

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

Text: TypeAlias = str | Promise


@dataclass(frozen=True, slots=True)
class FieldError:
    """What is wrong with one field of the input; `field` is its dotted path on the wire."""

    field: str
    code: str
    message: Text


class Problem(Exception):
    """
    An anticipated failure, shown to the caller as problem details (RFC 9457).

    Subclasses set `status`, `code` and `title`, and may give a `detail` that says what to do next.
    `extra` members are added to the body; `retry_after` (seconds) becomes the header.
    """

    status: ClassVar[int] = 400
    code: ClassVar[str] = "bad_request"
    title: ClassVar[Text] = _("The request cannot be carried out.")
    detail: Text = ""

    def __init__(
        self,
        detail: Text = "",
        *,
        errors: tuple[FieldError, ...] = (),
        retry_after: int | None = None,
        **extra: Any,
    ) -> None:
        super().__init__(self.code)
        self.detail = detail or self.detail
        self.errors = errors
        self.retry_after = retry_after
        self.extra: Mapping[str, Any] = extra


class InvalidInput(Problem):
    """One or more fields are wrong."""

    status = 400
    code = "invalid_input"
    title = _("Some fields need to be corrected.")

    @classmethod
    def on(cls, field: str, message: Text, code: str = "invalid") -> "InvalidInput":
        """Return the failure of a single field."""
        return cls(errors=(FieldError(field, code, message),))


class NotSignedIn(Problem):
    status = 401
    code = "not_signed_in"
    title = _("Sign in to continue.")


class NotFound(Problem):
    """Unknown, or not the caller's to see: the same answer on purpose."""

    status = 404
    code = "not_found"
    title = _("This does not exist, or you do not have access to it.")


class Conflict(Problem):
    status = 409
    code = "conflict"
    title = _("The current state does not allow this.")


class TooManyRequests(Problem):
    status = 429
    code = "too_many_requests"
    title = _("Too many attempts. Wait a moment, then try again.")


class Busy(Problem):
    """A lock or a connection was not free in time; nothing was changed."""

    status = 503
    code = "busy"
    title = _("The service is busy. Nothing was changed; try again in a moment.")

    def __init__(self) -> None:
        super().__init__(retry_after=2)


class InternalError(Problem):
    status = 500
    code = "internal_error"
    title = _("Something went wrong on our side. Nothing was changed; try again in a moment.")
