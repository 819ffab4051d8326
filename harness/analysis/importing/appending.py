"""annotations.jsonl, grown durably by the journal's own writer. Knows nothing of where the labels come from."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import anyio

from harness.analysis.annotations_file import open_to_append
from harness.journal import JournalWriter

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from harness.analysis.labels import Annotation
    from harness.journal.append import AppendFile


def append_annotations(folder: Path, acts: Sequence[Annotation]) -> Path | None:
    """Add `acts`, in order; returns when all of them are on disk. Only for whoever holds `annotations_lock`.

    Returns:
        The file that a torn tail was moved to, None where there was none.

    Raises:
        UsageError: a line in the middle is no record.
        JournalWriteError: the disk refuses; the sentence names the file that holds what it did not take.
    """
    file, torn = open_to_append(folder)
    anyio.run(_append, file, [act.to_line() for act in acts])
    return torn


async def _append(file: AppendFile, lines: Sequence[bytes]) -> None:
    writer = JournalWriter(file)
    try:
        # Handed over in order, so that they share their fsyncs.
        await asyncio.gather(*map(writer.append, lines))
    finally:
        await writer.aclose()
