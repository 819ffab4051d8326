"""A long journal taken apart block by block, the successes in runs. Knows only how the two ends of a success look.

A line that is not certainly a success as `harness.record` writes it is handed on as it is, for somebody to decode.
"""

from __future__ import annotations

from binascii import unhexlify
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from harness.digests import DIGEST_SIZE
from harness.journal.form import AFTER_ID, HEAD, HEX_DIGITS, TAIL

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from io import RawIOBase

    from numpy.typing import NDArray

_LEAD = len(TAIL)
_AHEAD = len(HEAD) + HEX_DIGITS + len(AFTER_ID)
# What surrounds the end of a line: its last bytes, and the first ones of the line after it.
_SEAM = np.dtype(
    [("tail", f"S{_LEAD}"), ("head", f"S{len(HEAD)}"), ("id", f"S{HEX_DIGITS}"), ("after", f"S{len(AFTER_ID)}")]
)
_NEWLINE = 10
_FOLDS = 16


class Successes(NamedTuple):
    """Lines that follow one another: their items' digests, end to end; how many they are, and how many bytes."""

    digests: bytes
    lines: int
    size: int


def parts(file: RawIOBase, block: int = 1 << 21) -> Iterator[Successes | bytes]:
    """The whole file in its order: runs of successes, and every other line by itself, the last one finished or not.

    Args:
        file: unbuffered.
        block: bytes read at once; a longer line is waited for.
    """
    window = _Window(block)
    while window.fill(file):
        cuts, strange = window.line_starts()
        if len(cuts) == 1:
            window = window.doubled()
            continue
        yield from _runs(window, cuts, (range(len(cuts) - 1), b"") if strange else _judged(window, cuts))
        window.drop(int(cuts[-1]))
    if window.filled:
        yield window.line(0, window.filled)


def _runs(window: _Window, cuts: NDArray[np.intp], judged: tuple[Sequence[int], bytes]) -> Iterator[Successes | bytes]:
    others, digests = judged
    first = taken = 0
    for other in [*others, len(cuts) - 1]:
        if other > first:
            upto = taken + (other - first) * DIGEST_SIZE
            yield Successes(digests[taken:upto], other - first, int(cuts[other] - cuts[first]))
            taken = upto
        if other < len(cuts) - 1:
            yield window.line(int(cuts[other]), int(cuts[other + 1]))
        first = other + 1


def _judged(window: _Window, cuts: NDArray[np.intp]) -> tuple[Sequence[int], bytes]:
    """Which of the lines between the cuts are not certainly successes, and the digests of those that are."""
    seams = window.seams[cuts]
    good = (seams["head"] == HEAD)[:-1]
    good &= (seams["after"] == AFTER_ID)[:-1]
    good &= (seams["tail"] == TAIL)[1:]
    others, ids = np.flatnonzero(~good), seams["id"][:-1]
    if len(others):
        ids = ids[good]
    try:
        # Where a line is so short that its ends overlap, what stands in the place of its id is not hexadecimal.
        return others.tolist(), unhexlify(ids.tobytes())
    except ValueError:
        return range(len(good)), b""


class _Window:
    """A stretch of the file that begins where a line does. Room before and after it lets every seam be looked at."""

    def __init__(self, room: int, contents: bytes = b"") -> None:
        self.filled = len(contents)
        self._room = -(-room // _FOLDS) * _FOLDS
        self._bytes = bytearray(_LEAD + self._room + _AHEAD)
        self._view = memoryview(self._bytes)[_LEAD : _LEAD + self._room]
        self._view[: self.filled] = contents
        self._folded = np.frombuffer(self._view, np.uint8).reshape(_FOLDS, -1)
        self.seams: NDArray[Any] = np.ndarray(self._room + 1, _SEAM, self._bytes, strides=(1,))

    def fill(self, file: RawIOBase) -> int:
        """How many bytes came to those that were left."""
        got = file.readinto(self._view[self.filled :]) or 0
        self.filled += got
        return got

    def line_starts(self) -> tuple[NDArray[np.intp], bool]:
        """Where lines begin: at 0, and after every newline; and whether there are bytes that no JSON text has."""
        self._view[self.filled :] = b" " * (len(self._view) - self.filled)
        # Newlines are rare, and a byte below them rarer. The least byte of each column says which columns to look at,
        # in a third of the time that looking at every byte takes.
        columns = np.flatnonzero(np.minimum.reduce(self._folded, axis=0) <= _NEWLINE)
        candidates = self._folded[:, columns]
        row, column = np.divmod(np.flatnonzero(candidates == _NEWLINE), max(1, len(columns)))
        starts = np.zeros(len(row) + 1, np.intp)
        np.add(row * self._folded.shape[1], columns[column] + 1, out=starts[1:])
        return starts, bool(np.any(candidates < _NEWLINE))

    def line(self, start: int, end: int) -> bytes:
        return bytes(self._view[start:end])

    def drop(self, end: int) -> None:
        """Forget what comes before `end`."""
        self._bytes[_LEAD : _LEAD + self.filled - end] = self._view[end : self.filled]
        self.filled -= end

    def doubled(self) -> _Window:
        """A window with the same contents and twice the room, where there is none left."""
        if self.filled < self._room:
            return self
        return _Window(2 * self._room, self.line(0, self.filled))
