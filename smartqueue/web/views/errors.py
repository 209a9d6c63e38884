"""Error pages in the reader's language; each stands without the database."""

from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views import defaults

from smartqueue.common.errors import InternalError, NotFound
from smartqueue.common.rest.problems import BodyTooLarge, problem_response


def not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """Say that there is nothing here; to a client of the API as a problem."""
    if request.path.startswith("/api/"):
        return problem_response(request, NotFound())
    return render(request, "404.html", status=404)


def unreadable(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Say that a form with files is too large; anything else that Django refuses needs no words."""
    if not isinstance(exception, RequestDataTooBig):
        return defaults.bad_request(request, exception)
    if request.path.startswith("/api/"):
        return problem_response(request, BodyTooLarge())
    return render(request, "413.html", status=413)


def forbidden(
    request: HttpRequest, exception: Exception | None = None, reason: str = ""
) -> HttpResponse:
    """Say that the form was refused."""
    return render(request, "403.html", status=403)


def broken(request: HttpRequest) -> HttpResponse:
    """Say that it is our fault; to a client of the API as a problem."""
    if request.path.startswith("/api/"):
        return problem_response(request, InternalError())
    return render(request, "500.html", status=500)
