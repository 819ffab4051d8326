"""What to do, and to say, about lines that the journal cannot take. Knows nothing of threads or descriptors."""

from __future__ import annotations

import errno
import os
import shlex
from pathlib import Path
from secrets import token_hex
from typing import TYPE_CHECKING

from harness.errors import JournalWriteError
from harness.journal.files import atomic_write_chunks

if TYPE_CHECKING:
    from collections.abc import Sequence

    from harness.journal.files import System

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def default_side_folders() -> tuple[Path, ...]:
    """The temporary folder first; then places that are seldom on the same disk."""
    # Not tempfile.gettempdir(): it looks for a folder by writing to it, and raises where all disks are full.
    temporary = os.environ.get("TMPDIR") or "/tmp"  # noqa: S108 - names are random and files private
    return tuple(Path(folder).expanduser() for folder in (temporary, "~", "/dev/shm"))  # noqa: S108


def refusal(journal: Path, error: Exception) -> JournalWriteError:
    """The disk refuses a line that stays in memory."""
    told = JournalWriteError(
        f"{journal} cannot be written ({_reason(error)}). What came back waits in memory and is tried again until the "
        f"run ends. {_advice(error)}."
    )
    told.__cause__ = error
    return told


def save_aside(
    journal: Path, lines: Sequence[bytes], error: Exception, *, folders: Sequence[Path], system: System = os
) -> JournalWriteError:
    """Save lines that the journal's disk refused with `error` in the first folder that takes them; says how it went."""
    failed = f"{journal} cannot be written ({_reason(error)})"
    results = "result that came back is" if len(lines) == 1 else f"{len(lines)} results that came back are"
    for folder in folders:
        side = folder / f"{journal.stem}-{journal.parent.name}-{token_hex(4)}{journal.suffix}"
        try:
            atomic_write_chunks(side, lines, system=system)
        except OSError:
            continue
        told = JournalWriteError(
            f"{failed}. The last {results} in {side}. {_advice(error)}, then add them with "
            f"`cat {shlex.quote(str(side))} >> {shlex.quote(str(journal))}` and run the same command again."
        )
        break
    else:
        told = JournalWriteError(
            f"{failed}, nor can {' or '.join(map(str, folders))}: the last {results} lost. {_advice(error)} and run "
            "the same command again; it asks for what is missing."
        )
    told.__cause__ = error
    return told


def _reason(error: Exception) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or repr(error)


def _advice(error: Exception) -> str:
    if isinstance(error, OSError) and error.errno in _FULL:
        return "Make room on that disk"
    return "Check that disk"
