"""What one coder said against what another said, counted. Knows no measure."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np

from harness.analysis.agreement.ratings import shown

if TYPE_CHECKING:
    from harness.analysis.agreement.ratings import Ratings

CHOSEN = ("chosen", "not chosen")


@dataclass(frozen=True, slots=True)
class Confusion:
    """Of one field and one pair of coders, over the items that both labelled.

    Args:
        option: of a field with several choices the one that is counted, None for other fields.
        counts: how often `coders[0]` said the row's value and `coders[1]` the column's, both in the order of `values`.
    """

    field: str
    option: str | None
    coders: tuple[str, str]
    values: tuple[str, ...]
    counts: tuple[tuple[int, ...], ...]

    def rows(self) -> list[dict[str, Any]]:
        """One per cell: `field`, `option`, `coder_a`, `coder_b`, `label_a`, `label_b`, `count`."""
        named = {"field": self.field, "option": self.option, "coder_a": self.coders[0], "coder_b": self.coders[1]}
        return [
            named | {"label_a": ours, "label_b": theirs, "count": self.counts[row][column]}
            for row, ours in enumerate(self.values)
            for column, theirs in enumerate(self.values)
        ]


def confusions(ratings: Ratings) -> tuple[Confusion, ...]:
    """One for each pair of coders with an item in common; of sets one for each option, chosen or not."""
    made = []
    for one, other in combinations(range(len(ratings.coders)), 2):
        codes = ratings.codes[:, [one, other]]
        both = codes[(codes >= 0).all(axis=1)]
        if not len(both):
            continue
        coders = (ratings.coders[one], ratings.coders[other])
        if ratings.scale != "sets":
            named = tuple(shown(value) for value in ratings.values)
            made.append(Confusion(ratings.field, None, coders, named, _counts(both, len(named))))
            continue
        for option in sorted(frozenset().union(*ratings.values)):
            absent = np.array([option not in value for value in ratings.values], dtype=np.intp)
            made.append(Confusion(ratings.field, option, coders, CHOSEN, _counts(absent[both], len(CHOSEN))))
    return tuple(made)


def _counts(codes: np.ndarray[Any, np.dtype[np.intp]], n_values: int) -> tuple[tuple[int, ...], ...]:
    counted = np.zeros((n_values, n_values), dtype=int)
    np.add.at(counted, tuple(codes.T), 1)
    return tuple(tuple(int(count) for count in row) for row in counted)
