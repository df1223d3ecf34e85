"""Reactions: which facts a service listens to, and what it does about each.

A service declares one `Reaction` per topic in its `consumers.py`. The kit
reads the topic, keeps the order of every key, removes duplicates and parks
what cannot be applied; a handler sees each fact exactly once.

A handler gets a *set* of facts of one type, no key twice, inside the kit's
transaction, and works set-wise: a few statements for the set, not for each
fact. It talks to nothing but the connection that it is given (no HTTP, SMTP
or Kafka), opens no transaction of its own and swallows no error. Order holds
within a key only, so a fact may refer to one that has not arrived yet:
store the reference and complete the work when the other one comes.

A handler that appends events names for each of them the fact that caused it:
`outbox.append(conn, events, causes=causes)`, because the facts of one set
belong to several correlations.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from samband_contracts.event import CloudEvent, Event
from samband_contracts.topics import Topic

from samband_kit.database import Connection

Handler: TypeAlias = Callable[[Connection, Sequence[CloudEvent[Any]]], Awaitable[None]]


@dataclass(frozen=True)
class Reaction:
    """What one service does about the facts of one topic.

    Types of the topic that are not in `handlers` are counted as ignored and
    advance the key's position. A topic whose handlers are all missing would
    be read for nothing, so an empty table is refused.
    """

    topic: Topic
    handlers: Mapping[type[Event], Handler]

    def __post_init__(self) -> None:
        if not self.handlers:
            raise ValueError(f"The reaction to {self.topic.name} has no handlers.")
        foreign = set(self.handlers) - set(self.topic.events)
        if foreign:
            names = ", ".join(sorted(event.__name__ for event in foreign))
            raise ValueError(f"{names} never comes on {self.topic.name}.")
