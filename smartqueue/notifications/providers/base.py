"""What every provider of messages has in common."""


class ProviderError(Exception):
    """A message was not taken. `code` is for the log and never holds a recipient."""

    def __init__(self, code: str, *, retryable: bool) -> None:
        super().__init__(code)
        self.code = code
        self.retryable = retryable
