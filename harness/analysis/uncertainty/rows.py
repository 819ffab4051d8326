"""One row for each answer, as a file for other programs. Knows no formula and no table for people."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from harness.analysis.export.cells import cell, csv_chunks
from harness.analysis.export.outputs import in_a_sentence
from harness.analysis.uncertainty.assessed import LABEL, UNSURE
from harness.errors import UsageError
from harness.journal import atomic_write
from harness.json_text import to_json

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from harness.analysis.uncertainty.assessed import Answer

_FACTS = ("item_id", "prompt_id", "variant", "repeat", "prompt_category", "is_synthetic_probe", "simulated")
COLUMNS = (*_FACTS, "logprobs_of", "positions", "top", *UNSURE, LABEL)


def refuse_output(path: Path) -> None:
    """Raise where `write_rows` could not write `path`, or would replace what is not its own.

    Raises:
        UsageError: another ending, no such folder, or a file that something else wrote.
    """
    if path.suffix not in _WRITERS:
        raise UsageError(f"--output {path} has to end in .csv or .jsonl, which says what is written.")
    if not path.parent.is_dir():
        raise UsageError(f"--output {path}: there is no folder {path.parent}. Make it first.")
    if not path.exists():
        return
    with in_a_sentence(path), path.open("rb") as file:
        first = file.readline()
    if first and not _is_own(first, path.suffix):
        raise UsageError(f"--output {path} exists and was not written by this command. Name another file.")


def write_rows(answers: Sequence[Answer], path: Path) -> None:
    """Write `COLUMNS` of every answer to `path`, whole or not at all; what is undefined is empty, or null.

    Raises:
        UsageError: it cannot be written; nothing has changed.
    """
    with in_a_sentence(path):
        atomic_write(path, _WRITERS[path.suffix]([_row(answer) for answer in answers]))


def _row(answer: Answer) -> dict[str, Any]:
    label = {True: "yes", False: "no", None: None}[answer.hallucinated]
    row = {name: answer.record.get(name) for name in (*_FACTS, "logprobs_of")}
    row |= {name: answer.value(name) for name in ("positions", "top", *UNSURE)}
    return {name: (row | {LABEL: label})[name] for name in COLUMNS}


def _as_lines(rows: Sequence[dict[str, Any]]) -> bytes:
    return b"".join(to_json(row, orjson.OPT_APPEND_NEWLINE) for row in rows)


def _as_csv(rows: Sequence[dict[str, Any]]) -> bytes:
    return b"".join(csv_chunks(COLUMNS, ([cell(row[name]) for name in COLUMNS] for row in rows)))


def _is_own(first: bytes, suffix: str) -> bool:
    if suffix == ".csv":
        return first.decode("utf-8-sig", "replace").rstrip("\r\n") == ",".join(COLUMNS)
    try:
        return list(orjson.loads(first)) == list(COLUMNS)
    except (orjson.JSONDecodeError, TypeError):
        return False


_WRITERS = {".csv": _as_csv, ".jsonl": _as_lines}
