"""Writing to a terminal or pipe that may have stopped reading, without waiting for it for ever. Knows no content.

A pipe nobody empties and a terminal stopped with Ctrl-S block a write inside the kernel, where no cancellation reaches.
So a piece is written only once the descriptor takes one, and after `leave` only for a short while.
"""

from __future__ import annotations

import io
import os
import select
import time
from typing import TYPE_CHECKING, TextIO, cast

if TYPE_CHECKING:
    from collections.abc import Callable

_PIECE = 4096
"""A pipe that polls as writable takes this much at once (PIPE_BUF)."""

_LOOK_EVERY_S = 0.1
GRACE_S = 2.0


class Outlet:
    """A file descriptor that is written to with patience, from any thread.

    Args:
        grace_s: how long a write may still wait once `leave` was called.
    """

    def __init__(self, fd: int, *, grace_s: float = GRACE_S, clock: Callable[[], float] = time.monotonic) -> None:
        self.fd = fd
        self._grace_s = grace_s
        self._clock = clock
        self._until: float | None = None

    def leave(self) -> None:
        """From now on, wait for the reader for `grace_s` seconds at most."""
        if self._until is None:
            self._until = self._clock() + self._grace_s

    def write(self, data: bytes) -> int:
        """Write all of `data`.

        Raises:
            BrokenPipeError: nobody reads, or nobody has read until the grace was over.
        """
        rest = memoryview(data)
        while rest:
            if select.select([], [self.fd], [], _LOOK_EVERY_S)[1]:
                rest = rest[os.write(self.fd, rest[:_PIECE]) :]
            elif self._until is not None and self._clock() > self._until:
                raise BrokenPipeError("Nobody reads what is written here.")
        return len(data)


class PatientText(io.TextIOBase):
    """A text stream over an `Outlet`, with the manners of the stream it stands for."""

    def __init__(self, stream: TextIO, outlet: Outlet) -> None:
        self._stream = stream
        self._outlet = outlet

    @property
    def encoding(self) -> str:  # type: ignore[override]
        return self._stream.encoding or "utf-8"

    def isatty(self) -> bool:
        return self._stream.isatty()

    def fileno(self) -> int:
        return self._outlet.fd

    def writable(self) -> bool:
        return True

    def write(self, text: str, /) -> int:
        self._outlet.write(text.encode(self.encoding, "backslashreplace"))
        return len(text)


def patient(stream: TextIO) -> tuple[TextIO, Outlet | None]:
    """`stream` as a patient one with its outlet; itself where there is no descriptor under it, as in a test."""
    try:
        outlet = Outlet(stream.fileno())
    except (OSError, ValueError, AttributeError):
        return stream, None
    stream.flush()
    return cast("TextIO", PatientText(stream, outlet)), outlet
