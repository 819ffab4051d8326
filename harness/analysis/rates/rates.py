"""How often answers were hallucinated, correct and so on: by variant, category and kind of prompt, and over all.

Knows no label and no screen.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np

from harness.analysis.bootstrap import Interval, clustered_sums
from harness.analysis.rates.outcomes import Judged, Outcome, Standing, judged
from harness.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from harness.analysis.labels import Annotations
    from harness.analysis.sources import Source

ALL = "all"
UNKNOWN = "unknown"
BY = ("variant", "prompt_category", "is_synthetic_probe")
_PROBE = {True: "synthetic", False: "real"}


@dataclass(frozen=True, slots=True)
class Rate:
    """One outcome's share of the resolved answers, with its 95 % interval; None where it is undefined.

    Args:
        reason: why the rate or only its interval is undefined, None where both are there.
    """

    outcome: Outcome
    count: int
    rate: float | None
    low: float | None
    high: float | None
    reason: str | None


@dataclass(frozen=True, slots=True)
class RateGroup:
    """Some answers, and their outcomes.

    Args:
        names: what they have in common, by field; a field that is not in it takes all its values.
        resolved: real answers that are labelled and settled: the denominator of `rates`; of `prompts` prompts.
        unresolved: real answers on which coders disagree and nobody has decided; left out.
        unlabelled: real answers without a label; left out.
        simulated: answers by no model; left out.
        training: real answers that coders practised on; left out.
        rates: one per outcome, in their order.
    """

    names: dict[str, str]
    resolved: int
    prompts: int
    unresolved: int
    unlabelled: int
    simulated: int
    training: int
    rates: tuple[Rate, ...]

    @property
    def labelled(self) -> bool:
        """Whether it holds any real answer that was labelled."""
        return self.resolved + self.unresolved > 0


@dataclass(frozen=True, slots=True)
class Rates:
    """Of a whole folder.

    Args:
        by: fields of the records.
        groups: for each choice of fields out of `by`, none of them first, one group per combination of their values.
    """

    by: tuple[str, ...]
    groups: tuple[RateGroup, ...]

    @property
    def total(self) -> RateGroup:
        """Everything together."""
        return self.groups[0]

    def rows(self) -> list[dict[str, Any]]:
        """One per group and outcome, undefined numbers None.

        The fields of `by` (`all` where a group takes all; `is_synthetic_probe` is `synthetic` or `real`), `outcome`,
        `count`, `denominator`, `rate`, `low`, `high`, `prompts`, `unresolved`, `unlabelled`, `simulated`, `training`,
        `reason`.
        """
        return [
            {
                **{name: group.names.get(name, ALL) for name in self.by},
                "outcome": rate.outcome.value,
                "count": rate.count,
                "denominator": group.resolved,
                "rate": rate.rate,
                "low": rate.low,
                "high": rate.high,
                "prompts": group.prompts,
                "unresolved": group.unresolved,
                "unlabelled": group.unlabelled,
                "simulated": group.simulated,
                "training": group.training,
                "reason": rate.reason,
            }
            for group in self.groups
            for rate in group.rates
        ]


def rates_of(
    results: Source,
    annotations: Annotations,
    *,
    by: Sequence[str] = BY,
    training: Collection[str] | None = None,
    seed: int = 0,
) -> Rates:
    """The rates of all outcomes, from what adjudicators decided, else from what all coders of an answer say alike.

    Intervals are 95 % percentile intervals of a bootstrap over prompts (`harness.analysis.bootstrap`): count and
    denominator are both drawn. A rate of 0 or 1 has none, since no drawn sample can hold what did not occur.

    Args:
        results: one record per item.
        by: fields of the records, the answers of each value of which are counted apart and together.
        training: item ids that coders practised on, which are left out; None: those that the folder of `results` names.
        seed: of what the bootstrap draws.

    Raises:
        UsageError: no record has a field of `by`.
    """
    answers = judged(results, annotations, training=training)
    for name in by:
        if any(name not in one.record for one in answers):
            raise UsageError(
                f"Records have no field {name}. Count by fields of results.jsonl, such as {', '.join(BY)}."
            )
    named = [(one, {name: value_text(name, one.record[name]) for name in by}) for one in answers]
    groups = []
    for size in range(len(by) + 1):
        for fields in combinations(by, size):
            members: dict[tuple[str, ...], list[Judged]] = {} if fields else {(): []}
            for one, names in named:
                members.setdefault(tuple(names[name] for name in fields), []).append(one)
            groups += [
                _group(dict(zip(fields, values, strict=True)), members[values], seed) for values in sorted(members)
            ]
    return Rates(tuple(by), tuple(groups))


def value_text(name: str, value: Any) -> str:
    """What a field of a record says, as a word."""
    if value is None:
        return UNKNOWN
    return _PROBE[bool(value)] if name == "is_synthetic_probe" else str(value)


def _group(names: dict[str, str], members: Sequence[Judged], seed: int) -> RateGroup:
    standings = Counter(one.standing for one in members)
    resolved = [one for one in members if one.outcome is not None]
    prompts = [one.record["prompt_id"] for one in resolved]
    outcomes = Counter(one.outcome for one in resolved)
    intervals = _intervals(prompts, resolved, seed) if resolved else (None,) * len(Outcome)
    return RateGroup(
        names=names,
        resolved=len(resolved),
        prompts=len(set(prompts)),
        unresolved=standings[Standing.UNRESOLVED],
        unlabelled=standings[Standing.UNLABELLED],
        simulated=standings[Standing.SIMULATED],
        training=standings[Standing.TRAINING],
        rates=tuple(
            _rate(outcome, outcomes[outcome], len(resolved), interval)
            for outcome, interval in zip(Outcome, intervals, strict=True)
        ),
    )


def _intervals(prompts: Sequence[str], resolved: Sequence[Judged], seed: int) -> tuple[Interval | None, ...]:
    is_so = np.array([[one.outcome is outcome for outcome in Outcome] for one in resolved], dtype=float)
    columns = np.column_stack([is_so, np.ones(len(resolved))])
    return clustered_sums(prompts, columns, lambda sums: sums[:, :-1] / sums[:, -1:], seed=seed)


def _rate(outcome: Outcome, count: int, denominator: int, interval: Interval | None) -> Rate:
    if not denominator:
        return Rate(outcome, count, None, None, None, "no real answer here is labelled and settled")
    rate = count / denominator
    if interval is None:
        return Rate(outcome, count, rate, None, None, "no interval: all of these answers are to one prompt")
    if interval.low == interval.high:
        return Rate(outcome, count, rate, None, None, "no interval: every drawn sample of prompts says the same")
    return Rate(outcome, count, rate, interval.low, interval.high, None)
