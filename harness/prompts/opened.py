"""A prompt file on disk: opened, known again, and never read beyond where it ended when it was first looked at.

A run reads its prompts for as long as it lasts. What somebody appends meanwhile was counted by nobody and is not asked;
what somebody changes is an error. Knows no format.
"""

from __future__ import annotations

import codecs
import io
import os
import stat
from typing import TYPE_CHECKING

from harness.errors import PromptFileError

if TYPE_CHECKING:
    from io import BufferedReader
    from pathlib import Path

State = tuple[int, int, int, int]
"""Device, inode, size in bytes, and when it was last modified, in nanoseconds."""

_BUFFER_BYTES = 256 * 1024
_SIZE = 2


class _Bounded(io.RawIOBase):
    """The first `size` bytes of a file."""

    def __init__(self, file: io.FileIO, size: int) -> None:
        self._file = file
        self._left = size

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        count = self._file.readinto(memoryview(buffer)[: self._left]) if self._left else 0
        self._left -= count or 0
        return count or 0

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = 0) -> int:
        before = self._file.tell()
        position = self._file.seek(offset, whence)
        self._left += before - position
        return position

    def tell(self) -> int:
        return self._file.tell()

    def fileno(self) -> int:
        return self._file.fileno()

    def close(self) -> None:
        self._file.close()
        super().close()


def open_file(path: Path, state: State | None = None) -> BufferedReader:
    """The file, up to its present end, or to the end that `state` has.

    Raises:
        PromptFileError: it is not there, cannot be read, or is not what it was.
    """
    try:
        # Opening a pipe would wait for its writer.
        if not stat.S_ISREG(path.stat().st_mode):
            problem = "is not a regular file. Prompts are read several times: save them in a file of their own."
            raise PromptFileError(path, None, problem)
        file = io.FileIO(path, "rb")
    except FileNotFoundError as exc:
        problem = "there is no such file. Name another with --prompts FILE, or correct prompts_file in the config."
        raise PromptFileError(path, None, problem) from exc
    except OSError as exc:
        problem = f"cannot be read ({exc.strerror}). Make it readable, or name another with --prompts FILE."
        raise PromptFileError(path, None, problem) from exc
    size = state_of(file)[_SIZE] if state is None else state[_SIZE]
    return io.BufferedReader(_Bounded(file, size), _BUFFER_BYTES)


def refuse_changed(path: Path, file: BufferedReader, state: State, *, may_grow: bool) -> None:
    """Raise where the open file is not what it was.

    Args:
        may_grow: it is a journal, to which lines are only added: those that were there are what they were.

    Raises:
        PromptFileError: it has changed.
    """
    now = state_of(file)
    same = now[:_SIZE] == state[:_SIZE] and now[_SIZE] >= state[_SIZE] if may_grow else now == state
    if not same:
        raise PromptFileError(path, None, "has changed since it was checked. Give the same command again.")


def state_of(file: BufferedReader | io.FileIO) -> State:
    """What the file is now."""
    seen = os.fstat(file.fileno())
    return seen.st_dev, seen.st_ino, seen.st_size, seen.st_mtime_ns


def skip_byte_order_mark(path: Path, file: BufferedReader) -> None:
    """Go to the beginning of the text.

    Raises:
        PromptFileError: the file is UTF-16.
    """
    file.seek(0)
    start = file.read(len(codecs.BOM_UTF8))
    if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise PromptFileError(path, 1, "the file is UTF-16. Save it as UTF-8 (in a spreadsheet: CSV UTF-8).")
    if start != codecs.BOM_UTF8:
        file.seek(0)
