"""What those who labelled are called in a pack. Knows the forms of annotations.jsonl and annotate.json, and no file."""

from __future__ import annotations

import re
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from harness.analysis.pack.redaction import is_telling

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from harness.analysis.labels import Annotations

_IMPORTED = (".csv", ".json", ".jsonl", ".tsv")


def pseudonyms(annotations: Annotations, arrived: Iterable[str]) -> dict[str, str]:
    """`coder-1`, `coder-2`… by name, in the order of arrival; who only adjudicated is `adjudicator-1`….

    Args:
        arrived: everybody to whom `annotate` dealt items.
    """
    coders = dict.fromkeys([*arrived, *(act.coder for act in annotations.acts if act.role == "coder")])
    judges = dict.fromkeys(act.coder for act in annotations.acts if act.coder not in coders)
    names = {name: f"coder-{number}" for number, name in enumerate(coders, 1)}
    return names | {name: f"adjudicator-{number}" for number, name in enumerate(judges, 1)}


def renamed(value: Any, names: Mapping[str, str], texts: Collection[str]) -> Any:
    """An annotation or an assignment with pseudonyms for names, those in notes and in names of files included.

    Args:
        texts: the fields of the rubric that people write in their own words.
    """
    if not names or not isinstance(value, dict):
        return value
    changed = dict(value)
    if "coder" in value:
        changed["coder"] = names.get(value["coder"], value["coder"])
        labels = (value.get("labels") or {}).items()
        changed["labels"] = {field: _told(label, names) if field in texts else label for field, label in labels}
        if "origin" in value:
            changed["origin"] = _origin(str(value["origin"]))
    if "coders" in value:
        changed["coders"] = [names.get(name, name) for name in value["coders"]]
        changed["dealt"] = {item: names.get(name, name) for item, name in (value.get("dealt") or {}).items()}
    return changed


def names_left(value: Any, names: Mapping[str, str], texts: Collection[str]) -> bool:
    """Whether a note in an annotation has the name of somebody that may as well be a word, and so stays."""
    labels = value.get("labels") if isinstance(value, dict) else None
    ordinary = [name for name in names if name and not is_telling(name)]
    if not ordinary or not isinstance(labels, dict):
        return False
    pattern = _any_of(ordinary)
    return any(field in texts and isinstance(label, str) and pattern.search(label) for field, label in labels.items())


def _told(label: Any, names: Mapping[str, str]) -> Any:
    """A note may speak of a colleague."""
    telling = [name for name in names if is_telling(name)]
    if not isinstance(label, str) or not telling:
        return label
    folded = {name.casefold(): names[name] for name in telling}
    # Letters without regard to case are not quite the same to a pattern as they are folded.
    return _any_of(telling).sub(lambda m: names.get(m[0]) or folded.get(m[0].casefold(), "coder"), label)


def _any_of(names: Iterable[str]) -> re.Pattern[str]:
    longest_first = "|".join(re.escape(name) for name in sorted(names, key=len, reverse=True))
    return re.compile(rf"(?<!\w)(?:{longest_first})(?!\w)", re.IGNORECASE)


def _origin(told: str) -> str:
    """A file that was imported is often called after whoever filled it in."""
    ending = PurePath(told).suffix.lower()
    return told if told == "annotate" else f"import{ending if ending in _IMPORTED else ''}"
