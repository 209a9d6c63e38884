"""Whom an erasure or an export is about."""

import json
from dataclasses import asdict, dataclass
from uuid import UUID

from smartqueue.common.crypto import decrypt, encrypt

PURPOSE = "erasure subject"
SHORTEST_WORD = 3


@dataclass(frozen=True, slots=True)
class Subject:
    """
    A person as the tables know them: the account (None for somebody known by phone only), proven
    e-mail addresses and phones, their tickets, and words that tell of them wherever they stand.
    """

    user_id: UUID | None
    contacts: tuple[str, ...]
    tickets: tuple[UUID, ...] = ()
    words: tuple[str, ...] = ()

    @property
    def labels(self) -> tuple[str, ...]:
        """The person's labels as an actor, in events and the journal."""
        own = () if self.user_id is None else (f"user:{self.user_id}",)
        return (*own, *(f"ticket:{ticket}" for ticket in self.tickets))

    @property
    def ids(self) -> tuple[UUID, ...]:
        """The account and the tickets, as events name them."""
        return self.tickets if self.user_id is None else (self.user_id, *self.tickets)

    def is_told_by(self, text: str) -> bool:
        """Whether a text repeats something of this person."""
        low = text.casefold()
        return any(word.casefold() in low for word in self.words)

    def sealed(self) -> str:
        """Return the subject as the database may keep it until the erasure is done."""
        return encrypt(json.dumps(asdict(self), default=str), PURPOSE)

    @classmethod
    def unsealed(cls, text: str) -> "Subject":
        """Return the subject that `sealed` gave."""
        told = json.loads(decrypt(text, PURPOSE))
        return cls(
            user_id=UUID(told["user_id"]) if told["user_id"] else None,
            contacts=tuple(told["contacts"]),
            tickets=tuple(map(UUID, told["tickets"])),
            words=tuple(told["words"]),
        )


def words_of(*texts: str | None) -> tuple[str, ...]:
    """Return what is long enough to be looked for in other people's texts, each once."""
    kept = (text.strip() for text in texts if text)
    return tuple(dict.fromkeys(text for text in kept if len(text) >= SHORTEST_WORD))
