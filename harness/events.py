"""What happened besides results, one JSON object a line in events.jsonl: for the morning after. Never a result."""

from __future__ import annotations

import contextlib
import os
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Protocol

from harness.json_text import to_json

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from types import TracebackType
    from typing import Self


EVENTS_NAME = "events.jsonl"
_LONGEST_LINE = 1 << 20
AT_MOST_USD = "at_most_usd"
"""The fact of an event that tells what an attempt may have cost that no record's `cost_usd` counts."""


class EventSink(Protocol):
    """Takes events; a list of them serves in tests."""

    def __call__(self, kind: str, /, **facts: Any) -> None:
        """Note that `kind` happened, with `facts` that JSON can hold."""
        ...


class EventLog:
    """Appends to events.jsonl. A full disk must not end a run for the sake of its diary: such an event is dropped."""

    def __init__(self, path: Path, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._path = path
        self._now = now
        self._fd: int | None = None

    def __enter__(self) -> Self:
        self._fd = os.open(self._path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600)
        with contextlib.suppress(OSError):
            _cut_torn_line(self._fd)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None

    def __call__(self, kind: str, /, **facts: Any) -> None:
        if self._fd is None:
            return
        line = to_json({"time": self._now().isoformat(), "event": kind, **facts})
        with contextlib.suppress(OSError):
            os.write(self._fd, line + b"\n")


def _cut_torn_line(fd: int) -> None:
    """Let the file end where a line does: what follows would be glued to half of one, and neither could be read."""
    size = os.fstat(fd).st_size
    tail = os.pread(fd, _LONGEST_LINE, max(0, size - _LONGEST_LINE))
    if not tail.endswith(b"\n"):
        os.ftruncate(fd, size - len(tail) + tail.rfind(b"\n") + 1)


class RecordedEvents:
    """The fake beside the protocol: keeps what it is told."""

    def __init__(self) -> None:
        self.events: list[tuple[str, dict[str, Any]]] = []

    def __call__(self, kind: str, /, **facts: Any) -> None:
        self.events.append((kind, facts))
