"""Whether two variants differ on the prompts that both answered. Knows no label and no screen."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np

from harness.analysis.bootstrap import clustered_sums
from harness.analysis.libraries import library
from harness.analysis.rates.outcomes import Outcome, judged

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from harness.analysis.bootstrap import Interval
    from harness.analysis.labels import Annotations
    from harness.analysis.sources import Source

_Asked = tuple[str, int]
"""A prompt's id and the number of the repeat."""


@dataclass(frozen=True, slots=True)
class Difference:
    """How much more often `variant_a` has an outcome than `variant_b`, on what both were asked.

    Args:
        pairs: prompts and repeats that are settled for both, of `prompts` prompts.
        only_a: pairs in which only `variant_a` has the outcome; `only_b` likewise: the discordant ones.
        difference: the rate of `variant_a` less that of `variant_b` over the pairs, with a 95 % interval.
        p: of McNemar's exact test; 1 where no pair is discordant.
        p_holm: `p` corrected by Holm over all pairs of variants with this outcome.
        reason: why numbers are undefined or p is 1 without a test, None where there is nothing to say.
    """

    outcome: Outcome
    variant_a: str
    variant_b: str
    pairs: int
    prompts: int
    only_a: int
    only_b: int
    difference: float | None
    low: float | None
    high: float | None
    p: float | None
    p_holm: float | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Differences:
    """All pairs of variants, by outcome."""

    pairs: tuple[Difference, ...]

    def rows(self) -> list[dict[str, Any]]:
        """One per outcome and pair of variants, undefined numbers None: the fields of `Difference`."""
        names = [name for name in Difference.__slots__ if name != "outcome"]
        return [{"outcome": one.outcome.value} | {name: getattr(one, name) for name in names} for one in self.pairs]


def differences_of(
    results: Source,
    annotations: Annotations,
    *,
    training: Collection[str] | None = None,
    seed: int = 0,
) -> Differences:
    """Every pair of variants with a settled answer, each outcome apart.

    McNemar, Note on the sampling error of the difference between correlated proportions or percentages, Psychometrika
    12, 1947, as a two-sided binomial test of the discordant pairs: it takes pairs as independent, which repeats of one
    prompt are not; the interval, a bootstrap over prompts, does not. Holm, A simple sequentially rejective multiple
    test procedure, Scandinavian Journal of Statistics 6, 1979.

    Args:
        results: one record per item.
        training: item ids that coders practised on, which are left out; None: those that the folder of `results` names.
        seed: of what the bootstrap draws.

    Raises:
        UsageError: statsmodels is not installed.
    """
    settled: dict[str, dict[_Asked, Outcome]] = {}
    for answer in judged(results, annotations, training=training):
        if answer.outcome is not None:
            asked = (answer.record["prompt_id"], answer.record["repeat"])
            settled.setdefault(answer.record["variant"], {})[asked] = answer.outcome
    found: dict[Outcome, list[Difference]] = {outcome: [] for outcome in Outcome}
    for name_a, name_b in combinations(sorted(settled), 2):
        for one in _pair(name_a, name_b, settled, seed):
            found[one.outcome].append(one)
    return Differences(tuple(one for family in found.values() for one in _corrected(family)))


def _pair(name_a: str, name_b: str, settled: Mapping[str, Mapping[_Asked, Outcome]], seed: int) -> list[Difference]:
    ours, theirs = settled[name_a], settled[name_b]
    both = [asked for asked in ours if asked in theirs]
    prompts = [prompt_id for prompt_id, _ in both]
    a, b = (
        np.array([[side[asked] is outcome for outcome in Outcome] for asked in both], dtype=bool).reshape(
            -1, len(Outcome)
        )
        for side in (ours, theirs)
    )
    intervals = _intervals(prompts, a, b, seed) if both else (None,) * len(Outcome)
    made = []
    for column, (outcome, interval) in enumerate(zip(Outcome, intervals, strict=True)):
        only_a = int((a[:, column] & ~b[:, column]).sum())
        only_b = int((b[:, column] & ~a[:, column]).sum())
        counted = (outcome, name_a, name_b, len(both), len(set(prompts)), only_a, only_b)
        if not both:
            made.append(Difference(*counted, None, None, None, None, reason="no prompt is settled for both"))
            continue
        difference = (only_a - only_b) / len(both)
        if interval is not None and interval.low < interval.high:
            p = _mcnemar(len(both), only_a, only_b)
            made.append(Difference(*counted, difference, interval.low, interval.high, p))
            continue
        if only_a + only_b == 0:
            reason = "no pair is discordant: p is 1 by the exact test, and there is no interval"
        else:
            reason = "no interval: too few prompts, or every drawn sample of them says the same"
        made.append(Difference(*counted, difference, None, None, _mcnemar(len(both), only_a, only_b), reason=reason))
    return made


def _intervals(
    prompts: Sequence[str], a: np.ndarray[Any, np.dtype[np.bool_]], b: np.ndarray[Any, np.dtype[np.bool_]], seed: int
) -> tuple[Interval | None, ...]:
    columns = np.column_stack([a.astype(float) - b.astype(float), np.ones(len(prompts))])
    return clustered_sums(prompts, columns, lambda sums: sums[:, :-1] / sums[:, -1:], seed=seed)


def _mcnemar(pairs: int, only_a: int, only_b: int) -> float:
    table = [[pairs - only_a - only_b, only_a], [only_b, 0]]
    return float(library("statsmodels.stats.contingency_tables").mcnemar(table, exact=True).pvalue)


def _corrected(family: Sequence[Difference]) -> list[Difference]:
    tested = [one.p for one in family if one.p is not None]
    if not tested:
        return list(family)
    corrected = iter(library("statsmodels.stats.multitest").multipletests(tested, method="holm")[1])
    return [one if one.p is None else replace(one, p_holm=float(next(corrected))) for one in family]
