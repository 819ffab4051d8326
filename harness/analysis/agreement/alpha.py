"""Krippendorff's alpha, for any number of coders and missing labels. Knows no interval.

The value is the package krippendorff's; here are the distance of sets and the sums for drawn samples. Krippendorff,
Computing Krippendorff's Alpha-Reliability, 2011 (repository.upenn.edu/asc_papers/43): an item with m labels, n_c of
which are c, adds n_c n_k / (m - 1) to the coincidences o_ck of two values; with n_c and n their sums over all items,
alpha = 1 - (n - 1) sum(o_ck d_ck) / sum(n_c n_k d_ck) for a distance d.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from harness.analysis.agreement.estimate import Floats, Measure
from harness.analysis.libraries import library

if TYPE_CHECKING:
    from harness.analysis.agreement.ratings import Ratings


def krippendorff_alpha(ratings: Ratings) -> Measure | str:
    """Alpha at the level of the field: nominal, ordinal, or with the MASI distance for sets.

    Returns:
        At most 1, or the reason why it is undefined: fewer than two coders, nothing in common, one value only.

    Raises:
        UsageError: krippendorff is not installed.
    """
    if reason := ratings.not_comparable:
        return reason
    compared = ratings.compared
    if reason := compared.one_class:
        return reason
    counts = compared.counts
    if compared.scale == "ordinal":
        return Measure(_value(counts, "ordinal"), _coincidences(counts), _of_ordinal_sums)
    if compared.scale == "sets":
        distances = np.array([[masi_distance(a, b) for b in compared.values] for a in compared.values])
        value = _value(counts, lambda *_, i1, i2, **__: distances[i1, i2])
    else:
        distances = 1.0 - np.eye(len(compared.values))
        value = _value(counts, "nominal")
    disagreements = np.einsum("uc,ck,uk->u", counts, distances, counts, optimize=True) / (counts.sum(axis=1) - 1)
    return Measure(value, np.column_stack([disagreements, counts]), partial(_of_sums, distances))


def masi_distance(one: Any, other: Any) -> float:
    """1 - J M of two sets, between 0 (the same) and 1 (nothing in common).

    J is Jaccard's index; M is 1 for the same sets, 2/3 where one holds the other, 1/3 where they overlap otherwise, 0
    where they do not. Passonneau, Measuring agreement on set-valued items (MASI) for semantic and pragmatic annotation,
    LREC 2006. It knows no empty set; here two of them are the same, and one has nothing in common with any other.
    """
    if one == other:
        return 0.0
    common = len(one & other)
    if not common:
        return 1.0
    return 1.0 - common / len(one | other) * (2 / 3 if one <= other or other <= one else 1 / 3)


def _value(counts: Floats, level: Any) -> float:
    return float(library("krippendorff").alpha(value_counts=counts, level_of_measurement=level))


def _coincidences(counts: Floats) -> Floats:
    """What each item adds, shape (items, values * values); the ordinal distance depends on all its sums."""
    pairs = counts[:, :, None] * counts[:, None, :] - counts[:, :, None] * np.eye(counts.shape[1])
    coincidences: Floats = pairs / (counts.sum(axis=1) - 1)[:, None, None]
    return coincidences.reshape(len(counts), -1)


def _of_ordinal_sums(sums: Floats) -> Floats:
    n_values = round(sums.shape[1] ** 0.5)
    coincidences = sums.reshape(-1, n_values, n_values)
    totals = coincidences.sum(axis=2)  # (samples, values)
    # The square of the labels between two values, half of the labels of either included: a difference of mid-ranks.
    ranks = totals.cumsum(axis=1) - totals / 2
    distances = (ranks[:, :, None] - ranks[:, None, :]) ** 2
    observed = (coincidences * distances).sum(axis=(1, 2))
    return _alpha(observed, np.einsum("si,sij,sj->s", totals, distances, totals, optimize=True), totals)


def _of_sums(distances: Floats, sums: Floats) -> Floats:
    observed, totals = sums[:, 0], sums[:, 1:]
    return _alpha(observed, np.einsum("si,ij,sj->s", totals, distances, totals, optimize=True), totals)


def _alpha(observed: Floats, expected: Floats, totals: Floats) -> Floats:
    ratio = np.divide(observed, expected, out=np.full_like(observed, np.nan), where=expected > 0)
    alphas: Floats = 1.0 - (totals.sum(axis=1) - 1.0) * ratio
    return alphas
