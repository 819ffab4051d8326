"""How well a number tells two classes apart: the area under the ROC curve. Knows no measure and no record."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from harness.analysis.bootstrap import clustered
from harness.analysis.libraries import library

if TYPE_CHECKING:
    from collections.abc import Sequence

    from harness.analysis.bootstrap import Interval


@dataclass(frozen=True, slots=True)
class Auroc:
    """The area under the ROC curve, 0 to 1; 0.5 tells nothing.

    Args:
        positives: answers of the class that high numbers are to tell; `negatives` the others.
        value: None where one of the classes is empty.
        interval: at 95 %, clusters drawn with replacement; None where it is undefined, or without width because every
            drawn sample says the same.
    """

    positives: int
    negatives: int
    value: float | None = None
    interval: Interval | None = None


def auroc(scores: Sequence[float], is_positive: Sequence[bool], clusters: Sequence[str], *, seed: int = 0) -> Auroc:
    """The probability that a positive has a higher score than a negative, ties counting half.

    Hanley and McNeil, The meaning and use of the area under a receiver operating characteristic (ROC) curve, 1982.

    Args:
        scores: one per answer, shape (n,).
        clusters: of each answer; what is drawn for the interval.

    Raises:
        UsageError: scikit-learn or scipy is not installed.
    """
    positives = sum(is_positive)
    negatives = len(is_positive) - positives
    if not positives or not negatives:
        return Auroc(positives, negatives)
    value = float(library("sklearn.metrics").roc_auc_score(is_positive, scores))
    rankdata = library("scipy.stats").rankdata
    numbers, classes = np.asarray(scores, dtype=float), np.asarray(is_positive, dtype=bool)

    def drawn(rows: np.ndarray[Any, np.dtype[np.intp]]) -> float | None:
        # The same number from the sum of ranks (Mann and Whitney, 1947), in a fortieth of scikit-learn's time.
        chosen = classes[rows]
        n = int(chosen.sum())
        others = len(rows) - n
        if not n or not others:
            return None
        return (float(rankdata(numbers[rows])[chosen].sum()) - n * (n + 1) / 2) / (n * others)

    interval = clustered(clusters, drawn, seed=seed)
    # An interval without width would claim certainty, where no drawn sample can hold what did not occur.
    has_width = interval is not None and interval.low < interval.high
    return Auroc(positives, negatives, value, interval if has_width else None)
