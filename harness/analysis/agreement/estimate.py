"""A measure of agreement with its interval, or the reason why there is none. Knows no label and no formula."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from harness.analysis.bootstrap import clustered_sums

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from harness.analysis.bootstrap import Interval

Floats = np.ndarray[Any, np.dtype[np.float64]]


@dataclass(frozen=True, slots=True)
class Estimate:
    """A number with its 95 % interval; None where it is undefined, with the reason.

    Args:
        reason: why the value or only its interval is undefined, None where both are there.
    """

    value: float | None
    low: float | None = None
    high: float | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Measure:
    """A measure that is defined.

    Args:
        value: of the labels as they are.
        columns: per item, shape (items, k), what its sums are taken of.
        of_sums: sums of many drawn samples, shape (samples, k), to the measure in each, shape (samples,); not finite
            where it is undefined there.
    """

    value: float
    columns: Floats
    of_sums: Callable[[Floats], Floats]


def estimates(prompts: Sequence[str], measures: Sequence[Measure | str], *, seed: int) -> tuple[Estimate, ...]:
    """Each of `measures` with its interval, all from the same drawn samples; a text is the reason why there is none.

    Args:
        prompts: of each item; what is drawn.
    """
    defined = [one for one in measures if isinstance(one, Measure)]
    intervals = iter(_intervals(prompts, defined, seed) if defined else ())
    return tuple(
        Estimate(None, reason=one) if isinstance(one, str) else _with_interval(one.value, next(intervals))
        for one in measures
    )


def _intervals(prompts: Sequence[str], measures: Sequence[Measure], seed: int) -> tuple[Interval | None, ...]:
    ends = np.cumsum([one.columns.shape[1] for one in measures])[:-1]

    def all_of(sums: Floats) -> Floats:
        parts = np.split(sums, ends, axis=1)
        return np.column_stack([one.of_sums(part) for one, part in zip(measures, parts, strict=True)])

    return clustered_sums(prompts, np.hstack([one.columns for one in measures]), all_of, seed=seed)


def _with_interval(value: float, interval: Interval | None) -> Estimate:
    if interval is None:
        return Estimate(value, reason="no interval: too few prompts, or undefined for most drawn samples of them")
    if interval.low == interval.high:
        # An interval without width would claim certainty, where no drawn sample can hold what did not occur.
        return Estimate(value, reason="no interval: every drawn sample of prompts says the same")
    return Estimate(value, interval.low, interval.high)
