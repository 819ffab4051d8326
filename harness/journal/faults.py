"""An operating system that fails on demand, for tests of what writes files. Nothing in a run uses it."""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import dataclass, field
from errno import ENOSPC
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

SHORT: Final = -1
"""A fault of `write`: half of the bytes are written, and no error is raised."""


def never(_number: int, _call: str) -> None:
    """The script of a good day."""


@dataclass(slots=True)
class FaultyOs:
    """Real files, with the faults of a script.

    Args:
        script: is given the number of the call (from 0, over all calls) and its name; it returns an errno to raise,
            `SHORT`, or None for a call that goes well.
        room: bytes that still fit on the disk; None: any number. Truncating gives room back.
        calls: how often each call was made.
        log: the calls in order.
    """

    script: Callable[[int, str], int | None] = never
    room: int | None = None
    calls: Counter[str] = field(default_factory=Counter)
    log: list[str] = field(default_factory=list)

    def open(self, path: str | os.PathLike[str], flags: int, mode: int = 0o777, /) -> int:
        self._play("open")
        return os.open(path, flags, mode)

    def write(self, fd: int, data: bytes | memoryview, /) -> int:
        size = len(data)
        if self._play("write") == SHORT:
            size = max(1, size // 2)
        if self.room is not None:
            if size and not self.room:
                raise OSError(ENOSPC, os.strerror(ENOSPC))
            size = min(size, self.room)
            self.room -= size
        return os.write(fd, data[:size])

    def fsync(self, _fd: int, /) -> None:
        """Real durability is not what such a test is about, and it costs milliseconds: nothing is synced."""
        self._play("fsync")

    def ftruncate(self, fd: int, length: int, /) -> None:
        self._play("ftruncate")
        if self.room is not None:
            self.room += max(0, os.fstat(fd).st_size - length)
        os.ftruncate(fd, length)

    def replace(self, source: str | os.PathLike[str], target: str | os.PathLike[str], /) -> None:
        self._play("replace")
        os.replace(source, target)  # noqa: PTH105 - this stands for `os`

    def close(self, fd: int, /) -> None:
        os.close(fd)
        self._play("close")

    def _play(self, call: str) -> int | None:
        fault = self.script(len(self.log), call)
        self.log.append(call)
        self.calls[call] += 1
        if fault is not None and fault != SHORT:
            raise OSError(fault, os.strerror(fault))
        return fault
