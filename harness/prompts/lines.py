"""JSONL: one JSON object or string per line. Knows no fields."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from harness.prompts.decoding import Place, Problem, json_value, quick_json_value, raw_lines, to_text
from harness.prompts.fields import shown

if TYPE_CHECKING:
    from collections.abc import Iterator
    from io import BufferedReader
    from pathlib import Path

# JSON's own white space: str.strip() would also take U+2028 and its like, which no JSON text may begin with.
_BLANK = " \t\r\n"


def read_jsonl(path: Path, file: BufferedReader, *, torn_tail: bool = False) -> Iterator[tuple[Place, Any]]:
    """One row per line that is not blank.

    Args:
        torn_tail: a last line without its line feed is passed over.

    Raises:
        PromptFileError: a line is not one JSON value.
    """
    for number, line in enumerate(raw_lines(path, file), 1):
        place = Place(number)
        if torn_tail and not line.endswith(b"\n"):
            return
        try:
            row = quick_json_value(line)
        except ValueError:
            text = to_text(path, number, line).strip(_BLANK)
            if not text:
                continue
            row = _row(path, place, text)
        yield place, row


def _row(path: Path, place: Place, text: str) -> Any:
    try:
        row, end = json_value(text)
    except json.JSONDecodeError as exc:
        problem = f"is not valid JSON: {exc.msg}, column {exc.pos + 1}. A .jsonl file holds one object per line"
        raise place.error(path, f"{problem}; name the file .json if it is one document.") from exc
    except Problem as problem:
        raise place.error(path, problem) from problem
    if end != len(text):
        raise place.error(path, f"goes on after its JSON value with {shown(text[end:])}. Write one value per line.")
    return row
