"""Percent agreement: how often two coders of an item say the same. Knows no chance."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from harness.analysis.agreement.estimate import Floats, Measure

if TYPE_CHECKING:
    from harness.analysis.agreement.ratings import Ratings


def percent_agreement(ratings: Ratings) -> Measure | str:
    """The mean, over the items with at least two labels, of the share of pairs of coders who agree.

    With two coders it is the share of items on which they agree. Sets agree where they are the same. The observed
    agreement of Fleiss, Measuring nominal scale agreement among many raters, Psychological Bulletin 76, 1971.

    Returns:
        Between 0 and 1, or the reason why it is undefined.
    """
    if reason := ratings.not_comparable:
        return reason
    counts = ratings.compared.counts
    labels = counts.sum(axis=1)
    share = (counts * (counts - 1)).sum(axis=1) / (labels * (labels - 1))
    return Measure(float(share.mean()), np.column_stack([share, np.ones_like(share)]), _mean)


def _mean(sums: Floats) -> Floats:
    return sums[:, 0] / sums[:, 1]
