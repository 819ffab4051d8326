"""A table that a coder filled in, as rows: what a spreadsheet made of an annotation-csv export, or one's own.

It has a column `item` (opaque) or `item_id`, and a column for each field of the rubric that was labelled. A spreadsheet
may have put semicolons or tabs between the cells, an apostrophe before them, or a capital at their beginning. A table
that is an adjudicated-csv export is handed on. Knows the rubric; knows neither the key nor what is labelled already.
"""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING

from harness.analysis.export.annotation_csv import ITEM, ITEM_ID, SHOWN
from harness.analysis.export.cells import unguarded
from harness.analysis.importing.adjudicated_table import is_adjudicated, read_adjudicated
from harness.analysis.importing.rows import Read, Row
from harness.analysis.importing.table_cells import label_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from harness.analysis.rubric import Rubric

_DELIMITERS = ",;\t"
ADJUDICATOR = "adjudicator"
"""Who decided, where nobody says."""


def read_table(data: bytes, rubric: Rubric, coder: str | None, *, adjudicator: str = ADJUDICATOR) -> Read:
    """The rows of a CSV file, their places by the line on which each begins.

    Args:
        data: the file; UTF-8, with or without a byte order mark.
        coder: whose file it is, None where nobody knows; an adjudicated-csv export says it itself.
        adjudicator: who decided what an adjudicated-csv export says was.
    """
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        return Read(problems=(f"line {line}: this is not UTF-8; save the table as `CSV UTF-8`",))
    # The limit belongs to the whole process, and its default of 128 KiB is less than a long answer.
    csv.field_size_limit(max(len(text) + 1, csv.field_size_limit()))
    records = _records(text)
    try:
        line, header = next(records, (1, []))
        if is_adjudicated(header, rubric):
            return read_adjudicated(records, line, header, rubric, adjudicator)
        if problems := _header_problems(header, rubric):
            return Read(problems=tuple(f"line {line}: {problem}" for problem in problems))
        return _rows(records, header, rubric, coder)
    except csv.Error as error:
        return Read(problems=(f"the quotation marks are not closed somewhere ({error}); save the table as CSV again",))


def _records(text: str) -> Iterator[tuple[int, list[str]]]:
    """Each record with the line it begins on; lines without any text are passed over."""
    first = text.partition("\n")[0]
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=max(_DELIMITERS, key=first.count), strict=True)
    line = 1
    for cells in reader:
        if any(cells):
            yield line, [unguarded(cell) for cell in cells]
        line = reader.line_num + 1


def _header_problems(header: Sequence[str], rubric: Rubric) -> list[str]:
    known = {one.name for one in rubric.fields}
    found = [f"the column {name} is there twice" for name in sorted({n for n in header if header.count(n) > 1})]
    if (ITEM in header) is (ITEM_ID in header):
        found.append(f"there must be a column {ITEM}, or else a column {ITEM_ID}")
    found += [
        f"the rubric has no field {name!r}; take the column out, or name it as the rubric does"
        for name in header
        if name not in known | {ITEM, ITEM_ID, *SHOWN}
    ]
    if not known.intersection(header):
        found.append(f"there is no column for any field of the rubric: {', '.join(sorted(known))}")
    return found


def _rows(records: Iterator[tuple[int, list[str]]], header: Sequence[str], rubric: Rubric, coder: str | None) -> Read:
    rows, empty, problems = [], 0, []
    for line, cells in records:
        if len(cells) != len(header):
            problems.append(f"line {line}: it has {len(cells)} cells under a header of {len(header)}")
            continue
        row = dict(zip(header, cells, strict=True))
        labels = {
            one.name: value for one in rubric.fields if (value := label_of(one, row.get(one.name, ""))) is not None
        }
        if labels:
            rows.append(Row(f"line {line}", row.get(ITEM, row.get(ITEM_ID, "")).strip(), coder, labels))
        else:
            empty += 1
    return Read(tuple(rows), empty, tuple(problems))
