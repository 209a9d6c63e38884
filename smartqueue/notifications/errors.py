"""What can go wrong with messages; a channel without a provider is `accounts.errors.ChannelUnavailable`."""


class UnknownText(LookupError):
    """No app has registered a text under this code: a mistake of the caller's."""
