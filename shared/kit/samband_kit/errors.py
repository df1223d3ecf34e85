"""Refusals: what the system says when it does not do what it was asked.

A refusal is no malfunction. Its class is the fact, and the class's docstring
is the message that people read: an English sentence that is also the key of
its translation, with `{placeholders}` filled from the keyword arguments. The
HTTP edge turns the six kinds below into status codes, the operator commands
print the same sentence. Subclass the kinds, one small class per fact.
"""

import inspect
from collections.abc import Mapping
from typing import ClassVar


class Refusal(Exception):
    """This could not be done."""

    status: ClassVar[int] = 400
    advice: ClassVar[str | None] = None
    """What can be done next, an English msgid too; without it the page says what fits the status."""
    fields: Mapping[str, str]
    """Form field to message, for refusals that belong to fields."""

    def __init__(self, **facts: object) -> None:
        self.facts = facts
        self.fields = {}
        super().__init__(facts)

    @property
    def message(self) -> str:
        """The untranslated message with its placeholders: what gettext looks up."""
        return " ".join(inspect.cleandoc(type(self).__doc__ or "").split())

    def __str__(self) -> str:
        return self.message.format_map(self.facts)


class NotFound(Refusal):
    """There is nothing here."""

    status = 404


class NotAllowed(Refusal):
    """You are not allowed to do this."""

    status = 403


class Gone(Refusal):
    """This is no longer available."""

    status = 410


class Conflict(Refusal):
    """This does not fit the present state."""

    status = 409


class TooMany(Refusal):
    """Too many attempts. Try again later."""

    status = 429


class Invalid(Refusal):
    """Something in what you sent is not right."""

    status = 422


class TransitionRefused(Conflict):
    """“{trigger}” is not possible in the state “{state}”. Possible now: {allowed}."""

    def __init__(self, trigger: str, state: str, allowed: tuple[str, ...] | list[str]) -> None:
        super().__init__(trigger=trigger, state=state, allowed=", ".join(allowed) or "–")


class FieldErrors(Invalid):
    """Some answers need your attention."""

    def __init__(self, fields: Mapping[str, str]) -> None:
        super().__init__()
        self.fields = dict(fields)
