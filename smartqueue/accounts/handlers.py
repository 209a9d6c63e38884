"""Django's own sign-in of the pages, given a session that can be ended from anywhere."""

import time
from typing import Any
from uuid import UUID

from django.contrib.auth.signals import user_logged_in, user_logged_out
from django.dispatch import receiver
from django.http import HttpRequest

from smartqueue.accounts import operations
from smartqueue.accounts.device import Device
from smartqueue.accounts.entrance import COOKIE_SEEN, COOKIE_SESSION
from smartqueue.accounts.models import User
from smartqueue.common import clock


@receiver(user_logged_in, dispatch_uid="accounts.start_cookie_session")
def on_user_logged_in_start_session(
    sender: object, request: HttpRequest, user: User, **kwargs: Any
) -> None:
    """Open a session for the cookie, in place of the one it had."""
    if earlier := request.session.get(COOKIE_SESSION):
        # Django keeps the key of somebody who signs in again; ending the session would delete it.
        request.session.cycle_key()
        operations.end_cookie_session(session_id=UUID(earlier), now=clock.now())
    if not request.session.session_key:
        request.session.save()
    session_id = operations.start_cookie_session(
        user=user,
        cookie_key=request.session.session_key or "",
        device=Device.of_headers(request.headers),
        now=clock.now(),
    )
    request.session[COOKIE_SESSION] = str(session_id)
    request.session[COOKIE_SEEN] = int(time.time())


@receiver(user_logged_out, dispatch_uid="accounts.end_cookie_session")
def on_user_logged_out_end_session(sender: object, request: HttpRequest, **kwargs: Any) -> None:
    """End the cookie's session, and with it its sockets."""
    session_id = request.session.get(COOKIE_SESSION)
    if session_id:
        operations.end_cookie_session(session_id=UUID(session_id), now=clock.now())
