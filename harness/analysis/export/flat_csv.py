"""Every record, flattened, as a table that spreadsheets open safely. Knows no other format."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.analysis.export.cells import SPREADSHEET_CELL, cell, csv_chunks
from harness.analysis.export.flat import flat
from harness.analysis.export.jobs import Counted, Written
from harness.analysis.export.outputs import Outputs
from harness.analysis.records import iterate
from harness.errors import UsageError
from harness.wording import counted

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from harness.analysis.export.jobs import Job
    from harness.analysis.records import Record


def write(job: Job) -> Written:
    """Write the file; the journal is read twice, so that memory holds the names of the columns and never all records.

    Raises:
        UsageError, JournalCorruptError: nothing to export, or nowhere to write.
    """
    columns = _columns(job.folder)
    records = Counted(job.folder)
    cut: set[str] = set()
    rows = _rows(records, columns, cut)
    Outputs(job.target.parent, "csv").write(job.target, csv_chunks(columns, rows))
    notes = records.notes()
    if cut:
        told = f"{', '.join(sorted(cut))} hold cells of more than {SPREADSHEET_CELL} characters"
        notes += (f"{told}, which no spreadsheet shows whole; programs read them.",)
    return Written(((job.target, f"{counted(records.records, 'record')}, {len(columns)} columns"),), notes)


def _columns(folder: Path) -> tuple[str, ...]:
    """Those of any record; the parts of an object stand together, where it stands in a record."""
    parts: dict[str, dict[str, None]] = {}
    for record in iterate(folder):
        for field in record:
            parts.setdefault(field, {})
        for name in flat(record):
            parts.setdefault(name.partition(".")[0], {})[name] = None
    return tuple(name for names in parts.values() for name in names)


def _rows(records: Iterable[Record], columns: Sequence[str], cut: set[str]) -> Iterator[list[str]]:
    known = frozenset(columns)
    for record in records:
        values = flat(record)
        if not known.issuperset(values):
            raise UsageError("The run went on while it was exported. Export it again when it has ended.")
        row = [cell(values.get(name)) for name in columns]
        cut.update(name for name, text in zip(columns, row, strict=True) if len(text) > SPREADSHEET_CELL)
        yield row
