"""What `harness verify` found, counted per variant, as a table, lines and plain values. Replays nothing."""

from __future__ import annotations

import statistics
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from harness.terminal import visible

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from rich.table import Table

    from harness.local.comparison import Comparison, Token
    from harness.local.recorded import LocalAnswer

_PER = 100_000
_KILO = 1000
_LONGEST_NAME = 48


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


def to_json(report: Report) -> dict[str, Any]:
    """The same as plain values: `folder`, `seed`, `variants`, `total`, `differing`, `not_comparable`."""
    return {
        "folder": str(report.folder),
        "seed": report.seed,
        "variants": [_counts_json(counts) for counts in report.variants],
        "total": _counts_json(report.total),
        "differing": [_difference_json(outcome) for outcome in report.differing],
        "not_comparable": [
            _item_json(outcome) | {"reason": outcome.reason}
            for outcome in report.outcomes
            if outcome.comparison is None
        ],
    }


def table(report: Report) -> Table:
    """Counts per variant, and in all where there are several."""
    from rich.table import Table  # noqa: PLC0415 - not for those who print no table
    from rich.text import Text  # noqa: PLC0415

    made = Table(
        title=Text(f"{visible(str(report.folder))}: answers made again, each alone", style="bold"),
        caption="per 100k: first differences among the tokens compared; Δ: of logprobs",
        box=None,
        padding=(0, 2, 0, 0),
        pad_edge=False,
        title_justify="left",
        caption_justify="left",
        header_style="dim",
    )
    made.add_column("variant", no_wrap=True, overflow="ellipsis", max_width=_LONGEST_NAME)
    for header in ("replayed", "same", "differ", "no comparison", "tokens", "per 100k", "median Δ", "max Δ"):
        made.add_column(header, justify="right", no_wrap=True)
    variants = report.variants
    for counts in (*variants, *([report.total] if len(variants) > 1 else [])):
        made.add_row(Text(visible(counts.name)), *_cells(counts))
    return made


def difference_line(outcome: Outcome) -> str:
    """Where an item comes out otherwise, safe for a terminal."""
    found = outcome.comparison
    assert found is not None
    where = visible(f"differs  {outcome.variant} {outcome.prompt_id}, repeat {outcome.repeat}")
    if found.position is None:
        return f"{where}: the tokens are the same and the text is not"
    return f"{where}: token {found.position} was {_shown(found.recorded)} and is {_shown(found.replayed)}"


def reason_lines(report: Report) -> list[str]:
    """Why items could not be compared, and what is not as it was, safe for a terminal."""
    reasons = Counter(
        (outcome.variant, outcome.reason) for outcome in report.outcomes if outcome.comparison is None
    ).items()
    told = [f"no comparison  {variant}, {count} of them: {reason}" for (variant, reason), count in sorted(reasons)]
    told += [
        f"note  {counts.name}: {name} was {before} and is {now}"
        for counts in report.variants
        for name, pairs in counts.changed.items()
        for before, now in pairs
    ]
    return [visible(line) for line in told]


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


def _cells(counts: Counts) -> list[str]:
    whole = (counts.replayed, counts.same, counts.differing, counts.not_comparable, counts.tokens)
    rate = counts.differing_per_100k_tokens
    deltas = (counts.median_delta, counts.max_delta)
    return [
        *map(str, whole),
        "-" if rate is None else f"{rate:.3g}" if rate < _KILO else f"{rate:.0f}",
        *("-" if delta is None else f"{delta:.1e}" if delta else "0" for delta in deltas),
    ]


def _shown(token: Token | None) -> str:
    if token is None:
        return "the end"
    return f"{token.id}" if token.text is None else f"“{visible(token.text)}” ({token.id})"


def _counts_json(counts: Counts) -> dict[str, Any]:
    return {
        "variant": counts.name,
        "replayed": counts.replayed,
        "same": counts.same,
        "differing": counts.differing,
        "not_comparable": counts.not_comparable,
        "tokens": counts.tokens,
        "differing_per_100k_tokens": counts.differing_per_100k_tokens,
        "median_abs_delta_logprob": counts.median_delta,
        "max_abs_delta_logprob": counts.max_delta,
        "changed": {name: [list(pair) for pair in pairs] for name, pairs in counts.changed.items()},
    }


def _item_json(outcome: Outcome) -> dict[str, Any]:
    return {
        "variant": outcome.variant,
        "item_id": outcome.item_id,
        "prompt_id": outcome.prompt_id,
        "repeat": outcome.repeat,
    }


def _difference_json(outcome: Outcome) -> dict[str, Any]:
    found = outcome.comparison
    assert found is not None
    return _item_json(outcome) | {
        "position": found.position,
        "recorded": _token_json(found.recorded),
        "replayed": _token_json(found.replayed),
        "same_text": found.same_text,
    }


def _token_json(token: Token | None) -> dict[str, Any] | None:
    return None if token is None else {"token_id": token.id, "token": token.text}
