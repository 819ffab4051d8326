"""CSV and TSV: a header, then records, which quotes may spread over lines. Knows only which cells are not text."""

from __future__ import annotations

import csv
import json
from typing import TYPE_CHECKING, Any

from harness.errors import PromptFileError
from harness.prompts.columns import DEFAULT_NAMES
from harness.prompts.decoding import MAX_ROW, Place, Problem, text_lines
from harness.prompts.fields import flag_of, shown

if TYPE_CHECKING:
    from collections.abc import Iterator
    from io import BufferedReader
    from pathlib import Path

    from harness.prompts.columns import Columns


def read_table(path: Path, file: BufferedReader, delimiter: str, columns: Columns) -> Iterator[tuple[Place, Any]]:
    """One dictionary of non-empty cells per record; an empty cell of a known field is None, of a template's is empty.

    Raises:
        PromptFileError: the quoting is broken, the header is unusable, or a record is longer than it.
    """
    records = _records(path, file, delimiter)
    line, cells = next(records, (1, None))
    if cells is None:
        return
    header = _header(path, line, cells, columns)
    places = frozenset(columns.template.names if columns.template else ())
    wanted = columns.named.union(*map(columns.of, DEFAULT_NAMES))
    for line, cells in records:
        place = Place(line)
        if len(cells) > len(header):
            problem = f"has {len(cells)} cells under a header of {len(header)}: put a cell that holds "
            raise place.error(path, f"{problem}{'a tab' if delimiter == chr(9) else 'a comma'} in double quotes.")
        # A record may be shorter than the header: what it leaves out is as empty as an empty cell.
        full = [*cells, *[""] * (len(header) - len(cells))] if places else cells
        row = {
            name: cell or ("" if name in places else None)
            for name, cell in zip(header, full, strict=False)
            if cell or name in wanted
        }
        try:
            yield place, _typed(row, columns)
        except Problem as problem:
            raise place.error(path, problem) from problem


def _records(path: Path, file: BufferedReader, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    # The limit belongs to the whole process, and its default of 128 KiB is less than a long prompt.
    csv.field_size_limit(max(MAX_ROW, csv.field_size_limit()))
    reader = csv.reader(text_lines(path, file), delimiter=delimiter, strict=True)
    while True:
        line = reader.line_num + 1
        try:
            cells = next(reader, None)
        except csv.Error as exc:
            problem = f"the record that begins on this line cannot be read ({exc}): close every quotation mark"
            hint = "double those inside a quoted cell, and end lines with a line feed."
            raise PromptFileError(path, line, f"{problem}, {hint}") from exc
        if cells is None:
            return
        if any(cells):
            yield line, cells


def _header(path: Path, line: int, cells: list[str], columns: Columns) -> list[str]:
    header = [cell.strip() or f"column {number}" for number, cell in enumerate(cells, 1)]
    names = ", ".join(shown(name) for name in header[:12])
    if repeated := next((name for name in header if header.count(name) > 1), None):
        raise PromptFileError(path, line, f"the header has the column {shown(repeated)} twice: rename one.")
    if problem := columns.missing_from(header):
        raise PromptFileError(path, line, f"the header {problem}")
    texts = (*columns.of("prompt"), *columns.of("messages"))
    if columns.template is None and not set(texts).intersection(header):
        raise PromptFileError(
            path,
            line,
            f'the header has no column "prompt" (or {", ".join(texts[1:])}); it has {names}. Add a header, rename a '
            "column, or say which it is with `fields: {prompt: COLUMN}`; columns are separated by commas in .csv and "
            "by tabs in .tsv.",
        )
    return header


def _typed(row: dict[str, Any], columns: Columns) -> dict[str, Any]:
    for name in columns.of("probe"):
        if row.get(name) is not None:
            row[name] = flag_of(name, row[name])
    for name in columns.of("messages"):
        if turns := row.get(name):
            try:
                row[name] = json.loads(turns)
            except (ValueError, RecursionError) as exc:
                raise Problem(f'has {name} that are not JSON: write [{{"role": "user", "content": "…"}}].') from exc
    return row
