"""Reading results.jsonl without a lock, also while it is being written. Knows only `item_id` and `error` of a record.

A folder may hold several records of one item, of which readers take one: the first success, or else the last failure.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from harness.digests import DIGEST_SIZE, DigestSet
from harness.errors import JournalCorruptError
from harness.journal.line import decode, may_be_torn, outcome

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from harness.journal.bulk import Successes

_BUFFER = 1 << 20
# Bytes from which on importing numpy costs less than it saves.
_LONG = 1 << 26


@dataclass(frozen=True, slots=True)
class Scan:
    """What a journal holds.

    Args:
        records: good lines: successes and failures.
        duplicates: successes of items that had one already.
        done: digests (the item ids as 16 bytes) of the items with a success.
        failed: digests of the items with failures only.
        end: bytes up to the end of the last good line.
        torn: bytes after it: what a crash left of a line.
    """

    records: int
    successes: int
    failures: int
    duplicates: int
    done: DigestSet
    failed: DigestSet
    end: int
    torn: int


class BadLine(NamedTuple):
    """A line that is no record: its number, from 1, and what is wrong with it."""

    number: int
    problem: str


class Line(NamedTuple):
    """A record that is not decoded yet.

    Args:
        number: from 1.
        digest: of its item.
        taken: whether readers take it: the first success of its item, or else the last failure.
        data: the line as it stands, its end included.
    """

    number: int
    digest: bytes
    success: bool
    taken: bool
    data: bytes


def scan(path: Path) -> Scan:
    """Read the whole journal once, decoding only the lines that do not look like a success.

    Raises:
        JournalCorruptError: a line that is no record, other than a torn tail.
        OSError: there is no such file, or it cannot be read.
    """
    return _scan(path)[0]


def read_records(path: Path) -> Iterator[dict[str, Any]]:
    """One record per item, in the journal's order, as dictionaries.

    The journal is read twice, so that memory holds digests and never all records. What is appended meanwhile is left
    out.

    Raises:
        JournalCorruptError: as `scan` does; also for a line that looks right at both ends but not between.
        OSError: there is no such file, or it cannot be read.
    """
    for line in read_lines(path):
        if line.taken:
            try:
                yield decode(line.data)
            except ValueError as exc:
                raise JournalCorruptError(path, line.number, str(exc)) from exc


def read_lines(path: Path) -> Iterator[Line]:
    """Every good line in order, and whether `read_records`, which reads them so, takes it.

    Raises:
        JournalCorruptError, OSError: as `scan` does.
    """
    found, failures_left = _scan(path)
    seen = DigestSet()
    position = 0
    with path.open("rb", buffering=_BUFFER) as file:
        for number, data in enumerate(file, 1):
            position += len(data)
            if position > found.end:
                return
            try:
                digest, success = outcome(data)
            except ValueError as exc:
                raise JournalCorruptError(path, number, str(exc)) from exc
            if success:
                taken = seen.add(digest)
            else:
                left = failures_left.get(digest, 1) - 1
                if left:
                    failures_left[digest] = left
                taken = not left and digest in found.failed
            yield Line(number, digest, success, taken, data)


def bad_lines(path: Path) -> Iterator[BadLine]:
    """Every line that is no record, the torn tail left out. All lines are decoded, so this is slower than `scan`."""
    doubtful: list[BadLine] = []
    with path.open("rb", buffering=_BUFFER) as file:
        for number, line in enumerate(file, 1):
            try:
                decode(line)
            except ValueError as exc:
                doubtful.append(BadLine(number, str(exc)))
                if may_be_torn(line):
                    continue
            yield from doubtful
            doubtful.clear()


def _scan(path: Path) -> tuple[Scan, dict[bytes, int]]:
    """The scan, and how often each item failed that failed more than once."""
    tally = _Tally(path)
    for part in _parts(path):
        if isinstance(part, bytes):
            tally.add_line(part)
        else:
            tally.add_successes(part)
    return tally.total(), tally.failed_again


def _parts(path: Path) -> Iterator[bytes | Successes]:
    """The lines in order; of a long journal, the successes in runs."""
    if path.stat().st_size < _LONG:
        with path.open("rb", buffering=_BUFFER) as lines:
            yield from lines
        return
    from harness.journal.bulk import parts  # noqa: PLC0415 - only long journals pay for numpy

    with path.open("rb", buffering=0) as file:
        yield from parts(file)


class _Tally:
    """What the lines so far amount to; they come in the journal's order."""

    def __init__(self, path: Path) -> None:
        self.failed_again: dict[bytes, int] = {}
        self._path = path
        self._done = bytearray()
        self._ever_failed = DigestSet()
        self._lines = self._failures = self._end = self._position = 0
        self._doubtful: BadLine | None = None

    def add_line(self, line: bytes) -> None:
        self._lines += 1
        self._position += len(line)
        try:
            digest, success = outcome(line)
        except ValueError as exc:
            self._doubtful = self._doubtful or BadLine(self._lines, str(exc))
            if may_be_torn(line):
                return
        self._refuse_doubtful()
        self._end = self._position
        if success:
            self._done += digest
            return
        self._failures += 1
        if not self._ever_failed.add(digest):
            self.failed_again[digest] = self.failed_again.get(digest, 1) + 1

    def add_successes(self, run: Successes) -> None:
        self._refuse_doubtful()
        self._lines += run.lines
        self._position += run.size
        self._end = self._position
        self._done += run.digests

    def total(self) -> Scan:
        done, failed = DigestSet.of(self._done), DigestSet()
        for digest in self._ever_failed:
            if digest not in done:
                failed.add(digest)
        successes = len(self._done) // DIGEST_SIZE
        return Scan(
            records=successes + self._failures,
            successes=successes,
            failures=self._failures,
            duplicates=successes - len(done),
            done=done,
            failed=failed,
            end=self._end,
            torn=self._position - self._end,
        )

    def _refuse_doubtful(self) -> None:
        """What a crash can have left is no torn tail once a good line follows it."""
        if self._doubtful is not None:
            raise JournalCorruptError(self._path, *self._doubtful)
