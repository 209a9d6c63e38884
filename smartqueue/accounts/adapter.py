"""What allauth asks of us: where phone numbers are, and how its secrets are sealed."""

from typing import TYPE_CHECKING

from allauth.account.adapter import DefaultAccountAdapter
from allauth.mfa.adapter import DefaultMFAAdapter

from smartqueue.common import crypto

if TYPE_CHECKING:
    from smartqueue.accounts.models import User


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]  # allauth carries no types
    """People are found by a proven phone number; registering goes through the operations only."""

    def is_open_for_signup(self, request: object) -> bool:
        """Refuse allauth's own form."""
        return False

    def get_user_by_phone(self, phone: str) -> "User | None":
        """Return the account with this proven number."""
        from smartqueue.accounts.models import User  # noqa: PLC0415  # allauth loads this early

        return User.objects.filter(phone=phone, phone_verified_at__isnull=False).first()

    def get_phone(self, user: "User") -> tuple[str, bool] | None:
        """Return the number and whether it is proven."""
        return (user.phone, user.phone_verified_at is not None) if user.phone else None


class MfaAdapter(DefaultMFAAdapter):  # type: ignore[misc]  # allauth carries no types
    """Seals the secrets of second factors, which allauth would store as they are."""

    def get_totp_label(self, user: "User") -> str:
        """Return what an authenticator app lists the account as."""
        return user.email or user.phone or str(user)

    def encrypt(self, text: str) -> str:
        return crypto.encrypt(text, "mfa")

    def decrypt(self, encrypted_text: str) -> str:
        return crypto.decrypt(encrypted_text, "mfa")
