"""How views describe themselves in the OpenAPI document."""

import inspect
import re
from collections.abc import Callable, Iterator
from http import HTTPStatus
from types import CodeType, FunctionType
from typing import Any, Literal, TypeVar

from drf_spectacular.drainage import warn
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.permissions import SAFE_METHODS
from rest_framework.views import APIView

from smartqueue.common.errors import Busy, InvalidInput, NotFound, NotSignedIn, Problem
from smartqueue.common.rest.problems import (
    MalformedBody,
    MethodNotAllowed,
    NotAcceptable,
    Unavailable,
    UnsupportedMediaType,
)

Direction = Literal["request", "response"]
V = TypeVar("V", bound=Callable[..., Any])


class FieldErrorSerializer(serializers.Serializer[Any]):
    field = serializers.CharField()
    code = serializers.CharField()
    message = serializers.CharField()


class ProblemSerializer(serializers.Serializer[Any]):
    """RFC 9457 problem details; match on `code`."""

    type = serializers.CharField()
    title = serializers.CharField()
    status = serializers.IntegerField()
    code = serializers.CharField()
    detail = serializers.CharField(required=False)
    errors = FieldErrorSerializer(many=True, required=False)  # type: ignore[assignment]  # a member


IDEMPOTENCY_KEY = OpenApiParameter(
    "Idempotency-Key",
    {"type": "string", "format": "uuid"},
    OpenApiParameter.HEADER,
    description="The same key and body give the same answer.",
)

PROBLEM_MEDIA_TYPE = "application/problem+json"
RETRY_AFTER = {
    "Retry-After": {
        "schema": {"type": "integer"},
        "description": "Seconds to wait before asking again.",
    }
}
WITH_RETRY_AFTER = {"429", "503"}

# Any operation may give these; each names only its others.
ALWAYS: tuple[type[Problem], ...] = (
    NotSignedIn,
    NotFound,
    MethodNotAllowed,
    NotAcceptable,
    Busy,
    Unavailable,
)
WITH_BODY: tuple[type[Problem], ...] = (InvalidInput, MalformedBody, UnsupportedMediaType)

_RAISES = re.compile(r":raises ([A-Za-z_, ]+):")
_LAYERS = {"operations", "policies", "queries"}


def documented(**words: Any) -> Callable[[V], V]:
    """Let a public plain Django view that answers GET stand in the document, with these words."""

    def decorate(plain: V) -> V:
        view = {"get": extend_schema(**words)(plain), "public": True}
        plain.cls = type(plain.__name__, (APIView,), view)  # type: ignore[attr-defined]  # where the generator looks
        plain.initkwargs = {}  # type: ignore[attr-defined]  # likewise
        return plain

    return decorate


def _names(code: CodeType) -> Iterator[str]:
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _names(constant)


def _functions_below(handler: Any, view: type) -> Iterator[FunctionType]:
    """Yield what a handler calls: helpers of its view and module, operations, policies, queries."""
    waiting, seen = [handler, getattr(view, "operation", None)], set()
    while waiting:
        function = inspect.unwrap(waiting.pop() or str)
        function = getattr(function, "__func__", function)
        if not isinstance(function, FunctionType) or function in seen:
            continue
        seen.add(function)
        yield function
        if ".interfaces." in function.__module__:
            waiting += _called_by(function, view)


def _called_by(function: FunctionType, view: type) -> Iterator[Any]:
    names = set(_names(function.__code__))
    known = function.__globals__
    layers = [known[name] for name in names & _LAYERS & known.keys()]
    for name in names:
        yield from (getattr(layer, name, None) for layer in layers)
        if name in known and known[name] not in layers:
            yield known[name]
        if name.startswith("_"):
            yield getattr(view, name, None)


def _problem_classes() -> Iterator[type[Problem]]:
    waiting = [Problem]
    while waiting:
        yield from (below := waiting.pop().__subclasses__())
        waiting += below


def problems_of(handler: Any, view: type) -> set[type[Problem]]:
    """Return the failures that the docstrings below a handler name in `:raises` lines."""
    by_name = {problem.__name__: problem for problem in _problem_classes()}
    found = set()
    for function in _functions_below(handler, view):
        for names in _RAISES.findall(function.__doc__ or ""):
            found |= {by_name[n.strip()] for n in names.split(",") if n.strip() in by_name}
    if getattr(handler, "is_idempotent", False):
        found |= {by_name["KeyReused"], by_name["RequestInProgress"]}
    return found


def _text(documented: Any) -> str:
    """Return a docstring without its `:raises` lines."""
    return inspect.cleandoc(documented.__doc__ or "").partition(":raises")[0].strip()


class ProblemAutoSchema(AutoSchema):
    """
    Reads an operation's words off the docstring of what it calls, and adds its problem codes, its
    credentials and the shared headers.
    """

    def get_operation_id(self) -> str:
        """Name an action by its own word (`queues_tickets_recall`); a plural is what is created in."""
        name: str = super().get_operation_id()
        acts = self.method == "POST" and not self.path.endswith("s/")
        return name.removesuffix("_create") if acts else name

    def get_override_parameters(self) -> list[Any]:
        return [IDEMPOTENCY_KEY] if getattr(self._handler, "is_idempotent", False) else []

    def get_auth(self) -> list[dict[str, list[str]]]:
        signed_in: list[dict[str, list[str]]] = [{"bearer": []}, {"session": []}]
        reads = getattr(self.view, "public_reads", False) and self.method in SAFE_METHODS
        if getattr(self.view, "public", False) or reads:
            return [{}, *signed_in, {"ticketToken": []}]
        return signed_in

    def get_request_serializer(self) -> Any:
        form = getattr(self.view, "form", None)
        if form is None or self.method != "POST":
            return super().get_request_serializer()
        return form if form().fields else None

    def get_summary(self) -> str | None:
        words = re.split(r"(?<=[a-z0-9`)])[.;](?:\s|$)", " ".join(self._words().split()))[0]
        if not words:
            warn(f"{self.method} {self.path}: no docstring says what it does")
        return words

    def get_description(self) -> str:  # type: ignore[override]  # as the package has it
        own = sorted({p.code for p in self._problems} - {p.code for p in (*ALWAYS, *WITH_BODY)})
        codes = "Problem codes: " + ", ".join(f"`{code}`" for code in own) + "." if own else ""
        return "\n\n".join(text for text in (self._words(), codes) if text)

    @property
    def _handler(self) -> Any:
        return getattr(self.view, self.method.lower())

    @property
    def _problems(self) -> set[type[Problem]]:
        return problems_of(self._handler, type(self.view))

    def _words(self) -> str:
        """Say it as the view's operation does, else the handler, else the view with one handler."""
        view, handler = type(self.view), self._handler
        operation = getattr(view, "operation", None)
        if operation is not None:
            return _text(operation)
        is_only_one = len(self.view.allowed_methods) == len({self.method, "OPTIONS"})
        return _text(handler) or (_text(view) if is_only_one and "__doc__" in vars(view) else "")

    def _get_response_bodies(self, direction: Direction = "response") -> dict[str, Any]:
        responses: dict[str, Any] = super()._get_response_bodies(direction)
        for code, response in responses.items():
            response.setdefault("description", "")
            response["description"] = response["description"] or HTTPStatus(int(code)).phrase
        component = self.resolve_serializer(ProblemSerializer(), direction)
        possible = {*ALWAYS, *self._problems}
        if self.method in {"POST", "PUT", "PATCH"}:
            possible |= {*WITH_BODY}
        elif any(parameter["in"] == "query" for parameter in self._get_parameters()):
            possible.add(InvalidInput)
        by_status: dict[str, set[str]] = {}
        for problem in possible:
            by_status.setdefault(str(problem.status), set()).add(problem.code)
        for status, codes in sorted(by_status.items()):
            response = {
                "content": {PROBLEM_MEDIA_TYPE: {"schema": component.ref}},
                "description": ", ".join(f"`{code}`" for code in sorted(codes)),
            }
            if status in WITH_RETRY_AFTER:
                response["headers"] = RETRY_AFTER
            responses.setdefault(status, response)
        return responses
