"""`harness export`: a run's results and labels in a form that another program reads. Knows which formats there are."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from harness.analysis.export import (
    adjudicated_csv,
    annotation_csv,
    flat_csv,
    flat_jsonl,
    label_studio,
    parquet_table,
    seed_json,
)
from harness.analysis.export.jobs import EXPORT_FOLDER, Format, Job
from harness.analysis.records import iterate
from harness.errors import UsageError
from harness.findings import say
from harness.terminal import visible

if TYPE_CHECKING:
    from pathlib import Path

FORMATS = (
    Format("parquet", "results.parquet", several=False, write=parquet_table.write),
    Format("csv", "results.csv", several=False, write=flat_csv.write),
    Format("jsonl", "results-flat.jsonl", several=False, write=flat_jsonl.write),
    Format("label-studio", "label-studio", several=True, write=label_studio.write),
    Format("annotation-csv", "annotation-csv", several=True, write=annotation_csv.write),
    Format("adjudicated-csv", "adjudicated.csv", several=False, write=adjudicated_csv.write),
    Format("seed-json", "seed-json", several=True, write=seed_json.write),
)


def export_command(folder: Path, *, form: str, output: Path | None = None, seed: int = 0) -> int:
    """Write what `folder` holds in the format `form`, and print each file that was written.

    Args:
        form: the name of one of `FORMATS`.
        output: the file, or for a format of several files their folder; a file may be named by the folder it is to lie
            in. By default a name that says what it is, in the run's folder of exports.
        seed: of the order in which coders see answers.

    Returns:
        The exit code.

    Raises:
        UsageError: there is no such format, nothing to export, something else stands where it would go, it cannot be
            written, or a library is missing.
        JournalCorruptError: a line of the journal, or of the labels, is no record.
    """
    chosen = next((one for one in FORMATS if one.name == form), None)
    if chosen is None:
        raise UsageError(
            f"There is no export format {form!r}. Choose one of: {', '.join(one.name for one in FORMATS)}."
        )
    # Asked before a folder is made for nothing.
    next(iterate(folder))
    written = chosen.write(Job(folder, _target(folder, chosen, output), seed))
    for path, what in written.files:
        sys.stdout.write(visible(f"{path}: {what}") + "\n")
    for note in written.notes:
        say(note)
    return 0


def _target(folder: Path, chosen: Format, output: Path | None) -> Path:
    if output is None:
        return folder.resolve() / EXPORT_FOLDER / chosen.default
    target = output.resolve()
    if chosen.several and target.exists() and not target.is_dir():
        raise UsageError(f"{output} is a file, and {chosen.name} is several. Name a folder with --output.")
    return target / chosen.default if not chosen.several and target.is_dir() else target
