"""Who reacts to which event. Filled by `handlers` modules that `AppConfig.ready` imports."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

from smartqueue.outbox.enums import HandlerMode
from smartqueue.outbox.events import Event

E = TypeVar("E", bound=Event)


@dataclass(frozen=True, slots=True)
class Handler:
    """A reaction; `run` takes the event and is idempotent. `when` says of which events it is one."""

    name: str
    mode: HandlerMode
    run: Callable[[Any], None]
    when: Callable[[Any], bool] | None = None


_handlers: dict[type[Event], list[Handler]] = {}
_by_name: dict[str, Handler] = {}


def subscribe(
    *events: type[E],
    mode: HandlerMode = HandlerMode.DATABASE,
    when: Callable[[E], bool] | None = None,
) -> Callable[[Callable[[E], None]], Callable[[E], None]]:
    """
    Register a function as a handler of these events, named by its module's app and its own name.

    A DATABASE handler commits together with its "done" mark. An OUTSIDE handler (broadcast, HTTP)
    is claimed by a lease and runs outside any transaction, so it may run again after a crash.

    `when` is asked while the event is published, in the transaction that publishes it: where it is
    false there is no delivery. It looks at the event's own fields and at nothing else.
    """

    def register(function: Callable[[E], None]) -> Callable[[E], None]:
        app = function.__module__.split(".")[1]
        handler = Handler(f"{app}.{function.__name__}", mode, function, when)
        if handler.name in _by_name and _by_name[handler.name].run is not function:
            raise ValueError(f"two handlers are called {handler.name}")
        _by_name[handler.name] = handler
        for event in events:
            _handlers.setdefault(event, []).append(handler)
        return function

    return register


def handlers_of(event: type[Event]) -> tuple[Handler, ...]:
    """Return the handlers of an event class, in order of registration."""
    return tuple(_handlers.get(event, ()))


def handlers_for(event: Event) -> Iterator[Handler]:
    """Yield the handlers of an event that react to it, in order of registration."""
    for handler in _handlers.get(type(event), ()):
        if handler.when is None or handler.when(event):
            yield handler


def all_handlers(mode: HandlerMode) -> tuple[Handler, ...]:
    """Return every handler of one mode."""
    return tuple(handler for handler in _by_name.values() if handler.mode == mode)
