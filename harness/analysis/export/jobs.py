"""What a format is given and what it gives back; records one by one, counted. Knows no format."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.analysis.records import iterate
from harness.journal import RESULTS_NAME, scan

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from harness.analysis.records import Record

EXPORT_FOLDER = "export"
"""The folder inside a run's that exports go to, and keys always."""


@dataclass(frozen=True, slots=True)
class Job:
    """One export.

    Args:
        folder: the run's.
        target: the file that is wanted, or for a format of several files their folder; absolute.
        seed: of the order in which coders see answers.
    """

    folder: Path
    target: Path
    seed: int


@dataclass(frozen=True, slots=True)
class Written:
    """What an export wrote: each file with what is in it, and sentences for people."""

    files: tuple[tuple[Path, str], ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Format:
    """A format by the name that a command gives it.

    Args:
        default: the name of its file, or where `several` of its folder, inside the folder of exports.
    """

    name: str
    default: str
    several: bool
    write: Callable[[Job], Written]


class Counted:
    """The records of a folder, one per item, lazily; tells afterwards what there is to say of them."""

    def __init__(self, folder: Path) -> None:
        self.records = 0
        self._simulated = 0
        self._folder = folder

    def __iter__(self) -> Iterator[Record]:
        """Every record.

        Raises:
            UsageError, JournalCorruptError: as `harness.analysis.records.iterate`.
        """
        for record in iterate(self._folder):
            self.records += 1
            self._simulated += bool(record.get("simulated"))
            yield record

    def notes(self) -> tuple[str, ...]:
        """Sentences on a torn tail and on simulated answers, once all was read."""
        path = self._folder / RESULTS_NAME
        said = []
        if torn := scan(path).torn:
            said.append(f"{path} ends in {torn} bytes of an unfinished line; read up to it.")
        if self._simulated:
            said.append(f"{self._simulated} of {self.records} records are simulated: they are no data, and say so.")
        return tuple(said)
