"""Failures as RFC 9457 problem details: one handler for REST, one renderer for everybody."""

import json
import logging
from typing import Any

from django.core.exceptions import (
    PermissionDenied,
    RequestDataTooBig,
    TooManyFieldsSent,
    TooManyFilesSent,
)
from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse
from django.utils.encoding import force_str
from django.utils.translation import gettext_lazy as _
from psycopg_pool import PoolTimeout
from rest_framework import exceptions, status
from rest_framework.response import Response

from smartqueue.common.errors import FieldError, InvalidInput, NotFound, Problem
from smartqueue.common.logging import note_refusal

logger = logging.getLogger(__name__)

CONTENT_TYPE = "application/problem+json"
TYPE_PREFIX = "urn:smartqueue:problem:"


class MethodNotAllowed(Problem):
    status = 405
    code = "method_not_allowed"
    title = _("This address does not take that method.")


class UnsupportedMediaType(Problem):
    status = 415
    code = "unsupported_media_type"
    title = _("Send the body as application/json.")


class NotAcceptable(Problem):
    status = 406
    code = "not_acceptable"
    title = _("Only application/json can be answered.")


class MalformedBody(Problem):
    status = 400
    code = "malformed_body"
    title = _("The body cannot be read as JSON.")


class BodyTooLarge(Problem):
    status = 413
    code = "body_too_large"
    title = _("The body is too large.")


class Unavailable(Problem):
    status = 503
    code = "unavailable"
    title = _("The service is not available for a moment. Try again shortly.")


def unavailable() -> Unavailable:
    """Return the failure of a database that is away."""
    return Unavailable(retry_after=5)


_FRAMEWORK: dict[type[Exception], type[Problem]] = {
    RequestDataTooBig: BodyTooLarge,
    TooManyFieldsSent: MalformedBody,
    TooManyFilesSent: MalformedBody,
    exceptions.MethodNotAllowed: MethodNotAllowed,
    exceptions.UnsupportedMediaType: UnsupportedMediaType,
    exceptions.NotAcceptable: NotAcceptable,
    exceptions.ParseError: MalformedBody,
    exceptions.NotFound: NotFound,
}


def _text(value: Any) -> str:
    """Return a text that UTF-8 can carry; an answer may repeat what a client sent."""
    return force_str(value).encode(errors="replace").decode()


def body_of(problem: Problem) -> dict[str, Any]:
    """Return the body that a client reads; texts are in the active language."""
    body: dict[str, Any] = {
        "type": TYPE_PREFIX + problem.code,
        "title": force_str(problem.title),
        "status": problem.status,
        "code": problem.code,
    }
    if problem.detail:
        body["detail"] = _text(problem.detail)
    if problem.errors:
        body["errors"] = [
            {"field": _text(e.field), "code": e.code, "message": _text(e.message)}
            for e in problem.errors
        ]
    return body | dict(problem.extra)


def problem_response(request: HttpRequest, problem: Problem) -> HttpResponse:
    """Return a plain Django response, for code outside the REST framework."""
    note_refusal(problem.code)
    response = HttpResponse(
        json.dumps(body_of(problem)), status=problem.status, content_type=CONTENT_TYPE
    )
    _set_headers(response, problem)
    return response


def _set_headers(response: HttpResponse, problem: Problem) -> None:
    if problem.retry_after is not None:
        response.headers["Retry-After"] = str(problem.retry_after)
    if problem.status == status.HTTP_401_UNAUTHORIZED:
        response.headers["WWW-Authenticate"] = "Bearer"


def _flatten(detail: Any, path: str = "") -> list[FieldError]:
    if isinstance(detail, dict):
        return [
            error
            for key, value in detail.items()
            for error in _flatten(value, f"{path}.{key}" if path else str(key))
        ]
    if isinstance(detail, list):
        if all(isinstance(item, exceptions.ErrorDetail) for item in detail):
            return [FieldError(path or "body", item.code, str(item)) for item in detail]
        return [
            error
            for index, value in enumerate(detail)
            for error in _flatten(value, f"{path}.{index}" if path else str(index))
            if value
        ]
    return [FieldError(path or "body", getattr(detail, "code", "invalid"), str(detail))]


def _as_problem(error: Exception) -> Problem | None:
    if isinstance(error, Problem):
        return error
    if isinstance(error, exceptions.ValidationError):
        return InvalidInput(errors=tuple(_flatten(error.detail)))
    if isinstance(error, Http404 | PermissionDenied):
        return NotFound()
    if isinstance(error, OperationalError | InterfaceError | PoolTimeout):
        logger.error("database unavailable", extra={"error": type(error).__name__})
        return unavailable()
    for framework, problem in _FRAMEWORK.items():
        if isinstance(error, framework):
            return problem()
    return None


def handle_exception(error: Exception, context: dict[str, Any]) -> Response | None:
    """Turn any anticipated failure into its problem; anything else is a 500 for the log."""
    problem = _as_problem(error)
    if problem is None:
        return None
    note_refusal(problem.code)
    response = Response(body_of(problem), status=problem.status, content_type=CONTENT_TYPE)
    _set_headers(response, problem)
    return response
