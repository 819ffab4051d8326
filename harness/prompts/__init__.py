"""Prompt files (JSON, JSONL, CSV, TSV) as lazy, re-iterable sources of `Prompt`. Knows no config, model or plan.

- `file`: `open_prompts` and `PromptFile`: the format, and each row with its place
- `selection`: `choose` takes the first N, a stratified sample, the file's order or a drawn one
- `survey`: reads what was chosen once, finds duplicate ids and counts
- `json_document`, `lines`, `tables`, `results`: one reader per format, from bytes to raw rows
- `columns`, `fields`: which column is what; a raw row to a `Prompt`
- `opened`: the file on disk, read up to where it ended
- `decoding`: UTF-8 and JSON text, strictly
"""

from __future__ import annotations

from harness.prompts.columns import Columns, FieldNames
from harness.prompts.file import Format, PromptFile, open_prompts
from harness.prompts.selection import Choice, Selection, choose
from harness.prompts.survey import PromptSurvey, survey

__all__ = [
    "Choice",
    "Columns",
    "FieldNames",
    "Format",
    "PromptFile",
    "PromptSurvey",
    "Selection",
    "choose",
    "open_prompts",
    "survey",
]
