"""The entrance of HTTP: one access token, session cookie or ticket token in, one `Actor` out."""

from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.contrib.sessions.middleware import SessionMiddleware
from django.http import HttpRequest, HttpResponse
from django.utils.functional import SimpleLazyObject

from smartqueue.accounts import entrance
from smartqueue.accounts.actor import ANONYMOUS, Actor
from smartqueue.common import acting, tenancy
from smartqueue.common.middleware import client_address
from smartqueue.outbox import context


class ActorMiddleware:
    """Sets `request.actor`, built when first looked at, and whether it came from a cookie."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        attributes: Any = request
        origin = context.Origin(client_address(request), attributes.request_id)
        token = context.current.set(origin)
        # As `actor_of_request` looks: what it passes over must not stand for a credential here.
        has_no_token = not (
            request.META.get("HTTP_AUTHORIZATION", "").strip()
            or request.META.get("HTTP_X_TICKET_TOKEN")
        )
        has_cookie = settings.SESSION_COOKIE_NAME in request.COOKIES
        attributes.uses_session = has_no_token and has_cookie
        if has_no_token and not has_cookie:
            attributes.actor = ANONYMOUS
        else:
            attributes.actor = SimpleLazyObject(lambda: _identified(attributes))
        asker = acting.Asker(
            lambda: attributes.actor.label, origin.request_id, origin.address, attributes.now
        )
        asked = acting.asker.set(asker)
        try:
            return self.get_response(request)
        finally:
            acting.asker.reset(asked)
            context.current.reset(token)


class SessionIfAnyMiddleware:
    """Opens the session of the pages for the API's callers that send its cookie; no call begins one."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response
        self._with_session: Any = SessionMiddleware(get_response)

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if settings.SESSION_COOKIE_NAME not in request.COOKIES:
            return self.get_response(request)
        response: HttpResponse = self._with_session(request)
        return response


def _identified(request: Any) -> Actor:
    actor = entrance.actor_of_request(request)
    tenancy.identify(actor.user_id)
    request.actor = actor
    return actor
