"""annotations.jsonl as a file: held by one process at a time, mended, and grown by the journal's own writer.

Knows no label. The run's own lock is another one: labels may be made while a run goes on.
"""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

from harness.analysis.labels import ANNOTATIONS_NAME
from harness.errors import JournalCorruptError, JournalWriteError, UsageError
from harness.journal import scan
from harness.journal.append import AppendFile
from harness.journal.files import PRIVATE_FILE, create_private_file
from harness.journal.lock import held, utc_now
from harness.journal.recovery import set_tail_aside

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime
    from pathlib import Path

LOCK_NAME = "annotate.lock"


@contextmanager
def annotations_lock(folder: Path) -> Iterator[None]:
    """Hold the labels of `folder` for as long as the block lasts; the kernel lets go when the process dies.

    Raises:
        JournalLockedError: `annotate`, or an import, holds them.
        UsageError: the folder cannot be written to, or its file system has no locks.
    """
    try:
        fd = os.open(folder / LOCK_NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, PRIVATE_FILE)
    except OSError as error:
        raise UsageError(
            f"{folder} cannot take labels ({error.strerror}). Give a run's folder that is yours."
        ) from error

    def busy(holder: str) -> str:
        return (
            f"The labels of {folder} are being written by {holder}. Use the page that it serves, any number of coders "
            "can, or end it first."
        )

    def no_locks(why: str) -> str:
        return (
            f"{folder} lies on a file system without locks ({why}), so that two could write labels there. Copy it to a "
            "local disk."
        )

    with held(fd, busy, no_locks):
        yield


def open_to_append(folder: Path, *, now: Callable[[], datetime] = utc_now) -> tuple[AppendFile, Path | None]:
    """The file, made if need be, and the file that a torn tail went to. Only for whoever holds `annotations_lock`.

    Raises:
        UsageError: a line in the middle is no record.
        JournalWriteError: the disk refuses.
    """
    path = folder / ANNOTATIONS_NAME
    try:
        create_private_file(path)
        found = scan(path)
        torn = set_tail_aside(path, found, now=now())
        return AppendFile(path, end=found.end), torn
    except JournalCorruptError as error:
        raise UsageError(
            f"{path}, line {error.line} is no annotation. Something else wrote there: correct that line or take it "
            "out, then start again."
        ) from error
    except OSError as error:
        raise JournalWriteError(
            f"{path} cannot be read and written ({error.strerror}). Check that disk and its room, then start again."
        ) from error
