"""Prompt files (JSON, JSONL, CSV, TSV) as lazy, re-iterable sources of `Prompt`. Knows no config, model or plan.

- `file`: `open_prompts` and `PromptFile`: the format, and each row with its place
- `survey`: `survey` reads a whole file once, finds duplicate ids and counts
- `json_document`, `lines`, `tables`: one reader per format, from bytes to raw rows
- `fields`: a raw row to a `Prompt`
- `decoding`: UTF-8 and JSON text, strictly
"""

from __future__ import annotations

from harness.prompts.file import Format, PromptFile, open_prompts
from harness.prompts.survey import PromptSurvey, survey

__all__ = ["Format", "PromptFile", "PromptSurvey", "open_prompts", "survey"]
