"""How often sign-in may be tried: the limits of its named actions (settings, LIMITS)."""

from smartqueue.limits.operations import check, forget

__all__ = ["check", "forget"]
