"""Somebody with passkeys, and what a client asks of the paths of WebAuthn."""

from typing import Any

from smartqueue.accounts.models import User
from smartqueue.accounts.tests.conftest import Api, bearer
from smartqueue.accounts.tests.factories import PASSWORD
from smartqueue.accounts.tests.security_key import SecurityKey

APP = "android:apk-key-hash:47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU"


class Person:
    """Somebody signed in, with a device."""

    def __init__(self, api: Api, user: User) -> None:
        self.api, self.user = api, user
        self.access = api.login(user)["access"]

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        send = getattr(self.api.client, method)
        return send(
            f"/api/accounts/factors/passkeys/{path}",
            body or {},
            content_type="application/json",
            headers=bearer(self.access),
        )

    def begin(self, kind: str = "passkey") -> dict[str, Any]:
        return dict(self.ask("post", "options/", {"kind": kind}).json())

    def add(self, key: SecurityKey, name: str = "Téléphone", kind: str = "passkey") -> Any:
        begun = self.begin(kind)
        made = key.make(begun["options"])
        return self.ask("post", "", {"token": begun["token"], "name": name, "credential": made})


def begin_sign_in(api: Api) -> dict[str, Any]:
    return dict(api.post("auth/passkey/options/", {}).json())


def sign_in(api: Api, key: SecurityKey) -> Any:
    begun = begin_sign_in(api)
    body = {"token": begun["token"], "credential": key.sign(begun["options"])}
    return api.post("auth/passkey/", body)


def ask_mfa(api: Api, user: User) -> dict[str, Any]:
    response = api.post("auth/login/", {"identifier": user.email, "password": PASSWORD})
    assert response.json()["code"] == "mfa_required"
    return dict(response.json()["mfa"])


def confirm(api: Api, user: User, key: SecurityKey) -> Any:
    token = ask_mfa(api, user)["token"]
    options = api.post("auth/mfa/options/", {"token": token}).json()["options"]
    body = {"token": token, "method": "passkey", "credential": key.sign(options)}
    return api.post("auth/mfa/", body)
