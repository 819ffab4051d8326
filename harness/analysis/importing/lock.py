"""One writer of a folder's labels at a time: the lock that `annotate` holds while it serves. Knows no label."""

from __future__ import annotations

import errno
import fcntl
import os
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from harness.errors import JournalLockedError, UsageError
from harness.journal.files import PRIVATE_FILE

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LOCK_NAME = "annotate.lock"


@contextmanager
def annotations_lock(folder: Path) -> Iterator[None]:
    """Hold the labels of `folder` for as long as the block lasts; the kernel lets go when the process dies.

    Raises:
        JournalLockedError: `annotate`, or another import, holds them.
        UsageError: the folder cannot be written to, or its file system has no locks.
    """
    try:
        fd = os.open(folder / LOCK_NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, PRIVATE_FILE)
    except OSError as error:
        raise UsageError(
            f"{folder} cannot take labels ({error.strerror}). Give a run's folder that is yours."
        ) from error
    try:
        _acquire(fd, folder)
        with suppress(OSError):  # who holds it is a courtesy that a full disk may cost
            os.ftruncate(fd, 0)
            os.pwrite(fd, b"%d\n" % os.getpid(), 0)
        yield
    finally:
        os.close(fd)


def _acquire(fd: int, folder: Path) -> None:
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno not in {errno.EWOULDBLOCK, errno.EACCES}:
            raise UsageError(
                f"{folder} lies on a file system without locks ({error.strerror}), so that two could write labels "
                "there. Copy it to a local disk."
            ) from error
        holder = os.pread(fd, 32, 0).decode("ascii", "replace").strip()
        raise JournalLockedError(
            f"The labels of {folder} are being written by {f'process {holder}' if holder else 'another process'}. Use "
            "the page that it serves, any number of coders can, or end it first."
        ) from error
