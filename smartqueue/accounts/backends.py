"""Passwords, checked by allauth; the one place that says who may sign in at all."""

from typing import TYPE_CHECKING

from allauth.account.auth_backends import AuthenticationBackend
from django.conf import settings

if TYPE_CHECKING:
    from smartqueue.accounts.models import User

DEMO_DOMAIN = "@demo.smartqueue.test"


class PasswordBackend(AuthenticationBackend):  # type: ignore[misc]  # allauth carries no types
    """allauth's backend; accounts of the demonstration are refused unless settings allow them."""

    def user_can_authenticate(self, user: "User") -> bool:
        return may_sign_in(user)


def may_sign_in(user: "User") -> bool:
    """Whether the account is open: proven, not erased, and not a demonstration in production."""
    if (user.email or "").endswith(DEMO_DOMAIN) and not settings.ALLOW_DEMO_ACCOUNTS:
        return False
    return user.is_active
