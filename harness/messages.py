"""The latest notes and errors of a run, each once and none at any length. Knows nothing of what they are about."""

from __future__ import annotations

from collections import OrderedDict, deque
from typing import TYPE_CHECKING

from harness.seen import ErrorSeen, NoteSeen
from harness.snapshot import ErrorLine, NoteLine

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from harness.seen import Seen

_ERRORS_KEPT = 5
_NOTES_KEPT = 20
_LONGEST_MESSAGE = 500


class Messages:
    """Mutable, and of bounded memory whatever providers say."""

    def __init__(self) -> None:
        self._errors: OrderedDict[str, ErrorLine] = OrderedDict()
        self._notes: deque[NoteLine] = deque(maxlen=_NOTES_KEPT)
        self._notes_made = 0

    @property
    def notes(self) -> tuple[NoteLine, ...]:
        """The newest last."""
        return tuple(self._notes)

    @property
    def errors(self) -> tuple[ErrorLine, ...]:
        """Distinct ones with how often they came, the latest to come last."""
        return tuple(self._errors.values())

    def seen(self) -> Iterator[Seen]:
        """What is kept, as a listener would have been told of it."""
        for note in self._notes:
            yield NoteSeen(note.message)
        for error in self._errors.values():
            yield ErrorSeen(error.variants[-1] if error.variants else None, error.message)

    def note(self, message: str, at: datetime) -> None:
        """Keep something to know that is no error."""
        self._notes_made += 1
        self._notes.append(NoteLine(self._notes_made, at, message[:_LONGEST_MESSAGE]))

    def error(self, variant: str | None, message: str, at: datetime) -> None:
        """Keep an error, of `variant` where it belongs to one."""
        kept = message[:_LONGEST_MESSAGE]
        seen = self._errors.pop(kept, None)
        variants = dict.fromkeys(seen.variants if seen else ())
        if variant is not None:
            variants[variant] = None
        self._errors[kept] = ErrorLine(tuple(variants), kept, seen.count + 1 if seen else 1, at)
        if len(self._errors) > _ERRORS_KEPT:
            self._errors.popitem(last=False)
