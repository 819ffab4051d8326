"""What those who labelled are called in a pack. Knows the forms of annotations.jsonl and annotate.json, and no file."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from harness.analysis.labels import Annotations


def pseudonyms(annotations: Annotations, arrived: Iterable[str]) -> dict[str, str]:
    """`coder-1`, `coder-2`… by name, in the order of arrival; who only adjudicated is `adjudicator-1`….

    Args:
        arrived: everybody to whom `annotate` dealt items.
    """
    coders = dict.fromkeys([*arrived, *(act.coder for act in annotations.acts if act.role == "coder")])
    judges = dict.fromkeys(act.coder for act in annotations.acts if act.coder not in coders)
    names = {name: f"coder-{number}" for number, name in enumerate(coders, 1)}
    return names | {name: f"adjudicator-{number}" for number, name in enumerate(judges, 1)}


def renamed(value: Any, names: Mapping[str, str]) -> Any:
    """An annotation or an assignment with pseudonyms for names, those in notes included."""
    if not names or not isinstance(value, dict):
        return value
    changed = dict(value)
    if "coder" in value:
        changed["coder"] = names.get(value["coder"], value["coder"])
        changed["labels"] = {field: _told(label, names) for field, label in (value.get("labels") or {}).items()}
    if "coders" in value:
        changed["coders"] = [names.get(name, name) for name in value["coders"]]
        changed["dealt"] = {item: names.get(name, name) for item, name in (value.get("dealt") or {}).items()}
    return changed


def _told(label: Any, names: Mapping[str, str]) -> Any:
    """A note may speak of a colleague. A label of one word is the rubric's, whoever is called like it."""
    if not isinstance(label, str) or " " not in label:
        return label
    longest_first = "|".join(re.escape(name) for name in sorted(names, key=len, reverse=True))
    folded = {name.casefold(): pseudonym for name, pseudonym in names.items()}
    return re.sub(rf"(?<!\w)(?:{longest_first})(?!\w)", lambda m: folded[m[0].casefold()], label, flags=re.IGNORECASE)
