"""What a browser is told of an item: texts made visible, an opaque id, and nothing that tells the model.

Knows the form of the pages' JSON, no file and no workflow.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from harness.annotate.refused import Refused
from harness.terminal import visible

if TYPE_CHECKING:
    from collections.abc import Mapping

    from harness.analysis.rubric import Rubric
    from harness.annotate.items import Item
    from harness.annotate.study import Study

Json = dict[str, Any]
_A_DAY_S = 86_400.0
_LONGEST_TEXT = 20_000


def shown(study: Study, item: Item, *, values: Mapping[str, Any] | None = None) -> Json:
    """One item for a page; `values` fill its form, and so stay as they are."""
    gold = item.gold if study.rubric.gold_shown and not item.gold.is_empty else None
    return {
        "id": study.assignment.opaque(item.item_id),
        "turns": [{"role": visible(role), "text": _text(text)} for role, text in item.turns],
        "answer": _text(item.answer),
        "cut_off": item.cut_off,
        "simulated": item.simulated,
        "gold": gold
        and {
            "label": None if gold.label is None else _text(gold.label),
            "points": [_text(point) for point in gold.points],
            "refs": [visible(ref) for ref in gold.refs],
        },
        "values": dict(values or {}),
    }


def told(labels: Mapping[str, Any]) -> Json:
    """Labels for a page, their texts made visible."""
    return {
        name: [_text(part) for part in value] if isinstance(value, list) else _text(str(value))
        for name, value in labels.items()
        if value is not None
    }


def labels_of(rubric: Rubric, given: object) -> Json:
    """The labels that a page sent, without empty ones, in the rubric's order.

    Raises:
        Refused: they are not what the rubric allows.
    """
    if not isinstance(given, dict):
        raise Refused("The labels are missing. Reload the page.", 422)
    kept = {name: value for name, value in given.items() if value not in (None, "", [])}
    if not all(isinstance(part, str) for value in kept.values() for part in _parts(value)):
        raise Refused("The labels are no texts. Reload the page.", 422)
    problems = rubric.problems(kept)
    problems += [
        f"{name} is longer than {_LONGEST_TEXT} characters" for name in kept if len(kept[name]) > _LONGEST_TEXT
    ]
    if problems:
        raise Refused(f"Not saved: {visible('; '.join(problems))}.", 422)
    return {one.name: kept[one.name] for one in rubric.fields if one.name in kept}


def seconds_of(given: object) -> float | None:
    """Seconds that a page measured; None where they make no sense."""
    if isinstance(given, bool) or not isinstance(given, int | float):
        return None
    return round(float(given), 1) if math.isfinite(given) and 0 <= given <= _A_DAY_S else None


def _parts(value: object) -> list[object]:
    return value if isinstance(value, list) else [value]


def _text(text: str) -> str:
    return visible(text, multiline=True)
