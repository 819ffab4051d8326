"""Everything that a folder holds for people who label: its answers, the rubric, who labels what. Knows no page."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.analysis.labels import RUBRIC_NAME
from harness.analysis.rubric import read_rubric
from harness.annotate.assignment import Assignment
from harness.annotate.items import read_items
from harness.errors import UsageError
from harness.journal import RESULTS_NAME, atomic_write, scan

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from harness.analysis.rubric import Rubric
    from harness.annotate.drawing import Flags
    from harness.annotate.items import Item

PAGE_KEYS = "uk?/"
"""What these keys do on the page is not for a rubric to say: undo, skip, help, notes."""


@dataclass(slots=True)
class Study:
    """One folder's labelling.

    Args:
        items: every answer by item id.
        known: the ids of all items, failures included.
        assignment: replaced when somebody comes.
        notes: sentences for people who started it.
    """

    folder: Path
    items: Mapping[str, Item]
    known: frozenset[str]
    rubric: Rubric
    assignment: Assignment
    notes: tuple[str, ...]


def open_study(folder: Path, flags: Flags, rubric_path: Path | None = None) -> Study:
    """Read `folder`; the first time, draw from it and keep the draw and a copy of the rubric there.

    Raises:
        UsageError: there is nothing to label, or not like this; flags or rubric contradict what the folder holds.
        JournalCorruptError: a line of the journal is no record.
        JournalWriteError: the disk refuses.
    """
    items, known = read_items(folder)
    if not items:
        raise UsageError(f"{folder} holds no answer yet, failures only. There is nothing to label.")
    kept = read_rubric(folder / RUBRIC_NAME) if (folder / RUBRIC_NAME).exists() else None
    rubric = _rubric(folder, kept, rubric_path)
    assignment = Assignment.read(folder)
    if assignment is None:
        assignment = Assignment.new({item_id: item.stratum for item_id, item in items.items()}, flags)
        assignment.write(folder)
    else:
        assignment.refuse_other_flags(flags, folder)
        _refuse_missing(assignment, items, folder)
    if kept is None or kept.source != rubric.source:
        atomic_write(folder / RUBRIC_NAME, rubric.source.encode())
    return Study(folder, items, known, rubric, assignment, tuple(_notes(folder, items, assignment)))


def _refuse_missing(assignment: Assignment, items: Mapping[str, Item], folder: Path) -> None:
    gone = set(assignment.items) - items.keys()
    if gone:
        raise UsageError(
            f"{len(gone)} of the items that were drawn from {folder} have no answer in it any more. Put back the "
            f"{RESULTS_NAME} that they were drawn from."
        )


def _notes(folder: Path, items: Mapping[str, Item], assignment: Assignment) -> Iterator[str]:
    later = len(items) - len(assignment.items)
    if assignment.flags.sample is None and later:
        yield f"{later} answers came after the draw and are not in it."
    if torn := scan(folder / RESULTS_NAME).torn:
        yield f"{folder / RESULTS_NAME} ends in {torn} bytes of an unfinished line; read up to it."
    if simulated := sum(item.simulated for item in items.values()):
        yield f"{simulated} of {len(items)} answers are simulated: labels of them are for trying this out, no data."


def _rubric(folder: Path, kept: Rubric | None, path: Path | None) -> Rubric:
    """The one that the folder's labels are made with; `path` may differ from it in its words only."""
    copy = folder / RUBRIC_NAME
    rubric = kept if kept is not None and path is None else read_rubric(path)
    taken = [option.key for one in rubric.fields for option in one.options if option.key and option.key in PAGE_KEYS]
    if taken:
        raise UsageError(
            f"{path or copy}: the key {taken[0]!r} is the page's own, as are all of {' '.join(PAGE_KEYS)}. Give that "
            "option another one."
        )
    if kept is not None and _meaning(kept) != _meaning(rubric):
        raise UsageError(
            f"The labels of {folder} are made with another rubric than {path}. Leave --rubric out to go on with that "
            f"one ({copy}), or annotate a copy of the folder that holds its results only."
        )
    return rubric


def _meaning(rubric: Rubric) -> object:
    """What must not change under labels: what they may say, when they are asked, and what coders see meanwhile."""
    return rubric.digest, rubric.gold_shown, [(one.required, one.when) for one in rubric.fields]
