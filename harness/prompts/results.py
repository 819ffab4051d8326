"""The results.jsonl of a run as rows: every answer once, with what a second run may ask about it.

Failures are left out; an item answered twice counts once, as readers of a journal have it; a last line that a killed
process left unfinished is passed over.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from harness.digests import DigestSet, digest16
from harness.prompts.decoding import Problem
from harness.prompts.lines import read_jsonl

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from io import BufferedReader
    from pathlib import Path

    from harness.prompts.decoding import Place

_MARKS = frozenset({"item_id", "run_id", "schema_version", "full_response"})
_KEPT = (
    "item_id", "run_id", "prompt_id", "prompt", "messages", "system", "prompt_category", "is_synthetic_probe",
    "prompt_metadata", "provider", "model", "model_version", "variant", "repeat", "simulated", "full_response",
    "thinking", "finish_reason",
)  # fmt: skip
"""What of a record goes on into the record of the second run; its evidence is found by the item id."""


def is_record(row: object) -> bool:
    """Whether `row` is a line of a results.jsonl."""
    return isinstance(row, dict) and row.keys() >= _MARKS


def read_results(path: Path, file: BufferedReader, *, asked_about: bool) -> Iterator[tuple[Place, Any]]:
    """One row for every answer.

    Args:
        asked_about: something is asked about the answers: every row has its turns and its thinking, be it empty.

    Raises:
        PromptFileError: a line is no record.
    """
    seen = DigestSet()
    for place, record in read_jsonl(path, file, torn_tail=True):
        if not is_record(record):
            raise place.error(path, Problem("is no record of a run, although the file's first line is one."))
        if record.get("error") is None and seen.add(digest16(str(record["item_id"]))):
            yield place, _row(record) | (_for_templates(record) if asked_about else {})


def _row(record: Mapping[str, Any]) -> dict[str, Any]:
    return {name: record[name] for name in _KEPT if record.get(name) is not None}


def _for_templates(record: Mapping[str, Any]) -> dict[str, Any]:
    turns = record.get("messages") or [{"role": "user", "content": record.get("prompt")}]
    return {"messages": turns, "thinking": record.get("thinking") or ""}
