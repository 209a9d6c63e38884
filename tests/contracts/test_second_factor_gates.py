"""
A second factor gates every way to a token or a cookie.

The ways are found by walking the paths of the product: every view from which the code can reach
what starts a session, renews one, or gives a leave that stands for one. A new way fails until it is
placed in WAYS, with an attempt by somebody who has everything but the second factor.
"""

import inspect
import json
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from types import CodeType, FunctionType, ModuleType
from typing import Any

import pytest
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value
from django.contrib import auth
from django.test import Client
from django.utils import timezone

from smartqueue.accounts import entrance, operations, tokens
from smartqueue.accounts.enums import KeyKind
from smartqueue.accounts.models import RefreshToken, Session, User
from smartqueue.accounts.operations import (
    _new_password,
    _reauthentication,
    _sessions,
    _socket_tickets,
)
from smartqueue.accounts.tests.conftest import Api, bearer
from smartqueue.accounts.tests.factories import PASSWORD, new_email, new_phone
from smartqueue.accounts.tests.security_key import SecurityKey
from smartqueue.common import clock
from smartqueue.notifications.queries import list_mailbox
from tests.contracts.places import METHODS, PAGE_METHODS, requests, routes

MINTS = {
    inspect.unwrap(function)
    for function in (
        auth.login,
        tokens.make_access_token,
        _sessions._start,
        _sessions._add_refresh_token,
        _socket_tickets.make_socket_ticket,
        _new_password._grant,
        _reauthentication.note_recent_sign_in,
    )
}


def names_in(code: CodeType) -> Iterator[str]:
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from names_in(constant)


def called_by(function: FunctionType) -> Iterator[FunctionType]:
    """Yield what a function may call: the functions its names stand for, here and in its modules."""
    names = set(names_in(function.__code__))
    known = [function.__globals__.get(name) for name in names]
    holders = [vars(value) for value in known if isinstance(value, ModuleType)]
    for value in [*known, *(holder.get(name) for holder in holders for name in names)]:
        plain = inspect.unwrap(value) if callable(value) else None
        if isinstance(plain, FunctionType):
            yield plain


def reaches(start: list[Any]) -> bool:
    """Whether something that makes a session can be called from here."""
    waiting, seen = [inspect.unwrap(f) for f in start], set()
    while waiting:
        function = waiting.pop()
        if function in MINTS:
            return True
        if function in seen or not isinstance(function, FunctionType):
            continue
        seen.add(function)
        if function.__module__.startswith("smartqueue."):
            waiting += called_by(function)
    return False


def of_class(view_class: type, method: str) -> list[Any]:
    """Return a class's handler, and the helpers and the operation that it may use."""
    own = [getattr(view_class, method)]
    for base in view_class.__mro__:
        if base.__module__.startswith("smartqueue."):
            own += [
                value
                for name, value in vars(base).items()
                if name not in METHODS and isinstance(value, FunctionType)
            ]
    operation = inspect.getattr_static(view_class, "operation", None)
    return own + [getattr(operation, "__func__", operation)] * (operation is not None)


def ways() -> set[tuple[str, str]]:
    """Return (METHOD, path) of everything that can start or renew a session."""
    found = set()
    views = dict(routes())
    for method, route in requests():
        view = views[route]
        view_class = getattr(view, "view_class", None)
        if view_class is not None:
            start = of_class(view_class, method.lower())
        elif (method == "POST") == (route in PAGE_METHODS["post"]):
            start = [view]
        else:
            continue
        if reaches(start):
            found.add((method, route))
    return found


# --- Somebody, and a thief who has everything of theirs but the second factor ------------------------


@dataclass
class Somebody:
    """A person with a password, a mailbox, a session of before and one of now that is getting old."""

    is_enrolled: bool
    email: str = field(default_factory=new_email)
    phone: str = field(default_factory=new_phone)

    def __post_init__(self) -> None:
        self.api = Api()
        self.api.register(email=self.email, phone=self.phone)
        body = {"identifier": self.email, "code": code_sent_to(self.email)}
        self.before = self.api.post("auth/verify/", body).json()
        self.user = User.objects.get(email=self.email)
        self.now = self.api.login(self.user)
        self.key = SecurityKey()
        self.pages = Client()
        if self.is_enrolled:
            self._enrol()
        self.pages.force_login(self.user)
        long_ago = timezone.now() - timedelta(hours=1)
        Session.objects.filter(user=self.user).update(authenticated_at=long_ago)

    def _enrol(self) -> None:
        actor = entrance.actor_of_access_token(self.now["access"])
        now = clock.now()
        self.secret = operations.begin_app(actor=actor, now=now).secret
        operations.confirm_app(actor=actor, code=self.app_code(0), now=now)
        asked = operations.begin_passkey(actor=actor, kind=KeyKind.PASSKEY, now=now)
        made = self.key.make(asked.options)
        operations.add_passkey(actor=actor, token=asked.token, credential=made, name="x", now=now)

    def app_code(self, later: int) -> str:
        return format_hotp_value(hotp_value(self.secret, int(time.time()) // 30 + later))

    # What the thief may do, and what only the person can.

    def factor(self, proven: bool) -> dict[str, str]:
        return {"method": "totp", "code": self.app_code(1) if proven else "000000"}

    def passkey(self, proven: bool) -> dict[str, Any]:
        asked = self.api.post("auth/passkey/options/", {}).json()
        if not proven:
            forged = SecurityKey()
            forged.credential_id, forged.user_handle = self.key.credential_id, self.key.user_handle
            forged.count = 99
            return {"token": asked["token"], "credential": forged.sign(asked["options"])}
        return {"token": asked["token"], "credential": self.key.sign(asked["options"])}

    def passkey_form(self, proven: bool) -> dict[str, str]:
        given = self.passkey(proven)
        return {"token": given["token"], "credential": json.dumps(given["credential"])}

    def password(self) -> Any:
        return self.api.post("auth/login/", {"identifier": self.email, "password": PASSWORD})

    def code(self, path: str) -> dict[str, str]:
        asked = self.api.post(path, {"identifier": self.email}).json()
        return {"token": asked["token"], "code": code_sent_to(self.email)}

    def again(self) -> Any:
        live = bearer(self.now["access"])
        return self.api.post("auth/reauthenticate/", {"password": PASSWORD}, **live)


def code_sent_to(recipient: str) -> str:
    codes = (re.search(r"\b\d{6}\b", message.body) for message in list_mailbox(recipient))
    return next(code[0] for code in codes if code)


def sign_in_page(who: Somebody) -> Client:
    browser = Client()
    browser.post("/sign-in/", {"identifier": who.email, "password": PASSWORD})
    return browser


def enter_code(who: Somebody, path: str) -> tuple[Client, Any]:
    browser = Client()
    browser.post(path, {"identifier": who.email})
    return browser, browser.post("/sign-in/code/enter/", {"code": code_sent_to(who.email)})


def ask_for_socket(who: Somebody, proven: bool) -> Any:
    """With the token of an unfinished sign-in, with that of a session before, with none."""
    unfinished = who.password().json().get("mfa", {}).get("token", "")
    for token in (unfinished, who.before["access"], ""):
        headers = bearer(token) if token else {}
        response = who.api.post("auth/socket-ticket/", {}, **headers)
        if response.status_code == 200:
            break
    return response


def reauthenticate(who: Somebody, proven: bool) -> Any:
    live = bearer(who.now["access"])
    body = {"channel": "email"}
    asked = who.api.post("auth/reauthenticate/code/", body, **live).json()
    by_code = {"token": asked["token"], "code": code_sent_to(who.email)}
    who.api.post("auth/reauthenticate/", by_code, **live)
    return who.again()


def confirm_on_page(who: Somebody, proven: bool) -> Any:
    browser = sign_in_page(who)
    return browser.post("/sign-in/confirm/", who.factor(proven))


def mfa_of(response: Any) -> dict[str, str]:
    return {"token": response.json()["mfa"]["token"]}


Probe = Callable[[Somebody, bool], Any]

# The first proof, where the second factor is asked for: open to whoever has enrolled none.
FIRST: dict[tuple[str, str], Probe] = {
    ("POST", "api/accounts/auth/login/"): lambda who, _: who.password(),
    ("POST", "api/accounts/auth/verify/"): lambda who, _: who.api.post(
        "auth/verify/", {"identifier": who.phone, "code": code_sent_to(who.phone)}
    ),
    ("POST", "api/accounts/auth/code/confirm/"): lambda who, _: who.api.post(
        "auth/code/confirm/", who.code("auth/code/")
    ),
    ("POST", "api/accounts/auth/password/reset/confirm/"): lambda who, _: who.api.post(
        "auth/password/reset/confirm/", who.code("auth/password/reset/")
    ),
    ("POST", "api/accounts/auth/refresh/"): lambda who, _: who.api.post(
        "auth/refresh/", {"refresh": who.before["refresh"]}
    ),
    ("POST", "api/accounts/auth/socket-ticket/"): ask_for_socket,
    ("POST", "api/accounts/auth/reauthenticate/"): reauthenticate,
    ("POST", "sign-in/"): lambda who, _: Client().post(
        "/sign-in/", {"identifier": who.email, "password": PASSWORD}
    ),
    ("POST", "sign-in/code/enter/"): lambda who, _: enter_code(who, "/sign-in/code/")[1],
    ("POST", "verify/"): lambda who, _: Client().post(
        "/verify/", {"identifier": who.phone, "code": code_sent_to(who.phone)}
    ),
    ("POST", "account/confirm/"): lambda who, _: who.pages.post(
        "/account/confirm/", {"password": PASSWORD}
    ),
}
# The second factor itself, or a passkey that is both: open to whoever has it.
SECOND: dict[tuple[str, str], Probe] = {
    ("POST", "api/accounts/auth/mfa/"): lambda who, proven: who.api.post(
        "auth/mfa/", mfa_of(who.password()) | who.factor(proven)
    ),
    ("POST", "api/accounts/auth/passkey/"): lambda who, proven: who.api.post(
        "auth/passkey/", who.passkey(proven)
    ),
    ("POST", "api/accounts/auth/password/reset/mfa/"): lambda who, proven: who.api.post(
        "auth/password/reset/mfa/",
        mfa_of(who.api.post("auth/password/reset/confirm/", who.code("auth/password/reset/")))
        | who.factor(proven),
    ),
    ("POST", "api/accounts/auth/reauthenticate/mfa/"): lambda who, proven: who.api.post(
        "auth/reauthenticate/mfa/",
        mfa_of(who.again()) | who.factor(proven),
        **bearer(who.now["access"]),
    ),
    ("POST", "api/accounts/auth/reauthenticate/passkey/"): lambda who, proven: who.api.post(
        "auth/reauthenticate/passkey/", who.passkey(proven), **bearer(who.now["access"])
    ),
    ("POST", "sign-in/confirm/"): confirm_on_page,
    ("POST", "sign-in/passkey/"): lambda who, proven: Client().post(
        "/sign-in/passkey/", who.passkey_form(proven)
    ),
    ("POST", "account/confirm/passkey/"): lambda who, proven: who.pages.post(
        "/account/confirm/passkey/", who.passkey_form(proven)
    ),
}
WAYS = FIRST | SECOND


def state_of(who: Somebody) -> tuple[int, int, int]:
    """Return how many sessions, links of sessions and recent proofs somebody has."""
    sessions = Session.objects.filter(user=who.user)
    recent = sessions.filter(authenticated_at__gt=timezone.now() - timedelta(minutes=10))
    links = RefreshToken.objects.filter(session__user=who.user)
    return sessions.count(), links.count(), recent.count()


def opens(way: tuple[str, str], who: Somebody, *, proven: bool) -> bool:
    """Whether an attempt starts, renews or refreshes a session, or gives what stands for one."""
    before = state_of(who)
    response = WAYS[way](who, proven)
    given = response.json() if response.headers.get("Content-Type") == "application/json" else {}
    return state_of(who) != before or bool({"access", "refresh", "ticket", "grant"} & set(given))


def test_every_way_is_placed() -> None:
    assert ways() == set(WAYS)


@pytest.mark.django_db
@pytest.mark.parametrize("way", sorted(WAYS), ids=" ".join)
def test_no_way_opens_without_the_second_factor(way: tuple[str, str]) -> None:
    assert not opens(way, Somebody(is_enrolled=True), proven=False)


@pytest.mark.django_db
@pytest.mark.parametrize("way", sorted(WAYS), ids=" ".join)
def test_control_the_same_attempt_opens_for_whoever_may(way: tuple[str, str]) -> None:
    assert opens(way, Somebody(is_enrolled=way in SECOND), proven=True)


@pytest.mark.django_db
@pytest.mark.parametrize("is_enrolled", [True, False])
def test_a_code_alone_gives_no_leave_for_a_new_password(is_enrolled: bool) -> None:
    browser, _response = enter_code(Somebody(is_enrolled=is_enrolled), "/password/forgotten/")
    assert browser.get("/password/new/").status_code == (302 if is_enrolled else 200)


@pytest.mark.django_db
def test_the_admin_site_has_no_door_of_its_own() -> None:
    who = Somebody(is_enrolled=True)
    User.objects.filter(pk=who.user.pk).update(is_staff=True, is_superuser=True)
    browser = sign_in_page(who)
    response = browser.get("/admin/", follow=True)
    assert re.match("/sign-in/", response.request["PATH_INFO"])
    before = state_of(who)
    browser.post("/admin/login/", {"username": who.email, "password": PASSWORD})
    assert state_of(who) == before


def test_control_a_new_way_is_found() -> None:
    def new_way(request: Any) -> Any:
        return operations.sign_in(user=request.user, device=request.device, now=request.now)

    new_way.__module__ = "smartqueue.web.views.new"
    assert reaches([new_way])
    assert not reaches([code_sent_to])
