"""A JSONL file that another process appends to, read bit by bit without a lock. Knows no fields."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from harness.journal.tail import decoded

if TYPE_CHECKING:
    from pathlib import Path

_ANCHOR = 64


class Follower:
    """Reads on where it left off, whole lines only, never more than `at_most` bytes a call.

    A last line that is not finished waits until it is. Whatever crash recovery cuts off the file's end is nothing that
    was ever handed out. Where what was handed out is no longer what the file begins with (another file took its place,
    or somebody shortened or rewrote it), reading starts over: whoever adds up should begin anew when `restarted` grows.

    Args:
        path: a file, there already or not yet.
        at_most: bytes; a longer line is passed over as one that cannot be decoded.

    Attributes:
        more: whether the last call stopped at `at_most`, so that the next one may have something at once.
        restarted: how often reading started over.
        skipped: whole lines that are no JSON object, since reading last started; those at the very end, which may be
            what a crash left, count from when something good follows them.
    """

    def __init__(self, path: Path, *, at_most: int = 8 << 20) -> None:
        self.more = False
        self.restarted = 0
        self.skipped = 0
        self._path = path
        self._at_most = at_most
        self._inode: tuple[int, int] | None = None
        self._position = 0
        self._anchor = b""
        self._inside_a_long_line = False

    def read(self) -> list[dict[str, Any]]:
        """The new lines as dictionaries; an empty list while there is no such file.

        Raises:
            OSError: the file is there and cannot be read.
        """
        self.more = False
        try:
            fd = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC)
        except (FileNotFoundError, NotADirectoryError):
            return []
        try:
            self._find_place(fd)
            chunk = os.pread(fd, self._at_most, self._position)
        finally:
            os.close(fd)
        self.more = len(chunk) == self._at_most
        return self._take(chunk)

    def _find_place(self, fd: int) -> None:
        status = os.fstat(fd)
        inode = status.st_dev, status.st_ino
        before = os.pread(fd, len(self._anchor), self._position - len(self._anchor))
        if self._inode is not None and (inode != self._inode or before != self._anchor):
            self.restarted += 1
            self.skipped = self._position = 0
            self._anchor = b""
            self._inside_a_long_line = False
        self._inode = inode

    def _take(self, chunk: bytes) -> list[dict[str, Any]]:
        lines = chunk.split(b"\n")
        if len(lines) == 1 and self.more:
            self.skipped += not self._inside_a_long_line
            self._inside_a_long_line = True
            self._move(chunk, len(chunk))
            return []
        lines.pop()
        records, upto, bad, end = [], 0, 0, 0
        for line in lines:
            end += len(line) + 1
            if self._inside_a_long_line:
                self._inside_a_long_line = False
                upto = end
            elif (record := decoded(line)) is None:
                bad += 1
            else:
                records.append(record)
                self.skipped += bad
                upto, bad = end, 0
        if self.more and not upto:
            self.skipped += bad
            upto = end
        self._move(chunk, upto)
        return records

    def _move(self, chunk: bytes, upto: int) -> None:
        if upto:
            self._position += upto
            self._anchor = chunk[max(0, upto - _ANCHOR) : upto]
