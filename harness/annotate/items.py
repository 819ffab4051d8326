"""What of an answer people may see who must not know where it came from. Knows no coder, label or page.

Model, variant, temperature, ids, times and usage never leave this module; thinking neither, since it tells the model.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from harness.analysis.records import iterate
from harness.analysis.thoughts import answer_after_thought
from harness.schema import FinishReason

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from harness.analysis.records import Record

Stratum = tuple[str, bool | None]
"""Variant and category in one text, and whether the prompt is a synthetic probe."""


@dataclass(frozen=True, slots=True)
class Gold:
    """What the prompt's file knows to be true."""

    label: str | None
    points: tuple[str, ...]
    refs: tuple[str, ...]

    @property
    def is_empty(self) -> bool:
        """Whether the file says nothing."""
        return self.label is None and not self.points and not self.refs


@dataclass(frozen=True, slots=True)
class Item:
    """One answer.

    Args:
        item_id, stratum: to draw and to record by, never to show.
        turns: what was asked, as (role, text).
        cut_off: whether it ends at its limit of tokens.
        simulated: whether it is not by the model that it names, and so no data.
    """

    item_id: str
    stratum: Stratum
    turns: tuple[tuple[str, str], ...]
    answer: str
    gold: Gold
    cut_off: bool
    simulated: bool


def read_items(folder: Path) -> tuple[dict[str, Item], frozenset[str]]:
    """The answers of `folder` by item id, in the journal's order, and the ids of all items, failures included.

    A system text is shown only where every variant was asked that prompt and all of them with the same one: it could
    tell variants apart.

    Raises:
        UsageError, JournalCorruptError: as `harness.analysis.records.iterate`.
    """
    known, items = set(), {}
    systems: dict[str, set[str | None]] = defaultdict(set)
    asked_of: dict[str, set[str]] = defaultdict(set)
    variants: set[str] = set()
    asked_with: dict[str, tuple[str, str | None]] = {}
    for record in iterate(folder):
        item_id = record["item_id"]
        known.add(item_id)
        systems[record["prompt_id"]].add(record["system"])
        asked_of[record["prompt_id"]].add(record["variant"])
        variants.add(record["variant"])
        if record["error"] is None:
            items[item_id] = _item(record)
            asked_with[item_id] = record["prompt_id"], record["system"]
    for item_id, (prompt_id, system) in asked_with.items():
        if system and len(systems[prompt_id]) == 1 and asked_of[prompt_id] == variants:
            items[item_id] = replace(items[item_id], turns=(("system", system), *items[item_id].turns))
    return items, frozenset(known)


def _item(record: Record) -> Item:
    turns = record["messages"] or [{"role": "user", "content": record["prompt"]}]
    return Item(
        record["item_id"],
        (f"{record['variant']}\t{record['prompt_category']}", record["is_synthetic_probe"]),
        tuple((turn["role"], turn["content"]) for turn in turns),
        # A thought tells the model, wherever it stands.
        answer_after_thought(record["full_response"] or ""),
        _gold(record["prompt_metadata"] or {}),
        cut_off=record["finish_reason"] == FinishReason.LENGTH,
        simulated=bool(record["simulated"]),
    )


def _gold(metadata: Mapping[str, Any]) -> Gold:
    label = metadata.get("gold_label")
    return Gold(
        None if label is None else _told(label),
        _list(metadata.get("gold_points")),
        _list(metadata.get("gold_refs")),
    )


def _list(value: Any) -> tuple[str, ...]:
    if not value:
        return ()
    return tuple(map(_told, value)) if isinstance(value, list) else (_told(value),)


def _told(value: Any) -> str:
    """Whatever a prompt's file holds, as lines for people."""
    if isinstance(value, dict):
        return "\n".join(f"{name}: {_told(part)}" for name, part in value.items())
    if isinstance(value, list):
        return ", ".join(map(_told, value))
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "-" if value is None else str(value)
