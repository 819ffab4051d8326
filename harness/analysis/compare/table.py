"""A comparison of two runs for a terminal and as plain values. Compares nothing."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from harness.analysis.compare.items import Kind
from harness.analysis.sheets import Column, Sheet
from harness.money import dollars
from harness.terminal import visible

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from harness.analysis.compare.comparison import Comparison, Paired
    from harness.analysis.compare.items import Item
    from harness.analysis.records import Results

LISTED = 20
"""Differing items that people are shown; programs get all."""
_FAILED = "failure"
_WATERMARK = "  SIMULATED: not every answer is by the model that it names"
_ABOUT = (
    "tokens out, cost, seconds: mean of the first run, and how far the second is off, over items that both answered."
)


def sheet(comparison: Comparison) -> Sheet:
    """A row for each variant: what became of its pairs, and what the second run took more or less on average."""
    variants = comparison.variants
    kinds = [
        Column(header, [str(one.kinds[kind]) for one in variants], rank)
        for header, kind, rank in (
            ("identical", Kind.IDENTICAL, 0),
            ("different", Kind.DIFFERENT, 0),
            ("only first", Kind.ANSWERED_IN_ONE, 4),
            ("only second", Kind.ANSWERED_IN_OTHER, 4),
            ("both failed", Kind.FAILED, 5),
        )
    ]
    quantities = [
        Column("tokens out", [_change(one.quantities["output_tokens"], "{:.1f}".format) for one in variants], 1),
        Column("cost", [_change(one.quantities["cost_usd"], dollars) for one in variants], 3),
        Column("seconds", [_change(one.quantities["elapsed_seconds"], "{:.2f}".format) for one in variants], 2),
    ]
    # Before the name, because of a long one the middle is cut.
    names = [f"sim {one.variant}" if one.simulated else one.variant for one in variants]
    title = f"{comparison.one.folder} and {comparison.other.folder}"
    matching = comparison.matching
    ways = list(matching.found_by)
    if len(ways) > 1:
        ways = [f"{fields} ({pairs})" for fields, pairs in matching.found_by.items()]
    told = (
        f"{len(matching.pairs)} items are in both, matched by {', then by '.join(ways)}; "
        f"{len(matching.only_one)} only in the first, {len(matching.only_other)} only in the second."
    )
    return Sheet(
        title + (_WATERMARK if any(one.simulated for one in variants) else ""),
        [Column("variant", names)],
        [Column("pairs", [str(one.pairs) for one in variants]), *kinds, *quantities],
        (told, _ABOUT),
    )


def lines(comparison: Comparison) -> Iterator[str]:
    """Changes of finish reasons and marks, then the first differing items; safe for a terminal."""
    for (before, after), count in sorted(comparison.finish_reasons.items(), key=lambda pair: -pair[1]):
        yield visible(f"finish reason  {before or _FAILED} → {after or _FAILED}: {count}")
    for name, count in sorted(comparison.marks.items()):
        yield f"{name}  changed for {count}"
    differing = comparison.differing
    for item in differing[:LISTED]:
        yield visible(_item_line(item))
        if item.difference:
            yield visible(f"    {item.difference}")
    if len(differing) > LISTED:
        yield f"… and {len(differing) - LISTED} more that differ; --json has all."


def to_json(comparison: Comparison) -> dict[str, Any]:
    """The same as plain values.

    Returns:
        `one`, `other` (`folder`, `items`, `simulated`); `matched_by`, how many pairs by which fields; `matched`,
        `only_in_one`, `only_in_other` (item ids); `kinds`; `finish_reasons` and `marks` that changed, with their
        counts; `variants`; `differing`, every differing item; `notes`.
    """
    matching = comparison.matching
    return {
        "one": _side(comparison.one),
        "other": _side(comparison.other),
        "matched_by": dict(matching.found_by),
        "matched": len(matching.pairs),
        "only_in_one": [record["item_id"] for record in matching.only_one],
        "only_in_other": [record["item_id"] for record in matching.only_other],
        "kinds": dict(comparison.kinds),
        "finish_reasons": [
            {"one": before, "other": after, "items": count}
            for (before, after), count in comparison.finish_reasons.items()
        ],
        "marks": dict(comparison.marks),
        "variants": [dataclasses.asdict(one) for one in comparison.variants],
        "differing": [_item_json(item) for item in comparison.differing],
        "notes": list(comparison.notes),
    }


def _item_line(item: Item) -> str:
    told = [] if item.kind is Kind.IDENTICAL else [item.kind.value]
    if item.finish_reasons is not None and item.kind in (Kind.IDENTICAL, Kind.DIFFERENT):
        told.append("finish reason {} → {}".format(*item.finish_reasons))
    told += [f"{name} {_shown(before)} → {_shown(after)}" for name, (before, after) in item.marks.items()]
    mark = "simulated  " if item.simulated else ""
    return f"{mark}{item.variant} {item.one.get('prompt_id')}, repeat {item.one.get('repeat')}: {'; '.join(told)}"


def _shown(value: Any) -> str:
    if isinstance(value, tuple):
        return f"[{', '.join(map(_shown, value))}]"
    return {True: "true", False: "false", None: "null"}.get(value, str(value))


def _change(paired: Paired | None, form: Callable[[float], str]) -> str:
    if paired is None:
        return "-"
    return f"{form(paired.one)} {'-' if paired.difference < 0 else '+'}{form(abs(paired.difference))}"


def _side(results: Results) -> dict[str, Any]:
    return {"folder": str(results.folder), "items": len(results.records), "simulated": results.simulated}


def _item_json(item: Item) -> dict[str, Any]:
    return {
        "item_id": item.one["item_id"],
        "other_item_id": item.other["item_id"],
        "prompt_id": item.one.get("prompt_id"),
        "variant": item.one.get("variant"),
        "other_variant": item.other.get("variant"),
        "repeat": item.one.get("repeat"),
        "simulated": item.simulated,
        "kind": item.kind.value,
        "finish_reasons": None if item.finish_reasons is None else list(item.finish_reasons),
        "difference": item.difference,
        "marks": {name: {"one": before, "other": after} for name, (before, after) in item.marks.items()},
        "same_prompt": item.same_prompt,
    }
