"""The heuristic marks of a folder, from scores.jsonl, as a page shows and counts them. Knows none of them by name.

A mark may be true or false, a text, a list of texts, or a list of true, false and null; null where it says nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import orjson

from harness.analysis.score.command import SCORES_NAME

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

PREFIX = "heuristic_"
"""How the name of every mark begins."""


@dataclass(frozen=True, slots=True)
class MarksOfFolder:
    """Marks by item id, then by name.

    Args:
        note: a sentence where lines could not be read.
    """

    by_item: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    note: str | None = None


def read_marks(folder: Path) -> MarksOfFolder:
    """What scores.jsonl in `folder` holds; nothing where there is no such file."""
    path = folder / SCORES_NAME
    try:
        lines = [line for line in path.read_bytes().split(b"\n") if line]
    except OSError:
        return MarksOfFolder()
    marks, unreadable = {}, 0
    for line in lines:
        try:
            facts = orjson.loads(line)
            marks[facts["item_id"]] = {name: value for name, value in facts.items() if name.startswith(PREFIX)}
        except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError):
            unreadable += 1
    told = f"{unreadable} of the lines of {path} are no marks and are left out. Score the folder again."
    return MarksOfFolder(marks, told if unreadable else None)


def countable(marks: Mapping[str, Any]) -> dict[str, float | None]:
    """What of `marks` has a mean over answers, by name with `share_` or `mean_` before it.

    True or false is 1 or 0; a list of true, false and null is the share of true among those that are not null; a list
    of texts is their number. A text has no mean.
    """
    found = dict(filter(None, (_countable(name, value) for name, value in marks.items())))
    return {name: None if value is None else float(value) for name, value in found.items()}


def _countable(name: str, value: Any) -> tuple[str, float | None] | None:
    if isinstance(value, bool):
        return f"share_{name}", value
    if not isinstance(value, list):
        return None
    said = [one for one in value if one is not None]
    if all(isinstance(one, str) for one in value):
        return f"mean_{name}", len(value)
    return f"share_{name}", sum(map(bool, said)) / len(said) if said else None
