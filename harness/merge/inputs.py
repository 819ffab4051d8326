"""The folders that are to be merged: what each must hold, and whether it is left alone meanwhile. Writes nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.errors import UsageError
from harness.events import EVENTS_NAME
from harness.journal import RESULTS_NAME
from harness.journal.lock import refuse_held
from harness.manifest import MANIFEST_NAME, Manifest

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

Stamp = tuple[int, int, int]
"""What tells one state of a file from another: its number, its size in bytes, when it was last written to (ns)."""


@dataclass(frozen=True, slots=True)
class Input:
    """One folder.

    Args:
        folder: as it was given.
        stamps: of its results, its run.json and its events, when they were first looked at; None: not there.
    """

    folder: Path
    manifest: Manifest
    stamps: tuple[Stamp | None, ...]

    @property
    def results(self) -> Path:
        """Its journal."""
        return self.folder / RESULTS_NAME

    @property
    def events(self) -> Path:
        """Its diary, which need not be there."""
        return self.folder / EVENTS_NAME


def read_inputs(folders: Sequence[Path]) -> tuple[Input, ...]:
    """The folders, in their order.

    Raises:
        UsageError: there are none, one is given twice, is no run's folder, or is being written by a process.
    """
    if not folders:
        raise UsageError("There is nothing to merge. Give the folders of the runs, and --output DIR.")
    known: dict[tuple[int, int], Path] = {}
    inputs = []
    for folder in folders:
        inputs.append(_read(folder))
        status = folder.stat()
        twice = known.setdefault((status.st_dev, status.st_ino), folder)
        if twice is not folder:
            raise UsageError(f"{twice} and {folder} are one folder. Give every folder once.")
    return tuple(inputs)


def refuse_changed(inputs: Sequence[Input]) -> None:
    """Nobody may have written to a folder since it was first looked at.

    Raises:
        UsageError: somebody has, or does.
    """
    for one in inputs:
        refuse_held(one.folder)
        if _stamps(one.folder) != one.stamps:
            raise UsageError(f"{one.folder} was changed while it was read. Give the same command again.")


def _read(folder: Path) -> Input:
    if not (folder / RESULTS_NAME).is_file():
        raise UsageError(
            f"There is no {RESULTS_NAME} in {folder}. Give the folders that runs wrote, the output_dir of their config."
        )
    refuse_held(folder)
    stamps = _stamps(folder)
    manifest = Manifest.read(folder)
    if manifest is None:
        raise UsageError(
            f"There is no {MANIFEST_NAME} in {folder}, so that nothing says what was asked there. Give the command "
            "that made its results again: it writes one anew, and sends nothing where all is answered."
        )
    return Input(folder, manifest, stamps)


def _stamps(folder: Path) -> tuple[Stamp | None, ...]:
    return tuple(_stamp(folder / name) for name in (RESULTS_NAME, MANIFEST_NAME, EVENTS_NAME))


def _stamp(path: Path) -> Stamp | None:
    try:
        status = path.stat()
    except FileNotFoundError:
        return None
    return status.st_ino, status.st_size, status.st_mtime_ns
