"""What `harness verify` found: outcomes, and their counts per variant. Replays nothing, shows nothing."""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from harness.local.replay.comparison import Comparison
    from harness.local.replay.recorded import LocalAnswer

_PER = 100_000


@dataclass(frozen=True, slots=True)
class Outcome:
    """One item: how it compares, or why it does not (exactly one of them)."""

    variant: str
    item_id: str
    prompt_id: str
    repeat: int
    comparison: Comparison | None = None
    reason: str | None = None

    @classmethod
    def of_answer(cls, answer: LocalAnswer, comparison: Comparison | None = None, reason: str | None = None) -> Outcome:
        """Of an answer that could be read."""
        return cls(answer.variant, answer.item_id, answer.prompt_id, answer.repeat, comparison, reason)

    @classmethod
    def of_record(cls, record: Mapping[str, Any], reason: str) -> Outcome:
        """Of a record that may lack anything."""
        variant, prompt_id, repeat = str(record.get("variant")), str(record.get("prompt_id")), record.get("repeat")
        return cls(variant, record["item_id"], prompt_id, repeat if isinstance(repeat, int) else 0, reason=reason)

    @property
    def differs(self) -> bool:
        """Whether it was compared and is not the same."""
        return self.comparison is not None and not self.comparison.same


@dataclass(frozen=True, slots=True)
class Counts:
    """The items of one variant, or of all.

    Args:
        replayed: those that could be compared; `same` and `differing` are of these.
        tokens: compared: of each answer those up to its first difference, and that one.
        differing_per_100k_tokens: first differences for every 100 000 tokens compared; None without tokens.
        median_delta: of the absolute differences in logprob (natural logarithms) before the first difference; None
            where no logprob could be compared, `max_delta` likewise.
        changed: conditions that are not those of the records: name → (recorded, now), each pair once.
    """

    name: str
    replayed: int
    same: int
    differing: int
    not_comparable: int
    tokens: int
    differing_per_100k_tokens: float | None
    median_delta: float | None
    max_delta: float | None
    changed: Mapping[str, tuple[tuple[Any, Any], ...]]


@dataclass(frozen=True, slots=True)
class Report:
    """All outcomes, of the items that `seed` drew from the journal in `folder`."""

    folder: Path
    seed: int
    outcomes: tuple[Outcome, ...]

    @property
    def variants(self) -> list[Counts]:
        """Counted per variant, by name."""
        names = sorted({outcome.variant for outcome in self.outcomes})
        return [_count(name, [each for each in self.outcomes if each.variant == name]) for name in names]

    @property
    def total(self) -> Counts:
        """Counted over all."""
        return _count("total", self.outcomes)

    @property
    def differing(self) -> list[Outcome]:
        """The items that do not come out the same."""
        return [outcome for outcome in self.outcomes if outcome.differs]

    @property
    def all_same(self) -> bool:
        """Whether every item could be compared and is the same."""
        return all(outcome.comparison is not None and outcome.comparison.same for outcome in self.outcomes)


def _count(name: str, outcomes: Sequence[Outcome]) -> Counts:
    found = [outcome.comparison for outcome in outcomes if outcome.comparison is not None]
    tokens, deltas = sum(each.tokens for each in found), [delta for each in found for delta in each.deltas]
    first = sum(each.position is not None for each in found)
    changed: dict[str, dict[tuple[Any, Any], None]] = {}
    for each in found:
        for condition, pair in each.changed.items():
            changed.setdefault(condition, {})[pair] = None
    return Counts(
        name=name,
        replayed=len(found),
        same=sum(each.same for each in found),
        differing=sum(not each.same for each in found),
        not_comparable=len(outcomes) - len(found),
        tokens=tokens,
        differing_per_100k_tokens=first * _PER / tokens if tokens else None,
        median_delta=statistics.median(deltas) if deltas else None,
        max_delta=max(deltas, default=None),
        changed={condition: tuple(pairs) for condition, pairs in changed.items()},
    )
