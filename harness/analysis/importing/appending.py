"""annotations.jsonl, grown durably by the journal's own writer. Knows nothing of where the labels come from."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import anyio

from harness.analysis.labels import ANNOTATIONS_NAME
from harness.errors import JournalWriteError
from harness.journal import JournalWriter, scan
from harness.journal.append import AppendFile
from harness.journal.files import create_private_file
from harness.journal.recovery import set_tail_aside

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from harness.analysis.labels import Annotation


def append_annotations(folder: Path, acts: Sequence[Annotation]) -> Path | None:
    """Add `acts`, in order; returns when all of them are on disk. Only for whoever holds `annotations_lock`.

    Returns:
        The file that a torn tail was moved to, None where there was none.

    Raises:
        JournalCorruptError: a line in the middle is no annotation.
        JournalWriteError: the disk refuses; the sentence names the file that holds what it did not take.
    """
    path = folder / ANNOTATIONS_NAME
    try:
        create_private_file(path)
        found = scan(path)
        torn = set_tail_aside(path, found, now=datetime.now(UTC))
        file = AppendFile(path, end=found.end)
    except OSError as error:
        raise JournalWriteError(
            f"{path} cannot be read and written ({error.strerror}). Check that disk and its room, then import again."
        ) from error
    anyio.run(_append, file, [act.to_line() for act in acts])
    return torn


async def _append(file: AppendFile, lines: Sequence[bytes]) -> None:
    writer = JournalWriter(file)
    try:
        # Handed over in order, so that they share their fsyncs.
        await asyncio.gather(*map(writer.append, lines))
    finally:
        await writer.aclose()
