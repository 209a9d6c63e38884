"""Typed failures of the wait estimator."""


class InvalidSnapshot(ValueError):
    """A snapshot, or a value in it, cannot describe a real line (not finite, negative, unordered)."""


class CorruptState(ValueError):
    """A stored state cannot be read back: wrong version, shape, type or range."""


class UnknownTicket(LookupError):
    """The snapshot holds no waiting ticket with this id."""


class InvalidDemand(ValueError):
    """A demand, a service or a target that staffing is asked for is not finite or out of range."""


class InvalidHistory(ValueError):
    """Counted arrivals cannot be what they are called: a hole, a negative, days out of order."""
