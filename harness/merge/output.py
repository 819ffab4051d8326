"""A folder that is there as a whole or not at all: it is made beside its place, and takes it in one step.

Whatever kills this in between leaves the place as it was. What is left beside it is replaced by the next try.
"""

from __future__ import annotations

import errno
import os
import shutil
from contextlib import contextmanager
from typing import TYPE_CHECKING

from harness.errors import JournalWriteError, UsageError
from harness.events import EVENTS_NAME
from harness.journal import RESULTS_NAME, make_private_folder
from harness.journal.files import fsync_folder
from harness.journal.lock import LOCK_NAME, folder_lock
from harness.manifest import MANIFEST_NAME

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from harness.merge.inputs import Input

CONFLICTS_NAME = "conflicts.jsonl"
_OURS = (RESULTS_NAME, EVENTS_NAME, MANIFEST_NAME, CONFLICTS_NAME)
_TAKEN = (errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR)


def refuse_output(output: Path, inputs: Sequence[Input]) -> None:
    """The output is a new folder, or an empty one, outside of every input.

    Raises:
        UsageError: it is not.
    """
    try:
        place = output.resolve()
        place.exists()
    except (OSError, RuntimeError, ValueError) as error:
        raise UsageError(f"{str(output)[:80]} cannot be a folder ({error}). Name another --output.") from None
    for one in inputs:
        folder = one.folder.resolve()
        if place == folder:
            raise UsageError(f"{output} is one of the folders to merge, which stay as they are. Name another --output.")
        if folder in place.parents:
            raise UsageError(f"{output} lies in {one.folder}, which stays as it is. Name another --output.")
    if not place.exists():
        return
    if not place.is_dir():
        raise UsageError(f"{output} is a file. Name a folder with --output.")
    held = sorted(path.name for path in place.iterdir())
    if {RESULTS_NAME, MANIFEST_NAME} & set(held):
        raise UsageError(f"{output} holds a run already. Name a new folder with --output.")
    if held:
        raise UsageError(f"{output} is not empty, it holds {held[0]}. Name a new folder with --output.")


@contextmanager
def whole_folder(output: Path) -> Iterator[Path]:
    """An empty folder to write to, which becomes `output` at the end of the block; after an error it is gone.

    Raises:
        JournalLockedError: another process is making the same folder.
        UsageError: `output` cannot be made, or was made by somebody else meanwhile.
        JournalWriteError: the disk refuses.
    """
    place = output.resolve()
    beside = place.with_name(f".{place.name}.merging")
    try:
        with folder_lock(beside):
            _empty(beside)
            try:
                yield beside
                _move(beside, place)
            except BaseException:
                shutil.rmtree(beside, ignore_errors=True)
                raise
    except OSError as error:
        where = f": {error.filename}" if error.filename else ""
        raise JournalWriteError(
            f"{output} was not made ({error.strerror or error}{where}). Check that disk and its room, then give the "
            "same command again; the folders to merge are as they were."
        ) from error


def _empty(folder: Path) -> None:
    """Take away what an earlier try left."""
    left = [path for path in folder.iterdir() if path.name != LOCK_NAME]
    for path in left:
        if path.name not in _OURS and not (path.name.startswith(".") and path.suffix == ".tmp"):
            raise UsageError(f"{folder} holds {path.name}, which no merge wrote. Move that folder away.")
    for path in left:
        path.unlink()


def _move(folder: Path, place: Path) -> None:
    make_private_folder(place.parent)
    try:
        os.rename(folder, place)  # noqa: PTH104 - the system's own, which replaces an empty folder and no other
    except OSError as error:
        if error.errno not in _TAKEN:
            raise
        raise UsageError(f"{place} was made by somebody else meanwhile. Name a new folder with --output.") from error
    fsync_folder(place.parent)
