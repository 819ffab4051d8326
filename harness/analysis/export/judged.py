"""The labels of a folder and the rubric that they were made with. Decides nothing and writes nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.analysis.labels import RUBRIC_NAME, read_annotations
from harness.analysis.rubric import read_rubric

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from harness.analysis.labels import Annotations
    from harness.analysis.rubric import Rubric


def rubric_of(folder: Path) -> Rubric:
    """The rubric in `folder`; the one that ships where there is none.

    Raises:
        UsageError: it cannot be read or is no rubric.
    """
    path = folder / RUBRIC_NAME
    return read_rubric(path if path.exists() else None)


def labels_of(folder: Path, known: Iterable[str], rubric: Rubric) -> Annotations:
    """What was decided about the items `known`, all of it by `rubric`.

    Raises:
        UsageError: a label of another item or of another rubric.
        JournalCorruptError: a line in the middle of annotations.jsonl is no annotation.
    """
    return read_annotations(folder, known=known, rubric=rubric)
