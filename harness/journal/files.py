"""Files that survive a crash: whole or not there, durable, private. Knows nothing of what is in them."""

from __future__ import annotations

import errno
import os
import secrets
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

PRIVATE_FILE = 0o600
PRIVATE_FOLDER = 0o700


class System(Protocol):
    """The calls that can fail on a bad day. `os` is one; `harness.journal.faults` has one that fails on demand."""

    def open(self, path: str | os.PathLike[str], flags: int, mode: int = ..., /) -> int: ...
    def write(self, fd: int, data: bytes | memoryview, /) -> int: ...
    def fsync(self, fd: int, /) -> None: ...
    def ftruncate(self, fd: int, length: int, /) -> None: ...
    def replace(self, source: str | os.PathLike[str], target: str | os.PathLike[str], /) -> None: ...
    def close(self, fd: int, /) -> None: ...


def write_fully(fd: int, data: bytes, system: System = os) -> tuple[int, OSError | None]:
    """How many bytes were written, and the error that stopped them (None when all were)."""
    view = memoryview(data)
    written = 0
    while written < len(view):
        try:
            step = system.write(fd, view[written:])
        except OSError as exc:
            return written, exc
        if step == 0:
            return written, OSError(errno.EIO, "the system wrote nothing and gave no reason")
        written += step
    return written, None


def atomic_write(path: Path, data: bytes, *, system: System = os) -> None:
    """The file holds either what it held before or all of `data`, whatever happens; mode 0600.

    Raises:
        OSError: nothing has changed.
    """
    atomic_write_chunks(path, (data,), system=system)


def atomic_write_chunks(path: Path, chunks: Iterable[bytes], *, system: System = os) -> None:
    """Like `atomic_write`, for contents too large for memory.

    Raises:
        OSError: nothing has changed.
    """
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    try:
        with _descriptor(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, system) as fd:
            for chunk in chunks:
                _write_or_raise(fd, chunk, system)
            system.fsync(fd)
        system.replace(temporary, path)
    except BaseException:
        with suppress(OSError):
            temporary.unlink()
        raise
    fsync_folder(path.parent, system=system)


def create_private_file(path: Path, *, system: System = os) -> None:
    """An empty file, durably there; one that exists is left as it is."""
    try:
        with _descriptor(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, system) as fd:
            system.fsync(fd)
    except FileExistsError:
        return
    fsync_folder(path.parent, system=system)


def make_private_folder(path: Path, *, system: System = os) -> None:
    """The folder and those above it that are missing, mode 0700, durably there; existing ones are left as they are."""
    if path.is_dir():
        return
    make_private_folder(path.parent, system=system)
    path.mkdir(mode=PRIVATE_FOLDER, exist_ok=True)
    fsync_folder(path.parent, system=system)


def fsync_folder(path: Path, *, system: System = os) -> None:
    """Make names that were added to, or replaced in, a folder durable, where its file system has such a thing."""
    with _descriptor(path, os.O_RDONLY | os.O_DIRECTORY, system) as fd:
        try:
            system.fsync(fd)
        except OSError as exc:
            # Some network and user-space file systems have no fsync for folders.
            if exc.errno not in (errno.EINVAL, errno.ENOTSUP):
                raise


def _write_or_raise(fd: int, data: bytes, system: System) -> None:
    _, error = write_fully(fd, data, system)
    if error is not None:
        raise error


@contextmanager
def _descriptor(path: Path, flags: int, system: System) -> Iterator[int]:
    fd = system.open(path, flags | os.O_CLOEXEC, PRIVATE_FILE)
    try:
        yield fd
    finally:
        with suppress(OSError):
            system.close(fd)
