"""Which items stand in several journals, found in one pass over each. Memory holds digests, and never a record."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.digests import DIGEST_SIZE, DigestSet
from harness.journal import scan

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Found:
    """One journal.

    Args:
        records: good lines.
        repeats: successes of items that had one in it already.
        torn: bytes at its end that a crash left of a line.
        failed: the digests, end to end, of the items whose failure is to be taken from here: without a success in any
            journal, and in no later one.
    """

    records: int
    repeats: int
    torn: int
    failed: bytes


@dataclass(frozen=True, slots=True)
class Overlap:
    """All journals together.

    Args:
        done: items with a success.
        shared: items with a success in more than one journal.
    """

    done: DigestSet
    shared: DigestSet
    journals: tuple[Found, ...]


def overlap_of(journals: Sequence[Path]) -> Overlap:
    """Scan the journals, in their order.

    Raises:
        JournalCorruptError: a line of one is no record.
        OSError: one cannot be read.
    """
    done, shared = DigestSet(), DigestSet()
    scans = []
    for path in journals:
        found = scan(path)
        for digest in found.done:
            if not done.add(digest):
                shared.add(digest)
        scans.append((found.records, found.duplicates, found.torn, b"".join(found.failed)))
    journals_found = []
    seen = DigestSet()
    for records, repeats, torn, packed in reversed(scans):
        failed = (packed[start : start + DIGEST_SIZE] for start in range(0, len(packed), DIGEST_SIZE))
        ours = b"".join(digest for digest in failed if digest not in done and seen.add(digest))
        journals_found.append(Found(records, repeats, torn, ours))
    return Overlap(done, shared, tuple(reversed(journals_found)))
