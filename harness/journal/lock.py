"""One writer per run folder: a lock that dies with its holder. Knows nothing of what is written there."""

from __future__ import annotations

import errno
import fcntl
import os
import time
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from harness.errors import JournalLockedError, UsageError
from harness.journal.files import PRIVATE_FILE, make_private_folder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from harness.journal.files import System

LOCK_NAME = ".lock"
_HELD_ELSEWHERE = (errno.EWOULDBLOCK, errno.EACCES)
_TRIES = 3
_TRY_AGAIN_S = 0.02


def utc_now() -> datetime:
    return datetime.now(UTC)


@contextmanager
def folder_lock(folder: Path, *, now: Callable[[], datetime] = utc_now, system: System = os) -> Iterator[None]:
    """Hold the folder, made if need be, for as long as the block lasts; the kernel lets go when the process dies.

    The file stays when the lock is released: deleting it would let two processes each hold a file of that name.

    Raises:
        JournalLockedError: another process holds it; the sentence names the folder and the holder.
        UsageError: the folder cannot be written to, or its file system has no locks.
    """
    try:
        make_private_folder(folder, system=system)
        fd = os.open(folder / LOCK_NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, PRIVATE_FILE)
    except OSError as exc:
        raise UsageError(
            f"{folder} cannot be used for results ({exc.strerror}). Choose another output folder."
        ) from exc
    with held(fd, lambda holder: _busy(folder, holder), lambda why: _no_locks(folder, why), now=now):
        yield


@contextmanager
def held(
    fd: int,
    busy: Callable[[str], str],
    no_locks: Callable[[str], str],
    *,
    now: Callable[[], datetime] = utc_now,
) -> Iterator[None]:
    """Hold the open lock file `fd` for as long as the block lasts, then close it.

    Args:
        busy: the sentence for whoever comes second, given who holds it.
        no_locks: the sentence where the file system has none, given the system's words.

    Raises:
        JournalLockedError, UsageError: with those sentences.
    """
    try:
        _acquire(fd, busy, no_locks)
        with suppress(OSError):  # who holds it is a courtesy that a full disk may cost
            os.ftruncate(fd, 0)
            os.pwrite(fd, f"{os.getpid()} {now().isoformat(timespec='seconds')}\n".encode(), 0)
        yield
    finally:
        os.close(fd)


def refuse_held(folder: Path) -> None:
    """Look whether somebody holds `folder`, and leave nothing behind.

    Raises:
        JournalLockedError: as `folder_lock` would.
    """
    try:
        fd = os.open(folder / LOCK_NAME, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return
    try:
        _acquire(fd, lambda holder: _busy(folder, holder), lambda why: _no_locks(folder, why), fcntl.LOCK_SH)
    finally:
        os.close(fd)


def is_held(folder: Path) -> bool:
    """Whether a process holds `folder`. Nothing is left behind, and a run that begins meanwhile is not refused."""
    try:
        fd = os.open(folder / LOCK_NAME, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError as exc:
        return exc.errno in _HELD_ELSEWHERE
    finally:
        os.close(fd)
    return False


def _acquire(fd: int, busy: Callable[[str], str], no_locks: Callable[[str], str], kind: int = fcntl.LOCK_EX) -> None:
    for left in reversed(range(_TRIES)):
        try:
            fcntl.flock(fd, kind | fcntl.LOCK_NB)
        except OSError as exc:
            if exc.errno not in _HELD_ELSEWHERE:
                raise UsageError(no_locks(str(exc.strerror))) from exc
            if not left:
                raise JournalLockedError(busy(_holder(fd))) from exc
            # Whoever only looks (`is_held`) shares the lock for some microseconds.
            time.sleep(_TRY_AGAIN_S)
        else:
            return


def _busy(folder: Path, holder: str) -> str:
    return (
        f"{folder} is being written by {holder}. Wait until that has ended or stop it; a run can also take another "
        "output folder."
    )


def _no_locks(folder: Path, why: str) -> str:
    return (
        f"{folder} lies on a file system without locks ({why}), so two runs could write there. Choose an output folder "
        "on a local disk."
    )


def _holder(fd: int) -> str:
    pid, _, since = os.pread(fd, 100, 0).decode("ascii", "replace").strip().partition(" ")
    return f"process {pid} since {since}" if pid and since else "another process"
