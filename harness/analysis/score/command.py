"""`harness score DIR`: marks every answer, writes scores.jsonl, prints counts. Knows no phrase."""

from __future__ import annotations

import dataclasses
import json
import sys
from typing import TYPE_CHECKING, Any

import orjson

from harness.analysis.records import load
from harness.analysis.score.marks import has_gold, marks_of
from harness.analysis.score.summary import count_marks
from harness.analysis.score.table import sheet
from harness.errors import UsageError
from harness.findings import say
from harness.journal import atomic_write
from harness.json_text import to_json
from harness.terminal import table_screen

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from harness.analysis.score.marks import Marks

SCORES_NAME = "scores.jsonl"
"""One line per answer: `item_id` first, what tells it apart, then every mark; written anew each time."""
_FACTS = ("item_id", "prompt_id", "variant", "repeat", "is_synthetic_probe", "simulated")


def score_command(folder: Path, *, as_json: bool = False) -> int:
    """Write scores.jsonl into `folder` and print counts per variant and kind of prompt.

    Args:
        as_json: one JSON object instead of a table: `folder`, `scores` (the file), `counts`, `notes`.

    Returns:
        The exit code.

    Raises:
        UsageError: there are no results, or none is an answer; scores.jsonl cannot be written.
        JournalCorruptError: a line of the journal is no record.
    """
    results = load(folder)
    marked = [(record, marks) for record in results.answers if (marks := marks_of(record)) is not None]
    if not marked:
        raise UsageError(f"{folder} holds failures only, and only answers can be marked. Run the same command again.")
    notes = list(results.notes)
    without = sum(not has_gold(record) for record, _ in marked)
    if without:
        notes.append(
            f"{without} of {len(marked)} answers are to prompts without gold label and gold points: there the marks of "
            "existence and of points are null, and CVE ids are held against the prompt alone."
        )
    path = folder / SCORES_NAME
    try:
        atomic_write(path, b"".join(_line(record, marks) for record, marks in marked))
    except OSError as error:
        raise UsageError(
            f"{path} cannot be written ({error.strerror or error}). Mend that, and score again."
        ) from error
    counts = count_marks(marked)
    if as_json:
        told = {"folder": str(folder), "scores": str(path), "counts": list(map(dataclasses.asdict, counts))}
        sys.stdout.write(json.dumps(told | {"notes": notes}, indent=2) + "\n")
    else:
        screen = table_screen()
        screen.print(sheet(folder, counts).shown(screen.width))
    for note in notes:
        say(note)
    say(f"{len(marked)} answers are marked in {path}.")
    return 0


def _line(record: Mapping[str, Any], marks: Marks) -> bytes:
    return to_json({name: record.get(name) for name in _FACTS} | marks.to_dict(), orjson.OPT_APPEND_NEWLINE)
