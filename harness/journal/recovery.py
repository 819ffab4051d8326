"""Making a journal fit to be appended to: its torn tail, and on request its corrupt lines, go into files beside it.

Only the holder of the folder's lock may call this. Nothing is thrown away: what leaves the journal is durable in the
other file first.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from harness.journal.files import atomic_write, atomic_write_chunks
from harness.journal.reader import bad_lines

if TYPE_CHECKING:
    from collections.abc import Container, Iterator
    from datetime import datetime
    from pathlib import Path

    from harness.journal.files import System
    from harness.journal.reader import Scan

_CHUNK = 1 << 20


def set_tail_aside(path: Path, found: Scan, *, now: datetime, system: System = os) -> Path | None:
    """Move the torn tail into `<name>.torn-<time>`; returns that file, or None when the journal ends as it should.

    Raises:
        OSError: the tail stays where it is.
    """
    if not found.torn:
        return None
    with path.open("rb") as file:
        file.seek(found.end)
        tail = file.read()
    aside = _beside(path, "torn", now)
    atomic_write(aside, tail, system=system)
    fd = system.open(path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        system.ftruncate(fd, found.end)
        system.fsync(fd)
    finally:
        system.close(fd)
    return aside


def repair(path: Path, *, now: datetime, system: System = os) -> Path | None:
    """Move corrupt lines into `<name>.corrupt-<time>`, each behind its line number and a tab; None if there are none.

    A torn tail stays. The journal is replaced by one without those lines; it needs its own size in free space.

    Raises:
        OSError: the journal is as it was.
    """
    corrupt = frozenset(line.number for line in bad_lines(path))
    if not corrupt:
        return None
    aside = _beside(path, "corrupt", now)
    atomic_write_chunks(aside, _numbered(path, corrupt), system=system)
    atomic_write_chunks(path, _without(path, corrupt), system=system)
    return aside


def _beside(path: Path, what: str, now: datetime) -> Path:
    return path.with_name(f"{path.name}.{what}-{now:%Y%m%dT%H%M%S.%fZ}")


def _numbered(path: Path, numbers: Container[int]) -> Iterator[bytes]:
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            if number in numbers:
                yield b"%d\t%b" % (number, line)


def _without(path: Path, numbers: Container[int]) -> Iterator[bytes]:
    """The other lines, in chunks worth a write."""
    chunk = bytearray()
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            if number not in numbers:
                chunk += line
            if len(chunk) >= _CHUNK:
                yield bytes(chunk)
                chunk.clear()
    yield bytes(chunk)
