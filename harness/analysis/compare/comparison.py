"""Two runs held against each other: items and their counts, what they took, per variant. Shows nothing."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.analysis.compare.items import Item, Kind, compared
from harness.analysis.compare.matching import Matching, matched

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from harness.analysis.records import Record, Results


@dataclass(frozen=True, slots=True)
class Paired:
    """One quantity over the pairs that know it in both runs; means of these pairs, and of their differences."""

    pairs: int
    one: float
    other: float
    difference: float


@dataclass(frozen=True, slots=True)
class VariantComparison:
    """The pairs of one variant.

    Args:
        simulated: whether any of these answers is not by the model it names.
        kinds: how many pairs are of which kind.
        quantities: `output_tokens`, `cost_usd` and `elapsed_seconds` of items that both runs answered, second minus
            first; None where no pair knows it.
    """

    variant: str
    simulated: bool
    pairs: int
    kinds: Mapping[Kind, int]
    quantities: Mapping[str, Paired | None]


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two runs.

    Args:
        finish_reasons: how often which reason became which; None stands for a failure.
        marks: how many items a heuristic mark changed for, by its name.
        notes: sentences for people.
    """

    one: Results
    other: Results
    matching: Matching
    items: tuple[Item, ...]
    variants: tuple[VariantComparison, ...]
    finish_reasons: Mapping[tuple[str | None, str | None], int]
    marks: Mapping[str, int]
    notes: tuple[str, ...]

    @property
    def kinds(self) -> Mapping[Kind, int]:
        """How many pairs are of which kind."""
        return _kinds(self.items)

    @property
    def differing(self) -> list[Item]:
        """The items that there is something to look at in."""
        return [item for item in self.items if item.differs]


def compare(one: Results, other: Results) -> Comparison:
    """Hold two runs against each other.

    Raises:
        UsageError: they have nothing in common.
    """
    matching = matched(one, other)
    items = tuple(compared(*pair) for pair in matching.pairs)
    names = sorted({item.variant for item in items})
    return Comparison(
        one=one,
        other=other,
        matching=matching,
        items=items,
        variants=tuple(_variant(name, [item for item in items if item.variant == name]) for name in names),
        finish_reasons=Counter(item.finish_reasons for item in items if item.finish_reasons is not None),
        marks=Counter(name for item in items for name in item.marks),
        notes=tuple(_notes(one, other, matching, items)),
    )


def _variant(name: str, items: Sequence[Item]) -> VariantComparison:
    answered = [item for item in items if item.kind in (Kind.IDENTICAL, Kind.DIFFERENT)]
    return VariantComparison(
        variant=name,
        simulated=any(item.simulated for item in items),
        pairs=len(items),
        kinds=_kinds(items),
        quantities={quantity: _paired(answered, read) for quantity, read in _QUANTITIES.items()},
    )


def _kinds(items: Sequence[Item]) -> dict[Kind, int]:
    counts = Counter(item.kind for item in items)
    return {kind: counts[kind] for kind in Kind}


def _paired(items: Sequence[Item], read: Callable[[Record], float | None]) -> Paired | None:
    pairs = [
        (before, after)
        for item in items
        if (before := read(item.one)) is not None and (after := read(item.other)) is not None
    ]
    if not pairs:
        return None
    one, other = (math.fsum(side) / len(pairs) for side in zip(*pairs, strict=True))
    return Paired(len(pairs), one, other, math.fsum(after - before for before, after in pairs) / len(pairs))


_QUANTITIES: Mapping[str, Callable[[Record], float | None]] = {
    "output_tokens": lambda record: (record.get("tokens_used") or {}).get("output"),
    "cost_usd": lambda record: record.get("cost_usd"),
    "elapsed_seconds": lambda record: record.get("elapsed_seconds"),
}


def _notes(one: Results, other: Results, matching: Matching, items: Sequence[Item]) -> Iterator[str]:
    for results in (one, other):
        for note in results.notes:
            yield note if str(results.folder) in note else f"{results.folder}: {note}"
    if one.records[0].get("run_id") == other.records[0].get("run_id"):
        yield "Both folders are of the same run: one is a copy of the other, or both grew from one."
    for fields, pairs in matching.found_by.items():
        if fields != "item_id":
            yield (
                f"{pairs} of {len(items)} pairs are not the same item, so that something that determines answers is "
                f"different; they are matched by {fields}."
            )
    changed = sum(not item.same_prompt for item in items)
    if changed:
        yield f"{changed} of {len(items)} pairs were not asked the same: their prompts differ under one id."
