"""Cohen's kappa, of exactly two coders. The value is scikit-learn's; here are its sums for drawn samples."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from harness.analysis.agreement.estimate import Floats, Measure
from harness.analysis.libraries import library

if TYPE_CHECKING:
    from harness.analysis.agreement.ratings import Ratings

_PAIR = 2


def cohen_kappa(ratings: Ratings, *, quadratic: bool = False) -> Measure | str:
    """1 - (observed / expected disagreement), over the items that both coders labelled.

    Cohen, A coefficient of agreement for nominal scales, Educational and Psychological Measurement 20, 1960.
    `quadratic`: a disagreement weighs the square of its distance in the order of the values, Cohen, Weighted kappa,
    Psychological Bulletin 70, 1968. A set counts as one value, so that sets agree where they are the same.

    Returns:
        At most 1, or the reason why it is undefined: not two coders, nothing in common, one value only.

    Raises:
        UsageError: scikit-learn is not installed.
    """
    if reason := ratings.not_comparable:
        return reason
    compared = ratings.compared
    if len(compared.coders) != _PAIR:
        return f"Cohen's kappa is of two coders, and here are {len(compared.coders)}: take Krippendorff's alpha"
    if reason := compared.one_class:
        return reason
    ours, theirs = compared.codes.T
    values = np.arange(len(compared.values))
    value = library("sklearn.metrics").cohen_kappa_score(
        ours, theirs, labels=values, weights="quadratic" if quadratic else None
    )
    apart = np.abs(values[:, None] - values[None, :]).astype(float)
    weights = apart**2 if quadratic else (apart > 0).astype(float)  # (values, values)
    ones = np.eye(len(values))
    columns = np.column_stack([weights[ours, theirs], ones[ours], ones[theirs]])
    return Measure(float(value), columns, partial(_of_sums, weights))


def _of_sums(weights: Floats, sums: Floats) -> Floats:
    observed, (ours, theirs) = sums[:, 0], np.split(sums[:, 1:], 2, axis=1)
    expected = np.einsum("si,ij,sj->s", ours, weights, theirs, optimize=True) / ours.sum(axis=1)
    kappas: Floats = 1.0 - np.divide(observed, expected, out=np.full_like(observed, np.nan), where=expected > 0)
    return kappas
