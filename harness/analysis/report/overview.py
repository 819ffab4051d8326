"""What each variant did, in figures and in latency histograms with one axis. Knows no prompt, no text and no page."""

from __future__ import annotations

import dataclasses
import math
from collections import Counter
from typing import TYPE_CHECKING, Any

from harness.analysis.summary import fold
from harness.rates import percentile

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from harness.analysis.records import Record

FAILED = "failed"
"""Stands among the finish reasons for an item without an answer."""
_BINS = 28
_LEAST_SECONDS = 0.001
_NICE = (1, 2, 5, 10)


def reason_of(record: Record) -> str:
    """The finish reason, or `FAILED`."""
    return FAILED if record["error"] is not None else record.get("finish_reason") or "other"


def overview(folder: Path, records: Sequence[Record]) -> dict[str, Any]:
    """The figures per variant and in all.

    Returns:
        `variants` and `total`: the fields of `VariantSummary` and `reasons` (counts by finish reason), `p50_seconds`
        and `histogram` (answers by seconds, shape (bins,)); `seconds`: `[least, most]` of the histograms' logarithmic
        axis, None where no answer has a duration.
    """
    summary = fold(folder, records)
    seconds: dict[str, list[float]] = {variant.variant: [] for variant in summary.variants}
    reasons: dict[str, Counter[str]] = {variant.variant: Counter() for variant in summary.variants}
    for record in records:
        name = str(record.get("variant"))
        reasons[name][reason_of(record)] += 1
        if record["error"] is None and (elapsed := record.get("elapsed_seconds")) is not None:
            seconds[name].append(elapsed)
    everything = [value for values in seconds.values() for value in values]
    ends = _ends(everything)

    def facts(row: Any, values: list[float], counts: Counter[str]) -> dict[str, Any]:
        return dataclasses.asdict(row) | {
            "reasons": dict(counts),
            "p50_seconds": percentile(sorted(values), 0.5),
            "histogram": histogram(values, *ends) if ends else None,
        }

    return {
        "variants": [facts(row, seconds[row.variant], reasons[row.variant]) for row in summary.variants],
        "total": facts(summary.total, everything, sum(reasons.values(), Counter())),
        "seconds": ends,
    }


def histogram(values: Sequence[float], least: float, most: float) -> list[int]:
    """How many of `values` lie in each of `_BINS` bins of equal width on a logarithmic axis, shape (bins,)."""
    counts = [0] * _BINS
    per_bin = math.log(most / least) / _BINS
    for value in values:
        place = math.floor(math.log(max(value, least) / least) / per_bin)
        counts[min(place, _BINS - 1)] += 1
    return counts


def _ends(values: Sequence[float]) -> tuple[float, float] | None:
    """Round numbers (1, 2 or 5 times a power of ten) that hold `values` between them."""
    if not values:
        return None
    low, high = max(min(values), _LEAST_SECONDS), max(*values, _LEAST_SECONDS)
    power = 10.0 ** math.floor(math.log10(low))
    least = max(nice * power for nice in _NICE if nice * power <= low)
    power = 10.0 ** math.floor(math.log10(high))
    most = min(nice * power for nice in (*_NICE, 20) if nice * power > high)
    return round(least, 6), round(most, 6)
