"""Reading results.jsonl without a lock, also while it is being written. Knows only `item_id` and `error` of a record.

A folder may hold several records of one item, of which readers take one: the first success, or else the last failure.
"""

from __future__ import annotations

import re
from binascii import unhexlify
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson

from harness.digests import DigestSet
from harness.errors import JournalCorruptError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# A success as `harness.record` writes it; any other line is decoded.
_HEAD = b'{"item_id":"'
_ID = slice(len(_HEAD), len(_HEAD) + 32)
_AFTER_ID = slice(_ID.stop, _ID.stop + 2)
_SUCCESS_TAIL = b',"error":null}\n'
_BUFFER = 1 << 20


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
    found, failures_left = _scan(path)
    seen = DigestSet()
    position = 0
    with path.open("rb", buffering=_BUFFER) as file:
        for number, line in enumerate(file, 1):
            position += len(line)
            if position > found.end:
                return
            digest, success = outcome(line)
            if success:
                chosen = seen.add(digest)
            else:
                left = failures_left.get(digest, 1) - 1
                if left:
                    failures_left[digest] = left
                chosen = not left and digest in found.failed
            if chosen:
                try:
                    yield decode(line)
                except ValueError as exc:
                    raise JournalCorruptError(path, number, str(exc)) from exc


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


def outcome(line: bytes) -> tuple[bytes, bool]:
    """The item's digest and whether the line is a success; a success in our own form is told by its two ends.

    Raises:
        ValueError: the line is no record; the text says why.
    """
    # `0 in line` finds a page that never reached the disk. (`b"\0" in line` would take five times as long.)
    if line.startswith(_HEAD) and line.endswith(_SUCCESS_TAIL) and line[_AFTER_ID] == b'",' and 0 not in line:
        try:
            return unhexlify(line[_ID]), True
        except ValueError:
            pass
    record = decode(line)
    return unhexlify(record["item_id"]), record["error"] is None


def decode(line: bytes) -> dict[str, Any]:
    """The whole record.

    Raises:
        ValueError: the line is no record; the text says why.
    """
    if not line.endswith(b"\n"):
        raise ValueError("the line was not finished")
    if 0 in line:
        raise ValueError("the line holds NUL bytes, as after a power failure")
    try:
        record = orjson.loads(line)
    except orjson.JSONDecodeError as exc:
        raise ValueError(f"the line is not JSON ({exc})") from exc
    if not isinstance(record, dict) or "error" not in record or not _is_item_id(record.get("item_id")):
        raise ValueError("the line is not a record (it needs an item_id of 32 hexadecimal digits, and error)")
    return record


def may_be_torn(line: bytes) -> bool:
    """Whether a crash can have left this line, so that it is no corruption as long as nothing good follows it."""
    return not line.endswith(b"\n") or 0 in line


def _is_item_id(value: object) -> bool:
    return isinstance(value, str) and re.fullmatch("[0-9a-fA-F]{32}", value) is not None


def _scan(path: Path) -> tuple[Scan, dict[bytes, int]]:
    """The scan, and how often each item failed that failed more than once."""
    done, ever_failed = DigestSet(), DigestSet()
    failed_again: dict[bytes, int] = {}
    successes = failures = end = position = 0
    doubtful: BadLine | None = None
    with path.open("rb", buffering=_BUFFER) as file:
        for number, line in enumerate(file, 1):
            position += len(line)
            try:
                digest, success = outcome(line)
            except ValueError as exc:
                doubtful = doubtful or BadLine(number, str(exc))
                if may_be_torn(line):
                    continue
            if doubtful is not None:
                raise JournalCorruptError(path, *doubtful)
            end = position
            if success:
                successes += 1
                done.add(digest)
            else:
                failures += 1
                if not ever_failed.add(digest):
                    failed_again[digest] = failed_again.get(digest, 1) + 1
    failed = DigestSet()
    for digest in ever_failed:
        if digest not in done:
            failed.add(digest)
    found = Scan(
        records=successes + failures,
        successes=successes,
        failures=failures,
        duplicates=successes - len(done),
        done=done,
        failed=failed,
        end=end,
        torn=position - end,
    )
    return found, failed_again
