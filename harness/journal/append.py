"""A file that grows by whole, durable lines and by nothing else. Knows nothing of threads, nor of what a line says.

Guarantees:

- A line that `append` counts has been fsynced. What follows the last of them is gone or will be cut off.
- After an error the file is cut back to its last whole line: nothing is ever written behind half of one.
- A descriptor whose fsync failed is never used again, since the kernel may have dropped the pages and forgotten the
  error: the file is opened anew and what was not durable is written once more.
- A file that was deleted, replaced or shortened by somebody else is an error, not a place for results to vanish.
"""

from __future__ import annotations

import errno
import os
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

from harness.journal.files import write_fully

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from harness.journal.files import System

# An error gets one more chance on a fresh descriptor before anybody hears of it.
_TRIES = 2


class Progress(NamedTuple):
    """How many lines are durable now, and what stopped the others (None when there are no others)."""

    lines: int
    error: OSError | None


class AppendFile:
    """An existing file, opened for appending at `end`: its size in bytes, all of it whole lines.

    Raises:
        OSError: it cannot be opened, or is not as `end` says.
    """

    def __init__(self, path: Path, *, end: int, system: System = os) -> None:
        self.path = path
        self.end = end
        self._system = system
        self._identity: tuple[int, int] | None = None
        self._fd: int | None = None
        self._descriptor()

    def append(self, lines: Sequence[bytes]) -> Progress:
        """Make as many of the lines durable, in order, as the disk lets through. Raises no OSError."""
        done, error = 0, None
        for _ in range(_TRIES):
            try:
                count, error = self._write(self._descriptor(), lines[done:])
            except OSError as exc:
                count, error = 0, exc
            except BaseException:
                self.close()
                raise
            done += count
            if error is None:
                break
            self.close()
        return Progress(done, error)

    def close(self) -> None:
        """Cut off whatever is not durable, if the disk allows, and let go of the file; `append` opens it again."""
        fd, self._fd = self._fd, None
        if fd is None:
            return
        with suppress(OSError):
            if os.fstat(fd).st_size > self.end:
                self._system.ftruncate(fd, self.end)
        with suppress(OSError):
            self._system.close(fd)

    def _write(self, fd: int, lines: Sequence[bytes]) -> Progress:
        end, count, error = self.end, 0, None
        for line in lines:
            _, error = write_fully(fd, line, self._system)
            if error is not None:
                break
            end += len(line)
            count += 1
        self._system.fsync(fd)
        self.end = end
        return Progress(count, error)

    def _descriptor(self) -> int:
        if self._fd is None:
            self._fd = self._open()
        elif _identity(self.path.stat()) != self._identity:
            raise OSError(errno.ESTALE, "another file has taken its place")
        return self._fd

    def _open(self) -> int:
        # Not O_CREAT: a journal that somebody deleted must not be begun again in silence.
        fd = self._system.open(self.path, os.O_RDWR | os.O_APPEND | os.O_CLOEXEC)
        try:
            self._cut_to_end(fd)
        except OSError:
            with suppress(OSError):
                self._system.close(fd)
            raise
        return fd

    def _cut_to_end(self, fd: int) -> None:
        status = os.fstat(fd)
        if self._identity is None:
            self._identity = _identity(status)
        same = _identity(status) == self._identity and status.st_size >= self.end
        if not same or (self.end and os.pread(fd, 1, self.end - 1) != b"\n"):
            raise OSError(errno.ESTALE, "somebody else has changed it")
        if status.st_size > self.end:
            self._system.ftruncate(fd, self.end)


def _identity(status: os.stat_result) -> tuple[int, int]:
    return status.st_dev, status.st_ino
