"""The way into a run folder's journal: lock, mend, scan, write. Knows nothing of manifests or of what a record says."""

from __future__ import annotations

import os
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from anyio import CancelScope, to_thread

from harness.errors import JournalWriteError
from harness.journal import recovery
from harness.journal.append import AppendFile
from harness.journal.files import create_private_file
from harness.journal.lock import folder_lock, utc_now
from harness.journal.reader import scan
from harness.journal.writer import JournalWriter

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator
    from datetime import datetime
    from pathlib import Path

    from harness.journal.files import System
    from harness.journal.reader import Scan

RESULTS_NAME = "results.jsonl"


@dataclass(frozen=True, slots=True)
class Journal:
    """An open journal: where it is, what it held when it was opened, and the way to add to it.

    `set_aside` names the files that now hold what a crash or corruption had left in it.
    """

    path: Path
    found: Scan
    writer: JournalWriter
    set_aside: tuple[Path, ...]


@asynccontextmanager
async def open_journal(
    folder: Path,
    *,
    repair: bool = False,
    on_trouble: Callable[[JournalWriteError], None] | None = None,
    retry_every_s: float = 5.0,
    now: Callable[[], datetime] = utc_now,
    system: System = os,
) -> AsyncIterator[Journal]:
    """Hold the folder, made if need be, and its journal for as long as the block lasts; then flush and let go.

    Args:
        folder: the run folder.
        repair: set corrupt lines aside instead of stopping at the first.
        on_trouble: called once when the disk first refuses a record: time to stop taking work.
        retry_every_s: seconds between attempts while the disk refuses.
        now: the time in UTC.

    Raises:
        UsageError: the folder cannot be used; `JournalLockedError` where another process holds it.
        JournalCorruptError: a bad line in the middle, without `repair`.
        JournalWriteError: the disk refuses, on the way in, or at the end with the name of the file that holds the rest.
    """
    path = folder / RESULTS_NAME
    with folder_lock(folder, now=now, system=system):
        with _in_a_sentence(path):
            create_private_file(path, system=system)
            corrupt = recovery.repair(path, now=now(), system=system) if repair else None
            # In a thread, so that a long journal leaves the screen alive. It only reads: leaving it behind is harmless.
            found = await to_thread.run_sync(scan, path, abandon_on_cancel=True)
            # On the loop, so that no cancellation can let go of the lock while the file is being cut.
            torn = recovery.set_tail_aside(path, found, now=now(), system=system)
            file = AppendFile(path, end=found.end, system=system)
        writer = JournalWriter(file, retry_every_s=retry_every_s, on_trouble=on_trouble, system=system)
        try:
            yield Journal(path, found, writer, tuple(aside for aside in (corrupt, torn) if aside is not None))
        finally:
            with CancelScope(shield=True):
                await writer.aclose()


@contextmanager
def _in_a_sentence(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as exc:
        raise JournalWriteError(
            f"{path} cannot be read and written ({exc.strerror or exc}). Check that disk and its room, then run the "
            "same command again. Nothing was sent."
        ) from exc
