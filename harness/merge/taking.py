"""One line of every item out of several journals, byte for byte: the first success, or else the last failure.

Where two successes of an item say different things, that is a conflict: the first one stays, and both are named. A
line is decoded only where its item stands in several places.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson

from harness.analysis.records import refuse_other_versions
from harness.digests import DigestSet, digest16
from harness.errors import JournalCorruptError
from harness.journal.line import decode
from harness.journal.reader import read_lines
from harness.journal.tail import cost_of
from harness.record import SCHEMA_VERSION

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from harness.journal.reader import Line
    from harness.merge.overlap import Found, Overlap

_OF_THIS_VERSION = re.compile(rb'\{"item_id":"[0-9a-f]{32}","run_id":"[^"\\]*","schema_version":%d,' % SCHEMA_VERSION)
_ANSWER = ("full_response", "thinking", "finish_reason", "output_token_ids")


@dataclass(frozen=True, slots=True)
class Conflict:
    """Two successes of one item that say different things.

    Args:
        kept: the number of the journal, from 0, whose answer was taken; `left_out` that of the other.
    """

    item_id: str
    variant: str
    prompt_id: str
    kept: int
    left_out: int


class Taking:
    """Goes through the journals once, in their order, and counts.

    Args:
        on_conflict: told of each.

    Attributes:
        taken: how many lines, by journal.
        answers, failures: how many of the lines taken are one.
        duplicates: successes that were left out because one that says the same was taken; `conflicts`: because another
            was taken.
        left_out_usd: what was paid for each line that was left out, where that is known and no copy of it was taken.
    """

    def __init__(self, journals: Sequence[Path], overlap: Overlap, on_conflict: Callable[[Conflict], None]) -> None:
        self.taken = [0] * len(journals)
        self.answers = self.failures = self.duplicates = self.conflicts = 0
        self.left_out_usd: list[float] = []
        self._journals = journals
        self._overlap = overlap
        self._on_conflict = on_conflict
        self._kept = _Kept()

    def lines(self) -> Iterator[bytes]:
        """The lines that are taken.

        Raises:
            UsageError: a record is of another schema version.
            JournalCorruptError: a line is no record.
        """
        for index, (path, found) in enumerate(zip(self._journals, self._overlap.journals, strict=True)):
            failed = DigestSet.of(found.failed)
            for line in read_lines(path):
                if not _OF_THIS_VERSION.match(line.data):
                    refuse_other_versions(_decoded(line, path), path)
                if self._answers(index, line, found) if line.success else line.taken and line.digest in failed:
                    self.taken[index] += 1
                    self.answers += line.success
                    self.failures += not line.success
                    yield line.data
                elif cost := self._cost(line):
                    self.left_out_usd.append(cost)

    def _answers(self, index: int, line: Line, found: Found) -> bool:
        """Whether this success is taken. What else is said of its item is held against the one that is."""
        if line.digest not in self._overlap.shared and not found.repeats:
            return True
        record = _decoded(line, self._journals[index])
        answer = orjson.dumps([record.get(name) for name in _ANSWER])
        kept = self._kept.journal_of(line.digest, index)
        if kept is None:
            self._kept.add(index, line, answer)
            return True
        if self._kept.holds(line.digest, answer):
            self.duplicates += 1
            return False
        self.conflicts += 1
        item_id, variant, prompt_id = (str(record.get(name)) for name in ("item_id", "variant", "prompt_id"))
        self._on_conflict(Conflict(item_id, variant, prompt_id, kept, index))
        return False

    def _cost(self, line: Line) -> float:
        return 0.0 if self._kept.holds(line.digest, line.data) else cost_of(line.data)


class _Kept:
    """What was taken of items that stand in several places, by digests alone: answers, lines, and from which journal.

    About 60 bytes for each such item.
    """

    def __init__(self) -> None:
        self._facts = DigestSet()

    def add(self, index: int, line: Line, answer: bytes) -> None:
        for fact in (_number(index), answer, line.data):
            self._facts.add(digest16(line.digest, fact))

    def holds(self, digest: bytes, fact: bytes) -> bool:
        return digest16(digest, fact) in self._facts

    def journal_of(self, digest: bytes, upto: int) -> int | None:
        """The number of the journal, none above `upto`, that the item's line was taken from; None: it was not yet."""
        return next((index for index in range(upto + 1) if self.holds(digest, _number(index))), None)


def _number(index: int) -> bytes:
    return index.to_bytes(4, "big")


def _decoded(line: Line, path: Path) -> dict[str, Any]:
    try:
        return decode(line.data)
    except ValueError as error:
        raise JournalCorruptError(path, line.number, str(error)) from error
