"""CSV and TSV: a header, then records, which quotes may spread over lines. Knows only which cells are not text."""

from __future__ import annotations

import csv
import json
from typing import TYPE_CHECKING, Any

from harness.errors import PromptFileError
from harness.prompts.decoding import MAX_ROW, Place, Problem, text_lines
from harness.prompts.fields import KNOWN_FIELDS, TEXT_FIELDS, shown

if TYPE_CHECKING:
    from collections.abc import Iterator
    from io import BufferedReader
    from pathlib import Path

_FLAGS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False, "": None}


def read_table(path: Path, file: BufferedReader, delimiter: str) -> Iterator[tuple[Place, Any]]:
    """One dictionary of non-empty cells per record; an empty cell of a known field is None.

    Raises:
        PromptFileError: the quoting is broken, the header is unusable, or a record is longer than it.
    """
    records = _records(path, file, delimiter)
    line, cells = next(records, (1, None))
    if cells is None:
        return
    header = _header(path, line, cells)
    for line, cells in records:
        place = Place(line)
        if len(cells) > len(header):
            problem = f"has {len(cells)} cells under a header of {len(header)}: put a cell that holds "
            raise place.error(path, f"{problem}{'a tab' if delimiter == chr(9) else 'a comma'} in double quotes.")
        row = {name: cell or None for name, cell in zip(header, cells, strict=False) if cell or name in KNOWN_FIELDS}
        try:
            yield place, _typed(row)
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


def _header(path: Path, line: int, cells: list[str]) -> list[str]:
    header = [cell.strip() or f"column {number}" for number, cell in enumerate(cells, 1)]
    names = ", ".join(shown(name) for name in header[:12])
    if repeated := next((name for name in header if header.count(name) > 1), None):
        raise PromptFileError(path, line, f"the header has the column {shown(repeated)} twice: rename one.")
    if not {*TEXT_FIELDS, "messages"}.intersection(header):
        raise PromptFileError(
            path,
            line,
            f'the header has no column "prompt" (or {", ".join(TEXT_FIELDS[1:])}, messages); it has {names}. '
            "Add a header, or rename a column; columns are separated by commas in .csv and by tabs in .tsv.",
        )
    return header


def _typed(row: dict[str, Any]) -> dict[str, Any]:
    flag = row.get("is_synthetic_probe")
    if flag is not None:
        word = flag.strip().lower()
        if word not in _FLAGS:
            raise Problem(f"has {shown(flag)} as is_synthetic_probe: write true, false, or nothing.")
        row["is_synthetic_probe"] = _FLAGS[word]
    if (turns := row.get("messages")) is not None:
        try:
            row["messages"] = json.loads(turns)
        except (ValueError, RecursionError) as exc:
            raise Problem('has messages that are not JSON: write [{"role": "user", "content": "…"}].') from exc
    return row
